"""A table of texts, pictures and sounds with labels to a classifier, and a leaderboard of ways to fuse them."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mm_demos.cli import UsageError
from mm_demos.cli.inputs import add_output
from mm_demos.cli.output import Output, standard_output, table

if TYPE_CHECKING:
    from mm_demos.fusion.types import Columns, DataSet, Epoch, Finding, Modality, Standing, Strategy, Studio

COLUMNS = ("text", "image", "audio", "label", "group")
NONE = "none"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this verb."""
    parser.add_argument("table", metavar="TABLE", nargs="?", help="CSV, Parquet, JSONL, ZIP with media, or data set folder")
    parser.add_argument("--sample", action="store_true", help="the sample set that ships, in place of TABLE")
    parser.add_argument("--part", default="", metavar="NAME", help="one of several tables: its path in TABLE, or a split")
    parser.add_argument("--out", metavar="DIR", help="folder for the model and its report, as HTML and JSON")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same leaderboard (default 0)")
    parser.add_argument("--fusion", default="", metavar="A,B", help="strategies, or all (default all)")
    parser.add_argument("--preset", default="", metavar="A-E", help="one of five systems; decides all but the seed")
    columns = parser.add_argument_group("columns", "guessed where they are not named")
    for name in COLUMNS:
        columns.add_argument(f"--{name}-column", metavar="NAME", help="none leaves it out" if name == "text" else None)
    for modality in ("text", "image", "audio"):
        parser.add_argument(f"--{modality}-encoders", default="", metavar="A,B", help=f"what turns {modality} into numbers")
    training = parser.add_argument_group("training")
    training.add_argument("--augment", type=int, default=0, metavar="N", help="altered copies of each training row (default 0)")
    training.add_argument("--trials", type=int, default=0, metavar="N", help="search for hyper-parameters: trials per strategy")
    training.add_argument("--minutes", type=float, default=0.0, metavar="N", help="the same, bound in minutes")
    training.add_argument("--epochs", type=int, help="at most")
    training.add_argument("--batch-size", type=int)
    training.add_argument("--learning-rate", type=float)
    training.add_argument("--hidden", type=int, help="width of the shared space")
    training.add_argument("--modality-dropout", type=float, help="how often a modality is hidden in training, in [0, 1)")
    training.add_argument("--feedback", metavar="DIR", help="folder of users' feedback; its corrected rows are learnt from, too")
    add_output(parser)


def run(flags: argparse.Namespace) -> int:
    """Train, and print the leaderboard."""
    if bool(flags.table) == flags.sample:
        raise UsageError("give a table, or --sample.")
    if flags.preset and (flags.fusion or flags.augment or flags.trials or any(_named_encoders(flags).values())):
        raise UsageError("--preset decides strategies, encoders, copies and trials: leave --fusion and the others out.")
    if flags.feedback and not Path(flags.feedback).is_dir():
        raise UsageError(f"there is no folder {flags.feedback} of feedback.")
    from mm_demos.tasks import studio

    with standard_output(as_json=flags.json, quiet=flags.quiet) as output, _finish_on_interrupt() as finish:
        with _opened(flags) as opened:
            columns = _columns(flags, opened)
            result = studio.train(
                opened,
                columns=columns,
                fusion=_strategies(flags.fusion),
                encoders=_encoders(flags, columns),
                preset=flags.preset,
                augment=flags.augment,
                options=_options(flags),
                search_trials=flags.trials,
                search_minutes=flags.minutes,
                out=flags.out,
                feedback=flags.feedback,
                progress=output.progress,
                on_epoch=_narrated(quiet=flags.quiet),
                finish_early=finish,
            )
        _print(result, output, flags)
        return output.status


@contextmanager
def _opened(flags: argparse.Namespace) -> Iterator[Any]:
    from mm_demos.fusion.table import opened
    from mm_demos.tasks import studio

    with opened(studio.sample_set() if flags.sample else flags.table, table=flags.part) as table_of_rows:
        yield table_of_rows


def _columns(flags: argparse.Namespace, opened: Any) -> Columns:
    """Those named on the line, the others as guessed."""
    import dataclasses

    from mm_demos.fusion.columns import guess_columns

    given = {name: getattr(flags, f"{name}_column") for name in COLUMNS}
    named = {name: "" if value == NONE else value for name, value in given.items() if value is not None}
    guessed = guess_columns(opened)
    kept = {name: getattr(guessed, name) for name in COLUMNS if getattr(guessed, name) not in named.values()}
    return dataclasses.replace(type(guessed)(), **{**kept, **named})


def _strategies(names: str) -> Any:
    found: Sequence[Strategy] | str = [name.strip() for name in names.split(",") if name.strip()]  # type: ignore[misc]
    return "all" if not found or found == ["all"] else found


