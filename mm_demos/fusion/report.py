"""A finished training as one file that can be sent round: HTML without scripts or network, or JSON."""

from __future__ import annotations

import json
from html import escape
from pathlib import PurePath
from typing import Any

from mm_demos.fusion import charts, report_sections
from mm_demos.fusion.charts_parts import percent, strategy_name
from mm_demos.fusion.report_errors import SHOWN, gallery
from mm_demos.fusion.report_parts import card, plural, tiles
from mm_demos.fusion.report_style import CSS
from mm_demos.fusion.types import Standing, Studio
from mm_demos.results import as_dict

# A reader's browser loads nothing and runs nothing, whatever a data set holds.
POLICY = "default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'"


def html(studio: Studio) -> str:
    """The whole report as one HTML page; write it while the media of the data set still lie where its rows say."""
    best = next(standing for standing in studio.standings if standing.strategy == studio.best)
    parts = [
        _header(studio, best),
        _section("The data", report_sections.data(studio)),
        _section("Leaderboard", report_sections.board(studio)),
        _section("Training", card(charts.curves(studio.curves))) if studio.curves else "",
        _section(f"The best model: {strategy_name(best.strategy)}", report_sections.best(studio, best)),
        _section("Worst errors", _errors(studio)),
        _section("Settings", report_sections.settings(studio.receipt)) if studio.receipt else "",
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}"><meta name="robots" content="noindex">'
        f"<title>{escape(_headline(best))}</title><style>{CSS}</style></head>"
        f"<body><main>{''.join(parts)}<footer>Made by the classification studio of mm-demos. This file stands alone: it loads "
        "nothing and runs nothing.</footer></main></body></html>\n"
    )


def as_json(studio: Studio) -> str:
    """Everything in the report as JSON; files are given by name, so that no folder of this machine is told."""
    return json.dumps(as_dict(studio), ensure_ascii=False, indent=1, default=_name)


def _name(value: Any) -> str:
    if isinstance(value, PurePath):
        return value.name
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _section(title: str, inner: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{inner}</section>"


def _headline(best: Standing) -> str:
    m = best.measures
    return (
        f"{strategy_name(best.strategy).capitalize()} is right on {percent(m.accuracy.value)} of {plural(m.rows, 'unseen row')}"
    )


def _header(studio: Studio, best: Standing) -> str:
    m = best.measures
    spread = f"95 % interval {100 * m.accuracy.low:.1f}–{100 * m.accuracy.high:.1f}"
    figures = [
        (percent(m.accuracy.value), "Accuracy", spread),
        (f"{m.f1_macro:.3f}", "F1", "mean over classes"),
        ("–" if m.roc_auc is None else f"{m.roc_auc:.3f}", "ROC-AUC", "each class against the rest"),
        (percent(m.ece), "Calibration error", "confidence against accuracy"),
    ]
    stopped = ["The training was stopped before its end; this is the best up to then."] if studio.stopped else []
    notices = "".join(f"<li>{escape(text)}</li>" for text in (*stopped, *studio.notices))
    told = f'<ul class="notes" style="margin-bottom:16px">{notices}</ul>' if notices else ""
    return (
        f'<header><p class="eyebrow">Classification studio · report</p><h1>{escape(_headline(best))}</h1>'
        f'<p class="lead">{escape(_lead(studio, best))}</p></header>{told}{tiles(figures)}'
    )


def _lead(studio: Studio, best: Standing) -> str:
    """What the reader wants to know first: the task, the guess it beats, and whether fusing was worth it."""
    data = studio.data
    sentences = [f"It tells {plural(len(data.labels), 'class')} apart from {_list(data.modalities)}."]
    guess = next((s for s in studio.standings if s.strategy == "majority"), None)
    if guess is not None:
        sentences.append(f"Always guessing the most frequent class would be right on {percent(guess.measures.accuracy.value)}.")
    singles = [s for s in studio.standings if s.strategy.startswith("single-")]
    if singles and not best.strategy.startswith("single-"):
        sentences.append(_gain(max(singles, key=lambda s: s.measures.accuracy.value)))
    return " ".join(sentences)


def _gain(single: Standing) -> str:
    name, gap = f"{strategy_name(single.strategy)} ({percent(single.measures.accuracy.value)})", single.against_best
    if gap is None:
        return f"The best single modality is {name}."
    low, high = -100 * gap.high, -100 * gap.low
    if low > 0:
        spread = f"95 % interval {low:.1f} to {high:.1f}"
        return f"It beats the best single modality, {name}, by {-100 * gap.value:.1f} points ({spread})."
    return f"These rows do not show that it is better than the best single modality, {name}."


def _list(words: tuple[str, ...]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _errors(studio: Studio) -> str:
    if not studio.mistakes:
        return card('<p class="quiet">The best model made no error on the test rows.</p>')
    shown = min(SHOWN, len(studio.mistakes))
    which = "The error it made" if len(studio.mistakes) == 1 else f"The {plural(shown, 'error')} it was surest of"
    words = f"{which}, with the share of each modality in the decision."
    return f'<p class="quiet">{escape(words)}</p>{gallery(studio.mistakes)}'
