"""Knowledge as one file and back: a ZIP of JSON and raw numbers; nothing in it is executed or named by the file."""

from __future__ import annotations

import os
import zipfile
import zlib
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mm_demos.assistant.documents import MAX_CHARS, Document, Section
from mm_demos.assistant.knowledge import MAX_FILES, MAX_SPANS, Knowledge, Vectors
from mm_demos.assistant.types import Span
from mm_demos.errors import InvalidInputError
from mm_demos.media.files import existing_file, shown

FORMAT = "mm-demos knowledge 1"
ABOUT, ROWS, OWNERS = "about.json", "rows.f32", "owners.i64"
MAX_BYTES = 1_000_000_000  # unpacked
MAX_DIM, MAX_ROWS = 8192, 200_000
FAULTS = (
    *(zipfile.BadZipFile, zlib.error, ValidationError, ValueError, KeyError, IndexError, EOFError),
    *(NotImplementedError, RuntimeError, OSError, MemoryError),
)


class _Exact(BaseModel):
    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)


class _Section(_Exact):
    start: int = Field(ge=0)
    end: int = Field(ge=0)
    heading: str = Field(max_length=2_000)
    page: int = Field(ge=0)


class _Document(_Exact):
    source: str = Field(min_length=1, max_length=200)
    text: str = Field(max_length=MAX_CHARS)
    sections: list[_Section]
    spans: list[_Section]


class _About(_Exact):
    format: str
    model: str = Field(max_length=200)
    dim: int = Field(gt=0, le=MAX_DIM)
    rows: int = Field(gt=0, le=MAX_ROWS)
    documents: list[_Document] = Field(min_length=1, max_length=MAX_FILES)


def save(knowledge: Knowledge, path: str | Path) -> None:
    """Write everything to one file, whole or not at all.

    Raises:
        InvalidInputError: the file cannot be written.
    """
    target = Path(path)
    fresh = target.with_name(f"{target.name}.{os.getpid()}.partial")
    rows = knowledge.vectors.rows
    documents = [_document(knowledge, document) for document in knowledge.documents]
    about = _About(format=FORMAT, model=knowledge.model, dim=rows.shape[1], rows=rows.shape[0], documents=documents)
    try:
        with zipfile.ZipFile(fresh, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            archive.writestr(ABOUT, about.model_dump_json())
            archive.writestr(ROWS, np.asarray(rows, "<f4").tobytes())
            archive.writestr(OWNERS, np.asarray(knowledge.vectors.owners, "<i8").tobytes())
        fresh.replace(target)
    except OSError as error:
        raise InvalidInputError(f"{shown(target)} cannot be written: {error.strerror}.") from None
    finally:
        fresh.unlink(missing_ok=True)


def _document(knowledge: Knowledge, document: Document) -> _Document:
    spans = [span for span in knowledge.spans if span.source == document.source]
    return _Document(
        source=document.source,
        text=document.text,
        sections=[_Section(start=at.start, end=at.end, heading=at.heading, page=at.page) for at in document.sections],
        spans=[_Section(start=at.start, end=at.end, heading=at.heading, page=at.page) for at in spans],
    )


def load(path: str | Path) -> Knowledge:
    """What `save` has written.

    Raises:
        InvalidInputError: the file is not such a file, or damaged.
    """
    file = existing_file(path, "saved knowledge")
    try:
        with zipfile.ZipFile(file) as archive:
            return _read(archive)
    except FAULTS:
        raise InvalidInputError(f"{shown(file.name)} is not saved knowledge, or damaged: build it from the documents.") from None


def _read(archive: zipfile.ZipFile) -> Knowledge:
    if sum(member.file_size for member in archive.infolist()) > MAX_BYTES:
        raise ValueError("larger than any knowledge")
    about = _About.model_validate_json(archive.read(ABOUT))
    rows = np.frombuffer(archive.read(ROWS), "<f4").reshape(about.rows, about.dim)
    owners = np.frombuffer(archive.read(OWNERS), "<i8")
    documents = tuple(_as_document(row) for row in about.documents)
    spans = tuple(
        Span(row.source, number, row.text[at.start : at.end], at.heading, at.page, at.start, at.end)
        for row in about.documents
        for number, at in enumerate(row.spans, 1)
    )
    if about.format != FORMAT or not 0 < len(spans) <= MAX_SPANS or len({row.source for row in documents}) < len(documents):
        raise ValueError("another format")
    if owners.shape != (about.rows,) or owners.min() < 0 or owners.max() >= len(spans) or not all(span.text for span in spans):
        raise ValueError("numbers and spans do not fit together")
    if not np.isfinite(rows).all() or np.abs(np.linalg.norm(rows, axis=1) - 1).max() > 1e-2:
        raise ValueError("not unit vectors")
    return Knowledge(documents, spans, Vectors(rows, owners), about.model)


def _as_document(row: _Document) -> Document:
    return Document(row.source, row.text, tuple(Section(at.start, at.end, at.heading, at.page) for at in row.sections))
