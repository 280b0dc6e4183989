"""A library of recordings: made and opened by name, listed, and read from."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mm_demos.errors import InvalidInputError
from mm_demos.media.files import shown
from mm_demos.models.protocols import FloatArray
from mm_demos.results import LabelScore, Word
from mm_demos.retrieval import schema
from mm_demos.retrieval.storage import Stamp, Store, row_column
from mm_demos.retrieval.types import QUIETEST_DBFS, FileFault, FileInfo, LibraryInfo, Query, StoredWindow, Window
from mm_demos.retrieval.vectors import Mask, Rows
from mm_demos.settings import settings

NAME = re.compile(r"[^\W_](?:[\w .-]{0,62}[\w-])?")
PARAMETERS = 30_000  # SQLite takes 32,766 in one statement
WINDOW_COLUMNS = "windows.id, path, start, stop, text, words, files.language, loudness, tags"


class Library(Store):
    """One library, open."""

    @classmethod
    def open(cls, name: str, *, root: Path | None = None, create: bool = False) -> Library:
        """The library of this name.

        Args:
            root: folder of libraries; the user's own by default, a visitor's when the app is public.
            create: make it if it is not there.

        Raises:
            InvalidInputError: a name that cannot be used, no such library, or a damaged one.
        """
        folder = (root or libraries_folder()) / check_name(name)
        if not create and not (folder / schema.FILE_NAME).is_file():
            known = ", ".join(library_names(root)) or "none yet"
            raise InvalidInputError(f"There is no library {shown(name)} (there are: {known}): index a folder into it first.")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InvalidInputError(f"The library {name} cannot be made in {folder.parent}: {error.strerror}.") from None
        return cls(name, folder)

    def info(self) -> LibraryInfo:
        """The library at a glance."""
        with self.snapshot() as connection:
            files, seconds = connection.execute("SELECT count(*), coalesce(sum(seconds), 0) FROM files").fetchone()
            (windows,) = connection.execute("SELECT count(*) FROM windows").fetchone()
            (faults,) = connection.execute("SELECT count(*) FROM faults").fetchone()
            languages = connection.execute("SELECT DISTINCT language FROM files WHERE language != '' ORDER BY 1").fetchall()
        size = sum(path.stat().st_size for path in self.folder.iterdir() if path.is_file())
        return LibraryInfo(
            self.name, files, windows, seconds / 3600, size, tuple(code for (code,) in languages), self.labels(), faults
        )

    def labels(self) -> tuple[str, ...]:
        """Sound events that the windows' tags are about, in the order of the columns of the "tags" vectors."""
        return tuple(json.loads(self.meta("labels") or "[]"))

    def files(self) -> tuple[FileInfo, ...]:
        """All recordings, sorted by path."""
        query = (
            "SELECT path, seconds, digest, language, (SELECT count(*) FROM windows WHERE file_id = files.id) FROM files"
            " ORDER BY path"
        )
        with self.snapshot() as connection:
            return tuple(FileInfo(*row) for row in connection.execute(query))

    def faults(self) -> tuple[FileFault, ...]:
        """Files that could not be read, sorted by path."""
        with self.snapshot() as connection:
            return tuple(FileFault(*row) for row in connection.execute("SELECT path, sentence FROM faults ORDER BY path"))

    def stamps(self) -> dict[str, tuple[str, Stamp]]:
        """Path → sha256 and what the file looked like when it was read."""
        with self.snapshot() as connection:
            rows = connection.execute("SELECT path, digest, size, changed_ns FROM files")
            return {path: (digest, Stamp(size, changed_ns)) for path, digest, size, changed_ns in rows}

    def stamp(self, path: str) -> tuple[str, Stamp] | None:
        """Sha256 of a recording and what the file looked like when it was read; None when it is not in the library."""
        with self.snapshot() as connection:
            row = connection.execute("SELECT digest, size, changed_ns FROM files WHERE path = ?", (path,)).fetchone()
        return (row[0], Stamp(row[1], row[2])) if row else None

    def paths_of(self, digest: str) -> list[str]:
        """Recordings with this content."""
        with self.snapshot() as connection:
            return [path for (path,) in connection.execute("SELECT path FROM files WHERE digest = ?", (digest,))]

    def windows(self, ids: Sequence[int] | None = None) -> tuple[StoredWindow, ...]:
        """Windows in the order of `ids`, without those that are gone; all of them by file and time without `ids`."""
        query = f"SELECT {WINDOW_COLUMNS} FROM windows JOIN files ON files.id = file_id"
        with self.snapshot() as connection:
            if ids is None:
                return tuple(map(_window, connection.execute(f"{query} ORDER BY path, start")))
            found = {row[0]: row for row in _lookup(connection, f"{query} WHERE windows.id IN", ids)}
        return tuple(_window(found[each]) for each in ids if each in found)

    def bounds(self, ids: Sequence[int]) -> dict[int, Window]:
        """Id → file, start and end, for those that are not gone."""
        query = "SELECT windows.id, path, start, stop FROM windows JOIN files ON files.id = file_id WHERE windows.id IN"
        with self.snapshot() as connection:
            return {row[0]: Window(*row[1:]) for row in _lookup(connection, query, ids)}

    def of_file(self, path: str) -> tuple[StoredWindow, ...]:
        """Windows of a recording by time."""
        return self.neighbours(path, 0.0, float("inf"))

    def texts(self, start: int, end: int) -> list[str]:
        """What is said in the windows of the rows `start` to `end` of the "said" vectors; empty for rows that are dead."""
        with self.snapshot() as connection:
            query = "SELECT said_row, text FROM windows WHERE said_row >= ? AND said_row < ?"
            found: dict[int, str] = dict(connection.execute(query, (start, end)))
        return [found.get(row, "") for row in range(start, end)]

    def neighbours(self, file: str, start: float, end: float) -> tuple[StoredWindow, ...]:
        """Windows of a recording that lie within these bounds, in seconds, by time."""
        query = (
            f"SELECT {WINDOW_COLUMNS} FROM windows JOIN files ON files.id = file_id"
            " WHERE path = ? AND start >= ? AND stop <= ? ORDER BY start"
        )
        with self.snapshot() as connection:
            return tuple(map(_window, connection.execute(query, (file, start - 1e-6, end + 1e-6))))

    def matrix(self, kind: str) -> FloatArray:
        """The vectors of one kind ("said", "sound" or "tags") as a read-only memory map (rows, dim).

        Raises:
            InvalidInputError: the file is gone or cut off.
        """
        file, rows = self.vectors(kind)
        try:
            return file.array(rows)
        except (OSError, ValueError):
            raise InvalidInputError(f"The vectors of the library {self.name} are damaged: index the folder again.") from None

    def points(self, kind: str) -> tuple[Rows, FloatArray]:
        """For a map: ids (n,) of all windows that have a vector of this kind, and the vectors (n, dim)."""
        column = row_column(kind)
        with self.snapshot() as connection:
            query = f"SELECT id, {column} FROM windows WHERE {column} IS NOT NULL ORDER BY {column}"
            pairs = np.array(connection.execute(query).fetchall(), np.int64).reshape(-1, 2)
            return pairs[:, 0], np.asarray(self.matrix(kind)[pairs[:, 1]])

    def ids(self, kind: str, rows: Iterable[int]) -> dict[int, int]:
        """Row → window id."""
        column = row_column(kind)
        with self.snapshot() as connection:
            query = f"SELECT {column}, id FROM windows WHERE {column} IN"
            return dict(_lookup(connection, query, [int(row) for row in rows]))

    def rows(self, kind: str, ids: Sequence[int]) -> dict[int, int]:
        """Window id → row, for those that have one."""
        column = row_column(kind)
        with self.snapshot() as connection:
            query = f"SELECT id, {column} FROM windows WHERE {column} IS NOT NULL AND id IN"
            return dict(_lookup(connection, query, list(ids)))

    def allowed(self, kind: str, query: Query) -> Mask | None:
        """Rows (n,) that belong to windows which the query's filters leave; None when all do."""
        condition, values = filters(query)
        column = row_column(kind)
        with self.snapshot() as connection:
            state = connection.execute("SELECT rows, dead FROM vectors WHERE kind = ?", (kind,)).fetchone() or (0, 0)
            if not condition and not state[1]:
                return None
            mask = np.zeros(state[0], np.bool_)
            select = f"SELECT {column} FROM windows JOIN files ON files.id = file_id WHERE {column} IS NOT NULL{condition}"
            mask[[row for (row,) in connection.execute(select, values)]] = True
            return mask

    def count(self, query: Query) -> int:
        """Windows that the filters leave."""
        condition, values = filters(query)
        with self.snapshot() as connection:
            select = f"SELECT count(*) FROM windows JOIN files ON files.id = file_id WHERE 1{condition}"
            return int(connection.execute(select, values).fetchone()[0])

    def with_words(self, text: str, query: Query, limit: int) -> list[int]:
        """Ids of windows in which words of `text` are said, best first by BM25 (Robertson and Zaragoza, 2009)."""
        expression = schema.match_expression(text)
        if not expression:
            return []
        condition, values = filters(query)
        select = (
            "SELECT spoken.rowid FROM spoken JOIN windows ON windows.id = spoken.rowid JOIN files ON files.id = file_id"
            f" WHERE spoken MATCH ?{condition} ORDER BY spoken.rank LIMIT ?"
            if condition
            else "SELECT rowid FROM spoken WHERE spoken MATCH ? ORDER BY rank LIMIT ?"
        )
        with self.snapshot() as connection:
            return [row for (row,) in connection.execute(select, (expression, *values, limit))]


