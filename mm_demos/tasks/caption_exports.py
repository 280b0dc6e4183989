"""Captions of many pictures as CSV, JSON lines, one text file per picture, and a ZIP with all of it."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from mm_demos.tasks.caption_batch import Batch, Item
from mm_demos.tasks.transcript_formats import one_line, safe_cell, safe_name, unique_name

COLUMNS = ("picture", "caption", "score", "edited", "error")


@dataclass(frozen=True, slots=True)
class Line:
    """One picture of a batch, as it is exported.

    Args:
        picture: its file name.
        caption: the best caption, or the visitor's own words; empty when there is none.
        score: image–text similarity of the best caption, the cosine in [-1, 1]; None when there is none or it was edited.
        edited: the visitor changed the caption.
        others: the other captions, best first.
        error: why there is no caption.
    """

    picture: str
    caption: str
    score: float | None = None
    edited: bool = False
    others: tuple[str, ...] = ()
    error: str = ""


def lines(batch: Batch, texts: Mapping[int, str] | None = None) -> tuple[Line, ...]:
    """A line per picture.

    Args:
        batch: the captions as the models wrote them.
        texts: the visitor's captions by number of the picture, from 0; a picture without a caption may get one too.
    """
    return tuple(_line(item, (texts or {}).get(number)) for number, item in enumerate(batch.items))


def _line(item: Item, text: str | None) -> Line:
    captions = item.captioning.captions if item.captioning is not None else ()
    best = captions[0] if captions else None
    written = one_line(text) if text is not None else None
    if written is None or (best is not None and written == best.text):
        score = round(best.score, 4) if best else None
        return Line(item.input, best.text if best else "", score, False, tuple(other.text for other in captions[1:]), item.error)
    score = next((round(caption.score, 4) for caption in captions if caption.text == written), None)
    return Line(item.input, written, score, True, tuple(c.text for c in captions if c.text != written), item.error)


def csv_table(rows: Sequence[Line]) -> str:
    """A table of `COLUMNS`; text that a spreadsheet would take for a formula gets an apostrophe (CWE-1236)."""
    sheet = io.StringIO(newline="")
    writer = csv.writer(sheet)
    writer.writerow(COLUMNS)
    for row in rows:
        score = "" if row.score is None else row.score
        writer.writerow(
            [safe_cell(row.picture), safe_cell(row.caption), score, "yes" if row.edited else "", safe_cell(row.error)]
        )
    return sheet.getvalue()


def json_lines(rows: Sequence[Line]) -> str:
    """A JSON object per picture and line."""
    return "".join(json.dumps(asdict(row), ensure_ascii=False) + "\n" for row in rows)


def text_files(rows: Sequence[Line]) -> bytes:
    """A ZIP with one .txt per captioned picture, named as the picture: what trainers of image models read."""
    return _zipped(_texts(rows))


def archive(rows: Sequence[Line]) -> bytes:
    """A ZIP with the table, the JSON lines, and the text files in a folder."""
    texts = {f"captions/{name}": text for name, text in _texts(rows).items()}
    return _zipped({"captions.csv": csv_table(rows), "captions.jsonl": json_lines(rows), **texts})


def _texts(rows: Sequence[Line]) -> dict[str, str]:
    """File names, safe and unique, with their content."""
    taken: set[str] = set()
    return {f"{unique_name(safe_name(row.picture), taken)}.txt": f"{row.caption}\n" for row in rows if row.caption}


def _zipped(files: Mapping[str, str]) -> bytes:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as file:
        for name, text in files.items():
            file.writestr(name, text)
    return memory.getvalue()
