"""The five presets on the sample set that ships, or on a table: `python -m mm_demos evaluate presets`.

The sample set has few test rows, so each preset is trained with several seeds, each of which splits the rows anew; accuracies are
over the test rows of all of them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mm_demos.evaluation.arguments import positive, run
from mm_demos.fusion.presets import PRESETS, Preset
from mm_demos.fusion.types import Standing
from mm_demos.progress import Progress

SEEDS = 5


@dataclass(frozen=True, slots=True)
class Line:
    """A strategy of a preset, or the guess of the most frequent class.

    Args:
        accuracy: of all seeds' test rows together; `low` to `high` among the seeds.
        f1_macro: mean over seeds.
        seconds: of training, mean over seeds; search included.
    """

    preset: str
    title: str
    strategy: str
    accuracy: float
    low: float
    high: float
    f1_macro: float
    test_rows: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Report:
    """Every preset, in order."""

    seeds: int
    presets: tuple[Line, ...]


def main(arguments: Sequence[str] | None = None) -> int:
    """Train and print; exit status 0, or 2 when the table cannot be used."""
    parser = argparse.ArgumentParser(
        prog="python -m mm_demos evaluate presets", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, metavar="TABLE", help="a table of your own; the sample set when not given")
    parser.add_argument("--seeds", type=positive, default=SEEDS, metavar="N", help="splits (default %(default)s)")
    parser.add_argument("--presets", default="".join(row.name for row in PRESETS), metavar="ABC", help="which (default all)")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    flags = parser.parse_args(arguments)
    return run(lambda: measured(flags.data, seeds=flags.seeds, names=flags.presets), as_json=flags.json)


def measured(table: Path | None = None, *, seeds: int = SEEDS, names: str = "ABCDE") -> Report:
    """Train presets on a table, each with the seeds from 0 on.

    Raises:
        InvalidInputError: the table cannot be trained on, or there is no such preset.
    """
    from mm_demos.fusion.presets import preset
    from mm_demos.tasks.studio import sample_set

    source = table or sample_set()
    lines = [line for name in names for line in _lines(preset(name), source, seeds)]
    return Report(seeds, tuple(lines))


def _lines(preset: Preset, table: Path, seeds: int) -> list[Line]:
    from mm_demos.tasks.studio import train

    boards = []
    for seed in range(seeds):
        print(f"Preset {preset.name}, seed {seed}", file=sys.stderr, flush=True)
        boards.append(train(table, preset=preset.name, seed=seed, progress=Progress()).standings)
    return [_line(preset, name, boards) for name in (*preset.strategies, "majority")]


def _line(preset: Preset, strategy: str, boards: Sequence[tuple[Standing, ...]]) -> Line:
    found = [line for board in boards for line in board if line.strategy == strategy]
    accuracies = [line.measures.accuracy.value for line in found]
    rows = [line.measures.rows for line in found]
    return Line(
        preset=preset.name,
        title=preset.title,
        strategy=strategy,
        accuracy=float(np.average(accuracies, weights=rows)),
        low=min(accuracies),
        high=max(accuracies),
        f1_macro=float(np.mean([line.measures.f1_macro for line in found])),
        test_rows=sum(rows),
        seconds=float(np.mean([line.train_seconds for line in found])),
    )


if __name__ == "__main__":
    sys.exit(main())
