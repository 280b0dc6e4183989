"""What each decision leaned on: the modalities' shares, row by row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mm_demos.fusion.charts_parts import DIM, INK, MODALITY_COLOURS, drawing, figure, key, percent, rect, text

COLUMNS = 240  # samples drawn; more are thinned out evenly
TALL = 120  # pixels of the columns
LINE = 38  # pixels of a named row

Shares = Mapping[str, float]


def attention(shares: Sequence[Shares], names: Sequence[str] = ()) -> str:
    """Stacked bars of the modalities' shares in each decision.

    Args:
        shares: for each sample, modality → share, summing to 1.
        names: one for each sample, which gets a bar of its own; without names samples become narrow columns, sorted.
    """
    if not shares:
        return ""
    modalities = list(dict.fromkeys(name for row in shares for name in row))
    means = {name: sum(row.get(name, 0.0) for row in shares) / len(shares) for name in modalities}
    legend = key([(_colour(name), f"{name} {percent(means[name], 0)} on average") for name in modalities])
    said = ", ".join(f"{name} {percent(mean, 0)}" for name, mean in means.items())
    label = f"Shares of the modalities in {len(shares)} decisions, on average {said}"
    if names:
        rows = "".join(
            text(0, LINE * i + 13, name, colour=INK, size=13) + _row(row, LINE * i + 20, 10)
            for i, (name, row) in enumerate(zip(names, shares, strict=True))
        )
        return figure(drawing(rows, label=label, height=LINE * len(shares)), legend=legend)
    return figure(drawing(_columns(shares, modalities, means), label=label, height=TALL + 20), legend=legend)


def attention_row(shares: Shares) -> str:
    """One decision as a slim stacked bar, for beside a sample."""
    said = ", ".join(f"{name} {percent(share, 0)}" for name, share in shares.items())
    return drawing(_row(shares, 0, 8), label=f"Shares of the modalities: {said}", height=8)


def _colour(modality: str) -> str:
    return MODALITY_COLOURS.get(modality, DIM)


def _row(shares: Shares, y: float, height: float) -> str:
    parts, start = [], 0.0
    for name, share in shares.items():
        title = f"{name}: {percent(share, 0)}"
        if share > 0:
            parts.append(rect(f"{100 * start:.2f}%", y, f"{100 * share:.2f}%", height, _colour(name), title=title))
        start += share
    return "".join(parts)


def _columns(shares: Sequence[Shares], modalities: Sequence[str], means: Shares) -> str:
    """Samples side by side, sorted by the modality that counts most on average."""
    leader = max(modalities, key=lambda name: means[name])
    ordered = sorted(shares, key=lambda row: -row.get(leader, 0.0))
    n = min(COLUMNS, len(ordered))
    drawn = [ordered[i * len(ordered) // n] for i in range(n)]
    parts = []
    for i, row in enumerate(drawn):
        y = float(TALL)
        said = ", ".join(f"{name} {percent(row.get(name, 0.0), 0)}" for name in modalities)
        for name in (leader, *(other for other in modalities if other != leader)):
            tall = TALL * row.get(name, 0.0)
            y -= tall
            x, width = f"{100 * i / n:.3f}%", f"{100 / n + 0.04:.3f}%"
            parts.append(rect(x, y, width, tall, _colour(name), title=said, more=' shape-rendering="crispEdges"'))
    return "".join(parts) + text(0, TALL + 15, f"test rows, by the share of {leader}", size=11.5)
