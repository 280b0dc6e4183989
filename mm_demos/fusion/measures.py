"""How well a classifier does on rows it has not seen: figures, their uncertainty, and how far its confidence can be trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mm_demos.errors import InvalidInputError
from mm_demos.fusion.types import Interval, Measures, Modality

Probs = NDArray[np.float64]
Classes = NDArray[np.int64]

ROUNDS = 2000  # of the bootstrap; the ends of a 95 % interval move by less than a tenth of its width with more
BINS = 10
_BLOCK = 2_000_000  # resampled rows held at once: 16 MB of indices


def measure(
    probs: Probs, truth: Classes, labels: Sequence[str], *, without: Mapping[Modality, Probs] | None = None, seed: int = 0
) -> Measures:
    """All figures of a classifier.

    Args:
        probs: (n, n_classes), rows summing to 1.
        truth: class index (n,).
        without: removed modality → probabilities (n, n_classes) of the same rows.
        seed: of the bootstrap.

    Raises:
        InvalidInputError: there is no row, or not one probability for each label.
    """
    from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

    _check(probs, truth, labels)
    predicted, classes = probs.argmax(axis=1), range(len(labels))
    right = predicted == truth
    bins = reliability(probs.max(axis=1), right)
    # Macro means are over the classes that occur among the rows or the predictions, as scikit-learn has it.
    precision, recall, f1, _ = precision_recall_fscore_support(truth, predicted, average="macro", zero_division=0)
    each = precision_recall_fscore_support(truth, predicted, labels=classes, zero_division=0)
    return Measures(
        rows=len(truth),
        accuracy=interval(right, seed=seed),
        precision_macro=float(precision),
        recall_macro=float(recall),
        f1_macro=float(f1),
        roc_auc=roc_auc(probs, truth),
        ece=_error(bins),
        confusion=tuple(tuple(int(n) for n in row) for row in confusion_matrix(truth, predicted, labels=classes)),
        per_class=_per_class(labels, each),
        reliability=bins,
        ablation={name: float((left.argmax(axis=1) == truth).mean()) for name, left in (without or {}).items()},
    )


def majority(train_truth: Classes, truth: Classes, labels: Sequence[str], *, seed: int = 0) -> Measures:
    """The guess that needs no model: every row gets the shares of the classes in training, so the most frequent class wins."""
    shares = np.bincount(train_truth, minlength=len(labels)) / max(1, len(train_truth))
    return measure(np.tile(shares, (len(truth), 1)), truth, labels, seed=seed)


def roc_auc(probs: Probs, truth: Classes) -> float | None:
    """Area under the ROC curve, each class against the rest, mean over classes; None when a class has no row or all rows."""
    from sklearn.metrics import roc_auc_score

    one_hot = truth[:, None] == np.arange(probs.shape[1])
    if one_hot.all(axis=0).any() or not one_hot.any(axis=0).all():
        return None
    return float(roc_auc_score(one_hot, probs, average="macro"))


def interval(scores: NDArray[Any], *, seed: int = 0, rounds: int = ROUNDS) -> Interval:
    """The mean of scores (n,), with the 2.5th and 97.5th percentile of the means of rows drawn again with replacement.

    Efron (1979), percentile method. The same seed and rows give the same interval.
    """
    values = np.asarray(scores, dtype=np.float64)
    generator, block = np.random.default_rng(seed), max(1, _BLOCK // len(values))
    sizes = [min(block, rounds - start) for start in range(0, rounds, block)]
    means = [values[generator.integers(0, len(values), (size, len(values)))].mean(axis=1) for size in sizes]
    low, high = np.percentile(np.concatenate(means), [2.5, 97.5])
    return Interval(float(values.mean()), float(low), float(high))


def difference(probs: Probs, other: Probs, truth: Classes, *, seed: int = 0) -> Interval:
    """By how much `probs` (n, n_classes) is more accurate than `other` on the same rows, which are drawn in pairs.

    Zero inside the interval: these rows do not show that one is better.
    """
    gains = (probs.argmax(axis=1) == truth).astype(np.float64) - (other.argmax(axis=1) == truth)
    return interval(gains, seed=seed)


def reliability(confidence: NDArray[Any], right: NDArray[np.bool_], bins: int = BINS) -> tuple[tuple[float, float, int], ...]:
    """(mean confidence, accuracy, count) for each of `bins` bins of equal width.

    Args:
        confidence: (n,) in [0, 1], of the class chosen; a bin holds its upper edge.
        right: (n,) whether the class chosen is the true one.

    Returns:
        An empty bin has its centre, 0 and 0.
    """
    edges = np.linspace(0, 1, bins + 1)
    place = np.clip(np.digitize(confidence, edges[1:-1], right=True), 0, bins - 1)
    counts = np.bincount(place, minlength=bins)
    sure = np.bincount(place, weights=confidence, minlength=bins)
    hits = np.bincount(place, weights=right, minlength=bins)
    centres = (edges[:-1] + edges[1:]) / 2
    return tuple(
        (float(s / n), float(h / n), int(n)) if n else (float(centre), 0.0, 0)
        for s, h, n, centre in zip(sure, hits, counts, centres, strict=True)
    )


def calibration_error(confidence: NDArray[Any], right: NDArray[np.bool_], bins: int = 15) -> float:
    """Expected calibration error (Guo et al., 2017): mean |accuracy − confidence| over equal-width bins, by size."""
    return _error(reliability(confidence, right, bins))


def _error(bins: Sequence[tuple[float, float, int]]) -> float:
    return sum(abs(hit - sure) * n for sure, hit, n in bins) / max(1, sum(n for _, _, n in bins))


def _per_class(labels: Sequence[str], figures: tuple[Any, ...]) -> dict[str, dict[str, float]]:
    names = ("precision", "recall", "f1", "support")
    return {
        label: {name: float(value) for name, value in zip(names, row, strict=True)}
        for label, row in zip(labels, np.transpose(figures), strict=True)
    }


def _check(probs: Probs, truth: Classes, labels: Sequence[str]) -> None:
    if not len(truth):
        raise InvalidInputError("No row is left to test on: give more rows, or fewer classes.")
    if probs.shape != (len(truth), len(labels)):
        wanted = f"{len(truth)} rows with {len(labels)} labels"
        raise InvalidInputError(f"Probabilities of shape {probs.shape} do not fit {wanted}: use the model's own labels.")
