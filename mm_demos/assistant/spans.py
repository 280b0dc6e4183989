"""Documents cut into spans: short enough to be quoted and to stand in a small model's prompt, and never within a sentence."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mm_demos.assistant.documents import Document, Section
from mm_demos.assistant.types import Span

MAX_CHARS = 480  # about 110 tokens; three of them leave room in a context of 2,048
MIN_CHARS = 60  # shorter ends join what stands before them
# After a mark of a sentence and a space, or after one of scripts without spaces, or at a line break.
ENDS = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+(?=[\w\"'“‘(\[€$£])|(?<=[。！？])|\n+")
ABBREVIATION = re.compile(r"(?:\b(?:[A-Za-z]|e\.g|i\.e|etc|approx|ca|cf|Dr|Mr|Mrs|Ms|Prof|St|No|Nr|vs|bzw|z\.B)\.|\d\.)$")


def cut(document: Document) -> tuple[Span, ...]:
    """Spans of a document in order, numbered from 1; `document.text[span.start:span.end] == span.text` for each."""
    spans: list[Span] = []
    for section in document.sections:
        for start, end in _pieces(document.text, section):
            text = document.text[start:end]
            spans.append(Span(document.source, len(spans) + 1, text, section.heading, section.page, start, end))
    return tuple(spans)


def sentences(text: str) -> tuple[tuple[int, int], ...]:
    """Start and end of each sentence; lines end sentences, abbreviations and initials do not."""
    found: list[tuple[int, int]] = []
    start = 0
    for mark in ENDS.finditer(text):
        if "\n" not in mark[0] and ABBREVIATION.search(text, start, mark.start()):
            continue
        found.append((start, mark.start()))
        start = mark.end()
    found.append((start, len(text)))
    trimmed = ((a + len(text[a:b]) - len(text[a:b].lstrip()), a + len(text[a:b].rstrip())) for a, b in found)
    return tuple((a, b) for a, b in trimmed if b > a)


def _pieces(text: str, section: Section) -> Iterator[tuple[int, int]]:
    """Sentences put together as long as they fit; a short last one joins the piece before it."""
    pieces: list[tuple[int, int]] = []
    for start, end in _units(text, section):
        fits = pieces and end - pieces[-1][0] <= MAX_CHARS
        if pieces and (fits or (end - start < MIN_CHARS and end - pieces[-1][0] <= MAX_CHARS + MIN_CHARS)):
            pieces[-1] = (pieces[-1][0], end)
        else:
            pieces.append((start, end))
    yield from pieces


def _units(text: str, section: Section) -> Iterator[tuple[int, int]]:
    """Sentences of a section; one that is longer than a span is cut between words, or anywhere when it has none."""
    for start, end in sentences(text[section.start : section.end]):
        at, last = section.start + start, section.start + end
        while last - at > MAX_CHARS:
            space = max(text.rfind(sign, at, at + MAX_CHARS) for sign in (" ", ";", "，", "、"))
            stop = space + 1 if space > at + MAX_CHARS // 2 else at + MAX_CHARS
            yield at, at + len(text[at:stop].rstrip())
            at = stop + len(text[stop:last]) - len(text[stop:last].lstrip())
        if last > at:
            yield at, last