def filters(query: Query) -> tuple[str, list[Any]]:
    """The query's filters as SQL conditions over `windows` and `files`, each beginning with AND, and their values."""
    conditions: list[tuple[str, Any]] = []
    if query.language:
        conditions.append((" AND files.language = ?", query.language.lower()))
    if query.tag:
        conditions.append((" AND windows.tag = ?", query.tag))
    if query.min_loudness > QUIETEST_DBFS:
        conditions.append((" AND windows.loudness >= ?", query.min_loudness))
    return "".join(condition for condition, _ in conditions), [value for _, value in conditions]


def libraries_folder() -> Path:
    """Where the user's libraries are."""
    return settings().data_dir / "libraries"


def library_names(root: Path | None = None) -> tuple[str, ...]:
    """Names of the libraries there are, sorted."""
    folder = root or libraries_folder()
    return tuple(sorted(path.parent.name for path in folder.glob(f"*/{schema.FILE_NAME}")))


def delete_library(name: str, *, root: Path | None = None) -> None:
    """Delete a library with everything in it; the recordings stay where they are.

    Raises:
        InvalidInputError: there is no such library.
        BusyError: somebody writes to it.
    """
    with Library.open(name, root=root) as library, library.writing():
        folder = library.folder
    shutil.rmtree(folder)


def check_name(name: str) -> str:
    """A name that can be a folder's on any system.

    Raises:
        InvalidInputError: with what a name may be made of.
    """
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise InvalidInputError(
            f"A library cannot be named {shown(name)}: use up to 64 letters, digits, spaces, dots and dashes, first a letter."
        )
    return name


def _lookup(connection: sqlite3.Connection, query: str, values: Sequence[int]) -> Iterator[Any]:
    for start in range(0, len(values), PARAMETERS):
        part = values[start : start + PARAMETERS]
        yield from connection.execute(f"{query} ({','.join('?' * len(part))})", part)


def _window(row: Sequence[Any]) -> StoredWindow:
    window_id, path, start, stop, text, words, language, loudness, tags = row
    return StoredWindow(
        window_id,
        Window(path, start, stop),
        text,
        tuple(Word(*word) for word in json.loads(words)),
        language,
        loudness,
        tuple(LabelScore(*tag) for tag in json.loads(tags)),
    )
