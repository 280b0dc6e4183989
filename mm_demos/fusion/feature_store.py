"""Frozen features kept on disk by what they were made of, so that nothing is looked at or listened to twice."""

from __future__ import annotations

import hashlib
import logging
import sqlite3
import time
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mm_demos.settings import settings

if TYPE_CHECKING:
    from types import TracebackType

    from mm_demos.fusion.types import Encoder
    from mm_demos.models.protocols import FloatArray

logger = logging.getLogger(__name__)

FILE_NAME = "studio-features.sqlite"
MAX_BYTES = 512_000_000  # about 50,000 rows of three modalities; what was not used for longest goes first
KEPT_SHARE = 0.9  # of the bound, after something had to go: so that it need not go one by one
ROW_BYTES = 150  # of a key and its place in two indexes
PENDING = 64  # vectors written in one transaction
BUSY_SECONDS = 30.0
SCHEMA = """
CREATE TABLE IF NOT EXISTS features (key TEXT PRIMARY KEY, vector BLOB, checksum INTEGER, size INTEGER, used REAL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS features_by_use ON features (used, size);
"""
TRIM = """
DELETE FROM features WHERE key IN (
    SELECT key FROM (SELECT key, SUM(size) OVER (ORDER BY used DESC, key) AS so_far FROM features) WHERE so_far > ?
)
"""


def feature_key(digest: str, encoder: Encoder, change: str = "") -> str:
    """Name of a vector: hex sha256.

    Args:
        digest: of the text, or of the bytes of the picture or recording.
        encoder: name and revision count.
        change: how the input was augmented; empty as it is.
    """
    return hashlib.sha256("\n".join([digest, encoder.name, encoder.revision, change]).encode()).hexdigest()


class FeatureStore:
    """Vectors by key in one file that all runs of this user share; a context manager.

    Several processes may write at once. A vector that does not fit its checksum counts as missing, a file that is damaged is
    begun anew, and one that cannot be written is done without: a cache is never a reason to fail.

    Args:
        file: SQLite file; in the cache folder by default.
        max_bytes: bound of what is kept.
    """

    def __init__(self, file: Path | None = None, *, max_bytes: int = MAX_BYTES) -> None:
        self._file = file or settings().cache_dir / FILE_NAME
        self._max_bytes = max_bytes
        self._pending: dict[str, FloatArray] = {}
        self._used: set[str] = set()
        self._connection = self._open()

    def __enter__(self) -> FeatureStore:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()

    def find(self, key: str) -> FloatArray | None:
        """The vector (dim,) of this key, if it is kept and whole."""
        if key in self._pending:
            return self._pending[key]
        if self._connection is None:
            return None
        query = "SELECT vector, checksum FROM features WHERE key = ?"
        try:
            found = self._connection.execute(query, (key,)).fetchone()
        except sqlite3.DatabaseError as error:
            self._recover(error)
            return None
        if found is None or not isinstance(found[0], bytes) or _checksum(key, found[0]) != found[1]:
            return None
        self._used.add(key)
        return np.frombuffer(found[0], np.float32)

    def keep(self, key: str, vector: FloatArray) -> None:
        """Keep a vector (dim,); it is on disk after a while, and at the latest when the store closes."""
        self._pending[key] = np.ascontiguousarray(vector, np.float32)
        if len(self._pending) >= PENDING:
            self.flush()

    def flush(self) -> None:
        """Write what waits, note what was used, and let go of what was not used for longest."""
        pending, used = self._pending, self._used
        self._pending, self._used = {}, set()
        if self._connection is None or not (pending or used):
            return
        try:
            self._write(self._connection, pending, used)
        except sqlite3.DatabaseError as error:
            self._recover(error)

    def close(self) -> None:
        """Write what waits and give the file back."""
        self.flush()
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _write(self, connection: sqlite3.Connection, pending: dict[str, FloatArray], used: set[str]) -> None:
        now = time.time()
        rows = [_row(key, vector.tobytes(), now) for key, vector in pending.items()]
        with connection:
            connection.executemany("INSERT OR REPLACE INTO features VALUES (?, ?, ?, ?, ?)", rows)
            connection.executemany("UPDATE features SET used = ? WHERE key = ?", [(now, key) for key in used])
            (size,) = connection.execute("SELECT COALESCE(SUM(size), 0) FROM features").fetchone()
            if size > self._max_bytes:
                connection.execute(TRIM, (int(self._max_bytes * KEPT_SHARE),))

    def _open(self) -> sqlite3.Connection | None:
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            return self._connect()
        except (sqlite3.OperationalError, OSError) as error:
            self._do_without(error)
        except sqlite3.DatabaseError:
            return self._anew()
        return None

    def _anew(self) -> sqlite3.Connection | None:
        """An empty file in place of one that is damaged."""
        try:
            self._file.unlink(missing_ok=True)
            return self._connect()
        except (sqlite3.Error, OSError) as error:
            self._do_without(error)
        return None

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._file, timeout=BUSY_SECONDS)
        try:
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.executescript(SCHEMA)
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def _recover(self, error: sqlite3.DatabaseError) -> None:
        """Go on with an empty file after damage, without any after another fault: a full disk, a file that stays locked."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if isinstance(error, sqlite3.OperationalError):
            self._do_without(error)
        else:
            self._connection = self._anew()

    def _do_without(self, error: Exception) -> None:
        logger.warning("Features are not kept between runs: %s cannot be used (%s).", self._file, error)


def _row(key: str, vector: bytes, now: float) -> tuple[str, bytes, int, int, float]:
    return key, vector, _checksum(key, vector), len(vector) + ROW_BYTES, now


def _checksum(key: str, vector: bytes) -> int:
    """Of both, so that a vector under another's key is found out too."""
    return zlib.crc32(vector, zlib.crc32(key.encode()))
