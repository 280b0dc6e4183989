"""A reply never shows the system prompt: not plainly, not spaced out, reversed, shifted or encoded."""

from __future__ import annotations

import base64
import binascii
import codecs
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from mm_demos.assistant.prompts import SYSTEM

RUN_WORDS = 6  # this many words of the prompt in a row reveal it
RUN_LETTERS = 30  # and so do this many of its letters, whatever stands between them
ENCODED = re.compile(r"[A-Za-z0-9+/_-]{24,}={0,2}")
HEX = re.compile(r"(?:[0-9a-fA-F]{2}[\s:]?){20,}")


def reveals(text: str, system: str = SYSTEM, *, allowed: Iterable[str] = ()) -> bool:
    """Whether `text` gives away a part of the prompt.

    Args:
        allowed: texts that may be quoted although the prompt has them too, e.g. the sources.
    """
    letters, hidden = _letters(text), _letters(system)
    free = " ".join(allowed)
    if _shares_words(text, system, free):
        return True
    windows = _windows(hidden) - _windows(_letters(free))
    return any(
        _has_run(form, windows) for form in (letters, letters[::-1], _letters(codecs.decode(text, "rot13")), *_decoded(text))
    )


def may_be_shown(text: str) -> bool:
    """Whether a reply gives nothing of the constant system prompt away."""
    return not reveals(text)


@dataclass(slots=True)
class ReplyFilter:
    """Watches a growing reply; text that may be turning into the prompt waits until it is clear that it is not.

    Args:
        system: the prompt to keep.
        allowed: texts that may be quoted although the prompt has them too.
    """

    system: str = SYSTEM
    allowed: tuple[str, ...] = ()
    revealed: bool = field(default=False, init=False)

    def visible(self, text: str, *, done: bool = False) -> str:
        """As much of the growing `text` as may be shown now; empty from the moment it reveals the prompt.

        A tail of three to five words that stand in the prompt in the same order is held back until the next words tell.
        """
        self.revealed = self.revealed or reveals(text, self.system, allowed=self.allowed)
        if self.revealed:
            return ""
        if done:
            return text
        words = list(re.finditer(r"\w+", text))
        prompt = f" {' '.join(_words(self.system))} "
        for count in range(min(RUN_WORDS - 1, len(words)), 2, -1):
            tail = " ".join(match[0].lower() for match in words[-count:])
            if f" {tail}" in prompt:
                return text[: words[-count].start()].rstrip()
        return text


def _shares_words(text: str, system: str, free: str) -> bool:
    runs = _runs(_words(system)) - _runs(_words(free))
    return bool(runs & _runs(_words(text)))


def _runs(words: list[str]) -> set[tuple[str, ...]]:
    return {tuple(words[start : start + RUN_WORDS]) for start in range(len(words) - RUN_WORDS + 1)}


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def _letters(text: str) -> str:
    return "".join(re.findall(r"[^\W\d_]", text.lower()))


def _windows(letters: str) -> set[str]:
    return {letters[start : start + RUN_LETTERS] for start in range(len(letters) - RUN_LETTERS + 1)}


def _has_run(letters: str, windows: set[str]) -> bool:
    return any(letters[start : start + RUN_LETTERS] in windows for start in range(len(letters) - RUN_LETTERS + 1))


def _decoded(text: str) -> list[str]:
    """Letters of what stands in the text as Base64 or in hexadecimal."""
    found = []
    for piece in ENCODED.findall(text):
        plain = piece.rstrip("=").replace("-", "+").replace("_", "/")
        try:
            found.append(base64.b64decode(plain[: len(plain) // 4 * 4]).decode("utf-8", "ignore"))
        except (binascii.Error, ValueError):  # a long word is no Base64, and hides nothing
            continue
    found += [bytes.fromhex(re.sub(r"[\s:]", "", piece)).decode("utf-8", "ignore") for piece in HEX.findall(text)]
    return [_letters(piece) for piece in found]
