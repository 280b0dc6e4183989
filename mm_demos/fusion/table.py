"""Tables as people have them: CSV, TSV, JSON, JSON Lines, Parquet, a ZIP with media, a saved Hugging Face data set."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from mm_demos.errors import InvalidInputError
from mm_demos.fusion import arrow_tables, text_tables
from mm_demos.fusion.archive import unpack
from mm_demos.fusion.contents import Contents, kind_of
from mm_demos.media.files import existing_file, shown
from mm_demos.progress import Progress

TEXT_TABLES: Mapping[str, Callable[[Path], Contents]] = {
    ".csv": text_tables.read_delimited,
    ".tsv": text_tables.read_delimited,
    ".tab": text_tables.read_delimited,
    ".txt": text_tables.read_delimited,
    ".jsonl": text_tables.read_json_lines,
    ".ndjson": text_tables.read_json_lines,
    ".json": text_tables.read_json,
}
PARQUET = frozenset({".parquet", ".pq"})
IN_FOLDERS = frozenset({*TEXT_TABLES, *PARQUET} - {".txt"})  # a folder's TXT file is a note, not a table
ALLOWED = "a CSV, TSV, JSON, JSONL or Parquet file, a ZIP with such a table and its media, or a saved Hugging Face data set"
OTHER_KINDS = {
    "pickle": "holds Python objects (a pickle), which are never loaded: save the table as CSV or Parquet",
    "excel": "is an Excel workbook: save the sheet as CSV (UTF-8)",
    "gzip": "is a gzip archive: unpack it and give the table in it",
    "arrow": "is an Arrow file: save it as Parquet, or give the whole folder of the data set",
    "web page": "is a web page, not a table: download the file itself",
}


@dataclass(frozen=True, slots=True)
class Table:
    """Cells as text, and where the media they name are.

    Args:
        columns: names, each once.
        records: column → cell, None where it is empty; in the table's order.
        root: folder that relative paths start from.
        name: of the file, for people.
        unpacked: folder with media that were inside the table itself; cells name them by absolute path.
        confined: paths may not leave `root` and `unpacked`: of archives, and of tables that visitors of a public page bring.
    """

    columns: tuple[str, ...]
    records: Sequence[Mapping[str, str | None]]
    root: Path
    name: str
    unpacked: Path | None = None
    confined: bool = False


@contextmanager
def opened(path: str | Path, *, table: str = "", confined: bool = False, progress: Progress | None = None) -> Iterator[Table]:
    """The table of a file or a folder; what had to be unpacked for it is gone when the block ends.

    Args:
        path: one of `ALLOWED`.
        table: which one of several: its path in the ZIP or folder, or the name of a data set's part.
        confined: refuse media outside the table's folder; needed where the page is public.

    Raises:
        InvalidInputError: no table can be read here, or it is not clear which.
        StoppedError: `progress.stop()` was called.
    """
    if not isinstance(path, str | Path):
        raise InvalidInputError(f"The path of a table is needed here, not {type(path).__name__}: give {ALLOWED}.")
    source, scratch = Path(path), _Scratch()
    with scratch.stack:
        folder = Path(os.path.abspath(source)) if "\0" not in str(source) and source.is_dir() else None  # "." has no name
        if folder is not None:
            source = folder
        else:
            file = existing_file(source, "table")
            if kind_of(file) == "zip":
                folder, confined = scratch.folder(), True
                unpack(file, folder, progress or Progress())
        yield _in_folder(source, folder, table, confined, scratch) if folder else _of_file(file, confined, scratch)


class _Scratch:
    """Folders that are made when something needs them, and go with the stack."""

    def __init__(self) -> None:
        self.stack = ExitStack()

    def folder(self) -> Path:
        return Path(self.stack.enter_context(tempfile.TemporaryDirectory(prefix="mm-demos-table-"))).resolve()


def _of_file(file: Path, confined: bool, scratch: _Scratch, name: str = "") -> Table:
    kind, suffix = kind_of(file), file.suffix.lower()
    if kind in OTHER_KINDS:
        raise InvalidInputError(f"{shown(file.name)} {OTHER_KINDS[kind]}.")
    if kind == "parquet" or suffix in PARQUET:
        contents = arrow_tables.read_parquet(file, scratch.folder)
    elif suffix in TEXT_TABLES and kind == "":
        contents = TEXT_TABLES[suffix](file)
    else:
        raise InvalidInputError(f"{shown(file.name)} is not a table that can be read: give {ALLOWED}.")
    return _table(contents, file.parent, name or file.name, confined)


def _in_folder(source: Path, folder: Path, wanted: str, confined: bool, scratch: _Scratch) -> Table:
    """The one table of a folder, at the highest level that has any."""
    saved = _shallowest(folder, lambda path: path.name in arrow_tables.MARKS)
    if saved:
        root = min(saved).parent
        part, contents = arrow_tables.read_saved(root, wanted, scratch.folder)
        return _table(contents, root, f"{source.name}/{part}" if part else source.name, confined)
    tables = _shallowest(folder, lambda path: path.suffix.lower() in IN_FOLDERS)
    if wanted:
        tables = [path for path in _files(folder) if wanted in {path.name, path.relative_to(folder).as_posix()}]
    if not tables:
        what = f"no table {shown(wanted)}" if wanted else "no table"
        raise InvalidInputError(f"There is {what} in {shown(source.name)}: put one CSV, JSONL or Parquet file beside the media.")
    if len(tables) > 1:
        names = ", ".join(sorted(shown(path.relative_to(folder).as_posix()) for path in tables)[:5])
        raise InvalidInputError(f"{shown(source.name)} holds {len(tables)} tables ({names}): say which one.")
    return _of_file(tables[0], confined, scratch, f"{source.name}/{tables[0].relative_to(folder).as_posix()}")


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")]


def _shallowest(folder: Path, wanted: Callable[[Path], bool]) -> list[Path]:
    found = [path for path in _files(folder) if wanted(path)]
    depth = min((len(path.parts) for path in found), default=0)
    return [path for path in found if len(path.parts) == depth]


def _table(contents: Contents, root: Path, name: str, confined: bool) -> Table:
    if not contents.records:
        raise InvalidInputError(f"{shown(name)} has no rows: give one line per example under the names of the columns.")
    return Table(contents.columns, contents.records, root, name, contents.unpacked, confined)
