"""A finished training of made-up figures and bundled media, for looking at charts and reports."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mm_demos import samples
from mm_demos.fusion.standings import by_validation, mistakes, shares, standings
from mm_demos.fusion.types import (
    MODALITIES,
    Columns,
    DataSet,
    Epoch,
    Finding,
    Outcome,
    Part,
    Row,
    Strategy,
    Studio,
    TrainOptions,
)
from mm_demos.results import ModelUse, Receipt

LABELS = ("beach", "chainsaw", "clock", "dog", "helicopter", "rain", "rooster", "sneezing")
SKILL: dict[Strategy, float] = {
    "cross-attention": 3.4,
    "bilinear": 3.3,
    "gated-attention": 3.1,
    "concatenation": 2.9,
    "weighted-average": 2.7,
    "max-pooling": 2.5,
    "late-fusion": 2.8,
    "single-image": 2.2,
    "single-audio": 1.9,
    "single-text": 1.5,
}
PICTURES = ("beach-less.jpg", "cat.jpg", "coffee.jpg", "astronaut.jpg", "rocket.jpg", "temple.jpg")
SOUNDS = ("beach.ogg", "clock.ogg", "rooster.ogg", "dog-bark.ogg")


def rows(labels: Sequence[str], n: int, folder: Path) -> list[Row]:
    """Rows over the classes in unequal numbers; the first picture is a file that is gone."""
    generator = np.random.default_rng(1)
    weights = np.linspace(2, 1, len(labels))
    drawn = [*range(len(labels)), *generator.choice(len(labels), n - len(labels), p=weights / weights.sum())]
    return [
        Row(
            i + 1,
            labels[c],
            text=f"Field note {i}: {labels[c]} from across the yard, late in the day. " * (1 + i % 3),
            image=(folder / PICTURES[0]) if i % 6 == 0 else samples.path(PICTURES[i % 6]),
            audio=samples.path(SOUNDS[i % 4]) if i % 3 else None,
        )
        for i, c in enumerate(drawn)
    ]


def curve(strategy: Strategy, skill: float, epochs: int = 42) -> tuple[Epoch, ...]:
    """Losses that fall and rise again, with some noise."""
    generator = np.random.default_rng(len(strategy))
    loss = [2.1 * math.exp(-skill * e / 22) + 1.5 / skill + 0.004 * e + 0.03 * generator.normal() for e in range(epochs)]
    best = int(np.argmin(loss))
    stop = min(epochs, best + 11)
    return tuple(
        Epoch(strategy, e + 1, 60, 0.8 * loss[e] - 0.006 * e, loss[e], min(1, math.exp(-0.55 * loss[e]) + 0.06), a, e <= best)
        for e, a in ((e, math.exp(-0.6 * loss[e])) for e in range(stop))
    )


def outcome(strategy: Strategy, skill: float, truth: np.ndarray, n_classes: int) -> Outcome:
    """Probabilities of that skill on the test rows; all strategies see the same rows as hard ones."""
    hard, own = np.random.default_rng(2), np.random.default_rng(len(strategy) + 7)
    shape = (len(truth), n_classes)
    base, noise = hard.normal(size=shape), own.normal(size=shape)

    def probs(level: float) -> np.ndarray:
        powers = np.exp(1.15 * (level * np.eye(n_classes)[truth] + base + 0.6 * noise))
        return powers / powers.sum(axis=1, keepdims=True)

    looks = own.dirichlet((2, 4, 3), len(truth))
    points = curve(strategy, skill)
    best = max(e.number for e in points if e.best)
    loss = min(e.validation_loss for e in points)
    without = {"text": probs(skill - 0.5), "image": probs(skill - 1.6), "audio": probs(skill - 1.1)}
    sure = probs(skill)
    parts: dict[Part, np.ndarray] = {"train": sure, "validation": sure, "test": sure}
    return Outcome(strategy, parts, without, looks, points, best, loss, int(40_000 * skill), 2.1 * skill, TrainOptions())


def studio(
    folder: Path, *, labels: Sequence[str] = LABELS, n: int = 1600, strategies: Sequence[Strategy] = tuple(SKILL)
) -> Studio:
    """A training on `n` rows, a tenth of them for testing."""
    all_rows = rows(labels, n, folder)
    index = {label: i for i, label in enumerate(labels)}
    truth = np.array([index[row.label] for row in all_rows])
    test = slice(0, n // 10)
    runs = [outcome(name, SKILL[name], truth[test], len(labels)) for name in strategies]
    best = by_validation(runs)[0]
    findings = (
        Finding("missing file", "3 rows name a picture that is not there.", 3, ("photos/ox.jpg", "photos/<b>.jpg"), True),
        Finding("similar labels", "“sneezing” and “sneezeing” look like the same class.", 2, ("sneezing", "sneezeing")),
        Finding("imbalance", "The most frequent class has 2.1 times as many rows as the rarest.", 2, ("beach", "sneezing")),
    )
    data = DataSet(
        tuple(all_rows),
        tuple(labels),
        MODALITIES,
        Columns("note", "photo", "sound", "label"),
        findings,
        "5f3a9c0e7b" * 6 + "ab12",
    )
    options = {
        "fusion": "all",
        "epochs": 60,
        "batch_size": 32,
        "learning_rate": 0.001,
        "hidden": 128,
        "augment": 0,
        "search": None,
    }
    models = (
        ModelUse("all-MiniLM-L6-v2", "c9745ed1d9f207416be6d2e6f8de32d1f16199bf", "onnxruntime", "cpu", "float32", 0.4),
        ModelUse("efficientnet-lite2", "1.0", "onnxruntime", "cpu", "float32", 0.2),
        ModelUse("whisper-base", "e37978b90ca9030d5170a5c07aadb050351a65bb", "onnxruntime", "cpu", "float32", 0.9),
    )
    return Studio(
        data=data,
        split={"train": n * 8 // 10, "validation": n // 10, "test": n // 10},
        standings=standings(runs, train_truth=truth, truth=truth[test], labels=labels),
        best=best.strategy,
        curves=tuple(epoch for run in runs for epoch in run.curve),
        mistakes=mistakes(best, all_rows[test], truth=truth[test], labels=labels, modalities=MODALITIES),
        folder=folder / "model",
        attention=shares(best, MODALITIES),
        notices=("One picture was very dark.",),
        receipt=Receipt("train", models, options, 0, 73.2, 1_240_000_000, "0.5.0"),
    )
