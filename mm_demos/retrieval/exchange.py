"""A library as one file and back: a ZIP of a JSON table and raw numbers; nothing in it is executed or named by the file."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mm_demos.errors import InvalidInputError
from mm_demos.media.files import existing_file, shown
from mm_demos.models.protocols import FloatArray
from mm_demos.results import LabelScore, Word
from mm_demos.retrieval.library import Library, delete_library, library_names
from mm_demos.retrieval.storage import Stamp
from mm_demos.retrieval.types import Entry, FileInfo, StoredWindow, Window

FORMAT = "mm-demos library 1"
ABOUT, FILES = "about.json", "files.jsonl"
KINDS = ("said", "sound")  # the third kind, tags, is made again of what the windows list
MAX_BYTES = 20_000_000_000  # unpacked
MAX_LINE_BYTES = 64_000_000  # one recording with all its words
MAX_DIM = 8192
UNIT_TOLERANCE = 1e-2


class _Exact(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", allow_inf_nan=False)


class _About(_Exact):
    format: str
    recipe: str = Field(max_length=100)
    dims: dict[str, int]
    windows: int = Field(ge=0)
    spoken: int = Field(ge=0)


class _Window(_Exact):
    start: float = Field(ge=0)
    end: float
    text: str = Field(max_length=100_000)
    words: list[tuple[float, float, str, float]] = Field(max_length=20_000)
    loudness: float
    tags: list[tuple[str, float]] = Field(max_length=10_000)
    said: bool


class _File(_Exact):
    path: str = Field(min_length=1, max_length=4096)
    digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    seconds: float = Field(ge=0)
    language: str = Field(max_length=20)
    windows: list[_Window]


def export_library(library: Library, path: str | Path) -> None:
    """Write a library to one file, without the recordings; paths become relative to the folder that holds them all.

    Raises:
        InvalidInputError: the file cannot be written.
    """
    target = Path(path)
    fresh = target.with_name(f"{target.name}.{os.getpid()}.partial")
    try:
        with zipfile.ZipFile(fresh, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            _write(library, archive)
        fresh.replace(target)
    except OSError as error:
        raise InvalidInputError(f"{shown(target)} cannot be written: {error.strerror}.") from None
    finally:
        fresh.unlink(missing_ok=True)


def _write(library: Library, archive: zipfile.ZipFile) -> None:
    with library.snapshot():
        files = library.files()
        root = _common_folder([file.file for file in files])
        order: list[int] = []
        with archive.open(FILES, "w") as lines:
            for file in files:
                windows = library.of_file(file.file)
                order += [window.id for window in windows]
                lines.write(_line(file, windows, _relative(file.file, root)))
        dims = {}
        for kind in KINDS:
            at = library.rows(kind, order)
            matrix = library.matrix(kind)
            dims[kind] = int(matrix.shape[1])
            with archive.open(f"{kind}.f32", "w", force_zip64=True) as numbers:
                for window in order:
                    if window in at:
                        numbers.write(np.asarray(matrix[at[window]], "<f4").tobytes())
        spoken = len(library.rows("said", order))
        about = _About(format=FORMAT, recipe=library.meta("recipe"), dims=dims, windows=len(order), spoken=spoken)
        archive.writestr(ABOUT, about.model_dump_json())


def _line(file: FileInfo, windows: tuple[StoredWindow, ...], path: str) -> bytes:
    row = {
        "path": path,
        "digest": file.digest,
        "seconds": file.seconds,
        "language": file.language,
        "windows": [
            {
                "start": window.window.start,
                "end": window.window.end,
                "text": window.text,
                "words": [[word.start, word.end, word.text, word.prob] for word in window.words],
                "loudness": window.loudness_dbfs,
                "tags": [[tag.label, tag.score] for tag in window.tags],
                "said": bool(window.text),
            }
            for window in windows
        ],
    }
    return (json.dumps(row, ensure_ascii=True, allow_nan=False) + "\n").encode()


def import_library(path: str | Path, name: str, *, root: Path | None = None) -> Library:
    """A new library from a file made by `export_library`.

    Its recordings are found again by their content as soon as the folder that holds them is indexed.

    Args:
        name: of the new library; there must be none of this name.
        root: folder of libraries; the user's own by default.

    Raises:
        InvalidInputError: the name is taken, or the file is not an exported library, or damaged.
    """
    file = existing_file(path, "library")
    if name in library_names(root):
        raise InvalidInputError(f"There is a library {shown(name)} already: choose another name.")
    library = Library.open(name, root=root, create=True)
    try:
        with zipfile.ZipFile(file) as archive, library.writing():
            _read(library, archive)
    except (zipfile.BadZipFile, ValidationError, ValueError, KeyError, EOFError, NotImplementedError, RuntimeError, OSError):
        library.close()
        delete_library(name, root=root)
        raise InvalidInputError(
            f"{shown(file.name)} is not an exported library, or damaged: choose a file saved as one."
        ) from None
    return library


def _read(library: Library, archive: zipfile.ZipFile) -> None:
    """Put everything in, file by file; members are read by the names known here, wherever they claim to belong."""
    if sum(member.file_size for member in archive.infolist()) > MAX_BYTES:
        raise ValueError("larger than any library")
    about = _About.model_validate_json(_limited(archive, ABOUT))
    if about.format != FORMAT or set(about.dims) != set(KINDS) or not all(0 <= dim <= MAX_DIM for dim in about.dims.values()):
        raise ValueError("another format")
    sizes = {"said": about.spoken, "sound": about.windows}
    for kind, rows in sizes.items():
        if archive.getinfo(f"{kind}.f32").file_size != 4 * rows * about.dims[kind] or (rows and not about.dims[kind]):
            raise ValueError("numbers and names do not fit together")
    library.begin(about.recipe)
    with archive.open("said.f32") as said, archive.open("sound.f32") as sound, archive.open(FILES) as lines:
        while line := lines.readline(MAX_LINE_BYTES):
            row = _File.model_validate_json(line)
            entries = [_entry(row, window, about, said, sound) for window in row.windows]
            info = FileInfo(row.path, row.seconds, row.digest, row.language, len(entries))
            library.add(info, Stamp(0, 0), entries)
        if said.read(1) or sound.read(1):
            raise ValueError("more numbers than windows")


def _entry(row: _File, window: _Window, about: _About, said: Any, sound: Any) -> Entry:
    return Entry(
        window=Window(row.path, window.start, window.end),
        text=window.text,
        words=tuple(Word(*word) for word in window.words),
        language=row.language,
        loudness_dbfs=window.loudness,
        tags=tuple(LabelScore(*tag) for tag in window.tags),
        text_vector=_vector(said, about.dims["said"]) if window.said else None,
        sound_vector=_vector(sound, about.dims["sound"]),
    )


def _vector(numbers: Any, dim: int) -> FloatArray:
    vector = np.frombuffer(numbers.read(4 * dim), "<f4")
    if vector.size != dim or not np.isfinite(vector).all() or abs(float(np.linalg.norm(vector)) - 1) > UNIT_TOLERANCE:
        raise ValueError("not a unit vector")
    return vector


def _limited(archive: zipfile.ZipFile, name: str) -> bytes:
    with archive.open(name) as member:
        return member.read(1_000_000)


def _common_folder(paths: list[str]) -> str:
    """The folder that holds all files; empty when there is none, e.g. of paths that are relative already."""
    if not paths or not all(os.path.isabs(path) for path in paths):
        return ""
    return os.path.commonpath([os.path.dirname(path) for path in paths])


def _relative(path: str, root: str) -> str:
    return os.path.relpath(path, root) if root else os.path.basename(path) if os.path.isabs(path) else path
