"""Which classes are taken for which, and whether a confidence of 80 % is right four times in five."""

from __future__ import annotations

from collections.abc import Sequence

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


def confusion(measures: Measures, labels: Sequence[str]) -> str:
    """Rows: true class; columns: predicted. Tints are shares of the row; more than twenty classes become a grid of tints."""
    counts = measures.confusion
    right = sum(row[i] for i, row in enumerate(counts))
    label = f"Confusion matrix of {len(labels)} classes: {right} of {measures.rows} rows on the diagonal"
    note = "Rows: true class. Columns: predicted. Tint: share of the row; green is right, red is wrong."
    if len(labels) > NAMED:
        unit = GRID / len(labels)
        cells = "".join(_cell(i, j, 0, 0, unit, counts, labels, False) for i, j in _filled(counts))
        frame = rect(0, 0, GRID, GRID, SOFT, more=f' stroke="{LINE}" rx="6"')
        words = f"{note} {len(labels)} classes in alphabetical order; point at a cell for its names."
        return figure(drawing(frame + cells, label=label, height=GRID, width=GRID), legend=key((), words))
    unit = 46 if len(labels) <= 6 else 36 if len(labels) <= 12 else 29
    names = [_short(name) for name in labels]
    margin = 14 + 6.6 * max(map(len, names))
    width, height = margin + unit * len(labels) + margin * 0.55, margin * 0.78 + unit * len(labels) + 8
    inner = _names(names, margin, unit) + "".join(
        _cell(i, j, margin, margin * 0.78, unit, counts, labels, True) for i in range(len(labels)) for j in range(len(labels))
    )
    svg = drawing(inner, label=label, height=height, width=width, least=min(width, 26 * len(labels) + margin * 1.3))
    return figure(svg, legend=key((), note), scrolls=True)


def _filled(counts: Sequence[Sequence[int]]) -> list[tuple[int, int]]:
    return [(i, j) for i, row in enumerate(counts) for j, n in enumerate(row) if n]


def _short(name: str) -> str:
    return name if len(name) <= NAME_CHARS else name[: NAME_CHARS - 1] + "…"


def _names(names: Sequence[str], margin: float, unit: float) -> str:
    top = margin * 0.78
    parts = []
    for i, name in enumerate(names):
        middle = unit * (i + 0.5)
        parts.append(text(f"{margin - 8:.1f}", f"{top + middle + 4:.1f}", name, anchor="end", colour=INK))
        x, y = margin + middle + 2, top - 8
        parts.append(text(f"{x:.1f}", f"{y:.1f}", name, colour=INK, more=f' transform="rotate(-45 {x:.1f} {y:.1f})"'))
    return "".join(parts)


def _cell(
    i: int, j: int, left: float, top: float, unit: float, counts: Sequence[Sequence[int]], labels: Sequence[str], named: bool
) -> str:
    n, share = counts[i][j], counts[i][j] / max(1, sum(counts[i]))
    x, y, gap = left + unit * j, top + unit * i, 1.0 if named else 0.0
    said = f"{labels[i]} taken for {labels[j]}: {n} ({percent(share, 0)} of the row)"
    if i == j:
        said = f"{labels[i]} recognised: {n} ({percent(share, 0)})"
    tint = f"color-mix(in srgb, {ACCENT if i == j else RED} {100 * _strength(share):.0f}%, {SOFT})" if n else SOFT
    box = rect(
        f"{x + gap:.2f}",
        y + gap,
        f"{unit - 2 * gap:.2f}",
        unit - 2 * gap,
        SOFT,
        title=said,
        more=f' style="fill:{tint}" rx="{4 if named else 0}"',
    )
    if not (named and n):
        return box
    colour = CARD if _strength(share) > 0.6 else INK
    return box + text(
        f"{x + unit / 2:.1f}", f"{y + unit / 2 + 4.5:.1f}", str(n), anchor="middle", colour=colour, weight=600, size=12.5
    )


def _strength(share: float) -> float:
    """How strong a tint a share has; the rare is lifted, so that single errors are seen."""
    return float(0.12 + 0.88 * share**0.7)


def reliability(measures: Measures) -> str:
    """Accuracy by confidence in ten bins; on the diagonal the confidence keeps its word. Below: how many rows each bin has."""
    left, top, width = 44, 8, SIDE + 56
    most = max((n for *_, n in measures.reliability), default=1) or 1
    parts = [_reliability_axes(left, top)]
    wide = SIDE / max(1, len(measures.reliability))
    for i, (sure, hit, n) in enumerate(measures.reliability):
        if n:
            parts.append(_reliability_bar(left + wide * i, top, wide, sure, hit, n))
            tall = HISTOGRAM * n / most
            y = top + SIDE + 32 + HISTOGRAM - tall
            parts.append(rect(f"{left + wide * i + 1.5:.1f}", y, f"{wide - 3:.1f}", tall, DIM, title=f"{n} rows", more=' rx="2"'))
    base = top + SIDE + 32 + HISTOGRAM
    parts.append(rule(left, base, left + SIDE, base))
    parts.append(text(left - 8, base - HISTOGRAM / 2 + 4, "rows", anchor="end", size=11.5))
    parts.append(text(left + SIDE / 2, base + 16, "confidence", anchor="middle", size=11.5))
    bins = "; ".join(f"sure {percent(s, 0)}, right {percent(h, 0)}, {n} rows" for s, h, n in measures.reliability if n)
    label = f"Reliability diagram, expected calibration error {percent(measures.ece)}: {bins}"
    note = f"Expected calibration error {percent(measures.ece)}. Red: the gap between confidence and accuracy."
    svg = drawing("".join(parts), label=label, height=base + 22, width=width)
    return figure(svg, legend=key(((ACCENT, "accuracy"), (RED, "gap")), note))


def _reliability_axes(left: float, top: float) -> str:
    parts = []
    for mark in (0.0, 0.25, 0.5, 0.75, 1.0):
        y, x = top + SIDE * (1 - mark), left + SIDE * mark
        parts.append(rule(left, y, left + SIDE, y))
        parts.append(text(left - 8, f"{y + 4:g}", f"{mark:.0%}", anchor="end", size=11.5))
        parts.append(text(f"{x:g}", top + SIDE + 18, f"{mark:.0%}", anchor="middle", size=11.5))
    dashes = ' stroke-width="1.3" stroke-dasharray="4 4"'
    return "".join(parts) + rule(left, top + SIDE, left + SIDE, top, DIM, more=dashes)


def _reliability_bar(x: float, top: float, wide: float, sure: float, hit: float, n: int) -> str:
    inside, width = f"{x + 1.5:.1f}", f"{wide - 3:.1f}"
    base, gap = min(sure, hit), abs(sure - hit)
    said = f"sure {percent(sure)}, right {percent(hit)}, {n} rows"
    solid = rect(inside, top + SIDE * (1 - hit), width, SIDE * hit, ACCENT, title=said, more=' opacity=".8"')
    more = f' opacity=".28" stroke="{RED}" stroke-width=".8"'
    return solid + rect(inside, top + SIDE * (1 - base - gap), width, SIDE * gap, RED, title=said, more=more)
