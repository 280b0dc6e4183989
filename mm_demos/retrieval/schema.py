"""The tables of a library, and how its database is opened."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

from mm_demos.errors import InvalidInputError
from mm_demos.retrieval.windows import UNSPACED

VERSION = 1
BUSY_SECONDS = 30.0
FILE_NAME = "library.sqlite"

# `vectors`: how many rows of each file count (`rows`), how many of those nobody refers to any more (`dead`), and the number in
# the file's name (`generation`). Full text has a table of its own because its words are cut differently, see `searchable`.
TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE files (
    id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, digest TEXT NOT NULL, seconds REAL NOT NULL, language TEXT NOT NULL,
    size INTEGER NOT NULL, changed_ns INTEGER NOT NULL
);
CREATE TABLE faults (path TEXT PRIMARY KEY, sentence TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE windows (
    id INTEGER PRIMARY KEY, file_id INTEGER NOT NULL, start REAL NOT NULL, stop REAL NOT NULL, text TEXT NOT NULL,
    words TEXT NOT NULL, loudness REAL NOT NULL, tags TEXT NOT NULL, tag TEXT NOT NULL, said_row INTEGER, sound_row INTEGER
);
CREATE TABLE vectors (
    kind TEXT PRIMARY KEY, dim INTEGER NOT NULL, rows INTEGER NOT NULL, dead INTEGER NOT NULL, generation INTEGER NOT NULL
) WITHOUT ROWID;
CREATE VIRTUAL TABLE spoken USING fts5(text, tokenize='porter unicode61 remove_diacritics 2');
CREATE INDEX files_digest ON files (digest);
CREATE INDEX windows_file ON windows (file_id);
CREATE UNIQUE INDEX windows_said ON windows (said_row);
CREATE UNIQUE INDEX windows_sound ON windows (sound_row);
"""

# English words that nearly every window has: looking them up costs time and tells nothing.
COMMON = frozenset(
    "a an and are as at be by for from had has have he her his i in into is it its of on or she some that the their them then"
    " there they this to up was we were which while with you your".split()
)


def connect(folder: Path, shown_name: str) -> sqlite3.Connection:
    """Open the database in `folder`, making its tables if they are not there.

    Raises:
        InvalidInputError: the file is damaged, of a newer version, or the folder cannot be written.
    """
    try:
        connection = sqlite3.connect(folder / FILE_NAME, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    except sqlite3.Error as error:
        raise InvalidInputError(f"The library {shown_name} cannot be opened in {folder}: {error}.") from None
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")  # a committed file survives a power cut, too
        version = _prepare(connection)
    except sqlite3.DatabaseError as error:
        connection.close()
        raise InvalidInputError(f"The library {shown_name} is damaged ({error}): delete its folder and index again.") from None
    if version != VERSION:
        connection.close()
        raise InvalidInputError(f"The library {shown_name} was made by another version of this program: index into a new one.")
    return connection


def _prepare(connection: sqlite3.Connection) -> int:
    """Make the tables in a new file; the version of the tables there are."""
    if version := _version(connection):
        return version
    connection.execute("BEGIN IMMEDIATE")  # of two processes that come at once, the second finds the tables made
    try:
        if not _version(connection):
            for statement in TABLES.split(";\n"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {VERSION}")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
    return _version(connection)


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def searchable(text: str) -> str:
    """Text as full text is cut into words: characters of scripts without spaces stand alone."""
    return re.sub(rf"({UNSPACED.pattern})", r" \1 ", text)


def telling_words(text: str) -> list[str]:
    """Words of `text` in lower case, each once, without those that nearly every window has, unless it has no others."""
    words = list(dict.fromkeys(re.findall(r"\w+", searchable(text).lower())))
    return [word for word in words if word not in COMMON] or words


def match_expression(text: str) -> str:
    """The FTS5 expression that finds any telling word of `text`; empty when it has none."""
    return " OR ".join(f'"{word}"' for word in telling_words(text))
