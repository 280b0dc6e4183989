"""Pieces of the studio's charts: SVG whose colours are the page's, so that it reads by day and by night.

Most charts have no view box: what lies across is given in percent and what lies down in pixels, so that a chart is as wide as
its place and its letters keep their size, on a telephone too.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape

from mm_demos.fusion.types import STRATEGIES

INK, DIM, LINE = "var(--mm-ink, #2d2b28)", "var(--mm-dim, #7d766a)", "var(--mm-line, #e7e1d6)"
SOFT, CARD, RED = "var(--mm-soft, #f3efe8)", "var(--mm-card, #fff)", "var(--mm-red, #b3401c)"
ACCENT, WARM = "var(--mm-accent, #22957a)", "var(--mm-warm, #e0a458)"

# Told apart on white and on slate; the page's own scale of classes.
SERIES = ("#8a6fc2", "#4a7fb5", "#d98a2b", "#a3823f", "#6f8f2f", "#2aa5b8", "#22957a", "#b3558f", "#c2553a", "#7486c8")
MODALITY_COLOURS = {"text": "#22957a", "image": "#4a7fb5", "audio": "#d98a2b"}


def strategy_colour(strategy: str) -> str:
    """The same colour for a strategy in every chart."""
    return SERIES[STRATEGIES.index(strategy)] if strategy in STRATEGIES else DIM


def strategy_name(strategy: str) -> str:
    """A strategy for people: "text alone", "gated attention", "most frequent class"."""
    if strategy == "majority":
        return "most frequent class"
    kind, _, rest = strategy.partition("-")
    return f"{rest} alone" if kind == "single" else strategy.replace("-", " ")


def percent(value: float, digits: int = 1) -> str:
    """A share of one, with a narrow space before the sign as it is printed."""
    return f"{100 * value:.{digits}f}\u202f%"


def text(
    x: float | str,
    y: float | str,
    words: str,
    *,
    anchor: str = "start",
    colour: str = DIM,
    size: float = 12,
    weight: int = 400,
    more: str = "",
) -> str:
    """Escaped words; `x` and `y` may be percentages."""
    figures = "font-variant-numeric:tabular-nums"
    return (
        f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="{colour}" font-size="{size:g}" font-weight="{weight}" '
        f'style="{figures}"{more}>{escape(words)}</text>'
    )


def rect(x: float | str, y: float, width: float | str, height: float, colour: str, *, title: str = "", more: str = "") -> str:
    """A filled rectangle with a tooltip."""
    inner = f"<title>{escape(title)}</title>" if title else ""
    return f'<rect x="{x}" y="{y:g}" width="{width}" height="{height:g}" fill="{colour}"{more}>{inner}</rect>'


def rule(x1: float | str, y1: float, x2: float | str, y2: float, colour: str = LINE, *, more: str = "") -> str:
    """A hairline."""
    return f'<line x1="{x1}" y1="{y1:g}" x2="{x2}" y2="{y2:g}" stroke="{colour}"{more}/>'


def dot(x: float | str, y: float, colour: str, *, radius: float = 4.5, title: str = "", fill: str = "") -> str:
    """A point with a rim in the card's colour, so that it stands out on lines."""
    inner = f"<title>{escape(title)}</title>" if title else ""
    rim = CARD if not fill else colour
    return (
        f'<circle cx="{x}" cy="{y:g}" r="{radius:g}" fill="{fill or colour}" stroke="{rim}" stroke-width="1.6">{inner}</circle>'
    )


def drawing(inner: str, *, label: str, height: float, width: float | None = None, least: float = 0) -> str:
    """An SVG picture that says what it shows.

    Args:
        width: of the view box in pixels; None for a chart laid out in percent.
        least: pixels under which a chart with a view box is scrolled instead of being shrunk further.
    """
    name = escape(label, quote=True)
    size = (
        f'width="100%" height="{height:g}" style="display:block;overflow:visible"'
        if width is None
        else f'viewBox="0 0 {width:g} {height:g}" style="display:block;width:100%;height:auto;'
        f'min-width:{least:g}px;max-width:{width:g}px;margin:0 auto"'
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="mm-chart" role="img" aria-label="{name}" {size} '
        f'font-family="inherit"><title>{name}</title>{inner}</svg>'
    )


def figure(svg: str, *, legend: str = "", heading: str = "", scrolls: bool = False) -> str:
    """A drawing with its heading above and its legend below."""
    look = f"font-size:13px;font-weight:600;color:{INK};margin-bottom:8px"
    head = f'<div style="{look}">{escape(heading)}</div>' if heading else ""
    body = f'<div style="overflow-x:auto" tabindex="0">{svg}</div>' if scrolls else svg
    return f'<figure class="mm-figure" style="margin:0;min-width:0">{head}{body}{legend}</figure>'


def key(entries: Iterable[tuple[str, str]], note: str = "") -> str:
    """A legend: colours with their names, and a sentence."""
    items = "".join(
        f'<span style="display:inline-flex;align-items:center;gap:6px;color:{DIM}">'
        f'<i style="width:10px;height:10px;border-radius:3px;background:{colour}"></i>{escape(name)}</span>'
        for colour, name in entries
    )
    words = f'<span style="color:{DIM};flex-basis:100%">{escape(note)}</span>' if note else ""
    style = "display:flex;flex-wrap:wrap;gap:4px 16px;margin-top:8px;font-size:12.5px;line-height:1.5"
    return f'<figcaption style="{style}">{items}{words}</figcaption>'


def side_by_side(figures: Iterable[str], least: int = 290) -> str:
    """Figures in as many columns as there is room for."""
    columns = f"repeat(auto-fit,minmax(min({least}px,100%),1fr))"
    return f'<div style="display:grid;grid-template-columns:{columns};gap:22px 30px">{"".join(figures)}</div>'


def ticks(low: float, high: float, about: int = 4) -> Sequence[float]:
    """Round values from at most `low` to at least `high`."""
    if high - low < 1e-9:  # a single value: from zero to it, or to one
        low, high = 0.0, high if high > 1e-9 else 1.0
    rough = (high - low) / about
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * factor for factor in (1, 2, 2.5, 5, 10) if unit * factor >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(step * i, 10) for i in range(first, last + 1)]
