"""Files of a knowledge base as plain text with headings and pages: Markdown, PDF, CSV and TXT.

What a reader of the document would not see is left out: comments, link targets, invisible characters.
"""

from __future__ import annotations

import codecs
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mm_demos.errors import InvalidInputError
from mm_demos.media.files import existing_file, shown
from mm_demos.progress import Progress

MARKDOWN, TABLES, PLAIN, PDF = (
    frozenset({".md", ".markdown"}),
    frozenset({".csv", ".tsv"}),
    frozenset({".txt"}),
    frozenset({".pdf"}),
)
SUFFIXES = MARKDOWN | TABLES | PLAIN | PDF
KINDS = "Markdown, PDF, CSV or TXT"
MAX_BYTES = 50_000_000  # of a file
MAX_CHARS = 2_000_000  # of the text in it, about 700 pages
MAX_CONTROLS = 0.01  # share of control characters above which it is no text
JOINERS = "\u200c\u200d"  # invisible, but some scripts are misspelt without them
PDF_HEAD_BYTES = 1024  # within which the PDF mark stands


@dataclass(frozen=True, slots=True)
class Section:
    """A stretch of a document under one heading and on one page.

    Args:
        start: first character in the document's text.
        end: after its last character.
        heading: the headings above it, joined by " › ".
        page: of a PDF, from 1; 0 elsewhere.
    """

    start: int
    end: int
    heading: str = ""
    page: int = 0


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of text before its place in the document is known; paragraphs are parted by line breaks."""

    text: str
    heading: str = ""
    page: int = 0


@dataclass(frozen=True, slots=True)
class Document:
    """A file as text; `source` is the name under which it is quoted."""

    source: str
    text: str
    sections: tuple[Section, ...]


def read_document(path: str | Path, *, source: str = "", progress: Progress | None = None) -> Document:
    """A file as text with its headings and pages.

    Args:
        source: name under which it is quoted; the file's name by default.

    Raises:
        InvalidInputError: not a file of these kinds, empty, damaged, locked, or larger than the limits.
        StoppedError: `progress.stop()` was called.
    """
    file = existing_file(path, "document")
    name, suffix = source or shown(file.name), file.suffix.lower()
    if suffix not in SUFFIXES:
        raise InvalidInputError(f"{shown(file.name)} is of a kind that cannot be read here: choose {KINDS}.")
    size = file.stat().st_size
    if size > MAX_BYTES:
        raise InvalidInputError(f"{name} has {size / 1e6:.0f} MB and the limit is {MAX_BYTES / 1e6:.0f} MB: split it.")
    content = file.read_bytes()
    return assemble(name, _parts(content, suffix, name, progress or Progress()))


def _parts(content: bytes, suffix: str, name: str, progress: Progress) -> Sequence[Part]:
    if b"%PDF-" in content[:PDF_HEAD_BYTES]:  # whatever it is called
        from mm_demos.assistant.documents_pdf import pdf_parts

        return pdf_parts(content, name, progress)
    if suffix in PDF:
        raise InvalidInputError(f"{name} is not a PDF, or damaged: save the document as PDF again.")
    text = decoded(content, name)
    if len(text) > MAX_CHARS:
        raise too_long(name, len(text))
    if suffix in PLAIN:
        return [Part(text)]
    from mm_demos.assistant.documents_text import markdown_parts, table_parts

    return table_parts(text, name) if suffix in TABLES else markdown_parts(text)


def too_long(name: str, chars: int) -> InvalidInputError:
    """What is raised for a text beyond `MAX_CHARS`."""
    return InvalidInputError(f"{name} holds {chars:,} characters of text and the limit is {MAX_CHARS:,}: split it.")


def assemble(name: str, parts: Sequence[Part]) -> Document:
    """Put the parts one after the other and note where each lies; parts without text are left out.

    Raises:
        InvalidInputError: nothing is left.
    """
    text, sections = "", []
    pieces: list[str] = []
    at = 0
    for part in parts:
        cleaned = visible(part.text).strip()
        if not cleaned:
            continue
        sections.append(Section(at, at + len(cleaned), " ".join(visible(part.heading).split()), part.page))
        pieces.append(cleaned)
        at += len(cleaned) + 2
    text = "\n\n".join(pieces)
    if not sections:
        raise InvalidInputError(f"{name} holds no text: choose a document with text, not only headings or scanned pages.")
    return Document(name, text, tuple(sections))


def visible(text: str) -> str:
    """`text` without what no reader sees: control and format characters, tags, private and unassigned ones."""
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n"))
    return "".join(char for char in text if char in "\n\t" or char in JOINERS or unicodedata.category(char)[0] != "C")


def decoded(content: bytes, name: str) -> str:
    """Text in UTF-8, or UTF-16 with its mark, or what western and Chinese computers write without saying so.

    Raises:
        InvalidInputError: these bytes are no text.
    """
    marked = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    for encoding in ("utf-16",) if marked else ("utf-8-sig", "gb18030", "cp1252"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if encoding == "gb18030" and not _mostly_chinese(text):
            continue
        if "\0" not in text and _controls(text) <= MAX_CONTROLS * len(text):
            return text
        break
    raise InvalidInputError(f"{name} is not text, whatever its name says: choose {KINDS}.")


def _controls(text: str) -> int:
    return sum(1 for char in text if (char < " " and char not in "\n\r\t\f") or "\x7f" <= char <= "\x9f")


def _mostly_chinese(text: str) -> bool:
    """Whether the characters beyond ASCII are Chinese ones; western letters read as pairs of bytes give others, too."""
    others = [char for char in text if char > "\x7f"]
    return len(others) >= 4 and sum("\u3000" <= char <= "\u9fff" or char > "\uff00" for char in others) > 0.9 * len(others)
