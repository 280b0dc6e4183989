"""Every figure of the studio against a version written out by hand."""

from __future__ import annotations

import math
import random
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mm_demos.errors import InvalidInputError
from mm_demos.fusion import measures, standings
from mm_demos.fusion.types import Outcome, Row, TrainOptions

LABELS = ("ant", "bee", "cow")


def drawn(seed: int, n: int = 40, classes: int = 3, skill: float = 1.5) -> tuple[measures.Probs, measures.Classes]:
    """Probabilities of a classifier of some skill, and the truth."""
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, classes, n)
    logits = generator.normal(size=(n, classes)) + skill * np.eye(classes)[truth]
    powers = np.exp(logits)
    return powers / powers.sum(axis=1, keepdims=True), truth


def wins(positive: list[float], negative: list[float]) -> float:
    """Share of pairs in which the positive stands higher; a tie is half a win."""
    pairs = [(p > n) + 0.5 * (p == n) for p in positive for n in negative]
    return sum(pairs) / len(pairs)


@pytest.mark.parametrize("seed", range(8))
def test_per_class_figures_by_counting(seed: int) -> None:
    probs, truth = drawn(seed)
    found = measures.measure(probs, truth, LABELS)
    pairs = [(int(t), max(range(3), key=lambda c: row[c])) for t, row in zip(truth, probs.tolist(), strict=True)]
    for index, label in enumerate(LABELS):
        both = sum(t == p == index for t, p in pairs)
        said, real = sum(p == index for _, p in pairs), sum(t == index for t, _ in pairs)
        precision, recall = both / said, both / real
        wanted = {"precision": precision, "recall": recall, "f1": 2 * precision * recall / (precision + recall), "support": real}
        assert found.per_class[label] == pytest.approx(wanted)
        assert found.confusion[index] == tuple(pairs.count((index, other)) for other in range(3))
    for name, value in (("precision", found.precision_macro), ("recall", found.recall_macro), ("f1", found.f1_macro)):
        assert value == pytest.approx(sum(found.per_class[label][name] for label in LABELS) / 3)
    assert found.accuracy.value == sum(t == p for t, p in pairs) / len(pairs)
    assert found.rows == len(pairs) == sum(map(sum, found.confusion))


@pytest.mark.parametrize("classes", [2, 3, 6])
def test_roc_auc_by_comparing_all_pairs(classes: int) -> None:
    probs, truth = drawn(5, 60, classes)
    probs = probs.round(1)  # ties must count half
    areas = [wins(probs[truth == c, c].tolist(), probs[truth != c, c].tolist()) for c in range(classes)]
    assert measures.roc_auc(probs, truth) == pytest.approx(sum(areas) / classes)


def test_roc_auc_is_unknown_when_a_class_has_no_row() -> None:
    probs, truth = drawn(1)
    assert measures.roc_auc(probs, np.minimum(truth, 1)) is None
    assert measures.roc_auc(probs, np.zeros_like(truth)) is None


def test_classes_seen_nowhere_do_not_lower_the_macro_means() -> None:
    probs, truth = np.array([[0.9, 0.1, 0.0], [0.2, 0.8, 0.0]]), np.array([0, 1])
    found = measures.measure(probs, truth, LABELS)
    assert (found.f1_macro, found.precision_macro, found.recall_macro) == (1.0, 1.0, 1.0)
    assert found.per_class["cow"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 0.0}


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60))
@settings(deadline=None)
def test_reliability_bin_by_bin(rows: list[tuple[float, bool]]) -> None:
    confidence, right = np.array([c for c, _ in rows]), np.array([r for _, r in rows])
    bins = measures.reliability(confidence, right)
    error = 0.0
    for (low, high), (sure, hits, count) in zip(pairwise(np.linspace(0, 1, 11)), bins, strict=True):
        inside = [(c, r) for c, r in rows if low < c <= high or (low == 0 and c == 0)]
        assert count == len(inside)
        if inside:
            mean, share = sum(c for c, _ in inside) / count, sum(r for _, r in inside) / count
            assert (sure, hits) == pytest.approx((mean, share))
            error += count / len(rows) * abs(mean - share)
        else:
            assert (sure, hits) == pytest.approx(((low + high) / 2, 0.0))
    assert measures.calibration_error(confidence, right, bins=10) == pytest.approx(error)


def test_interval_against_a_loop() -> None:
    scores = [1.0] * 31 + [0.0] * 9
    drawer = random.Random(3)
    means = sorted(sum(drawer.choices(scores, k=40)) / 40 for _ in range(4000))
    found = measures.interval(np.array(scores), seed=1)
    assert found.value == 31 / 40
    assert (found.low, found.high) == pytest.approx((means[100], means[3900]), abs=0.026)  # one row is 0.025


def test_interval_covers_the_truth_as_often_as_it_says() -> None:
    generator = np.random.default_rng(0)
    found = [measures.interval(generator.random(150) < 0.8, seed=i, rounds=600) for i in range(300)]
    covered = sum(one.low <= 0.8 <= one.high for one in found) / len(found)
    assert 0.90 <= covered <= 0.99


