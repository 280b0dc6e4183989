"""The text of a PDF, page by page, under the titles of its outline."""

from __future__ import annotations

import io
import logging
import re
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mm_demos.assistant.documents import MAX_CHARS, Part, too_long
from mm_demos.errors import InvalidInputError
from mm_demos.progress import Progress

if TYPE_CHECKING:
    from pypdf import PdfReader

MAX_PAGES = 700
MAX_SECONDS = 60.0  # for all pages
MAX_TITLES = 2_000
MAX_TITLE_CHARS = 120
WRAPPED = re.compile(r"(?<=[^\s.!?:;])[ \t]*\n[ \t]*(?=[a-z0-9(])")  # a line that goes on in the next one
HYPHENATED = re.compile(r"(?<=[a-z])-[ \t]*\n[ \t]*(?=[a-z])")


def pdf_parts(content: bytes, name: str, progress: Progress) -> list[Part]:
    """One part for each page.

    Raises:
        InvalidInputError: locked, damaged, too long, or of scanned pages only.
        StoppedError: `progress.stop()` was called.
    """
    with _faults_told(name):
        reader = _opened(content, name)
        titles = _titles(reader)
        parts: list[Part] = []
        until, chars = time.monotonic() + MAX_SECONDS, 0
        for number, page in enumerate(reader.pages, 1):
            progress.report(f"Reading {name}", number - 1, len(reader.pages), "pages")
            if time.monotonic() > until:
                raise InvalidInputError(f"{name} takes longer than {MAX_SECONDS:.0f} s to read: split it, or save it as text.")
            text = unwrapped(page.extract_text())
            chars += len(text)
            if chars > MAX_CHARS:
                raise too_long(name, chars)
            parts.append(Part(text, titles.get(number, ""), number))
    if not chars:
        raise InvalidInputError(f"{name} holds no text, only pictures of pages: run text recognition on it and give the result.")
    return parts


def locked(name: str) -> InvalidInputError:
    """What is raised for a PDF that is encrypted."""
    return InvalidInputError(f"{name} is locked with a password: save it without one and choose it again.")


def _opened(content: bytes, name: str) -> PdfReader:
    from pypdf import PdfReader

    reader = PdfReader(io.BytesIO(content))
    if reader.is_encrypted and not reader.decrypt(""):
        raise locked(name)
    pages = len(reader.pages)
    if pages > MAX_PAGES:
        raise InvalidInputError(f"{name} has {pages:,} pages and the limit is {MAX_PAGES}: split it.")
    return reader


@contextmanager
def _faults_told(name: str) -> Iterator[None]:
    """Whatever pypdf stumbles over in a damaged file becomes one sentence; its own remarks are kept from the terminal."""
    from pypdf.errors import DependencyError, PyPdfError

    faults = (
        *(PyPdfError, zlib.error, RecursionError, MemoryError, OSError, EOFError, AssertionError),
        *(ArithmeticError, AttributeError, LookupError, NotImplementedError, TypeError, ValueError),
    )
    logger = logging.getLogger("pypdf")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    except DependencyError:  # the stronger ciphers need a library that is not installed
        raise locked(name) from None
    except faults:
        raise InvalidInputError(f"{name} is damaged, or not a PDF that can be read: save it as PDF again.") from None
    finally:
        logger.setLevel(level)


def _titles(reader: PdfReader) -> Mapping[int, str]:
    """For each page the outline's last title on it or before it."""
    found: dict[int, str] = {}
    for title, page in _flat(reader, reader.outline, 0):
        if len(found) < MAX_TITLES:
            found[page] = title
    titles, last = {}, ""
    for number in range(1, len(reader.pages) + 1):
        last = found.get(number, last)
        titles[number] = last
    return titles


def _flat(reader: PdfReader, outline: Sequence[Any], depth: int) -> Iterator[tuple[str, int]]:
    for item in outline:
        if isinstance(item, list):
            if depth < 10:
                yield from _flat(reader, item, depth + 1)
            continue
        at = reader.get_destination_page_number(item)
        if at is not None and at >= 0:
            yield " ".join(str(item.title).split())[:MAX_TITLE_CHARS], at + 1


def unwrapped(text: str) -> str:
    """Text with words and lines joined that were parted only because the line was full."""
    return WRAPPED.sub(" ", HYPHENATED.sub("", text))