def _named_encoders(flags: argparse.Namespace) -> dict[Modality, list[str]]:
    modalities: tuple[Modality, ...] = ("text", "image", "audio")
    split = {name: getattr(flags, f"{name}_encoders").split(",") for name in modalities}
    return {name: [part.strip() for part in parts if part.strip()] for name, parts in split.items()}


def _encoders(flags: argparse.Namespace, columns: Columns) -> Mapping[Modality, Sequence[str]]:
    """Those named on the line, and default ones for the other columns; empty when none is named."""
    from mm_demos.fusion.encoders import default_encoders

    named = _named_encoders(flags)
    if not any(named.values()):
        return {}
    return {name: names or default_encoders(name) for name, names in named.items() if names or getattr(columns, name)}


def _options(flags: argparse.Namespace) -> Any:
    from mm_demos.fusion.types import TrainOptions

    names = ("epochs", "batch_size", "learning_rate", "hidden", "modality_dropout")
    given = {name: getattr(flags, name) for name in names}
    return TrainOptions(seed=flags.seed, **{name: value for name, value in given.items() if value is not None})


@contextmanager
def _finish_on_interrupt() -> Iterator[Callable[[], bool]]:
    """The first Ctrl-C ends the training with the best so far; the second stops the program."""
    asked: list[bool] = []
    before = signal.getsignal(signal.SIGINT)

    def note(*_: object) -> None:
        print("Stopping with the best so far; press Ctrl-C again to leave at once.", file=sys.stderr, flush=True)
        asked.append(True)
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, note)
    try:
        yield lambda: bool(asked)
    finally:
        signal.signal(signal.SIGINT, before)


def _narrated(*, quiet: bool) -> Callable[[Epoch], None]:
    """A line on standard error for each strategy's last epoch so far, at most one a second."""
    last = [0.0]

    def show(epoch: Epoch) -> None:
        if not quiet and time.monotonic() - last[0] >= 1.0:
            last[0] = time.monotonic()
            figures = f"validation loss {epoch.validation_loss:.3f}, accuracy {epoch.validation_accuracy:.1%}"
            print(f"{epoch.strategy}: epoch {epoch.number} of {epoch.of}, {figures}", file=sys.stderr, flush=True)

    return show


def _print(studio: Studio, output: Output, flags: argparse.Namespace) -> None:
    for finding in studio.data.findings:
        print(_told(finding), file=sys.stderr)
    for notice in studio.notices:
        print(notice, file=sys.stderr)
    if flags.json:
        for rank, standing in enumerate(studio.standings, start=1):
            output.write(leaderboard_line(rank, standing, studio))
        return
    output.write(_text(studio))


def leaderboard_line(rank: int, standing: Standing, studio: Studio) -> dict[str, Any]:
    """A strategy as a JSON object; what varies from run to run ends in `_seconds`."""
    measures, data = standing.measures, studio.data
    return {
        "rank": rank,
        "strategy": standing.strategy,
        "best": standing.strategy == studio.best,
        "accuracy": measures.accuracy.value,
        "accuracy_low": measures.accuracy.low,
        "accuracy_high": measures.accuracy.high,
        "precision_macro": measures.precision_macro,
        "recall_macro": measures.recall_macro,
        "f1_macro": measures.f1_macro,
        "roc_auc": measures.roc_auc,
        "ece": measures.ece,
        "ablation": measures.ablation,
        "per_class": measures.per_class,
        "confusion": measures.confusion,
        "labels": data.labels,
        "test_rows": measures.rows,
        "rows": len(data.rows),
        "data_sha256": data.sha256,
        "best_epoch": standing.best_epoch,
        "parameters": standing.parameters,
        "train_seconds": standing.train_seconds,
    }


def _text(studio: Studio) -> str:
    head = ("strategy", "accuracy", "95 % interval", "F1 macro", "ROC-AUC", "ECE", "seconds")
    rows = [
        (
            line.strategy + (" *" if line.strategy == studio.best else ""),
            f"{line.measures.accuracy.value:.1%}",
            f"{line.measures.accuracy.low:.1%} – {line.measures.accuracy.high:.1%}",
            f"{line.measures.f1_macro:.3f}",
            "–" if line.measures.roc_auc is None else f"{line.measures.roc_auc:.3f}",
            f"{line.measures.ece:.3f}",
            f"{line.train_seconds:.1f}",
        )
        for line in studio.standings
    ]
    saved = f"\nSaved: {Path(studio.folder)}" if studio.folder else ""
    return f"{table([head, *rows])}\n* chosen on the validation rows{_split(studio.data, studio)}{saved}"


def _split(data: DataSet, studio: Studio) -> str:
    parts = ", ".join(f"{count:,} {part}" for part, count in studio.split.items())
    return f"; {len(data.rows):,} rows: {parts}"


def _told(finding: Finding) -> str:
    examples = f" ({', '.join(finding.examples)})" if finding.examples else ""
    return f"{finding.sentence}{examples}"