def test_intervals_repeat_and_do_not_depend_on_the_block_size(monkeypatch: pytest.MonkeyPatch) -> None:
    scores = np.random.default_rng(2).random(50) < 0.7
    first = measures.interval(scores, seed=4)
    assert measures.interval(scores, seed=4) == first
    monkeypatch.setattr(measures, "_BLOCK", 170)
    assert measures.interval(scores, seed=4) == first
    assert measures.interval(np.ones(1)) == measures.Interval(1.0, 1.0, 1.0)


def test_the_paired_difference_is_exact_on_all_resamples() -> None:
    gains = [1, 0, 0, -1, 1]
    truth = np.zeros(5, np.int64)
    right, wrong = [0.9, 0.1], [0.1, 0.9]
    one = np.array([right, right, wrong, wrong, right])
    two = np.array([wrong, right, wrong, right, wrong])
    found = measures.difference(one, two, truth, seed=0)
    grid = np.array(np.meshgrid(*[gains] * 5)).reshape(5, -1).mean(axis=0)  # all 5^5 resamples
    assert found.value == pytest.approx(sum(gains) / 5)
    assert (found.low, found.high) == pytest.approx(tuple(np.percentile(grid, [2.5, 97.5])))


def test_pairs_tell_apart_what_single_intervals_cannot() -> None:
    probs, truth = drawn(7, 400)
    worse = probs.copy()
    spoiled = np.flatnonzero(probs.argmax(axis=1) == truth)[:16]
    worse[spoiled] = np.roll(worse[spoiled], 1, axis=1)
    one, two = (measures.measure(p, truth, LABELS).accuracy for p in (probs, worse))
    assert two.high > one.low
    assert measures.difference(worse, probs, truth).high < 0


def test_majority_is_the_most_frequent_class_of_training() -> None:
    found = measures.majority(np.array([0, 1, 1, 1]), np.array([0, 1, 1, 2]), LABELS)
    assert found.accuracy.value == 0.5
    assert found.confusion == ((0, 1, 0), (0, 2, 0), (0, 1, 0))
    assert found.roc_auc == pytest.approx(0.5)
    assert found.ece == pytest.approx(0.25)
    assert found.f1_macro == pytest.approx((2 * 0.5 * 1 / 1.5) / 3)


def test_ablation_is_the_accuracy_without() -> None:
    probs, truth = drawn(3)
    left = drawn(4)[0]
    right = [max(range(3), key=lambda c: row[c]) == t for t, row in zip(truth, left.tolist(), strict=True)]
    found = measures.measure(probs, truth, LABELS, without={"image": left})
    assert found.ablation == {"image": sum(right) / len(right)}


def test_what_does_not_fit_is_refused_in_one_sentence() -> None:
    probs, truth = drawn(0)
    with pytest.raises(InvalidInputError, match="No row is left to test on"):
        measures.measure(probs[:0], truth[:0], LABELS)
    with pytest.raises(InvalidInputError, match="do not fit 40 rows with 2 labels"):
        measures.measure(probs, truth, LABELS[:2])


def outcome(strategy: str, loss: float, probs: measures.Probs) -> Outcome:
    """A strategy as training hands it over."""
    looks = np.tile([0.25, 0.75], (len(probs), 1))
    parts = {"train": probs, "validation": probs, "test": probs}
    return Outcome(strategy, parts, {"text": probs}, looks, (), 3, loss, 10, 1.0, TrainOptions())  # type: ignore[arg-type]


def test_the_leaderboard_follows_validation_and_places_the_guess_by_accuracy() -> None:
    good, truth = drawn(0, 200, skill=3)
    fair, poor = drawn(0, 200, skill=1)[0], np.roll(good, 1, axis=1)
    runs = [outcome("max-pooling", 0.9, poor), outcome("bilinear", 0.2, fair), outcome("concatenation", 0.3, good)]
    lines = standings.standings(runs, train_truth=truth, truth=truth, labels=LABELS)
    assert [line.strategy for line in lines] == ["bilinear", "concatenation", "majority", "max-pooling"]
    assert [line.against_best is None for line in lines] == [True, False, True, False]
    gain = lines[1].measures.accuracy.value - lines[0].measures.accuracy.value
    assert lines[1].against_best is not None
    assert lines[1].against_best.value == pytest.approx(gain)
    assert math.isclose(lines[1].measures.ablation["text"], lines[1].measures.accuracy.value)


def test_mistakes_are_the_most_confident_first() -> None:
    probs, truth = drawn(6, 30)
    rows = [Row(i + 1, LABELS[t], text=f"row {i}") for i, t in enumerate(truth)]
    found = standings.mistakes(
        outcome("bilinear", 1, probs), rows, truth=truth, labels=LABELS, modalities=("text", "image"), limit=5
    )
    wrong = [i for i in range(30) if probs[i].argmax() != truth[i]]
    best = max(combinations(wrong, 5), key=lambda five: sum(probs[i].max() for i in five))
    assert {one.row.number - 1 for one in found} == set(best)
    assert [one.confidence for one in found] == sorted((one.confidence for one in found), reverse=True)
    assert all(one.predicted != one.label == one.row.label for one in found)
    assert found[0].attention == {"text": 0.25, "image": 0.75}
