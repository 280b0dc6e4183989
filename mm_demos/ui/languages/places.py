"""Where texts of the interface stand in the source, and what there is no text for people."""

from __future__ import annotations

import re

# Where a visitor's sentences come from, file by file, with the dictionary file that holds them.
AREAS: tuple[tuple[str, str], ...] = (
    ("ui/studio*.py", "studio"),
    ("fusion/charts*.py", "studio"),
    ("ui/zero_shot*.py", "classification"),
    ("ui/transcript*.py", "speech"),
    ("ui/*speech*.py", "speech"),
    ("ui/caption*.py", "captioning"),
    ("ui/heat_map.*", "captioning"),
    ("ui/answer*.py", "visual_qa"),
    ("ui/sound_*.py", "retrieval"),
    ("ui/hits.py", "retrieval"),
    ("ui/clips.*", "retrieval"),
    ("ui/picture_*.py", "picture_search"),
    ("ui/collection.py", "picture_search"),
    ("ui/assistant*", "assistant"),
    ("ui/painting*", "image_generation"),
    ("ui/model_*.py", "models"),
    ("ui/*", "frame"),
    ("tabs/__init__.py", "frame"),
    ("tabs/*.py", "{stem}"),
    *((f"{room}/*.py", f"errors_{room}") for room in ("media", "models", "tasks", "fusion", "retrieval", "assistant")),
    *((name, "errors_models") for name in ("accelerator.py", "progress.py")),
)
# What is written for models, into files, for programs or for a terminal.
UNSHOWN = (
    *("ui/languages/*", "ui/theme.py", "ui/snippets.py", "ui/refusals.py", "ui/__init__.py", "ui/endpoints*.py", "ui/kept*.py"),
    *("assistant/arguments*.py", "assistant/intents*.py", "assistant/guard*.py", "assistant/prompts*.py"),
    *("assistant/understanding*.py", "assistant/knowledge_words.py", "assistant/spans.py", "fusion/report*.py"),
    *("models/caption_*.py", "models/fake*.py", "models/follow_ups.py", "models/label_groups.py", "models/sound_labels.py"),
    *("models/picture_questions.py", "models/hub_rows*.py", "models/rows.py", "models/mini_rows.py", "models/voice_rows.py"),
    *("models/evidence.py", "models/answer_words.py", "models/onnx_export.py", "models/mini_clip*.py"),
    *("tasks/assistant_plan.py", "tasks/assistant_wording.py", "tasks/caption_exports.py", "tasks/embedding_cache.py"),
    *("tasks/image_safety_words.py", "tasks/matching.py", "tasks/speaking_text.py", "tasks/transcript_formats.py"),
)
# Of these only refusals are for the page; the rest is the assistant's side of a conversation, or for SQLite.
REFUSING = ("assistant/tools*.py", "retrieval/library.py", "retrieval/schema.py", "retrieval/storage.py", "retrieval/pictures.py")
# Constants with what a visitor could have written.
SAMPLES = frozenset(
    {"JFK", "WORDS", "SENTENCES", "PROMPTS", "EXAMPLES", "BUILT_IN_PAIRS", "DESCRIBED", "QUICK", "SNIPPET", "_NAMES"}
)
# Names of variables and parameters under which single small words are for people too.
FOR_PEOPLE = frozenset(
    {"facts", "counts", "needs", "versions", "headers", "COLUMNS", "HEADERS", "DISLIKES", "LEVELS", "label", "placeholder"}
)
SAYING = frozenset({"tile", "chips", "report", "Update", "_report"})
# Keywords whose value is for Gradio or for the program.
TECHNICAL = frozenset(
    {
        *(
            "elem_classes",
            "elem_id",
            "api_name",
            "type",
            "variant",
            "size",
            "sources",
            "buttons",
            "language",
            "scale",
            "file_types",
        ),
        *("js", "api_visibility", "show_progress", "concurrency_id", "trigger_mode", "queue", "name", "key", "encoding", "css"),
        *("html_template", "js_on_load", "file_count", "image_mode", "mode", "kind", "state", "act", "icon", "anchor", "colour"),
        *(
            "more",
            "fill",
            "prefix",
            "suffix",
            "family",
            "role",
            "licence",
            "module",
            "emoji",
            "engine",
            "snippet",
            "method",
            "id",
        ),
        *("task", "column_widths", "orientation", "static_columns", "container", "datatype", "errors", "newline", "source"),
        *("capabilities", "profiles", "repository", "short_summary"),
    }
)
# Functions whose plain text arguments are names of things, not words for people.
NAMING = frozenset(
    {
        *(
            "find",
            "getattr",
            "setattr",
            "hasattr",
            "with_name",
            "with_suffix",
            "compile",
            "split",
            "rsplit",
            "partition",
            "replace",
        ),
        *(
            "rpartition",
            "endswith",
            "startswith",
            "removeprefix",
            "removesuffix",
            "encode",
            "decode",
            "open",
            "path",
            "get",
            "pop",
        ),
        *(
            "strip",
            "lstrip",
            "rstrip",
            "sub",
            "match",
            "search",
            "fullmatch",
            "findall",
            "finditer",
            "import_module",
            "row",
            "rows",
        ),
        *("default", "getLogger", "is_file", "joinpath", "glob", "rglob", "setdefault", "index", "count", "add_snippet", "field"),
        *(
            "Literal",
            "cast",
            "environ",
            "version",
            "writestr",
            "isinstance",
            "load",
            "dumps",
            "loads",
            "Path",
            "ZipInfo",
            "quote",
        ),
        *("examples", "execute", "type", "error", "warning", "info", "debug", "__new__", "strftime"),
    }
)
PROGRAM = re.compile(
    "|".join(
        (
            r"=> |element\.|document\.|https?://|\$\{|^M\d[\d. ]|^M\{0\} ",  # JavaScript, addresses, paths of icons
            r"=\"|var\(--|rgb\(|color-mix|display:|^mm-[a-z-]+( mm-|$)",  # HTML and CSS
            r"^__|^\.\w+$|^\.\w+ \.|^/(?!home.* )|^file:|^data:|^%|%s|\\\\|^\(\?|--no-|^[A-Z]+_[A-Z_]+$",
            r"gradio\.FileData|` : `|^usage: ",
            r"\.(ogg|flac|jpg|png|csv|zip|wav)$|^mm-demos( [a-z ]+ 1| \{0\})$|^Bearer|^WEBVTT|^bytes=|^\*[*(]|^blob ",
            r"CREATE TABLE|^(SELECT|INSERT|DELETE|UPDATE|AND) ",
            # asked of a model, or said about its test
            r"^(Describe|Write (an|one)|\{0\} (Answer|Write|Choose one)|Question:|Notes:|You answer|Is it an animal)",
            r"^(Is the dog|On Main|a brown dog|a man is|[Aa] photo of (a|\{)|What animal is this|A dog runs)",
            r"^(Say yes|a red square|What is it\?|Where could this)",
            r"^(nothing is known of the picture|and the$|Extension modules|CFG scale|transcribe live|dpm\+\+|aeopc)",
            r"^Negative prompt:",
            r"^(Range|Accept-Encoding|identity|history|progress|elapsed|sample path|notice|queued|evicted|ready|failed)$",
            r"^(input_ids|attention_mask|spans|predicted)$",
        )
    )
)
# What is called the same in every language: formats, units, libraries and checkpoints.
NAMES = re.compile(
    r"(\{0\} )?(CSV|TXT|JSON|JSONL|SRT|VTT|ZIP|NPZ|WAV|PNG|JPEG|PDF|HTML|Markdown|RGB|LCM|FlowMatch|kB|MB|GB|F1|ECE|MRR"
    r"|ROC-AUC|python|all-MiniLM-L6-v2|API|JavaScript|curl|MCP|\{0\} · \{1\})"
)
