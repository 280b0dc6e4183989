"""Whether a fusion fuses: the label is the exclusive or of two modalities, so that neither alone nor any sum tells anything."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mm_demos.fusion.types import Encoder, Features, Part, Strategy, TrainOptions
from mm_demos.models.protocols import FloatArray
from mm_demos.progress import Progress

ROWS, DIM, NOISE = 1500, 16, 0.35
STRATEGIES: tuple[Strategy, ...] = ("single-text", "single-image", "concatenation", "cross-attention", "bilinear")
LABELS = ("same", "different")
LINEAR = "linear"


@dataclass(frozen=True, slots=True)
class XorRow:
    """A strategy's accuracies on the test rows, one per seed; "linear" is logistic regression on both vectors side by side."""

    strategy: str
    accuracies: tuple[float, ...]
    lowest: float
    highest: float


def measured(seeds: Sequence[int] = (0, 1, 2), *, progress: Progress | None = None) -> tuple[XorRow, ...]:
    """Train every strategy on a set of its own for each seed."""
    found: dict[str, list[float]] = {}
    for seed in seeds:
        features, split = dataset(seed)
        for name, accuracy in _accuracies(features, split, seed, progress or Progress()).items():
            found.setdefault(name, []).append(accuracy)
    return tuple(XorRow(name, tuple(each), min(each), max(each)) for name, each in found.items())


def dataset(seed: int) -> tuple[Features, dict[Part, tuple[int, ...]]]:
    """Two modalities of one bit each, along random directions with noise, and the exclusive or of the bits; 6 : 1 : 3."""
    generator = np.random.default_rng(seed)
    bits = generator.integers(0, 2, (ROWS, 2))
    vectors = [_vectors(bits[:, column], generator) for column in (0, 1)]
    first, last = int(0.6 * ROWS), int(0.7 * ROWS)
    split: dict[Part, tuple[int, ...]] = {
        "train": tuple(range(first)),
        "validation": tuple(range(first, last)),
        "test": tuple(range(last, ROWS)),
    }
    there = np.ones(ROWS, np.bool_)
    features = Features(
        vectors={"text": vectors[0], "image": vectors[1]},
        present={"text": there, "image": there},
        labels=(bits[:, 0] ^ bits[:, 1]).astype(np.int64),
        encoders={"text": (Encoder("bit", "text", "", "1", DIM),), "image": (Encoder("bit", "image", "", "1", DIM),)},
        rows=np.arange(ROWS, dtype=np.int64),
    )
    return features, split


def _vectors(bits: np.ndarray, generator: np.random.Generator) -> FloatArray:
    direction = generator.normal(size=DIM)
    direction /= np.linalg.norm(direction)
    signs = (2 * bits - 1)[:, None]
    return (signs * direction + NOISE * generator.normal(size=(len(bits), DIM))).astype(np.float32)


def _accuracies(features: Features, split: Mapping[Part, Sequence[int]], seed: int, progress: Progress) -> dict[str, float]:
    from mm_demos.fusion.process import run_training

    options = TrainOptions(seed=seed, modality_dropout=0.0)
    with tempfile.TemporaryDirectory(prefix="mm-demos-xor-") as folder:
        outcomes = run_training(
            features,
            split,
            LABELS,
            strategies=STRATEGIES,
            options=options,
            folder=Path(folder),
            progress=progress,
            on_epoch=lambda _: None,
        )
    truth = features.labels[list(split["test"])]
    figures = {str(each.strategy): float((each.probs["test"].argmax(1) == truth).mean()) for each in outcomes}
    return {LINEAR: _linear(features, split), **figures}


def _linear(features: Features, split: Mapping[Part, Sequence[int]]) -> float:
    from sklearn.linear_model import LogisticRegression

    joined = np.concatenate([features.vectors["text"], features.vectors["image"]], axis=1)
    train, test = list(split["train"]), list(split["test"])
    fitted = LogisticRegression(max_iter=1000).fit(joined[train], features.labels[train])
    return float(fitted.score(joined[test], features.labels[test]))
