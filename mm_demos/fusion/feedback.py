"""What users said about predictions: right or wrong, and the right label; a table that the next training can learn from."""

from __future__ import annotations

import csv
import hashlib
import shutil
import sqlite3
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from mm_demos.errors import InvalidInputError
from mm_demos.fusion.types import Row
from mm_demos.media.files import existing_file, sha256_of

DATABASE, MEDIA = "feedback.sqlite", "media"
COLUMNS = ("text", "image", "audio", "label", "predicted", "right", "model", "time")
MAX_LABEL_CHARS, MAX_TEXT_CHARS = 200, 100_000
FORMULA = ("=", "+", "-", "@", "\t", "\r")
BUSY_SECONDS = 10.0  # how long a writer waits for another
SCHEMA = """CREATE TABLE IF NOT EXISTS feedback (
    number INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, text TEXT, image TEXT, audio TEXT,
    label TEXT NOT NULL, predicted TEXT NOT NULL, correct INTEGER NOT NULL, model TEXT NOT NULL, time TEXT NOT NULL)"""


@dataclass(frozen=True, slots=True)
class Feedback:
    """What was said about one prediction.

    Args:
        row: what was classified; its label is the right one, empty when the user did not know it.
        predicted: by the model.
        right: the prediction was right.
        model: sha256 of the model's data, or its name.
        time: when it was said, ISO 8601 in UTC.
    """

    row: Row
    predicted: str
    right: bool
    model: str
    time: str


class FeedbackStore:
    """A folder with a database and copies of the media, so that feedback outlives the uploads it is about.

    Args:
        folder: made when the first feedback comes.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(
        self,
        *,
        predicted: str,
        right: bool,
        label: str = "",
        text: str | None = None,
        image: str | Path | None = None,
        audio: str | Path | None = None,
        model: str = "",
    ) -> None:
        """Note what a user said; about the same input, the last word counts.

        Args:
            label: the right one; may stay empty when the prediction was right, or when nobody knows.

        Raises:
            InvalidInputError: there is nothing the feedback is about, a file is not there, or a label is too long.
        """
        said = predicted if right else label.strip()
        text = text.strip()[:MAX_TEXT_CHARS] if text and text.strip() else None
        if text is None and image is None and audio is None:
            raise InvalidInputError("Feedback needs the text, picture or sound it is about: classify something first.")
        if len(said) > MAX_LABEL_CHARS or not predicted:
            raise InvalidInputError(f"A label has 1 to {MAX_LABEL_CHARS} characters: shorten it.")
        if not right and said == predicted:
            raise InvalidInputError("The right label is the one that was predicted: choose another, or say that it was right.")
        self.folder.mkdir(parents=True, exist_ok=True)
        kept = [self._kept(path) for path in (image, audio)]
        key = hashlib.sha256("\0".join((text or "", *kept)).encode()).hexdigest()
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        values = (key, text, *(name or None for name in kept), said, predicted, int(right), model, now)
        with self._connected() as database:
            database.execute(
                "INSERT OR REPLACE INTO feedback (key, text, image, audio, label, predicted, correct, model, time) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                values,
            )

    def all(self) -> tuple[Feedback, ...]:
        """Everything said so far, oldest first."""
        if not (self.folder / DATABASE).is_file():
            return ()
        with self._connected() as database:
            found = database.execute(
                "SELECT number, text, image, audio, label, predicted, correct, model, time FROM feedback ORDER BY number"
            ).fetchall()
        return tuple(self._feedback(*values) for values in found)

    def rows(self, labels: Collection[str] = ()) -> tuple[Row, ...]:
        """Rows that can be trained on: those whose right label is known and, when `labels` are given, among them."""
        known = [said.row for said in self.all() if said.row.label]
        return tuple(row for row in known if not labels or row.label in labels)

    def export(self, path: Path) -> Path:
        """Write everything as a CSV table, media by their absolute paths; it can itself be opened for a training.

        Text that a spreadsheet would take for a formula gets an apostrophe (CWE-1236).
        """
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            for said in self.all():
                row, verdict = said.row, "yes" if said.right else "no"
                cells = (
                    row.text or "",
                    row.image or "",
                    row.audio or "",
                    row.label,
                    said.predicted,
                    verdict,
                    said.model,
                    said.time,
                )
                writer.writerow([_safe(str(cell)) for cell in cells])
        return path

    def clear(self) -> None:
        """Forget everything."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def __len__(self) -> int:
        return len(self.all())

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        """A transaction; what is in the file and is no feedback is said so."""
        try:
            with closing(sqlite3.connect(self.folder / DATABASE, timeout=BUSY_SECONDS)) as database, database:
                database.execute(SCHEMA)
                yield database
        except sqlite3.DatabaseError as error:
            raise InvalidInputError(f"The feedback in {self.folder.name} cannot be used ({error}): delete the folder.") from error

    def _kept(self, path: str | Path | None) -> str:
        """The name of a copy of a file, which is its content's hash; empty for none."""
        if path is None:
            return ""
        source = existing_file(path, "file")
        name = hashlib.sha256(source.read_bytes()).hexdigest()[:32] + source.suffix.lower()
        target = self.folder / MEDIA / name
        if not target.is_file():
            target.parent.mkdir(exist_ok=True)
            shutil.copyfile(source, target)
        return name

    def _feedback(self, number: int, text: str | None, image: str | None, audio: str | None, *rest: str | int) -> Feedback:
        label, predicted, right, model, when = rest
        row = Row(number, str(label), text, self._place(image), self._place(audio))
        return Feedback(row, str(predicted), bool(right), str(model), str(when))

    def _place(self, name: str | None) -> Path | None:
        return self.folder / MEDIA / name if name else None


def same_content(rows: Sequence[Row], others: Sequence[Row]) -> frozenset[int]:
    """Places in `rows` of those whose text and media equal those of one of `others`, byte for byte."""
    known = {_content(row) for row in others}
    return frozenset(place for place, row in enumerate(rows) if _content(row) in known)


def _safe(cell: str) -> str:
    return f"'{cell}" if cell.startswith(FORMULA) else cell


def _content(row: Row) -> tuple[str, str, str]:
    return (row.text or "").strip(), _digest(row.image), _digest(row.audio)


def _digest(path: Path | None) -> str:
    return "" if path is None else sha256_of(path)
