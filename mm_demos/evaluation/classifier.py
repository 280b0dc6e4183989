"""A trained model of the studio on a table of its own: `python -m mm_demos evaluate classifier MODEL --data test.csv --json`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mm_demos.errors import InvalidInputError
from mm_demos.evaluation.arguments import run
from mm_demos.fusion.types import Columns, Measures, Row
from mm_demos.progress import Progress, Update

COLUMNS = ("text", "image", "audio", "label")


@dataclass(frozen=True, slots=True)
class Report:
    """How a model does on rows it has not seen.

    Args:
        accuracy: with its 95 % bootstrap interval, `accuracy_low` to `accuracy_high`.
        ablation: removed modality → accuracy without it.
        left_out: rows whose label the model does not know; they are in no figure.
    """

    rows: int
    left_out: int
    strategy: str
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    precision_macro: float
    recall_macro: float
    f1_macro: float
    roc_auc: float | None
    ece: float
    labels: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    ablation: dict[str, float]
    per_class: dict[str, dict[str, float]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; exit status 0, or 2 when the model or the table cannot be used."""
    parser = argparse.ArgumentParser(prog="python -m mm_demos evaluate classifier", description=__doc__)
    parser.add_argument("model", metavar="MODEL", help="the folder that `train --out` wrote")
    parser.add_argument("--data", required=True, metavar="TABLE", help="CSV, Parquet, JSONL, ZIP with media, or data set folder")
    for name in COLUMNS:
        parser.add_argument(f"--{name}-column", metavar="NAME", help="guessed when not given")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    flags = parser.parse_args(arguments)
    columns = {name: value for name in COLUMNS if (value := getattr(flags, f"{name}_column")) is not None}
    return run(lambda: measured(flags.model, flags.data, columns=columns, progress=Progress(_told)), as_json=flags.json)


def measured(
    model: str | Path, table: str | Path, *, columns: dict[str, str] | None = None, progress: Progress | None = None
) -> Report:
    """Figures of a model on every row of a table that has a label.

    Args:
        columns: use → name; the others are guessed.

    Raises:
        InvalidInputError: the folder holds no model, or no row of the table has a label that the model knows.
    """
    from mm_demos.fusion.checks import labelled_rows
    from mm_demos.fusion.columns import guess_columns
    from mm_demos.fusion.measures import measure
    from mm_demos.fusion.model_folder import load_model
    from mm_demos.fusion.table import opened
    from mm_demos.tasks.receipts import record
    from mm_demos.tasks.studio_predict import features_for

    progress = progress or Progress()
    loaded = load_model(model, progress=progress)
    with opened(table, progress=progress) as opened_table, record("evaluate", progress=progress) as running:
        wanted: Columns = replace(guess_columns(opened_table), **(columns or {}))
        rows, _ = labelled_rows(opened_table, wanted, progress=progress)
        known = _known(rows, loaded.labels)
        features = features_for(loaded, known, running, progress, loaded.labels)
        without = {name: loaded.probabilities(features, without=name) for name in loaded.modalities}
        measures = measure(loaded.probabilities(features), features.labels, loaded.labels, without=without)
    return _report(measures, loaded.labels, loaded.strategy, len(rows) - len(known))


def _known(rows: Sequence[Row], labels: Sequence[str]) -> list[Row]:
    known = [row for row in rows if row.label in labels]
    if not known:
        raise InvalidInputError(
            f"No row of the table has one of the model's labels ({', '.join(labels)[:200]}): check its columns."
        )
    return known


def _report(measures: Measures, labels: tuple[str, ...], strategy: str, left_out: int) -> Report:
    shared: dict[str, Any] = {
        name: getattr(measures, name)
        for name in ("rows", "precision_macro", "recall_macro", "f1_macro", "roc_auc", "ece", "confusion")
    }
    return Report(
        **shared,
        left_out=left_out,
        strategy=strategy,
        labels=labels,
        accuracy=measures.accuracy.value,
        accuracy_low=measures.accuracy.low,
        accuracy_high=measures.accuracy.high,
        ablation=dict(measures.ablation),
        per_class={label: dict(figures) for label, figures in measures.per_class.items()},
    )


def _told(update: Update) -> None:
    if update.done is not None and update.done == update.total:
        print(update.message, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
