"""What a reader takes out of a table's file, within the limits of all tables; and what a file is by its first bytes."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mm_demos.errors import InvalidInputError
from mm_demos.media.files import shown

MAX_BYTES = 200_000_000  # of text
MAX_ROWS = 200_000
MAX_COLUMNS = 500
MAX_NAME_CHARS = 200

MAGIC = (
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"PAR1", "parquet"),
    (b"ARROW1", "arrow"),
    (b"\xff\xff\xff\xff", "arrow"),
    (b"\x1f\x8b", "gzip"),
    (b"\xd0\xcf\x11\xe0", "excel"),
)
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
# Protocol 0 is text, e.g. "cos\nsystem\n(S'…"; later protocols begin with their number.
OLD_PICKLE = re.compile(rb"(c[\w.]+\n\w+\n|\([lidp]|[\]}(]?[lcdp]p?[01]?\n|ccopy_reg\n)")
NEW_PICKLE = re.compile(rb"\x80[\x02-\x05]", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Contents:
    """Columns and cells of a table; `unpacked` is the folder of media that were in it."""

    columns: tuple[str, ...]
    records: list[Mapping[str, str | None]]
    unpacked: Path | None = None


def kind_of(file: Path) -> str:
    """ "zip", "parquet", "pickle", …, "binary", or "" for what may be text."""
    with file.open("rb") as stream:
        head = stream.read(4096)
    for magic, kind in MAGIC:
        if head.startswith(magic):
            return kind
    if NEW_PICKLE.match(head) or OLD_PICKLE.match(head):
        return "pickle"
    if head.lstrip().lower().startswith((b"<!doctype", b"<html")):
        return "web page"
    return "binary" if b"\0" in head and not head.startswith(UTF16_MARKS) else ""


def check_size(file: Path) -> None:
    """Refuse a table of text that is larger than any table should be."""
    size = file.stat().st_size
    if size > MAX_BYTES:
        raise InvalidInputError(
            f"{shown(file.name)} has {size / 1e6:,.0f} MB and the limit is {MAX_BYTES // 1_000_000} MB: split it."
        )


def check_rows(count: int, name: str) -> None:
    """Refuse more rows than a laptop trains on."""
    if count > MAX_ROWS:
        raise InvalidInputError(f"{shown(name)} has more than {MAX_ROWS:,} rows: take a sample of them.")


def named(cells: list[str], name: str) -> tuple[str, ...]:
    """Names of columns as given, with a number where there is none.

    Raises:
        InvalidInputError: too many, too long, or one twice.
    """
    if len(cells) > MAX_COLUMNS:
        raise InvalidInputError(f"{shown(name)} has {len(cells):,} columns and the limit is {MAX_COLUMNS}: keep those you need.")
    names = [(as_text(cell) or f"column {number}") for number, cell in enumerate(cells, 1)]
    for number, column in enumerate(names):
        if len(column) > MAX_NAME_CHARS:
            raise InvalidInputError(f"{shown(name)} does not begin with names of columns: put text, image, audio, label first.")
        if column in names[:number]:
            raise InvalidInputError(f"{shown(name)} has two columns {shown(column)!r}: give each its own name.")
    return tuple(names)


def as_text(value: object) -> str | None:
    """A cell of a typed table as text; None for nothing, a whole number without its ".0", valid Unicode."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer() and abs(value) < 1 << 53:
        return str(int(value))
    return str(value).encode("utf-16", "surrogatepass").decode("utf-16", "replace").strip() or None
