"""What a visitor downloads: tables that no spreadsheet executes, JSON, plain text."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from typing import Any

from mm_demos.results import as_dict

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_text(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A CSV table; text that a spreadsheet would take for a formula gets an apostrophe (CWE-1236)."""
    sheet = io.StringIO(newline="")
    writer = csv.writer(sheet)
    writer.writerow(header)
    writer.writerows([_plain(cell) for cell in row] for row in rows)
    return sheet.getvalue()


def json_text(result: Any) -> str:
    """A result as indented JSON."""
    return json.dumps(as_dict(result), ensure_ascii=False, indent=2) + "\n"


def _plain(cell: object) -> object:
    if isinstance(cell, str) and cell.startswith(_FORMULA):
        return f"'{cell}"
    return round(cell, 4) if isinstance(cell, float) else cell
