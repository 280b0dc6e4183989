"""What a visitor downloads: tables that no spreadsheet executes, JSON, plain text."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from mm_demos.results import as_dict

FILE_DATA = {"_type": "gradio.FileData"}  # by which Gradio and its clients know a file inside JSON
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


def offered(component: gr.JSON, path: str) -> dict[str, Any]:
    """A file that can be downloaded from Gradio's cache until that is emptied; Gradio does not look for files inside JSON."""
    kept = str(component.move_resource_to_block_cache(path))
    return {"path": kept, "url": f"/gradio_api/file={kept}", "orig_name": Path(path).name, "meta": FILE_DATA}


def _plain(cell: object) -> object:
    if isinstance(cell, str) and cell.startswith(_FORMULA):
        return f"'{cell}"
    return round(cell, 4) if isinstance(cell, float) else cell
