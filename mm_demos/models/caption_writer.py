"""Captions reworded by the language model: other styles and languages, from what the embedded models saw in the picture."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from mm_demos.models.caption_phrases import LANGUAGES, examples, faithful, fitted, notes, safe_captions
from mm_demos.models.language import follows_grammar
from mm_demos.models.protocols import ChatMessage, GenerateOptions

if TYPE_CHECKING:
    from mm_demos.models.evidence import Sight
    from mm_demos.models.protocols import CaptionOptions, ChatModel, TextEmbedder
    from mm_demos.progress import Progress

SYSTEM = (
    "You write captions for pictures from notes. Use only what the notes say. Add no other objects, people, places or numbers."
)
SAME_MEANING = 0.85  # cosine of a caption and its translation translated back; below, the translation is not trusted
LINE_TOKENS = 24  # a line that is longer is cut by the next one's turn


class CaptionWriter:
    """Words captions anew: the language model chooses the words, not the things.

    Args:
        chat: the language model.
        embedder: tells whether two sentences mean the same.
    """

    def __init__(self, chat: ChatModel, embedder: TextEmbedder) -> None:
        self._chat = chat
        self._embedder = embedder

    def write(self, sight: Sight, options: CaptionOptions, progress: Progress) -> list[str]:
        """Distinct English captions in `options.style`, at least as many as asked for where the evidence allows.

        A caption that names something which is not in the evidence is dropped, and a sentence made by code takes its place.
        """
        safe = safe_captions(sight, options)
        written = [fitted(line, options) for line in self._lines_from_notes(sight, options, progress) if faithful(line, sight)]
        return distinct([safe[0], *written, *safe[1:]])[: max(options.n, 2)]

    def translate(self, texts: Sequence[str], sight: Sight, options: CaptionOptions, progress: Progress) -> list[str]:
        """The captions in `options.language`; those that mean something else when translated back stay in English."""
        bare = [text.removeprefix(options.prefix).strip() for text in texts]
        there = self._translated(bare, LANGUAGES[options.language], options, progress)
        back = self._translated(there, "English", options, progress)
        pairs = self._embedder.embed_texts([*bare, *back])
        alike = (pairs[: len(bare)] * pairs[len(bare) :]).sum(axis=1) >= SAME_MEANING
        chosen = [
            line if same and faithful(again, sight) and line not in there[:i] else text
            for i, (text, line, again, same) in enumerate(zip(bare, there, back, alike, strict=True))
        ]
        return [f"{options.prefix} {line}".strip() for line in chosen]

    def _lines_from_notes(self, sight: Sight, options: CaptionOptions, progress: Progress) -> list[str]:
        """What the language model makes of the notes, one caption a line."""
        n_lines = max(2, min(options.n - 1, 4))
        turns = [ChatMessage("system", SYSTEM)]
        for example, lines in examples(sight, options.style):
            turns += [ChatMessage("user", _order(example)), ChatMessage("assistant", "\n".join(lines))]
        turns.append(ChatMessage("user", _order(notes(sight))))
        return self._lines(turns, n_lines, options, progress, temperature=options.temperature, prefix=options.prefix)

    def _translated(self, lines: Sequence[str], name: str, options: CaptionOptions, progress: Progress) -> list[str]:
        """Each line in another language; a line that did not come back stays as it is."""
        turns = [
            ChatMessage("system", f"You translate into {name}. Write only the translation, one line for each line."),
            ChatMessage("user", "\n".join(lines)),
        ]
        found = self._lines(turns, len(lines), options, progress, temperature=0.0)
        return [*found, *lines[len(found) :]]

    def _lines(
        self,
        turns: Sequence[ChatMessage],
        n_lines: int,
        options: CaptionOptions,
        progress: Progress,
        *,
        temperature: float,
        prefix: str = "",
    ) -> list[str]:
        """Non-empty lines of the answer, at most `n_lines`."""
        sentence = "[^\\n.!?。]+ [.!?。]"  # one sentence a line: small models go on and on otherwise
        line = f'"{_escaped(prefix)} " {sentence}' if prefix else sentence
        held = follows_grammar(self._chat)
        grammar = f'root ::= line{" nl line" * (n_lines - 1)}\nnl ::= "\\n"\nline ::= {line}'
        generate = GenerateOptions(
            max_new_tokens=n_lines * min(options.max_new_tokens, LINE_TOKENS * (2 if options.style == "detailed" else 1)),
            temperature=temperature,
            top_p=0.9,
            seed=options.seed,
            grammar=grammar if held else "",
        )
        text = ""
        with closing(self._chat.stream(turns, options=generate)) as pieces:  # type: ignore[type-var]
            for piece in pieces:
                progress.checkpoint()
                text += piece
        found = [line.strip(" -*•\t") for line in text.splitlines() if line.strip()]
        whole = [line for line in found if line.endswith(("!", ".", "?", "。"))]  # the others were cut off
        return [line for line in whole if held or line.startswith(prefix)][:n_lines]


def _order(note: str) -> str:
    return f"Notes: {note}\nCaptions, one a line:"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")


def distinct(texts: Sequence[str]) -> list[str]:
    """Texts whose words were not there before, in order."""
    seen: dict[str, str] = {}
    for text in texts:
        seen.setdefault("".join(letter for letter in text.lower() if letter.isalnum()), text)
    return list(seen.values())
