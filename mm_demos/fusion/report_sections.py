"""What a report tells: the data, the leaderboard, the best model, and how to do it again."""

from __future__ import annotations

from collections import Counter
from html import escape

from mm_demos.fusion import charts
from mm_demos.fusion.charts_parts import percent, strategy_name
from mm_demos.fusion.report_parts import Cell, card, duration, facts, plural, table
from mm_demos.fusion.types import Finding, Interval, Standing, Studio
from mm_demos.results import Receipt

Line = tuple[str, list[Cell]]  # CSS class and cells

MAX_CLASSES = 40  # of the balance; more are summed up in a sentence
MAX_PAIRS = 8  # confusions named beside the matrix
NAMED_FACTS = (("text", "text"), ("image", "pictures"), ("audio", "sound"), ("label", "label"), ("group", "groups"))


def data(studio: Studio) -> str:
    """Rows, modalities, classes, split, and what the checks found."""
    rows, columns = studio.data.rows, studio.data.columns
    held = {name: sum(getattr(row, name) is not None for row in rows) for name in studio.data.modalities}
    split = ", ".join(f"{count:,} {part}" for part, count in studio.split.items())
    named = ", ".join(f"{word} in “{getattr(columns, name)}”" for name, word in NAMED_FACTS if getattr(columns, name))
    pairs = [
        ("Rows", f"{len(rows):,}"),
        ("With", ", ".join(f"{name} {count:,}" for name, count in held.items())),
        ("Split", split),
        ("Columns", named or "–"),
        ("Content", studio.data.sha256[:16]),
    ]
    found = "".join(_finding(finding) for finding in studio.data.findings)
    findings = f'<ul class="notes">{found}</ul>' if found else '<p class="quiet">The checks found nothing to remark.</p>'
    left = f'<div class="stack">{card(facts(pairs), "Facts")}{card(findings, "Findings of the checks")}</div>'
    return f'<div class="two">{left}{card(_balance(studio), "Rows by class")}</div>'


def _finding(finding: Finding) -> str:
    examples = f"<small>{escape(', '.join(finding.examples))}</small>" if finding.examples else ""
    dropped = " <small>Left out of the training.</small>" if finding.dropped else ""
    return f"<li>{escape(finding.sentence)}{examples}{dropped}</li>"


def _balance(studio: Studio) -> str:
    counts = Counter(row.label for row in studio.data.rows)
    most = max(counts.values(), default=1)
    body = "".join(
        f'<tr><td>{escape(label)}</td><td><span class="track"><i style="width:{n / most:.1%}"></i></span></td>'
        f'<td class="n">{n:,}</td></tr>'
        for label, n in counts.most_common(MAX_CLASSES)
    )
    rest = counts.most_common()[MAX_CLASSES:]
    more = f'<p class="quiet">and {plural(len(rest), "smaller class")} with {sum(n for _, n in rest):,} rows</p>' if rest else ""
    return f'<div class="scroll"><table><tbody>{body}</tbody></table></div>{more}'


def board(studio: Studio) -> str:
    """The leaderboard as a chart and as a table."""
    rows = [_line(standing, standing.strategy == studio.best) for standing in studio.standings]
    head = ["Strategy", "Accuracy", "95 % interval", "Against best", "F1", "Precision", "Recall", "ROC-AUC", "ECE"]
    note = (
        '<p class="quiet" style="margin-top:12px">Accuracy, F1, precision and recall (mean over classes), ROC-AUC (one class '
        "against the rest) and expected calibration error are measured on the test rows, which took no part in training or in "
        "choosing the best strategy. “Against best” compares row by row, with a 95 % interval in points.</p>"
    )
    chart = card(charts.leaderboard(studio.standings, studio.best), "Accuracy with 95 % bootstrap intervals")
    return f'<div class="stack">{chart}{card(table([*head, "Numbers", "Time"], rows) + note, "All figures")}</div>'


def _line(standing: Standing, best: bool) -> Line:
    m, guess = standing.measures, standing.strategy == "majority"
    spread = f"{100 * m.accuracy.low:.1f}–{100 * m.accuracy.high:.1f}"
    figures: list[Cell] = [percent(m.accuracy.value), spread, _points(standing.against_best)]
    figures += [m.f1_macro, m.precision_macro, m.recall_macro, m.roc_auc, m.ece]
    cost: list[Cell] = [None, None] if guess else [standing.parameters, duration(standing.train_seconds)]
    return "best" if best else "guess" if guess else "", [strategy_name(standing.strategy), *figures, *cost]


def _points(gap: Interval | None) -> str | None:
    if gap is None:
        return None
    return f"{100 * gap.value:+.1f} [{100 * gap.low:+.1f}, {100 * gap.high:+.1f}]".replace("-", "−")


def best(studio: Studio, standing: Standing) -> str:
    """The best model: ablation, shares, confusion, reliability and each class."""
    m, labels = standing.measures, studio.data.labels
    cards = []
    if m.ablation:
        cards.append(card(charts.ablation(m), "Accuracy when a modality is removed"))
    if studio.attention:
        cards.append(card(charts.attention(studio.attention), "What each decision leaned on"))
    cards.append(card(charts.confusion(m, labels) + _pairs(standing, labels), "Confusion", wide=len(labels) > 8))
    cards.append(card(charts.reliability(m), "Can its confidence be trusted?"))
    cards.append(card(_per_class(standing), "Class by class", wide=len(labels) <= 8))
    return f'<div class="two">{"".join(cards)}</div>'


def _pairs(standing: Standing, labels: tuple[str, ...]) -> str:
    """The confusions that happened more than once in words, which a grid of many classes cannot show."""
    pairs = [
        (n, labels[i], labels[j]) for i, row in enumerate(standing.measures.confusion) for j, n in enumerate(row) if n and i != j
    ]
    pairs = sorted((pair for pair in pairs if pair[0] > 1), key=lambda pair: -pair[0])
    if not pairs or len(labels) <= 8:
        return ""
    rows: list[Line] = [("", [true, taken, n]) for n, true, taken in pairs[:MAX_PAIRS]]
    return f'<div style="margin-top:18px">{table(["True class", "Taken for", "Rows"], rows, names=2)}</div>'


def _per_class(standing: Standing) -> str:
    rows: list[Line] = [
        ("", [label, x["precision"], x["recall"], x["f1"], int(x["support"])]) for label, x in standing.measures.per_class.items()
    ]
    return table(["Class", "Precision", "Recall", "F1", "Rows"], rows)


def settings(receipt: Receipt) -> str:
    """Options, models and cost, complete enough to train again."""
    options = [(name.replace("_", " "), "–" if value is None else str(value)) for name, value in receipt.options.items()]
    if receipt.seed is not None:
        options.append(("seed", str(receipt.seed)))
    rows = [("", [use.name, use.revision[:12] or "–", f"{use.engine}, {use.device}, {use.dtype}"]) for use in receipt.models]
    encoders = table(["Model", "Revision", "Runs on"], rows, names=3) if rows else ""
    cost = [
        ("Time", duration(receipt.run_seconds)),
        ("Loading models", duration(receipt.load_seconds)),
        ("Peak memory", f"{receipt.peak_memory_bytes / 1e9:.2f} GB"),
        ("Version", f"mm-demos {receipt.version}"),
    ]
    right = f'<div class="stack">{card(encoders, "Frozen encoders") if rows else ""}{card(facts(cost), "Cost")}</div>'
    return f'<div class="two">{card(facts(options), "Options")}{right}</div>'
