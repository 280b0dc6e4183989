"""Pieces of a report as HTML; whatever is put into them is escaped here, but for what is named `inner`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

Cell = str | int | float | None


def card(inner: str, heading: str = "", *, wide: bool = False) -> str:
    """A card with a small heading."""
    head = f"<h3>{escape(heading)}</h3>" if heading else ""
    return f'<section class="card{" wide" if wide else ""}">{head}{inner}</section>'


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """Names and values."""
    return f"<dl>{''.join(f'<dt>{escape(name)}</dt><dd>{escape(value)}</dd>' for name, value in pairs)}</dl>"


def tiles(values: Iterable[tuple[str, str, str]]) -> str:
    """Large figures: value, name, and a remark."""
    inner = "".join(
        f'<div class="figure"><span>{escape(name)}</span><b>{escape(value)}</b><span>{escape(remark)}</span></div>'
        for value, name, remark in values
    )
    return f'<div class="figures">{inner}</div>'


def table(head: Sequence[str], rows: Iterable[tuple[str, Sequence[Cell]]], *, names: int = 1) -> str:
    """A table; a row is its CSS class and its cells, of which the first `names` are words and the others figures."""
    top = "".join(f"<th{_class('' if i < names else 'n')}>{escape(name)}</th>" for i, name in enumerate(head))
    body = "".join(
        f"<tr{_class(kind)}>{''.join(_cell(i, cell, names) for i, cell in enumerate(cells))}</tr>" for kind, cells in rows
    )
    return f'<div class="scroll" tabindex="0"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def _class(kind: str) -> str:
    return f' class="{escape(kind)}"' if kind else ""


def _cell(index: int, value: Cell, names: int) -> str:
    kind = "name" if index < names else "n"
    return f'<td class="{kind}">{figure(value)}</td>'


def figure(value: Cell) -> str:
    """A value of a table: whole numbers with commas, others with three decimals, a dash for what is unknown."""
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.3f}"
    return f"{value:,}" if isinstance(value, int) else escape(value)


def duration(seconds: float) -> str:
    """ "0.8 s", "12 s", "2:05 min"."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d} min"


def plural(count: int, word: str) -> str:
    """ "1 row", "1,200 rows", "3 classes"."""
    ending = "" if count == 1 else "es" if word.endswith("s") else "s"
    return f"{count:,} {word}{ending}"
