"""Text as it is spoken: cut into sentences, without the marks that only eyes need."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

MAX_SENTENCE_CHARS = 200  # about 10 s of speech; a longer sentence is cut at a comma or between words, for memory and patience
# A sentence ends when another begins, so that the numbers of its sources, which come after its full stop, are still part of it.
END = re.compile(r"(?:[.!?…]+[\"'”’)*_]*(?:[ \t]*\[\d+\])*(?=\s+(?:[^\s\[]|\[[^\d\]]))|\n)\s*")
# A full stop after these ends no sentence.
ABBREVIATION = re.compile(r"(?:\b(?:mr|mrs|ms|dr|st|nr|vs|etc|approx|e\.g|i\.e|a\.m|p\.m|[A-Z])|^\s*\d{1,3})\.$", re.IGNORECASE)
CODE = re.compile(r"\b(?=[A-Z0-9-]*\d)(?=[0-9-]*[A-Z])[A-Z0-9]+(?:-[A-Z0-9]+)*\b")  # order numbers: letters and digits mixed
LONG_NUMBER = re.compile(r"\b\d{5,}\b")  # nobody hears "one million two hundred …" as a number to write down
MONEY = re.compile(r"([$€£])\s?(\d{1,3}(?:,\d{3})+|\d+)(?:\.(\d{2}))?\b")
CURRENCIES = {"$": ("dollar", "cent"), "€": ("euro", "cent"), "£": ("pound", "penny")}
MARKDOWN = (
    (re.compile(r"!?\[([^\]]*)\]\([^)]*\)"), r"\1"),  # links and pictures: their words
    (re.compile(r"\s*\[\d+\]"), ""),  # numbers of sources
    (re.compile(r"https?://\S+"), "a link"),
    (re.compile(r"^\s*(?:#{1,6}|[-*+>]|\d{1,3}\.)\s+", re.MULTILINE), ""),
    (re.compile(r"[*`~|]+|(?<!\w)_+|_+(?!\w)"), ""),
)


class Sentences:
    """Cuts a text that grows; a sentence comes out once it cannot change any more."""

    def __init__(self) -> None:
        self._text = ""
        self._taken = 0  # characters that came out

    @classmethod
    def of(cls, text: str) -> Iterator[str]:
        """The sentences of a whole text."""
        sentences = cls()
        yield from sentences.feed(text)
        yield from sentences.finish()

    def feed(self, text: str) -> list[str]:
        """The sentences that are finished in `text`, the whole text so far, and did not come out before.

        What came out stays said: where a later text changes it, only what stands behind it counts.
        """
        self._text = text
        found = []
        start = position = min(self._taken, len(text))
        while (end := END.search(text, position)) is not None:
            position = end.end()
            if not _is_abbreviation(text[start : end.start() + 1]) or "\n" in end[0]:
                found += _pieces(text[start:position])
                start = self._taken = position
        return found

    def finish(self) -> list[str]:
        """What is left when nothing more comes."""
        rest, self._taken = self._text[self._taken :], len(self._text)
        return _pieces(rest)


def spoken(text: str) -> str:
    """`text` as it is read aloud: no Markdown, no numbers of sources; order numbers sign by sign, money in words."""
    for pattern, replacement in MARKDOWN:
        text = pattern.sub(replacement, text)
    text = "".join(" " if _is_picture(sign) else sign for sign in text)
    text = MONEY.sub(_money, text)
    text = CODE.sub(_spelled, text)
    return " ".join(LONG_NUMBER.sub(_spelled, text).split())


def _is_picture(sign: str) -> bool:
    """Emoji and the invisible signs that join them, whose names nobody wants to hear."""
    return unicodedata.category(sign) in {"So", "Sk", "Cf", "Cs"} and sign not in "°©®™"


def _is_abbreviation(sentence: str) -> bool:
    return ABBREVIATION.search(sentence) is not None


def _pieces(sentence: str) -> list[str]:
    """A sentence, cut where it is too long; nothing when there is no word in it."""
    rest, pieces = sentence.strip(), []
    while len(rest) > MAX_SENTENCE_CHARS:
        head = rest[:MAX_SENTENCE_CHARS]
        cut = max(head.rfind(mark) + 1 for mark in (", ", "; ", ": ")) or head.rfind(" ") or MAX_SENTENCE_CHARS
        cut = cut if cut > 0 else MAX_SENTENCE_CHARS
        pieces.append(rest[:cut].strip())
        rest = rest[cut:].strip()
    return [piece for piece in [*pieces, rest] if any(map(str.isalnum, piece))]


def _spelled(code: re.Match[str]) -> str:
    return " ".join(code[0].replace("-", ""))


def _money(amount: re.Match[str]) -> str:
    unit, part = CURRENCIES[amount[1]]
    whole, cents = amount[2].replace(",", ""), int(amount[3] or 0)
    words = [f"{whole} {_counted(unit, int(whole))}"] if int(whole) or not cents else []
    if cents:
        words.append(f"{cents} {_counted(part, cents)}")
    return " and ".join(words)


def _counted(word: str, count: int) -> str:
    """ "euro" → "euros", "penny" → "pence"."""
    plural = "pence" if word == "penny" else f"{word}s"
    return word if count == 1 else plural
