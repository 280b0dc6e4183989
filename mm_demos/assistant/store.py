"""Conversations and what their readers thought of the answers, in one SQLite file that outlives the page."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from mm_demos.assistant.types import Conversation, Exchange, Message, Reply
from mm_demos.errors import InvalidInputError
from mm_demos.settings import settings

DATABASE, MEDIA = "conversations.sqlite", "media"
MAX_CONVERSATIONS = 200  # older ones make room
MAX_TITLE_CHARS, MAX_REASON_CHARS = 80, 300
NUMBER = re.compile(r"[\w-]{1,64}", re.ASCII)
BUSY_SECONDS = 10.0  # how long a writer waits for another
SCHEMA = (
    "CREATE TABLE IF NOT EXISTS conversation (number TEXT PRIMARY KEY, title TEXT NOT NULL, changed REAL NOT NULL)",
    "CREATE TABLE IF NOT EXISTS turn (conversation TEXT NOT NULL REFERENCES conversation (number) ON DELETE CASCADE, "
    "place INTEGER NOT NULL, message TEXT NOT NULL, reply TEXT NOT NULL, spoken INTEGER NOT NULL, liked INTEGER, "
    "reason TEXT NOT NULL, PRIMARY KEY (conversation, place))",
    "CREATE TABLE IF NOT EXISTS feedback (key TEXT PRIMARY KEY, question TEXT NOT NULL, answer TEXT NOT NULL, "
    "sources TEXT NOT NULL, liked INTEGER NOT NULL, reason TEXT NOT NULL, time TEXT NOT NULL)",
)


@dataclass(frozen=True, slots=True)
class Kept:
    """One turn as it is stored.

    Args:
        spoken: the message was dictated.
        liked: what the reader thought of the reply; None when nothing was said.
        reason: why it was not liked; may be empty.
    """

    message: Message
    reply: Reply
    spoken: bool = False
    liked: bool | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Summary:
    """A stored conversation in a list; `title` is its first message, `changed` seconds since 1970."""

    number: str
    title: str
    turns: int
    changed: float


@dataclass(frozen=True, slots=True)
class Feedback:
    """What a reader said of one answer; it stays when the conversation goes on differently or is deleted.

    Args:
        sources: names of the documents that the answer quoted.
        time: ISO 8601 in UTC.
    """

    question: str
    answer: str
    sources: tuple[str, ...]
    liked: bool
    reason: str
    time: str


class ConversationStore:
    """A folder with a database and copies of the pictures and recordings, so that conversations outlive the uploads.

    Args:
        folder: made when the first conversation is kept; the user's own by default, a visitor's where the page is public.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or settings().data_dir / "assistant"

    def keep(self, number: str, turns: Sequence[Kept]) -> None:
        """Store a conversation as it is now, in place of what was stored under this number; without turns it is forgotten.

        Raises:
            InvalidInputError: the number has other characters than letters, digits, "-" and "_".
        """
        if not NUMBER.fullmatch(number):
            raise InvalidInputError("The number of a conversation has 1 to 64 letters, digits, hyphens or underscores.")
        if not turns:
            self.delete(number)
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        first = turns[0]
        title = " ".join((first.message.text or first.reply.transcript or "A picture").split())[:MAX_TITLE_CHARS]
        with self._connected() as database:
            database.execute("DELETE FROM turn WHERE conversation = ?", (number,))  # from here on no other writes or tidies
            rows = [(number, place, *self._row(turn)) for place, turn in enumerate(turns)]
            database.execute("INSERT OR REPLACE INTO conversation VALUES (?, ?, ?)", (number, title, time.time()))
            database.executemany("INSERT INTO turn VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
            surplus = "SELECT number FROM conversation ORDER BY changed DESC, rowid DESC LIMIT -1 OFFSET ?"
            gone = database.execute(f"DELETE FROM conversation WHERE number IN ({surplus})", (MAX_CONVERSATIONS,))  # noqa: S608
            if gone.rowcount:
                self._tidy(database)

    def conversations(self) -> tuple[Summary, ...]:
        """All that are stored, newest first."""
        rows = self._read(
            "SELECT number, title, (SELECT count(*) FROM turn WHERE conversation = number), changed FROM conversation "
            "ORDER BY changed DESC, rowid DESC"
        )
        return tuple(Summary(*row) for row in rows)

    def turns(self, number: str) -> tuple[Kept, ...]:
        """A conversation's turns, oldest first; empty when there is none of this number. Files that are gone are left out."""
        sql = "SELECT message, reply, spoken, liked, reason FROM turn WHERE conversation = ? ORDER BY place"
        return tuple(self._kept(*row) for row in self._read(sql, number))

    def conversation(self, number: str) -> Conversation:
        """A stored conversation as the task takes it."""
        return Conversation(tuple(Exchange(turn.message, turn.reply) for turn in self.turns(number)))

    def delete(self, number: str) -> None:
        """Forget a conversation and the files that no other one has; what was said of its answers stays."""
        if self._exists():
            with self._connected() as database:
                database.execute("DELETE FROM conversation WHERE number = ?", (number,))
                self._tidy(database)

    def clear(self) -> None:
        """Forget everything, feedback too."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def rate(self, number: str, turn: Kept) -> None:
        """Note what a reader thinks of an answer; the last word counts, and `liked=None` takes it back.

        Raises:
            InvalidInputError: the reason is too long.
        """
        if len(turn.reason) > MAX_REASON_CHARS:
            raise InvalidInputError(f"The reason is too long: write at most {MAX_REASON_CHARS} characters.")
        question = turn.message.text or turn.reply.transcript
        key = hashlib.sha256("\0".join((number, question, turn.reply.text)).encode()).hexdigest()
        sources = json.dumps(list(dict.fromkeys(source.span.source for source in turn.reply.sources)), ensure_ascii=False)
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._connected() as database:
            database.execute("DELETE FROM feedback WHERE key = ?", (key,))
            if turn.liked is not None:
                values = (key, question, turn.reply.text, sources, int(turn.liked), turn.reason, now)
                database.execute("INSERT INTO feedback VALUES (?, ?, ?, ?, ?, ?, ?)", values)

    def feedback(self) -> tuple[Feedback, ...]:
        """Everything that was said of answers, oldest first."""
        rows = self._read("SELECT question, answer, sources, liked, reason, time FROM feedback ORDER BY rowid")
        return tuple(Feedback(row[0], row[1], tuple(json.loads(row[2])), bool(row[3]), row[4], row[5]) for row in rows)

    def _row(self, turn: Kept) -> tuple[Any, ...]:
        """A turn's columns after its place."""
        message = turn.message
        parts = {
            "text": message.text,
            "images": [[self._copied(path), path.name] for path in message.images if path.is_file()],
            "audio": self._copied(message.audio) if message.audio is not None and message.audio.is_file() else None,
        }
        liked = None if turn.liked is None else int(turn.liked)
        reply = _replies().dump_json(turn.reply, warnings=False).decode()
        return json.dumps(parts, ensure_ascii=False), reply, int(turn.spoken), liked, turn.reason

    def _kept(self, message: str, reply: str, spoken: int, liked: int | None, reason: str) -> Kept:
        parts = json.loads(message)
        images = tuple(path for name, _ in parts["images"] if (path := self.folder / MEDIA / name).is_file())
        audio = self.folder / MEDIA / parts["audio"] if parts["audio"] else None
        said = Message(parts["text"], images, audio if audio is not None and audio.is_file() else None)
        answer = replace(_replies().validate_json(reply), done=True)  # an answer that was stopped does not go on growing
        return Kept(said, answer, bool(spoken), None if liked is None else bool(liked), reason)

    def _copied(self, path: Path) -> str:
        """The name of a copy of a file, which is its content's hash."""
        name = hashlib.sha256(path.read_bytes()).hexdigest()[:32] + path.suffix.lower()[:10]
        target = self.folder / MEDIA / name
        if not target.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
        return name

    def _tidy(self, database: sqlite3.Connection) -> None:
        """Delete copies that no stored message names."""
        named = "\n".join(row[0] for row in database.execute("SELECT message FROM turn"))
        for path in (self.folder / MEDIA).glob("*"):
            if path.name not in named:
                path.unlink(missing_ok=True)

    def _exists(self) -> bool:
        return (self.folder / DATABASE).is_file()

    def _read(self, sql: str, *values: str) -> list[tuple[Any, ...]]:
        if not self._exists():
            return []
        with self._connected() as database:
            return database.execute(sql, values).fetchall()

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        """A transaction; a file that is no such database is said so."""
        try:
            with closing(sqlite3.connect(self.folder / DATABASE, timeout=BUSY_SECONDS)) as database, database:
                database.execute("PRAGMA foreign_keys = ON")
                for statement in SCHEMA:
                    database.execute(statement)
                yield database
        except sqlite3.DatabaseError as error:
            raise InvalidInputError(
                f"The conversations in {self.folder.name} cannot be used ({error}): delete {DATABASE} there."
            ) from error


@lru_cache(maxsize=1)
def _replies() -> Any:
    """What turns a reply into JSON and back."""
    from pydantic import TypeAdapter

    return TypeAdapter(Reply)
