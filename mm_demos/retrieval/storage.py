"""How a library is kept on disk: SQLite for what can be listed, filtered and read, vector files beside it.

A file and its windows are one transaction, vectors first; what a killed process leaves beyond the rows counted is cut off later.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from mm_demos.errors import BusyError
from mm_demos.models.protocols import FloatArray
from mm_demos.retrieval import schema
from mm_demos.retrieval.types import Entry, FileFault, FileInfo
from mm_demos.retrieval.vectors import VectorFile

KINDS = ("said", "sound", "tags")  # vector files; `tags` has the rows of `sound`
MAX_DEAD = 0.25  # share of rows that nobody refers to, above which the files are written anew


@dataclass(frozen=True, slots=True)
class Stamp:
    """What tells whether a file has changed: size in bytes, time of change in ns."""

    size: int
    changed_ns: int


class Store:
    """The files of one library; any thread may read, and one at a time may write, inside `writing()`."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder
        self._thread = threading.RLock()
        self._connection = schema.connect(folder, name)

    def close(self) -> None:
        """Give the files back."""
        with self._thread:
            self._connection.close()

    def __enter__(self) -> Self:
        """Open already; `with` closes it."""
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """Statements that all see the same state, whatever is written meanwhile."""
        with self._thread:
            if self._connection.in_transaction:
                yield self._connection
                return
            self._connection.execute("BEGIN")
            try:
                yield self._connection
            finally:
                self._connection.execute("ROLLBACK")

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the library for writing; first cut off what a killed process has left.

        Raises:
            BusyError: another process or thread writes to it.
        """
        from filelock import FileLock, Timeout

        lock = FileLock(self.folder / "lock", timeout=0)
        try:
            lock.acquire()
        except Timeout:
            raise BusyError(f"The library {self.name} is being written by somebody else: wait until that is done.") from None
        try:
            self._recover()
            yield
        finally:
            lock.release()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._thread:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def _recover(self) -> None:
        """Cut off rows nobody knows, delete files of other generations, forget recordings whose vectors are missing."""
        known = {kind: self.vectors(kind) for kind in KINDS}
        for path in self.folder.glob("*.f32"):
            if path not in {file.path for file, _ in known.values()}:
                path.unlink(missing_ok=True)
        for kinds in (("said",), ("sound", "tags")):
            rows = known[kinds[0]][1]
            there = min(rows, *(known[kind][0].rows_on_disk for kind in kinds))
            for kind in kinds:
                known[kind][0].truncate(there)
            if there < rows:
                self._forget_rows(kinds, there)

    def _forget_rows(self, kinds: Sequence[str], there: int) -> None:
        """Forget recordings with vectors behind the first `there` rows, which are all that is left of a damaged file."""
        for path in self.folder.glob("*.cache"):  # made from rows whose numbers will be given again
            path.unlink(missing_ok=True)
        column = row_column(kinds[0])
        with self._transaction() as connection:
            for (file_id,) in connection.execute(
                f"SELECT DISTINCT file_id FROM windows WHERE {column} >= ?", (there,)
            ).fetchall():
                self._drop(connection, file_id)
            dead = f"(SELECT max(0, ? - count(*)) FROM windows WHERE {column} IS NOT NULL)"
            for kind in kinds:
                connection.execute(f"UPDATE vectors SET rows = ?, dead = {dead} WHERE kind = ?", (there, there, kind))

    def vectors(self, kind: str) -> tuple[VectorFile, int]:
        """The file of vectors of one kind, and how many rows in it count."""
        with self.snapshot() as connection:
            row = connection.execute("SELECT dim, rows, generation FROM vectors WHERE kind = ?", (kind,)).fetchone()
        dim, rows, generation = row or (0, 0, 0)
        return VectorFile(self.folder / f"{kind}-{generation}.f32", dim), rows

    def meta(self, key: str) -> str:
        """A note kept with the library; empty when there is none."""
        with self.snapshot() as connection:
            row = connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return str(row[0]) if row else ""

    def begin(self, recipe: str) -> None:
        """Empty the library if its vectors were made by another `recipe` (models and their revisions)."""
        if self.meta("recipe") == recipe:
            return
        with self._transaction() as connection:
            for table in ("files", "faults", "windows", "spoken", "meta"):
                connection.execute(f"DELETE FROM {table}")
            connection.execute("UPDATE vectors SET rows = 0, dead = 0, generation = generation + 1")
            connection.execute("INSERT INTO meta VALUES ('recipe', ?)", (recipe,))
        self._recover()

    def add(self, file: FileInfo, stamp: Stamp, entries: Sequence[Entry]) -> None:
        """Store a recording with its windows in place of what is known under its path; all of it or, if killed, nothing."""
        labels = json.loads(self.meta("labels") or "[]") or sorted(tag.label for tag in entries[0].tags) if entries else []
        said = [entry.text_vector for entry in entries if entry.text_vector is not None]
        matrices = {
            "said": np.stack(said) if said else None,
            "sound": np.stack([entry.sound_vector for entry in entries]) if entries else None,
            "tags": _tag_matrix(entries, labels) if entries else None,
        }
        first = {kind: self._append(kind, matrix) for kind, matrix in matrices.items()}
        with self._transaction() as connection:
            self._forget(connection, file.file)
            if labels:
                connection.execute("INSERT OR IGNORE INTO meta VALUES ('labels', ?)", (json.dumps(labels),))
            for kind, matrix in matrices.items():
                if matrix is not None:
                    statement = "UPDATE vectors SET rows = rows + ?, dim = ? WHERE kind = ?"
                    connection.execute(statement, (len(matrix), matrix.shape[1], kind))
            columns = (file.file, file.digest, file.seconds, file.language, stamp.size, stamp.changed_ns)
            file_id = connection.execute(
                "INSERT INTO files (path, digest, seconds, language, size, changed_ns) VALUES (?, ?, ?, ?, ?, ?)", columns
            ).lastrowid
            said_row = first["said"]
            for sound_row, entry in enumerate(entries, start=first["sound"]):
                has_text = entry.text_vector is not None
                _insert(connection, int(file_id or 0), entry, said_row if has_text else None, sound_row)
                said_row += has_text

    def _append(self, kind: str, matrix: FloatArray | None) -> int:
        """Write vectors behind those that count; the row of the first one."""
        if matrix is None:
            return 0
        file, rows = self.vectors(kind)
        if not rows and file.dim != matrix.shape[1]:
            with self._transaction() as connection:
                connection.execute("INSERT OR IGNORE INTO vectors VALUES (?, ?, 0, 0, 1)", (kind, matrix.shape[1]))
                connection.execute("UPDATE vectors SET dim = ? WHERE kind = ?", (matrix.shape[1], kind))
            file, rows = self.vectors(kind)
        file.truncate(rows)  # an earlier file may have failed between its vectors and its commit
        file.append(matrix)
        return rows

    def note_fault(self, fault: FileFault) -> None:
        """Remember why a file is not in the library, and forget what is known under its path."""
        with self._transaction() as connection:
            self._forget(connection, fault.file)
            connection.execute("INSERT INTO faults VALUES (?, ?)", (fault.file, fault.sentence))

    def rename(self, old: str, new: str, stamp: Stamp) -> None:
        """A recording has moved, or been touched without a change."""
        with self._transaction() as connection:
            if old != new:
                self._forget(connection, new)
            connection.execute(
                "UPDATE files SET path = ?, size = ?, changed_ns = ? WHERE path = ?", (new, stamp.size, stamp.changed_ns, old)
            )

    def remove(self, paths: Sequence[str]) -> None:
        """Drop recordings."""
        with self._transaction() as connection:
            for path in paths:
                self._forget(connection, path)

    def _forget(self, connection: sqlite3.Connection, path: str) -> None:
        connection.execute("DELETE FROM faults WHERE path = ?", (path,))
        row = connection.execute("SELECT id FROM files WHERE path = ?", (path,)).fetchone()
        if row:
            self._drop(connection, row[0])

    def _drop(self, connection: sqlite3.Connection, file_id: int) -> None:
        said, sound = connection.execute(
            "SELECT count(said_row), count(sound_row) FROM windows WHERE file_id = ?", (file_id,)
        ).fetchone()
        connection.execute("UPDATE vectors SET dead = dead + iif(kind = 'said', ?, ?)", (said, sound))
        connection.execute("DELETE FROM spoken WHERE rowid IN (SELECT id FROM windows WHERE file_id = ?)", (file_id,))
        connection.execute("DELETE FROM windows WHERE file_id = ?", (file_id,))
        connection.execute("DELETE FROM files WHERE id = ?", (file_id,))

    def compact(self) -> bool:
        """Write the vector files anew without the rows of dropped recordings, if those are many; whether it was done."""
        with self.snapshot() as connection:
            wasted = connection.execute("SELECT 1 FROM vectors WHERE dead > ? * rows", (MAX_DEAD,)).fetchone()
        if not wasted:
            return False
        for kind in KINDS:
            file, rows = self.vectors(kind)
            with self.snapshot() as connection:
                column = row_column(kind)
                query = f"SELECT {column} FROM windows WHERE {column} IS NOT NULL ORDER BY {column}"
                kept = np.array([row for (row,) in connection.execute(query)], np.int64)
            stem, _, generation = file.path.stem.rpartition("-")
            fresh = VectorFile(file.path.with_name(f"{stem}-{int(generation) + 1}.f32"), file.dim)
            fresh.truncate(0)
            file.copy_to(fresh, kept, rows)
        with self._transaction() as connection:
            for column in ("said_row", "sound_row"):
                # In two steps, so that no new number meets an old one in the unique index.
                connection.execute(
                    f"UPDATE windows SET {column} = -1 - fresh.row FROM"
                    f" (SELECT id, row_number() OVER (ORDER BY {column}) - 1 AS row FROM windows WHERE {column} IS NOT NULL)"
                    " AS fresh WHERE fresh.id = windows.id"
                )
                connection.execute(f"UPDATE windows SET {column} = -1 - {column} WHERE {column} IS NOT NULL")
            connection.execute(
                "UPDATE vectors SET dead = 0, generation = generation + 1, rows = (SELECT iif(kind = 'said', count(said_row),"
                " count(sound_row)) FROM windows)"
            )
        self._recover()
        return True


def row_column(kind: str) -> str:
    """The column of `windows` that holds the row in the vectors of this kind; raises ValueError when there is no such kind."""
    if kind not in KINDS:
        raise ValueError(f"there are no vectors of the kind {kind!r}")
    return "said_row" if kind == "said" else "sound_row"


def _tag_matrix(entries: Sequence[Entry], labels: Sequence[str]) -> FloatArray:
    """Probabilities (n_entries, n_labels) of the labels in their order."""
    scores = [{tag.label: tag.score for tag in entry.tags} for entry in entries]
    return np.array([[row.get(label, 0.0) for label in labels] for row in scores], np.float32)


def _insert(connection: sqlite3.Connection, file_id: int, entry: Entry, said_row: int | None, sound_row: int) -> None:
    """One window and its words."""
    words = [[round(word.start, 3), round(word.end, 3), word.text, round(word.prob, 3)] for word in entry.words]
    tags = [[tag.label, round(tag.score, 5)] for tag in entry.tags]
    columns = (
        file_id,
        entry.window.start,
        entry.window.end,
        entry.text,
        json.dumps(words, ensure_ascii=False, separators=(",", ":")),
        entry.loudness_dbfs,
        json.dumps(tags, ensure_ascii=False, separators=(",", ":")),
        entry.tags[0].label if entry.tags else "",
        said_row,
        sound_row,
    )
    window_id = connection.execute(
        "INSERT INTO windows (file_id, start, stop, text, words, loudness, tags, tag, said_row, sound_row)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        columns,
    ).lastrowid
    if entry.text:
        connection.execute("INSERT INTO spoken (rowid, text) VALUES (?, ?)", (window_id, schema.searchable(entry.text)))
