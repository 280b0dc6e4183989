"""The studio's charts as inline SVG, for its tab and its report: every word that comes from a user is escaped."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mm_demos.fusion.charts_attention import attention, attention_row
from mm_demos.fusion.charts_matrix import confusion, reliability
from mm_demos.fusion.charts_parts import (
    ACCENT,
    CARD,
    DIM,
    INK,
    LINE,
    MODALITY_COLOURS,
    SOFT,
    dot,
    drawing,
    figure,
    key,
    percent,
    rect,
    rule,
    side_by_side,
    strategy_colour,
    strategy_name,
    text,
    ticks,
)
from mm_demos.fusion.types import Epoch, Interval, Measures, Standing

__all__ = ["ablation", "attention", "attention_row", "confusion", "curves", "leaderboard", "reliability", "strategy_name"]

TALL = 232  # pixels of a curve chart
TOP, BOTTOM = 24, 40  # pixels above and below its plot
LEFT, RIGHT = 10.0, 98.0  # percent
BOTH = 4  # strategies up to which training curves are drawn beside those of validation
ROW = 42  # pixels of a line of the leaderboard

Lines = dict[str, list[Epoch]]


@dataclass(frozen=True, slots=True)
class _Plot:
    """A chart of curves: what it shows, and where a value of it lies."""

    title: str
    value: Callable[[Epoch], float]
    marks: Sequence[float]
    last: int
    unit: bool

    def across(self, number: float) -> float:
        """Percent from the left of an epoch."""
        return LEFT + (RIGHT - LEFT) * (number - 1) / (self.last - 1)

    def down(self, value: float) -> float:
        """Pixels from the top of a value; what is off the scale lies at its edge."""
        return TALL - BOTTOM - (TALL - TOP - BOTTOM) * min(1.0, max(0.0, value / self.marks[-1]))


def curves(epochs: Sequence[Epoch]) -> str:
    """Loss and accuracy of every strategy by epoch, its best epoch marked; what is there so far while it trains."""
    lines: Lines = defaultdict(list)
    for epoch in epochs:
        lines[epoch.strategy].append(epoch)
    both = len(lines) <= BOTH
    charts = (
        _curve("Loss (nats)", lines, lambda e: e.validation_loss, (lambda e: e.train_loss) if both else None),
        _curve("Accuracy", lines, lambda e: e.validation_accuracy, (lambda e: e.train_accuracy) if both else None, unit=True),
    )
    note = "Solid: validation. Dashed: training. Point: best epoch." if both else "Validation rows. Point: best epoch."
    legend = key([(strategy_colour(name), strategy_name(name)) for name in lines], note if lines else "")
    return f"<div>{side_by_side(charts)}{legend}</div>"


def _curve(
    title: str,
    lines: Lines,
    value: Callable[[Epoch], float],
    other: Callable[[Epoch], float] | None,
    *,
    unit: bool = False,
) -> str:
    reads = [(other, True), (value, False)] if other else [(value, False)]
    seen = [read(e) for read, _ in reads for epochs in lines.values() for e in epochs]
    highest = 1.0 if unit else max(filter(math.isfinite, seen), default=1.0)
    last = max((e.number for epochs in lines.values() for e in epochs), default=2)
    plot = _Plot(title, value, ticks(0.0, highest), max(last, 2), unit)
    paths = [_path(plot, epochs, read, strategy_colour(name), dashed) for name, epochs in lines.items() for read, dashed in reads]
    area = f'viewBox="0 0 100 {TALL}" preserveAspectRatio="none"'
    drawn = f'<svg y="0" width="100%" height="{TALL}" {area}>{"".join(paths)}</svg>'
    points = "".join(_best(plot, name, epochs) for name, epochs in lines.items())
    label = f"{title} by epoch: {_said(lines, value, unit)}"
    return figure(drawing(_axes(plot) + drawn + points, label=label, height=TALL))


def _axes(plot: _Plot) -> str:
    parts = [text("0", 12, plot.title, colour=INK, weight=600, size=13)]
    for mark in plot.marks:
        y, name = plot.down(mark), f"{mark:.0%}" if plot.unit else f"{mark:g}"
        parts.append(rule(f"{LEFT}%", y, f"{RIGHT}%", y))
        parts.append(text(f"{LEFT - 1.5}%", y + 4, name, anchor="end", size=11.5))
    for number in sorted({1, *(int(x) for x in ticks(0, plot.last, 5) if 1 < x <= plot.last and x == int(x))}):
        parts.append(text(f"{plot.across(number):.2f}%", TALL - BOTTOM + 17, str(number), anchor="middle", size=11.5))
    parts.append(text(f"{(LEFT + RIGHT) / 2}%", TALL - 5, "epoch", anchor="middle", size=11.5))
    return "".join(parts)


def _path(plot: _Plot, epochs: Sequence[Epoch], read: Callable[[Epoch], float], colour: str, dashed: bool) -> str:
    points = " ".join(f"{plot.across(e.number):.2f},{plot.down(read(e)):.1f}" for e in epochs if math.isfinite(read(e)))
    style = 'stroke-width="1.3" stroke-dasharray="4 4" opacity=".6"' if dashed else 'stroke-width="2"'
    join = 'stroke-linejoin="round" vector-effect="non-scaling-stroke"'
    return f'<polyline points="{points}" fill="none" stroke="{colour}" {style} {join}/>'


def _best(plot: _Plot, name: str, epochs: Sequence[Epoch]) -> str:
    best = next((e for e in reversed(epochs) if e.best and math.isfinite(plot.value(e))), None)
    if best is None:
        return ""
    said = f"{strategy_name(name)}: best epoch {best.number}, {plot.title.lower()} {plot.value(best):.3f}"
    return dot(f"{plot.across(best.number):.2f}%", plot.down(plot.value(best)), strategy_colour(name), title=said)


def _said(lines: Lines, value: Callable[[Epoch], float], unit: bool) -> str:
    """The last value of each curve, for those who do not see the chart."""
    last = {name: value(epochs[-1]) for name, epochs in lines.items()}
    return "; ".join(f"{strategy_name(name)} {percent(x) if unit else f'{x:.2f}'}" for name, x in last.items()) or "nothing yet"


def leaderboard(standings: Sequence[Standing], best: str = "") -> str:
    """Accuracy on the test rows with its 95 % interval, a line for each strategy.

    Args:
        best: the strategy of the saved model; the first one if empty.
    """
    best = best or (standings[0].strategy if standings else "")
    spread = _scale(standings)
    marks = ticks(min((x.low for x in spread), default=0.0), max((x.high for x in spread), default=1.0), 5)
    low, high = marks[0], marks[-1]

    def across(x: float) -> str:
        return f"{1.5 + 97 * max(0.0, x - low) / (high - low):.2f}%"

    height = ROW * len(standings) + 24
    grid = "".join(
        rule(across(mark), 0, across(mark), height - 20)
        + text(across(mark), height - 5, f"{mark:.0%}", anchor=_anchor(i, len(marks)), size=11.5)
        for i, mark in enumerate(marks)
    )
    rows = "".join(
        _named(i, standing, standing.strategy == best)
        + (_whisker(i, standing, across, standing.strategy == best) if standing.measures.accuracy.value >= low else _below(i))
        for i, standing in enumerate(standings)
    )
    label = "Accuracy on test rows with 95 % intervals: " + "; ".join(_spoken(standing) for standing in standings)
    return figure(drawing(grid + rows, label=label, height=height))


def _scale(standings: Sequence[Standing]) -> list[Interval]:
    """The intervals that the scale must hold: a guess far below gets an arrow rather than the space that tells others apart."""
    trained = [standing.measures.accuracy for standing in standings if standing.strategy != "majority"]
    lowest = min((x.low for x in trained), default=0.0)
    return trained + [s.measures.accuracy for s in standings if s.strategy == "majority" and s.measures.accuracy.high >= lowest]


def _anchor(index: int, count: int) -> str:
    return "start" if index == 0 else "end" if index == count - 1 else "middle"


def _spoken(standing: Standing) -> str:
    x = standing.measures.accuracy
    return f"{strategy_name(standing.strategy)} {percent(x.value)} ({percent(x.low)} to {percent(x.high)})"


def _named(index: int, standing: Standing, best: bool) -> str:
    """The name and the figures above a line, with a rim that keeps the grid out of the letters."""
    x, y, rim = standing.measures.accuracy, ROW * index + 15, f' stroke="{CARD}" stroke-width="5" paint-order="stroke"'
    value = f"{percent(x.value)} [{100 * x.low:.1f}, {100 * x.high:.1f}]"
    colour, weight = (ACCENT, 600) if best else (DIM, 400)
    return text(0, y, strategy_name(standing.strategy), colour=INK, weight=650 if best else 450, size=13, more=rim) + text(
        "100%", y, value, anchor="end", colour=colour, weight=weight, more=rim
    )


def _whisker(index: int, standing: Standing, across: Callable[[float], str], best: bool) -> str:
    x, y = standing.measures.accuracy, ROW * index + 27
    colour = ACCENT if best else DIM
    ends = "".join(rule(across(end), y - 4, across(end), y + 4, colour, more=' stroke-width="1.6"') for end in (x.low, x.high))
    line = rule(across(x.low), y, across(x.high), y, colour, more=f' stroke-width="{3 if best else 2}" opacity=".75"')
    fill = CARD if standing.strategy == "majority" else ""
    return line + ends + dot(across(x.value), y, colour, title=_spoken(standing), fill=fill)


def _below(index: int) -> str:
    """An arrow to the left: further down than the scale goes."""
    return text("1.5%", ROW * index + 32, "◂ below this scale", size=11.5)


def ablation(measures: Measures) -> str:
    """Accuracy of the best model with everything, and with each modality taken away."""
    whole = measures.accuracy.value
    rows = [_bar(0, "all modalities", whole, "", INK)]
    for i, (name, value) in enumerate(measures.ablation.items(), start=1):
        points = f"{100 * (value - whole):+.1f} points".replace("-", "−")
        rows.append(_bar(i, f"without {name}", value, points, MODALITY_COLOURS.get(name, DIM)))
    said = "; ".join([f"all {percent(whole)}", *(f"without {name} {percent(x)}" for name, x in measures.ablation.items())])
    return figure(drawing("".join(rows), label=f"Accuracy when a modality is removed: {said}", height=40 * len(rows)))


def _bar(index: int, name: str, value: float, change: str, colour: str) -> str:
    y = 40 * index
    return (
        text(0, y + 13, name, colour=INK, weight=600 if not index else 450, size=13)
        + text("100%", y + 13, f"{percent(value)}, {change}" if change else percent(value), anchor="end")
        + rect(0, y + 20, "100%", 9, SOFT, more=f' rx="4.5" stroke="{LINE}" stroke-width=".5"')
        + rect(0, y + 20, f"{100 * value:.2f}%", 9, colour, title=f"{name}: {percent(value)}", more=' rx="4.5"')
    )
