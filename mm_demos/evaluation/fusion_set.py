"""Does fusion help, does it bear a missing modality, is it quick and repeatable: on captions, photos and sounds.

`python -m mm_demos evaluate fusion --data DIR`, DIR holding captioned photos and ESC-10; `fusion_rows` says how the set is
made of them. It takes about twenty minutes.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from mm_demos.evaluation import fusion_xor
from mm_demos.evaluation.arguments import positive, run
from mm_demos.evaluation.fusion_rows import EventSet, build
from mm_demos.fusion.types import STRATEGIES, Features, Interval, Modality, Outcome, Standing, Strategy, TrainOptions
from mm_demos.progress import Progress, Update
from mm_demos.settings import settings

WITHIN = 0.10  # accuracy that a missing modality may cost beyond a model trained without it
Result = TypeVar("Result")
FEATURE_CACHE = "studio-features"  # how the names of its files begin


@dataclass(frozen=True, slots=True)
class Line:
    """A strategy on the test rows."""

    strategy: str
    accuracy: float
    low: float
    high: float
    f1_macro: float
    ece: float
    train_seconds: float


@dataclass(frozen=True, slots=True)
class Missing:
    """The best fusion with a modality taken away when it predicts, against the same strategy trained without it."""

    modality: str
    removed: float
    trained_without: float
    points: float
    within_ten: bool


@dataclass(frozen=True, slots=True)
class Report:
    """What "evaluate fusion" found.

    Args:
        intervals_apart: the 95 % intervals of the best fusion and of the best single modality do not overlap.
        cold_seconds: features of all rows, nothing cached; models are loaded on the way.
        warm_seconds: features from the cache, and all strategies trained.
        cold_processor_seconds: the same as time of the processor, for machines that have other work too.
        same_seed_same_figures: every probability of a second training equals the first one's to the last bit.
    """

    rows: int
    test_rows: int
    leaderboard: tuple[Line, ...]
    best_fusion: str
    best_single: str
    intervals_apart: bool
    missing: tuple[Missing, ...]
    cold_seconds: float
    warm_seconds: float
    cold_processor_seconds: float
    warm_processor_seconds: float
    same_seed_same_figures: bool
    xor: tuple[fusion_xor.XorRow, ...]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; exit status 0, or 2 when the data cannot be had."""
    parser = argparse.ArgumentParser(
        prog="python -m mm_demos evaluate fusion", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="captioned photos and ESC-10, in tars or folders")
    parser.add_argument("--rows", type=positive, default=2000, metavar="N", help="about so many (default 2000)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    flags = parser.parse_args(arguments)
    return run(lambda: measured(flags.data, rows=flags.rows, seed=flags.seed), as_json=flags.json)


def measured(data: Path, *, rows: int = 2000, seed: int = 0) -> Report:
    """Build the set, train on it, and find the figures.

    Raises:
        InvalidInputError: the data lack photos or sounds.
    """
    with tempfile.TemporaryDirectory(prefix="mm-demos-fusion-") as scratch:
        events = build(data, Path(scratch), rows=rows, seed=seed)
        with _empty_feature_cache():
            cold, cold_work, _ = _timed(lambda: _features(events, seed))
            warm, warm_work, (features, outcomes) = _timed(lambda: _all_strategies(events, seed))
    again = _trained(features, events, seed, STRATEGIES)
    board = _board(outcomes, features, events, seed)
    fusion, single = _best(board, fused=True), _best(board, fused=False)
    strategy = next(outcome for outcome in outcomes if outcome.strategy == fusion.strategy)
    return Report(
        rows=len(events.rows),
        test_rows=len(events.split["test"]),
        leaderboard=tuple(map(_line, board)),
        best_fusion=fusion.strategy,
        best_single=single.strategy,
        intervals_apart=_interval(fusion).low > _interval(single).high,
        missing=tuple(_missing(modality, strategy, features, events, seed) for modality in features.vectors),
        cold_seconds=cold,
        warm_seconds=warm,
        cold_processor_seconds=cold_work,
        warm_processor_seconds=warm_work,
        same_seed_same_figures=_equal(outcomes, again),
        xor=fusion_xor.measured(),
    )


def _features(events: EventSet, seed: int) -> Features:
    from mm_demos.fusion.features import encoders_of, extract
    from mm_demos.tasks.receipts import record

    progress = Progress(_Narrator().show)
    with record("evaluate", progress=progress) as running:
        encoders = encoders_of(("text", "image", "audio"))
        return extract(events.rows, events.labels, encoders=encoders, lease=running.lease, seed=seed, progress=progress)


def _all_strategies(events: EventSet, seed: int) -> tuple[Features, tuple[Outcome, ...]]:
    features = _features(events, seed)
    return features, _trained(features, events, seed, STRATEGIES)


def _trained(features: Features, events: EventSet, seed: int, strategies: Sequence[Strategy]) -> tuple[Outcome, ...]:
    from mm_demos.fusion.process import run_training

    with tempfile.TemporaryDirectory(prefix="mm-demos-fusion-") as folder:
        return run_training(
            features,
            events.split,
            events.labels,
            strategies=strategies,
            options=TrainOptions(seed=seed),
            folder=Path(folder),
            progress=Progress(_Narrator().show),
            on_epoch=lambda _: None,
        )


def _board(outcomes: Sequence[Outcome], features: Features, events: EventSet, seed: int) -> tuple[Standing, ...]:
    from mm_demos.fusion.standings import standings

    train, test = (features.labels[list(events.split[part])] for part in ("train", "test"))
    return standings(outcomes, train_truth=train, truth=test, labels=events.labels, seed=seed)


def _best(board: Sequence[Standing], *, fused: bool) -> Standing:
    """The fusion chosen on validation rows, which come first; of single modalities the one best on the test rows, to be fair."""
    trained = [line for line in board if line.strategy in STRATEGIES]
    fitting = [line for line in trained if line.strategy.startswith("single-") != fused]
    return fitting[0] if fused else max(fitting, key=lambda line: line.measures.accuracy.value)


def _missing(modality: Modality, whole: Outcome, features: Features, events: EventSet, seed: int) -> Missing:
    rest = replace(
        features,
        vectors={name: each for name, each in features.vectors.items() if name != modality},
        present={name: each for name, each in features.present.items() if name != modality},
        encoders={name: each for name, each in features.encoders.items() if name != modality},
    )
    (other,) = _trained(rest, events, seed, (whole.strategy,))
    truth = features.labels[list(events.split["test"])]
    removed, without = (float((probs.argmax(1) == truth).mean()) for probs in (whole.without[modality], other.probs["test"]))
    return Missing(modality, removed, without, 100 * (removed - without), removed >= without - WITHIN)


def _equal(one: Sequence[Outcome], other: Sequence[Outcome]) -> bool:
    return all(
        a.strategy == b.strategy and all(np.array_equal(a.probs[part], b.probs[part]) for part in a.probs)
        for a, b in zip(one, other, strict=True)
    )


def _interval(line: Standing) -> Interval:
    return line.measures.accuracy


def _line(line: Standing) -> Line:
    m = line.measures
    return Line(line.strategy, m.accuracy.value, m.accuracy.low, m.accuracy.high, m.f1_macro, m.ece, line.train_seconds)


def _timed(step: Callable[[], Result]) -> tuple[float, float, Result]:
    """Seconds by the clock, seconds of the processor in this process and its finished children, and what came of it."""
    start, worked = time.perf_counter(), sum(os.times()[:4])
    done = step()
    return time.perf_counter() - start, sum(os.times()[:4]) - worked, done


@contextmanager
def _empty_feature_cache() -> Iterator[None]:
    """While it lasts, the cache folder is one that has everything but features: links to what the user's own holds."""
    own, variable = settings().cache_dir.absolute(), "MM_DEMOS_CACHE_DIR"
    before = os.environ.get(variable)
    with tempfile.TemporaryDirectory(prefix="mm-demos-cache-") as made:
        for path in own.iterdir() if own.is_dir() else ():
            if not path.name.startswith(FEATURE_CACHE):
                (Path(made) / path.name).symlink_to(path)
        os.environ[variable] = made
        settings.cache_clear()
        try:
            yield
        finally:
            os.environ.pop(variable)
            if before is not None:
                os.environ[variable] = before
            settings.cache_clear()


class _Narrator:
    """Says on standard error what is done now, once for each tenth."""

    def __init__(self) -> None:
        self._last = ""

    def show(self, update: Update) -> None:
        step = "" if update.fraction is None else f" {int(update.fraction * 10)}0 %"
        line = f"{update.message}{step}"
        if line != self._last and update.unit != "strategies":
            self._last = line
            print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
