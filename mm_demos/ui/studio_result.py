"""A finished training as it is seen: the leaderboard, the classes, the modalities, the worst errors."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from mm_demos.fusion import charts
from mm_demos.fusion.charts import strategy_name
from mm_demos.fusion.charts_parts import MODALITY_COLOURS, key
from mm_demos.fusion.types import Mistake, Standing, Studio
from mm_demos.ui import render, studio_view
from mm_demos.ui.studio import Shown, Training, named
from mm_demos.ui.studio_view import tile

MAX_MISTAKES = 12


def best_of(studio: Studio) -> Standing:
    """The leaderboard's line of the saved model."""
    return next(standing for standing in studio.standings if standing.strategy == studio.best)


def leaderboard(studio: Studio) -> str:
    """Who won, by how much, and all figures."""
    best = best_of(studio)
    measures = best.measures
    notices = "".join(render.notice(text, "warn") for text in studio.notices)
    stopped = render.notice("Stopped early: this is the best of what was trained by then.", "info") if studio.stopped else ""
    auc = "–" if measures.roc_auc is None else f"{measures.roc_auc:.3f}"
    tiles = (
        tile("Accuracy", _percent(measures.accuracy.value), _range(best), measures.accuracy.value),
        tile("F1, macro", f"{measures.f1_macro:.3f}", "over the classes", measures.f1_macro),
        tile("ROC-AUC", auc, "one against the rest", measures.roc_auc),
        tile("Calibration", f"{measures.ece:.3f}", "expected error, 0 is best"),
    )
    return (
        f'<div class="mm-stack">{stopped}{notices}<div class="mm-card"><div class="mm-verdict"><p class="mm-lead">'
        f'{escape(named(studio.best))}</p><span class="mm-value">{_percent(measures.accuracy.value)}</span></div>'
        f'<p class="mm-small">{escape(_told(studio, best))}</p><div class="mm-tiles">{"".join(tiles)}</div></div>'
        f'<div class="mm-card"><h3>Accuracy with 95 % intervals</h3>{charts.leaderboard(studio.standings, studio.best)}</div>'
        f'<details class="mm-card mm-st-fold"><summary><b>All figures</b></summary>{_figures(studio.standings)}</details></div>'
    )


def _told(studio: Studio, best: Standing) -> str:
    singles = [line for line in studio.standings if line.strategy.startswith("single-") and line is not best]
    guess = next((line for line in studio.standings if line.strategy == "majority"), None)
    parts = [f"Chosen on the validation rows, measured on {best.measures.rows:,} test rows it had never seen"]
    if singles:
        top = max(singles, key=lambda line: line.measures.accuracy.value)
        parts.append(f"the best single modality, {strategy_name(top.strategy)}, reaches {_percent(top.measures.accuracy.value)}")
    if guess is not None:
        parts.append(f"always guessing the most frequent class {_percent(guess.measures.accuracy.value)}")
    return "; ".join(parts) + "."


def _figures(standings: Sequence[Standing]) -> str:
    body = "".join(
        f"<tr><td>{escape(named(line.strategy))}</td>"
        f"<td>{_percent(line.measures.accuracy.value)}<small>{_range(line)}</small></td>"
        f"<td>{line.measures.f1_macro:.3f}</td><td>{line.measures.ece:.3f}</td>"
        f"<td>{line.parameters:,}</td><td>{render.seconds(line.train_seconds)}</td></tr>"
        for line in standings
    )
    head = "".join(f"<th>{name}</th>" for name in ("Strategy", "Accuracy", "F1", "ECE", "Weights", "Time"))
    return f'<table class="mm-ranks mm-st-table"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def classes(studio: Studio) -> str:
    """What is taken for what, each class's figures, and whether confidence can be believed."""
    measures = best_of(studio).measures
    body = "".join(
        f'<tr><td translate="no">{escape(label)}</td>'
        f"<td>{row['precision']:.2f}</td><td>{row['recall']:.2f}</td>"
        f"<td><b>{row['f1']:.2f}</b></td><td>{row['support']:.0f}</td></tr>"
        for label, row in measures.per_class.items()
    )
    head = "".join(f"<th>{name}</th>" for name in ("Class", "Precision", "Recall", "F1", "Rows"))
    matrix = charts.confusion(measures, studio.data.labels)
    return (
        f'<div class="mm-stack"><div class="mm-card"><h3>What is taken for what</h3>{matrix}</div>'
        f'<div class="mm-card"><h3>Each class</h3><table class="mm-ranks mm-st-table"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
        f'<div class="mm-card"><h3>Can its confidence be believed?</h3>{charts.reliability(measures)}</div></div>'
    )


def modalities(studio: Studio) -> str:
    """What is lost without each modality, and which one decided each test row."""
    measures = best_of(studio).measures
    cards = []
    if measures.ablation:
        chart = charts.ablation(measures)
        cards.append(f'<div class="mm-card"><h3>Accuracy when one is taken away</h3>{chart}</div>')
    if studio.attention:
        chart = charts.attention(studio.attention)
        cards.append(f'<div class="mm-card"><h3>Which one decided, test row by test row</h3>{chart}</div>')
    return f'<div class="mm-stack">{"".join(cards)}</div>' if cards else render.empty("One modality", "It decided everything.")


def mistakes(training: Training) -> str:
    """The worst errors with their media."""
    studio = training.studio
    if studio is None or not studio.mistakes:
        return render.empty("No mistakes", "Every test row got its right label.")
    pairs = list(zip(studio.mistakes, training.mistakes, strict=False))
    notes = [_wrong(mistake) for mistake, _ in pairs]
    more = len(studio.mistakes) - len(pairs)
    rest = f" The report lists {more:,} more." if more > 0 else ""
    head = f'<p class="mm-small">The most confident ones first.{rest}</p>'
    shown: list[Shown] = [row for _, row in pairs]
    legend = key([(MODALITY_COLOURS[name], f"{name} decided") for name in studio.data.modalities])
    drawn = legend if len(studio.data.modalities) > 1 else ""
    return f'<div class="mm-card"><h3>Worst errors on the test rows</h3>{head}{drawn}{studio_view.rows(shown, notes)}</div>'


def _wrong(mistake: Mistake) -> str:
    return (
        f'<span class="mm-st-label" translate="no">{escape(mistake.label)}</span><span class="mm-st-took">taken for</span>'
        f'<span class="mm-st-label mm-st-wrong" translate="no">{escape(mistake.predicted)}</span>'
        f'<span class="mm-st-sure">{mistake.confidence:.0%} sure</span>{_shares(mistake)}'
    )


def _shares(mistake: Mistake) -> str:
    return f'<span class="mm-st-shares">{charts.attention_row(mistake.attention)}</span>' if len(mistake.attention) > 1 else ""


def _percent(value: float) -> str:
    return f"{value:.1%}"


def _range(line: Standing) -> str:
    return f"{line.measures.accuracy.low:.1%} – {line.measures.accuracy.high:.1%}"
