"""Sentences from a file that a visitor brings: one a line, or a column of a table."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from mm_demos.errors import InvalidInputError
from mm_demos.media.files import existing_file, shown

MAX_BYTES = 5_000_000
COLUMNS = ("sentence", "text", "caption", "title", "description")  # in order of preference
TABLES = {".csv": ",", ".tsv": "\t"}


def sentences_in(path: str | Path) -> list[str]:
    """The lines of a text file, or the cells of a table's column called sentence, text, caption …, or else of its first one.

    Raises:
        InvalidInputError: too large, or no text.
    """
    file = existing_file(path, "list of sentences")
    if file.stat().st_size > MAX_BYTES:
        raise InvalidInputError(f"{shown(file.name)} has more than {MAX_BYTES // 1_000_000} MB: split it.")
    content = file.read_bytes()
    if b"\0" in content:
        raise InvalidInputError(f"{shown(file.name)} is not plain text: save the sentences as a TXT or CSV file in UTF-8.")
    text = content.decode("utf-8-sig", "replace")
    delimiter = TABLES.get(file.suffix.lower())
    return _column(text, delimiter) if delimiter is not None else text.splitlines()


def _column(text: str, delimiter: str) -> list[str]:
    first_line = text.partition("\n")[0]
    if delimiter == "," and first_line.count(";") > first_line.count(","):
        delimiter = ";"  # as spreadsheets write where the comma is the decimal sign
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row]
    except csv.Error as error:
        raise InvalidInputError(f"The table cannot be read ({error}): save it as CSV again.") from None
    head = [cell.strip().lower() for cell in rows[0]] if rows else []
    known = [name for name in COLUMNS if name in head]
    column = head.index(known[0]) if known else 0
    return [row[column] for row in rows[1 if known else 0 :] if len(row) > column]
