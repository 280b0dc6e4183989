"""The studio's data and its training as they are seen: findings, classes, rows, live curves and a leaderboard that fills."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from html import escape

from mm_demos.fusion import charts
from mm_demos.fusion.types import DataSet, Epoch, Finding
from mm_demos.ui import render
from mm_demos.ui.studio import MODALITY_NAMES, Checked, Shown, Training, named

MAX_CLASSES = 24  # bars; more are counted
MIN_SECONDS = 3.0  # of training before the time left is told


def tile(name: str, value: str, small: str = "", share: float | None = None) -> str:
    """A figure with its name above it, a line below it and, for a `share` in [0, 1], a bar."""
    track = "" if share is None else f'<span class="mm-track"><span style="width:{min(1.0, max(0.0, share)):.1%}"></span></span>'
    note = f"<small>{escape(small)}</small>" if small else ""
    return f'<div class="mm-tile"><span>{escape(name)}</span><b>{escape(value)}</b>{track}{note}</div>'


def show_checked(result: Checked) -> str:
    """What is in the table and what is wrong with it."""
    data = result.data
    dropped = sum(finding.count for finding in data.findings if finding.dropped)
    names = ", ".join(MODALITY_NAMES[name].lower() for name in data.modalities)
    tiles = (
        tile("Rows", f"{len(data.rows):,}", "ready to train on"),
        tile("Classes", f"{len(data.labels):,}", "to tell apart"),
        tile("Inputs", str(len(data.modalities)), names),
        tile("Left out", f"{dropped:,}", "see the findings" if dropped else "nothing"),
    )
    findings = "".join(map(_finding, data.findings)) or render.notice("Nothing to complain about: this table can be trained on.")
    return (
        f'<div class="mm-stack"><div class="mm-card"><div class="mm-tiles">{"".join(tiles)}</div></div>'
        f'<div class="mm-card"><h3>Findings</h3><div class="mm-st-findings">{findings}</div></div>'
        f'<div class="mm-card"><h3>Rows of each class</h3>{_classes(data)}</div>'
        f'<div class="mm-card"><h3>Some of the rows</h3>{rows(result.preview)}</div></div>'
    )


def _finding(finding: Finding) -> str:
    examples = "".join(f'<span translate="no">{escape(example)}</span>' for example in finding.examples[:5])
    out = '<span class="mm-flag">left out</span>' if finding.dropped else ""
    return (
        f'<div class="mm-st-finding{" mm-st-out" if finding.dropped else ""}"><b>{finding.count:,}</b><div>'
        f'<p class="mm-st-kind">{escape(finding.kind)}{out}</p><p>{escape(finding.sentence)}</p>'
        f'<p class="mm-st-examples">{examples}</p></div></div>'
    )


def _classes(data: DataSet) -> str:
    counts = Counter(row.label for row in data.rows)
    most = max(counts.values(), default=1)
    bars = "".join(
        f'<li><span class="mm-label" translate="no">{escape(label)}</span><span class="mm-value">{count:,}</span>'
        f'<span class="mm-track"><span style="width:{count / most:.1%}"></span></span></li>'
        for label, count in counts.most_common(MAX_CLASSES)
    )
    more = len(counts) - MAX_CLASSES
    rest = f'<p class="mm-small">and {more:,} smaller ones</p>' if more > 0 else ""
    return f'<ol class="mm-bars mm-st-classes">{bars}</ol>{rest}'


def rows(shown: Sequence[Shown], notes: Sequence[str] = ()) -> str:
    """Rows with their media; `notes` are HTML, one a row, in the place of the label."""
    items = []
    for place, row in enumerate(shown):
        picture = f'<img src="{row.picture}" alt="" loading="lazy">' if row.picture else ""
        text = f'<p class="mm-st-text" translate="no">{escape(row.text)}</p>' if row.text else ""
        note = notes[place] if notes else f'<span class="mm-st-label" translate="no">{escape(row.label)}</span>'
        items.append(
            f'<li class="mm-st-row{"" if picture else " mm-st-plain"}">{picture}<div>'
            f'<p class="mm-st-top">{note}<span class="mm-value">row {row.number:,}</span></p>{text}{row.sound}</div></li>'
        )
    return f'<ul class="mm-st-rows">{"".join(items)}</ul>'


def show_live(training: Training) -> str:
    """The curves of the strategies in training, and what the others came to."""
    if not training.epochs:
        return render.empty("Features first", "Text, pictures and sounds become numbers once; after that every training is fast.")
    now = at_work(training)
    mine = [epoch for epoch in training.epochs if epoch.strategy in {latest.strategy for latest in now}]
    title = " and ".join(
        named(latest.strategy) if place == 0 else named(latest.strategy).lower() for place, latest in enumerate(now)
    )
    begun = len({epoch.strategy for epoch in training.epochs})
    last = training.epochs[-1]
    facts = [f"strategy {begun} of {len(training.strategies)}", f"epoch {last.number} of {last.of}"]
    left = seconds_left(training)
    if left is not None:
        facts.append(f"about {render.seconds(left)} left")
    return (
        f'<div class="mm-stack"><div class="mm-card"><div class="mm-st-head"><p class="mm-lead">{escape(title)}</p>'
        f'<span class="mm-value">{" · ".join(facts)}</span></div>{charts.curves(mine)}</div>'
        f'<div class="mm-card"><h3>Accuracy on the validation rows so far</h3>{_filling(training)}</div></div>'
    )


def at_work(training: Training) -> list[Epoch]:
    """The latest epoch of each strategy in training: the last heard of, and one whose epochs alternate with its, if any."""
    heard = [epoch.strategy for epoch in training.epochs]
    latest = {epoch.strategy: epoch for epoch in training.epochs}
    since = heard[heard.index(heard[-1]) :]  # who spoke last since this one began is the other child's
    others = [name for name in dict.fromkeys(reversed(since)) if name != heard[-1]]
    return [epoch for name, epoch in latest.items() if name in {heard[-1], *others[:1]}]


def seconds_left(training: Training) -> float | None:
    """What is left if the strategies to come take as long as those before; None until that can be told."""
    if training.seconds < MIN_SECONDS or not training.epochs:
        return None
    now = at_work(training)
    done = len({epoch.strategy for epoch in training.epochs}) - len(now)
    share = (done + sum(min(1.0, latest.number / max(latest.of, 1)) for latest in now)) / max(len(training.strategies), 1)
    return training.seconds * (1 - share) / share if share > 0 else None


def _filling(training: Training) -> str:
    best: dict[str, float] = {}
    for epoch in training.epochs:
        if epoch.best or epoch.strategy not in best:
            best[epoch.strategy] = epoch.validation_accuracy
    now = {latest.strategy for latest in at_work(training)}
    ranked = sorted(best, key=lambda name: -best[name])
    waiting = [name for name in training.strategies if name not in best]
    items = [_filled(name, best[name], name in now, place == 0) for place, name in enumerate(ranked)]
    items += [
        f'<li class="mm-st-wait"><span class="mm-label">{escape(named(name))}</span><span class="mm-value">waits</span></li>'
        for name in waiting
    ]
    return f'<ol class="mm-bars mm-st-board">{"".join(items)}</ol>'


def _filled(name: str, accuracy: float, now: bool, first: bool) -> str:
    running = '<i class="mm-st-now" title="in training"></i>' if now else ""
    return (
        f'<li class="{"mm-best" if first else ""}"><span class="mm-label">{escape(named(name))}{running}</span>'
        f'<span class="mm-value">{accuracy:.1%}</span>'
        f'<span class="mm-track"><span style="width:{accuracy:.1%}"></span></span></li>'
    )


def all_curves(epochs: Sequence[Epoch], best: str) -> str:
    """The curves of every strategy, those of the best one open."""
    return f'<div class="mm-stack">{"".join(_folded(epochs, best))}</div>'


def _folded(epochs: Sequence[Epoch], best: str) -> Iterator[str]:
    names = dict.fromkeys(epoch.strategy for epoch in epochs)
    for name in sorted(names, key=lambda name: name != best):
        mine = [epoch for epoch in epochs if epoch.strategy == name]
        kept = next((epoch for epoch in reversed(mine) if epoch.best), mine[-1])
        fact = f"{len(mine)} epochs · kept epoch {kept.number}, {kept.validation_accuracy:.1%} on the validation rows"
        yield (
            f'<details class="mm-card mm-st-fold"{" open" if name == best else ""}><summary><b>{escape(named(name))}</b>'
            f'<span class="mm-value">{fact}</span></summary>{charts.curves(mine)}</details>'
        )
