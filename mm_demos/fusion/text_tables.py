"""Tables written as text: delimited (CSV, TSV) in the encodings and dialects that spreadsheets write, JSON, JSON Lines."""

from __future__ import annotations

import codecs
import csv
import io
import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mm_demos.errors import InvalidInputError
from mm_demos.fusion.contents import Contents, as_text, check_rows, check_size, named
from mm_demos.media.files import shown

DELIMITERS = (",", ";", "\t", "|")
SNIFFED_LINES = 30
PAIRS = re.compile(rb"[\x81-\xfe][\xa1-\xfe]")  # a Chinese character in GB 2312, and in most of GBK


def read_delimited(file: Path) -> Contents:
    """A table with the names of its columns in the first line; cells may be quoted and hold line breaks.

    Raises:
        InvalidInputError: too large, not text, or lines with more cells than there are names.
    """
    text = _text(file)
    records = _lines(text, _delimiter(text, file.suffix.lower()), file.name)
    head = next((cells for _, cells in records), None)
    if head is None:
        raise InvalidInputError(f"{shown(file.name)} is empty: put the names of the columns in its first line.")
    while head and not head[-1].strip():
        head.pop()
    columns = named(head, file.name)
    rows: list[Mapping[str, str | None]] = []
    for line, cells in records:
        if any(cell.strip() for cell in cells[len(columns) :]):
            raise InvalidInputError(
                f"Line {line} of {shown(file.name)} has {len(cells)} cells and the first line names {len(columns)}: "
                "put cells that hold the delimiter into double quotes."
            )
        rows.append(
            {name: cell.strip() or None for name, cell in itertools.zip_longest(columns, cells[: len(columns)], fillvalue="")}
        )
        check_rows(len(rows), file.name)
    return Contents(columns, rows)


def read_json_lines(file: Path) -> Contents:
    """One JSON object a line.

    Raises:
        InvalidInputError: too large, not text, or a line that is no object.
    """
    lines = ((number, line) for number, line in enumerate(_text(file).split("\n"), 1) if line.strip())
    return _objects(((f"Line {number} of {shown(file.name)}", _parsed(line)) for number, line in lines), file.name)


def read_json(file: Path) -> Contents:
    """A JSON list of objects; a file that is JSON Lines in truth is read as such.

    Raises:
        InvalidInputError: too large, not text, or no list of objects.
    """
    value = _parsed(_text(file))
    if not isinstance(value, list):
        if isinstance(value, dict) or value is _NOT_JSON:
            return read_json_lines(file)
        raise InvalidInputError(f"{shown(file.name)} is not a list of rows: write [{{…}}, {{…}}] with one object per row.")
    return _objects(((f"Row {number} of {shown(file.name)}", item) for number, item in enumerate(value, 1)), file.name)


_NOT_JSON = object()


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):  # numbers of thousands of digits and deep nesting are no tables either
        return _NOT_JSON


def _objects(items: Iterable[tuple[str, Any]], name: str) -> Contents:
    records: list[Mapping[str, str | None]] = []
    columns: dict[str, None] = {}
    names: tuple[str, ...] = ()
    for where, item in items:
        if not isinstance(item, dict):
            raise InvalidInputError(f'{where} is not a JSON object: write one per row, like {{"text": "…", "label": "…"}}.')
        if not item.keys() <= columns.keys():
            columns |= dict.fromkeys(item)
            names = named(list(columns), name)
        records.append({key: _cell(value) for key, value in item.items()})
        check_rows(len(records), name)
    pairs = tuple(zip(names, columns, strict=True))
    return Contents(names, [{column: record.get(key) for column, key in pairs} for record in records])


def _cell(value: Any) -> str | None:
    if isinstance(value, dict) and isinstance(value.get("path"), str):
        return as_text(value["path"])  # a medium as Hugging Face writes it
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else as_text(value)


def _text(file: Path) -> str:
    check_size(file)
    content = file.read_bytes()
    encoding = _encoding(content)
    text = content.decode(encoding, "replace").replace("\r\n", "\n").replace("\r", "\n")
    if "\0" in text:
        raise InvalidInputError(f"{shown(file.name)} is not plain text: save the table as CSV in UTF-8.")
    return text


def _encoding(content: bytes) -> str:
    """UTF-8 where it is; else that of Excel on a Chinese Windows, where bytes come in pairs; else that of a western one."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if _decodes(content, "utf-8-sig"):
        return "utf-8-sig"
    high_bytes = len(content.translate(None, bytes(range(0x80))))
    chinese = 2 * len(PAIRS.findall(content)) > 0.8 * high_bytes
    return "gb18030" if chinese and _decodes(content, "gb18030") else "cp1252"


def _decodes(content: bytes, encoding: str) -> bool:
    try:
        content.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _delimiter(text: str, suffix: str) -> str:
    """The sign that cuts most of the first lines into as many cells as the first one, and into more than one."""
    start = "".join(itertools.islice(io.StringIO(text), SNIFFED_LINES))

    def fit(delimiter: str) -> tuple[float, int]:
        try:
            widths = [len(cells) for cells in csv.reader(io.StringIO(start), delimiter=delimiter) if cells]
        except csv.Error:
            return 0.0, 0
        if not widths or widths[0] < 2:
            return 0.0, 0
        return sum(width == widths[0] for width in widths) / len(widths), widths[0]

    order = ("\t", *DELIMITERS) if suffix in {".tsv", ".tab"} else DELIMITERS
    return max(order, key=fit)  # the first of equals


def _lines(text: str, delimiter: str, name: str) -> Iterator[tuple[int, list[str]]]:
    """Number of the line a row ends in, and its cells; empty lines are no rows."""
    reader = csv.reader(io.StringIO(text), delimiter=delimiter)
    try:
        for cells in reader:
            if cells:
                yield reader.line_num, cells
    except csv.Error as error:
        raise InvalidInputError(
            f"Line {reader.line_num} of {shown(name)} cannot be read ({error}): check its double quotes and save it as CSV again."
        ) from None
