"""Markdown and tables as parts: what a reader sees of them, under the headings above."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator

from mm_demos.assistant.documents import Part
from mm_demos.errors import InvalidInputError

MAX_ROWS = 20_000
MAX_COLUMNS = 100
MAX_CELL_CHARS = 4_000
JOIN = " › "
NAMING = frozenset({"name", "title", "product", "question", "topic", "term"})  # columns that say what a row is about
PICTURE_FILE = re.compile(r"[^\s:]+\.(?:png|jpe?g|webp|gif|svg)", re.IGNORECASE)
COMMENT = re.compile(r"<!--.*?(-->|\Z)", re.DOTALL)
FRONT_MATTER = re.compile(r"\A---[ \t]*\n.*?\n(---|\.\.\.)[ \t]*(\n|\Z)", re.DOTALL)
HEADING = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*\Z")
UNDERLINE = re.compile(r" {0,3}(=+|-+)[ \t]*\Z")
FENCE = re.compile(r" {0,3}(```+|~~~+)")
ITEM = re.compile(r"\A[ \t]*([-*+]|\d{1,9}[.)])[ \t]+")
RULE = re.compile(r" {0,3}([-*_])[ \t]*(?:\1[ \t]*){2,}\Z|[ \t]*\|?[ \t:|-]+\|[ \t:|-]*\Z")
# In this order: pictures to their description, links to their text, marks of emphasis and code to what they enclose.
INLINE = (
    (re.compile(r"!\[([^\]\n]*)\]\([^)\n]*\)"), r"\1"),
    (re.compile(r"\[([^\]\n]+)\](?:\([^)\n]*\)|\[[^\]\n]*\])"), r"\1"),
    (re.compile(r"<(https?://[^>\s]+|[^>\s@]+@[^>\s]+)>"), r"\1"),
    (re.compile(r"</?[A-Za-z][^<>\n]{0,500}>"), ""),
    (re.compile(r"(\*\*|__)(?=\S)([^\n]+?)(?<=\S)\1"), r"\2"),
    (re.compile(r"(?<![\w*])([*_])(?=\S)([^*_\n]+?)(?<=\S)\1(?![\w*])"), r"\2"),
    (re.compile(r"(`+)([^`\n]+)\1"), r"\2"),
    (re.compile(r"\\([!-/:-@\[-`{-~])"), r"\1"),
)


def markdown_parts(text: str) -> list[Part]:
    """One part for each heading with text under it; lines of a paragraph are joined, items of a list stand alone."""
    text = COMMENT.sub("", FRONT_MATTER.sub("", text.replace("\r\n", "\n").replace("\r", "\n")))
    parts: list[Part] = []
    above: list[str] = []
    for level, title, lines in _headed(text.split("\n")):
        if level:
            above = [*above[: level - 1], *[""] * (level - 1 - len(above)), plain(title)]
        parts.append(Part(_joined(lines), JOIN.join(filter(None, above))))
    return parts


def _headed(lines: list[str]) -> Iterator[tuple[int, str, list[str]]]:
    """Level and title of each heading and the lines under it; level 0 for what stands before the first."""
    level, title, under, fence = 0, "", list[str](), ""
    for line in lines:
        mark = FENCE.match(line)
        if mark and (not fence or mark[1].startswith(fence)):
            fence = "" if fence else mark[1]
            continue
        heading = None if fence else HEADING.match(line)
        ruled = None if fence or heading or not (under and under[-1].strip()) else UNDERLINE.match(line)
        if heading or (ruled and not ITEM.match(under[-1])):
            following = (len(heading[1]), heading[2] or "") if heading else (1 if "=" in line else 2, under.pop())
            yield level, title, under
            level, title, under = *following, []
        else:
            under.append(line)
    yield level, title, under


def _joined(lines: list[str]) -> str:
    paragraphs: list[str] = []
    fresh = True
    for line in lines:
        if not line.strip() or RULE.match(line):
            fresh = True
            continue
        row = line.lstrip().startswith("|")
        bare = plain(" ".join(line.strip().strip("|").replace("|", " · ").split()) if row else line.strip().lstrip(">").strip())
        if fresh or row or ITEM.match(line):
            paragraphs.append(ITEM.sub("", bare, count=1))
        else:
            paragraphs[-1] += f" {bare}"
        fresh = row
    return "\n".join(paragraphs)


def plain(text: str) -> str:
    """One line without marks of Markdown."""
    for pattern, kept in INLINE:
        text = pattern.sub(kept, text)
    return text


def table_parts(text: str, name: str) -> list[Part]:
    """One part for each row, as "column: value; column: value"; its heading is what the row is about.

    Raises:
        InvalidInputError: no rows, too many rows or columns, or a cell that is too long.
    """
    rows = _rows(text, name)
    columns = [" ".join(cell.split()) for cell in rows[0]] if rows else []
    if len(rows) < 2:
        raise InvalidInputError(f"{name} has no rows: put the names of the columns in its first line and a row in each other.")
    if len(columns) > MAX_COLUMNS:
        raise InvalidInputError(f"{name} has {len(columns):,} columns and the limit is {MAX_COLUMNS}: leave some out.")
    about = next((i for i, column in enumerate(columns) if column.lower() in NAMING), 0)
    return [Part(_row_text(columns, row), row[about].strip() if about < len(row) else "") for row in rows[1:]]


def _rows(text: str, name: str) -> list[list[str]]:
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t|", key=first.count)
    rows: list[list[str]] = []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            if any(cell.strip() for cell in row):
                rows.append(row)
            if len(rows) > MAX_ROWS + 1:
                raise InvalidInputError(f"{name} has more than {MAX_ROWS:,} rows: split it.")
            if any(len(cell) > MAX_CELL_CHARS for cell in row):
                raise InvalidInputError(f"{name} has a cell of more than {MAX_CELL_CHARS:,} characters: check its quotes.")
    except csv.Error:
        raise InvalidInputError(f"{name} is not a table that can be read: save it as CSV in UTF-8.") from None
    return rows


def _row_text(columns: list[str], row: list[str]) -> str:
    cells = [" ".join(cell.split()) for cell in row]
    told = [(column, cell) for column, cell in zip(columns, cells, strict=False) if cell and not PICTURE_FILE.fullmatch(cell)]
    named = [f"{column.replace('_', ' ')}: {cell}" if column else cell for column, cell in told]
    return "; ".join([*named, *filter(None, cells[len(columns) :])])
