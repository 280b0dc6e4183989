"""Which column of a table holds what: by what is in it first, then by its name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath

from mm_demos.errors import InvalidInputError
from mm_demos.fusion.table import Table
from mm_demos.fusion.types import MODALITIES, Columns, Modality
from mm_demos.media.files import shown

IMAGE_SUFFIXES = frozenset([".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"])
AUDIO_SUFFIXES = frozenset(
    [
        ".wav",
        ".flac",
        ".mp3",
        ".ogg",
        ".oga",
        ".opus",
        ".m4a",
        ".aac",
        ".aiff",
        ".aif",
        ".au",
        ".caf",
        ".amr",
        ".ac3",
        ".ape",
        ".wv",
        ".tta",
        ".w64",
        ".mp4",
        ".m4v",
        ".mov",
        ".mkv",
        ".webm",
        ".avi",
    ]
)
SUFFIXES: Mapping[Modality, frozenset[str]] = {"image": IMAGE_SUFFIXES, "audio": AUDIO_SUFFIXES}
# In order of preference; the Chinese names are those of the usual tools.
LABEL_WORDS = [
    "label",
    "labels",
    "class",
    "target",
    "category",
    "emotion",
    "sentiment",
    "intent",
    "topic",
    "y",
    "answer",
    "genre",
    "tag",
    "标签",
    "类别",
    "分类",
    "类",
    "情感",
    "意图",
]
TEXT_WORDS = [
    "text",
    "caption",
    "sentence",
    "description",
    "transcript",
    "utterance",
    "query",
    "question",
    "title",
    "review",
    "comment",
    "content",
    "message",
    "body",
    "words",
    "文本",
    "文字",
    "描述",
    "句子",
    "内容",
    "标题",
]
IMAGE_WORDS = ["image", "picture", "photo", "img", "pic", "photograph", "frame", "图片", "图像", "照片", "图"]
AUDIO_WORDS = ["audio", "sound", "wav", "recording", "speech", "voice", "clip", "video", "音频", "声音", "录音", "语音", "视频"]
GROUP_WORDS = ["group", "speaker", "patient", "subject", "participant", "session", "user", "scene", "组", "分组", "说话人"]
WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[\u4e00-\u9fff]+")
SAMPLE = 500  # rows looked at
MIN_GROUPS = 10  # fewer, and a split by them is coarse
MAX_LABEL_CHARS = 60


def guess_columns(table: Table) -> Columns:
    """The likeliest column for each use; empty where none fits, which `checked` will name."""
    cells = {name: _cells(table, name) for name in table.columns}
    free = [name for name in table.columns if cells[name]]
    found: dict[str, str] = {}

    def take(use: str, names: Iterable[str]) -> None:
        if use not in found:
            chosen = next(iter(names), "")
            if chosen:
                found[use] = chosen
                free[:] = [name for name in free if name != chosen]

    for modality in ("image", "audio"):
        media = [name for name in free if _share_of_media(cells[name], modality) >= 0.5]
        take(modality, _best(media, IMAGE_WORDS if modality == "image" else AUDIO_WORDS) or media)
    take("label", _best([name for name in free if _may_be_label(cells[name])], LABEL_WORDS))
    take("text", _best(free, TEXT_WORDS))
    take("group", (name for name in _best(free, GROUP_WORDS) if MIN_GROUPS <= len(set(cells[name])) < len(cells[name])))
    take("text", sorted((name for name in free if _reads_like_text(cells[name])), key=lambda name: -_mean_length(cells[name])))
    take("label", (name for name in reversed(free) if _may_be_label(cells[name]) and _repeats(cells[name])))
    for modality, words in (("image", IMAGE_WORDS), ("audio", AUDIO_WORDS)):
        take(modality, (name for name in _best(free, words) if _mean_length(cells[name]) > 0 and not _numbers(cells[name])))
    take("label", _best([name for name in table.columns if not cells[name]], LABEL_WORDS))  # an empty one is told of later
    return Columns(**found)


def check_columns(table: Table, columns: Columns) -> tuple[Modality, ...]:
    """The modalities that `columns` name.

    Raises:
        InvalidInputError: a column is not in the table, is used twice, or there is none for the label or for any modality.
    """
    uses = {use: getattr(columns, use) for use in ("text", "image", "audio", "label", "group")}
    there = ", ".join(shown(name) for name in table.columns[:8]) + (", …" if len(table.columns) > 8 else "")
    for use, name in uses.items():
        if name and name not in table.columns:
            raise InvalidInputError(f"{shown(table.name)} has no column {shown(name)!r} for the {use}: choose one of {there}.")
    if not columns.label:
        raise InvalidInputError(f"No column of {shown(table.name)} is chosen for the label: choose one of {there}.")
    modalities = tuple(modality for modality in MODALITIES if uses[modality])
    if not modalities:
        raise InvalidInputError(f"No column of {shown(table.name)} is chosen for text, image or audio: choose one of {there}.")
    named = [name for name in uses.values() if name]
    twice = next((name for name in named if named.count(name) > 1), "")
    if twice:
        raise InvalidInputError(f"The column {shown(twice)!r} is chosen twice: give each use its own column.")
    return modalities


def _cells(table: Table, column: str) -> list[str]:
    return [cell for record in table.records[:SAMPLE] if (cell := record.get(column))]


def _words(name: str) -> list[str]:
    return [word.lower() for word in WORD.findall(name)]


def _best(names: Sequence[str], words: Sequence[str]) -> list[str]:
    """Those that contain one of `words`, the exact and the preferred ones first: "label" before "label_id" before "class"."""
    ranked = []
    for place, name in enumerate(names):
        parts = _words(name)
        ranks = [rank for rank, word in enumerate(words) if word in parts or (not word.isascii() and word in name)]
        if ranks:
            ranked.append((min(ranks), len(parts), place, name))
    return [name for *_, name in sorted(ranked)]


def _share_of_media(cells: Sequence[str], modality: Modality) -> float:
    suffixes = SUFFIXES[modality]
    return sum(PurePath(cell.strip()).suffix.lower() in suffixes for cell in cells) / len(cells)


def _may_be_label(cells: Sequence[str]) -> bool:
    return max(map(len, cells)) <= MAX_LABEL_CHARS


def _repeats(cells: Sequence[str]) -> bool:
    return 2 <= len(set(cells)) <= len(cells) // 2


def _mean_length(cells: Sequence[str]) -> float:
    return sum(map(len, cells)) / len(cells)


def _numbers(cells: Sequence[str]) -> bool:
    return all(cell.replace(".", "", 1).replace("-", "", 1).isdigit() for cell in cells)


def _reads_like_text(cells: Sequence[str]) -> bool:
    """Mostly cells of more than one word, or of several signs in a script without spaces."""
    wordy = sum(" " in cell or (not cell.isascii() and len(cell) >= 4) for cell in cells)
    return wordy >= len(cells) / 2
