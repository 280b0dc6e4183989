"""Which classes are taken for which, and whether a confidence of 80 % is right four times in five."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mm_demos.fusion.charts_parts import (
    ACCENT,
    CARD,
    DIM,
    INK,
    LINE,
    RED,
    SOFT,
    drawing,
    figure,
    key,
    percent,
    rect,
    rule,
    text,
)
from mm_demos.fusion.types import Measures

NAMED = 20  # classes up to which every row and column has its name and every cell its count
NAME_CHARS = 18
GRID = 520  # pixels of a grid without names
SIDE = 250  # pixels of the reliability diagram's plot
HISTOGRAM = 46  # pixels of the counts under it
NOTE = "Rows: true class. Columns: predicted. Tint: share of the row; green is right, red is wrong."


@dataclass(frozen=True, slots=True)
class _Grid:
    """Where cells lie, in pixels, and what they hold."""

    counts: Sequence[Sequence[int]]
    labels: Sequence[str]
    left: float
    top: float
    unit: float
    named: bool


def confusion(measures: Measures, labels: Sequence[str]) -> str:
    """Rows: true class; columns: predicted. Tints are shares of the row; more than twenty classes become a grid of tints."""
    counts, n = measures.confusion, len(labels)
    right = sum(row[i] for i, row in enumerate(counts))
    label = f"Confusion matrix of {n} classes: {right} of {measures.rows} rows on the diagonal"
    if n > NAMED:
        return _fine(_Grid(counts, labels, 0, 0, GRID / n, False), label)
    unit = 46 if n <= 6 else 36 if n <= 12 else 29
    margin = 14 + 6.6 * max(map(len, map(_short, labels)))
    grid = _Grid(counts, labels, margin, margin * 0.78, unit, True)
    inner = _names(grid) + "".join(_cell(grid, i, j) for i in range(n) for j in range(n))
    width, height = margin * 1.55 + unit * n, grid.top + unit * n + 8
    svg = drawing(inner, label=label, height=height, width=width, least=min(width, 26 * n + margin * 1.3))
    return figure(svg, legend=key((), NOTE), scrolls=True)


def _fine(grid: _Grid, label: str) -> str:
    """Many classes: only cells that hold something are drawn, without names."""
    cells = "".join(_cell(grid, i, j) for i, j in _filled(grid.counts))
    frame = rect(0, 0, GRID, GRID, SOFT, more=f' stroke="{LINE}" rx="6"')
    words = f"{NOTE} {len(grid.labels)} classes in their order; point at a cell for its names."
    return figure(drawing(frame + cells, label=label, height=GRID, width=GRID), legend=key((), words))


def _filled(counts: Sequence[Sequence[int]]) -> list[tuple[int, int]]:
    return [(i, j) for i, row in enumerate(counts) for j, n in enumerate(row) if n]


def _short(name: str) -> str:
    return name if len(name) <= NAME_CHARS else name[: NAME_CHARS - 1] + "…"


def _names(grid: _Grid) -> str:
    parts = []
    for i, name in enumerate(map(_short, grid.labels)):
        middle = grid.unit * (i + 0.5)
        parts.append(text(f"{grid.left - 8:.1f}", f"{grid.top + middle + 4:.1f}", name, anchor="end", colour=INK))
        x, y = grid.left + middle + 2, grid.top - 8
        parts.append(text(f"{x:.1f}", f"{y:.1f}", name, colour=INK, more=f' transform="rotate(-45 {x:.1f} {y:.1f})"'))
    return "".join(parts)


def _cell(grid: _Grid, i: int, j: int) -> str:
    n = grid.counts[i][j]
    strength = _strength(n / max(1, sum(grid.counts[i])))
    x, y, gap = grid.left + grid.unit * j, grid.top + grid.unit * i, 1.0 if grid.named else 0.0
    tint = f"color-mix(in srgb, {ACCENT if i == j else RED} {100 * strength:.0f}%, {SOFT})" if n else SOFT
    side = grid.unit - 2 * gap
    more = f' style="fill:{tint}" rx="{4 if grid.named else 0}"'
    box = rect(f"{x + gap:.2f}", y + gap, f"{side:.2f}", side, SOFT, title=_told(grid, i, j), more=more)
    if not (grid.named and n):
        return box
    middle_x, middle_y, colour = x + grid.unit / 2, y + grid.unit / 2 + 4.5, CARD if strength > 0.6 else INK
    return box + text(f"{middle_x:.1f}", f"{middle_y:.1f}", str(n), anchor="middle", colour=colour, weight=600, size=12.5)


def _told(grid: _Grid, i: int, j: int) -> str:
    n, label = grid.counts[i][j], grid.labels[i]
    share = percent(n / max(1, sum(grid.counts[i])), 0)
    return f"{label} recognised: {n} ({share})" if i == j else f"{label} taken for {grid.labels[j]}: {n} ({share} of the row)"


def _strength(share: float) -> float:
    """How strong a tint a share has; the rare is lifted, so that single errors are seen."""
    return float(0.12 + 0.88 * share**0.7)


def reliability(measures: Measures) -> str:
    """Accuracy by confidence in ten bins; on the diagonal the confidence keeps its word. Below: how many rows each bin has."""
    left, top, width = 44, 8, SIDE + 66
    most = max((n for *_, n in measures.reliability), default=1) or 1
    parts = [_reliability_axes(left, top)]
    wide = SIDE / max(1, len(measures.reliability))
    for i, (sure, hit, n) in enumerate(measures.reliability):
        if n:
            parts.append(_reliability_bar(left + wide * i, top, wide, (sure, hit, n)))
            tall = HISTOGRAM * n / most
            y = top + SIDE + 32 + HISTOGRAM - tall
            parts.append(rect(f"{left + wide * i + 1.5:.1f}", y, f"{wide - 3:.1f}", tall, DIM, title=f"{n} rows", more=' rx="2"'))
    parts.append(rule(left, top + SIDE, left + SIDE, top, INK, more=' stroke-width="1.3" stroke-dasharray="4 4" opacity=".7"'))
    base = top + SIDE + 32 + HISTOGRAM
    parts.append(rule(left, base, left + SIDE, base))
    parts.append(text(left - 8, base - HISTOGRAM / 2 + 4, "rows", anchor="end", size=11.5))
    parts.append(text(left + SIDE / 2, base + 16, "confidence", anchor="middle", size=11.5))
    bins = "; ".join(f"sure {percent(s, 0)}, right {percent(h, 0)}, {n} rows" for s, h, n in measures.reliability if n)
    label = f"Reliability diagram, expected calibration error {percent(measures.ece)}: {bins}"
    note = f"Expected calibration error {percent(measures.ece)}. Red: the gap to the confidence; on the dashes there is none."
    svg = drawing("".join(parts), label=label, height=base + 22, width=width)
    return figure(svg, legend=key(((ACCENT, "accuracy"), (RED, "gap")), note))


def _reliability_axes(left: float, top: float) -> str:
    parts = []
    for mark in (0.0, 0.25, 0.5, 0.75, 1.0):
        y, x = top + SIDE * (1 - mark), left + SIDE * mark
        parts.append(rule(left, y, left + SIDE, y))
        parts.append(text(left - 8, f"{y + 4:g}", f"{mark:.0%}", anchor="end", size=11.5))
        parts.append(text(f"{x:g}", top + SIDE + 18, f"{mark:.0%}", anchor="middle", size=11.5))
    return "".join(parts)


def _reliability_bar(x: float, top: float, wide: float, values: tuple[float, float, int]) -> str:
    sure, hit, n = values
    inside, width = f"{x + 1.5:.1f}", f"{wide - 3:.1f}"
    base, y = min(sure, hit), top + SIDE * (1 - hit)
    said = f"sure {percent(sure)}, right {percent(hit)}, {n} rows"
    tint = f' style="fill:color-mix(in srgb, {RED} 34%, {CARD})"'
    gap = rect(inside, top + SIDE * (1 - max(sure, hit)), width, SIDE * abs(sure - hit), RED, title=said, more=tint)
    solid = rect(inside, top + SIDE * (1 - base), width, SIDE * base, ACCENT, title=said, more=' opacity=".85"')
    return gap + solid + rect(inside, y - 1.5, width, 3, ACCENT, title=said, more=' rx="1.5"')
