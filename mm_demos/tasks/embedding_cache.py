"""Embeddings of pictures kept on disk by content, so that a folder searched again is not embedded again."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mm_demos.models.catalog import revision_of
from mm_demos.models.protocols import FloatArray
from mm_demos.settings import settings

logger = logging.getLogger(__name__)

FILE_NAME = "picture-embeddings.sqlite"
MAX_ROWS = 100_000  # about 200 MB; the oldest go first
BUSY_SECONDS = 5.0
TABLE = "CREATE TABLE IF NOT EXISTS embeddings (model TEXT, digest TEXT, vector BLOB, UNIQUE (model, digest) ON CONFLICT REPLACE)"


class EmbeddingCache:
    """The embeddings of one model, in a file shared by all runs of this user.

    A file that is damaged is begun anew, and one that cannot be written is done without: a cache is never a reason to fail.

    Args:
        model: name of the joint embedder.
        file: SQLite file; in the cache folder by default.
    """

    def __init__(self, model: str, file: Path | None = None) -> None:
        self._key = f"{model}@{revision_of(model)}"
        self._file = file or settings().cache_dir / FILE_NAME
        self._connection = self._open()

    def find(self, digest: str) -> FloatArray | None:
        """The embedding (dim,) of the picture with this content, if it is kept."""
        if self._connection is None:
            return None
        query = "SELECT vector FROM embeddings WHERE model = ? AND digest = ?"
        try:
            row = self._connection.execute(query, (self._key, digest)).fetchone()
        except sqlite3.Error as error:
            self._do_without(error)
            return None
        return np.frombuffer(row[0], np.float32) if row else None

    def keep(self, rows: Sequence[tuple[str, FloatArray]]) -> None:
        """Keep embeddings by digest."""
        if self._connection is None:
            return
        values = [(self._key, digest, np.asarray(vector, np.float32).tobytes()) for digest, vector in rows]
        try:
            with self._connection as transaction:
                transaction.executemany("INSERT INTO embeddings VALUES (?, ?, ?)", values)
                transaction.execute("DELETE FROM embeddings WHERE rowid <= (SELECT max(rowid) FROM embeddings) - ?", (MAX_ROWS,))
        except sqlite3.Error as error:
            self._do_without(error)

    def close(self) -> None:
        """Give the file back."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> sqlite3.Connection | None:
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            return self._connect()
        except (sqlite3.OperationalError, OSError) as error:
            self._do_without(error)
        except sqlite3.DatabaseError:
            self._file.unlink(missing_ok=True)
            return self._connect()
        return None

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._file, timeout=BUSY_SECONDS)
        try:
            connection.execute(TABLE)
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def _do_without(self, error: Exception) -> None:
        logger.warning("Embeddings are not kept between runs: %s cannot be used (%s).", self._file, error)
        self._connection = None
