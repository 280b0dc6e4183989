"""Parquet files and saved Hugging Face data sets, read by Arrow alone; media inside them are written out as files."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from pydantic import BaseModel, Field, ValidationError

from mm_demos.errors import InvalidInputError
from mm_demos.fusion.contents import Contents, as_text, check_rows, named
from mm_demos.media.files import shown

PARTS, FEATURES, STATE = "dataset_dict.json", "dataset_info.json", "state.json"
MARKS = (PARTS, STATE)  # a folder with one of them was saved by `save_to_disk`
BATCH_ROWS = 256
MAX_BYTES = 4_000_000_000  # of a whole table in memory form, media included
MAX_JSON_BYTES = 20_000_000
SUFFIXES = (
    (b"\xff\xd8\xff", ".jpg"),
    (b"\x89PNG", ".png"),
    (b"GIF8", ".gif"),
    (b"BM", ".bmp"),
    (b"II*\0", ".tif"),
    (b"MM\0*", ".tif"),
    (b"fLaC", ".flac"),
    (b"OggS", ".ogg"),
    (b"ID3", ".mp3"),
    (b"\xff\xfb", ".mp3"),
)
Shape = TypeVar("Shape", bound=BaseModel)
RIFF = {b"WAVE": ".wav", b"WEBP": ".webp"}


class _Parts(BaseModel):
    splits: list[str] = Field(min_length=1)


class _File(BaseModel):
    filename: str


class _State(BaseModel):
    files: list[_File] = Field(alias="_data_files", min_length=1)


class _Info(BaseModel):
    features: dict[str, Any] = {}


def read_parquet(file: Path, scratch: Callable[[], Path]) -> Contents:
    """A Parquet file; the labels of a Hugging Face export are named as its metadata say.

    Args:
        scratch: makes the folder for media that are inside the table.

    Raises:
        InvalidInputError: damaged or too large.
    """
    import pyarrow.parquet

    with _arrow_faults(file.name), pyarrow.parquet.ParquetFile(file) as source:
        check_rows(source.metadata.num_rows, file.name)
        reader = _Reader(file.name, _names_of_labels(_features_in(source.schema_arrow.metadata)), scratch)
        reader.columns = named(list(source.schema_arrow.names), file.name)
        return reader.read(source.iter_batches(batch_size=BATCH_ROWS))


def read_saved(folder: Path, part: str, scratch: Callable[[], Path]) -> tuple[str, Contents]:
    """A data set saved by `save_to_disk`, and the name of the part that was read, if it has parts.

    Args:
        part: which one of several; "train" by default where there is one.

    Raises:
        InvalidInputError: damaged, or it is not clear which part.
    """
    chosen = _part(folder, part) if (folder / PARTS).exists() else ""
    home = folder / chosen
    state = _json(home / STATE, _State)
    features = _json(home / FEATURES, _Info).features if (home / FEATURES).exists() else {}
    reader = _Reader(folder.name, _names_of_labels(features), scratch)
    with _arrow_faults(folder.name):
        return chosen, reader.read(_batches([home / _plain(file.filename, folder) for file in state.files], reader))


def _part(folder: Path, wanted: str) -> str:
    parts = _json(folder / PARTS, _Parts).splits
    chosen = wanted or ("train" if "train" in parts else parts[0] if len(parts) == 1 else "")
    if chosen not in parts:
        names = ", ".join(shown(name) for name in parts[:5])
        raise InvalidInputError(f"{shown(folder.name)} has the parts {names}: say which one.")
    return _plain(chosen, folder)


def _plain(name: str, folder: Path) -> str:
    """A name of a file or folder right here, as it stands in a file that may be forged."""
    if PurePosixPath(name).name != name or "\\" in name or "\0" in name or name in {"", ".", ".."}:
        raise InvalidInputError(f"{shown(folder.name)} names files outside itself ({shown(name)}): save the data set again.")
    return name


def _json(file: Path, shape: type[Shape]) -> Shape:
    try:
        if file.stat().st_size > MAX_JSON_BYTES:
            raise ValueError("larger than any description")
        return shape.model_validate_json(file.read_bytes())
    except (OSError, ValidationError, ValueError):
        raise InvalidInputError(
            f"The data set {shown(file.parent.name)} lacks a whole {file.name}: save it again with save_to_disk."
        ) from None


def _batches(files: list[Path], reader: _Reader) -> Iterator[Any]:
    import pyarrow

    for file in files:
        with pyarrow.memory_map(str(file)) as stream, pyarrow.ipc.open_stream(stream) as source:
            reader.columns = named(list(source.schema.names), reader.name)
            for batch in source:
                for start in range(0, batch.num_rows, BATCH_ROWS):
                    yield batch.slice(start, BATCH_ROWS)


@contextmanager
def _arrow_faults(name: str) -> Iterator[None]:
    import pyarrow

    try:
        yield
    except (pyarrow.ArrowException, OSError, ValueError, MemoryError, OverflowError):
        raise InvalidInputError(f"{shown(name)} is damaged or incomplete: save or download the table again.") from None


def _features_in(metadata: Mapping[bytes, bytes] | None) -> dict[str, Any]:
    """What Hugging Face writes into the schema of its Parquet files; nothing where that is not readable."""
    try:
        value = json.loads((metadata or {}).get(b"huggingface", b"{}"))["info"]["features"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _names_of_labels(features: Mapping[str, Any]) -> dict[str, list[str]]:
    found = {}
    for column, feature in features.items():
        if isinstance(feature, dict) and feature.get("_type") == "ClassLabel" and isinstance(feature.get("names"), list):
            found[column.strip()] = [str(name) for name in feature["names"]]
    return found


@dataclass(slots=True)
class _Reader:
    """Batches to cells of text.

    Args:
        labels: column → names of its classes, which are numbers in the table.
    """

    name: str
    labels: Mapping[str, list[str]]
    scratch: Callable[[], Path]
    columns: tuple[str, ...] = ()
    unpacked: Path | None = None
    records: list[Mapping[str, str | None]] = field(default_factory=list)
    taken_bytes: int = 0

    def read(self, batches: Iterable[Any]) -> Contents:
        for batch in batches:
            batch.validate(full=True)  # a forged table may point outside its own memory
            self.taken_bytes += batch.nbytes
            if self.taken_bytes > MAX_BYTES:
                raise InvalidInputError(f"{shown(self.name)} holds more than {MAX_BYTES / 1e9:g} GB: take a part of it.")
            check_rows(len(self.records) + batch.num_rows, self.name)
            for values in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                cells = zip(self.columns, values, strict=True)
                self.records.append({name: self._cell(name, value) for name, value in cells})
        return Contents(self.columns, self.records, self.unpacked)

    def _cell(self, column: str, value: Any) -> str | None:
        names = self.labels.get(column)
        if names is not None and isinstance(value, int):
            return as_text(names[value]) if 0 <= value < len(names) else None  # -1: not labelled
        if isinstance(value, bytes):
            return self._write(column, value, "")
        if isinstance(value, dict) and value.keys() >= {"bytes", "path"}:
            path = str(value["path"] or "")
            return self._write(column, value["bytes"], path) if isinstance(value["bytes"], bytes) else as_text(path)
        if isinstance(value, list | dict):
            return json.dumps(value, ensure_ascii=False, default=str)
        return as_text(value)

    def _write(self, column: str, content: bytes, name: str) -> str | None:
        """The path of a new file with `content`, under a name of ours."""
        if not content:
            return None
        if self.unpacked is None:
            self.unpacked = self.scratch()
        file = self.unpacked / f"{len(self.records) + 1}-{self.columns.index(column) + 1}{_suffix(content, name)}"
        file.write_bytes(content)
        return str(file)


def _suffix(content: bytes, name: str) -> str:
    for magic, suffix in SUFFIXES:
        if content.startswith(magic):
            return suffix
    if content.startswith(b"RIFF"):
        return RIFF.get(content[8:12], ".wav")
    given = PurePosixPath(name).suffix.lower()
    return given if given[1:].isalnum() and given.isascii() and len(given) <= 6 else ".bin"
