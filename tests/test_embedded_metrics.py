"""The metrics of the embedded models against versions that count everything by hand."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mm_demos.evaluation import captions, retrieval, vqa
from mm_demos.fusion.measures import calibration_error

SENTENCES = st.lists(st.sampled_from("a dog runs on the green grass with two men".split()), min_size=1, max_size=9).map(" ".join)


def rank_by_hand(row: np.ndarray, right: list[int]) -> int:
    """Place of the best right candidate when every wrong one with the same score goes first."""
    best = max(row[i] for i in right)
    return 1 + sum(row[i] >= best for i in range(len(row)) if i not in right)


@settings(deadline=None)
@given(st.integers(0, 1000))
def test_ranks_are_those_of_sorting(seed: int) -> None:
    rng = np.random.default_rng(seed)
    similarity = rng.integers(0, 6, size=(7, 9)).astype(np.float32)  # few values, so that ties occur
    relevant = [sorted(rng.choice(9, size=rng.integers(1, 3), replace=False).tolist()) for _ in range(7)]
    assert retrieval.ranks(similarity, relevant).tolist() == [
        rank_by_hand(row, right) for row, right in zip(similarity, relevant, strict=True)
    ]


def test_both_directions_know_whose_text_it_is() -> None:
    images = np.eye(3, dtype=np.float32)
    texts = np.array([[1, 0, 0], [0, 1, 0], [0, 0.9, 0.1], [0.6, 0.5, 0.4]], np.float32)
    to_image, to_text = retrieval.both_directions(images, texts, [0, 1, 1, 2])
    assert (to_image.recall_at_1, to_image.recall_at_5, to_image.queries) == (0.75, 1.0, 4)
    assert (to_text.recall_at_1, to_text.median_rank) == (1.0, 1.0)


def counted(words: list[str], n: int) -> dict[tuple[str, ...], int]:
    out: dict[tuple[str, ...], int] = {}
    for i in range(len(words) - n + 1):
        out[tuple(words[i : i + n])] = out.get(tuple(words[i : i + n]), 0) + 1
    return out


def cider_by_hand(candidates: list[str], references: list[list[str]]) -> float:
    """CIDEr-D straight from the formulas of Vedantam et al. (2015), over all n-grams that occur anywhere."""
    total = 0.0
    for candidate, group in zip(candidates, references, strict=True):
        for reference in group:
            a, b = candidate.split(), reference.split()
            for n in range(1, 5):
                every = sorted(set(counted(a, n)) | set(counted(b, n)))
                idf = [
                    math.log(max(2, len(references)))
                    - math.log(max(1, sum(any(g in counted(r.split(), n) for r in other) for other in references)))
                    for g in every
                ]
                x = np.array([counted(a, n).get(g, 0) * w for g, w in zip(every, idf, strict=True)])
                y = np.array([counted(b, n).get(g, 0) * w for g, w in zip(every, idf, strict=True)])
                if np.linalg.norm(x) and np.linalg.norm(y):
                    cosine = np.minimum(x, y) @ y / np.linalg.norm(x) / np.linalg.norm(y)
                    total += cosine * math.exp(-((len(a) - len(b)) ** 2) / 72) / 4 / len(group)
    return 10 * total / len(candidates)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(SENTENCES, st.lists(SENTENCES, min_size=1, max_size=3)), min_size=2, max_size=4))
def test_cider_follows_the_formulas(rows: list[tuple[str, list[str]]]) -> None:
    candidates, references = [row[0] for row in rows], [row[1] for row in rows]
    assert captions.score(candidates, references).cider == pytest.approx(cider_by_hand(candidates, references), abs=1e-9)


def test_bleu_of_a_known_pair() -> None:
    scores = captions.score(["the cat sat on the mat today"], [["the cat sat on a mat today", "there is a cat on the mat"]])
    matches = [6 / 7, 6 / 6, 3 / 5, 1 / 4]  # no reference has "the" twice; the other n-grams occur in one or the other
    assert scores.bleu == pytest.approx([math.prod(matches[:n]) ** (1 / n) for n in range(1, 5)], abs=1e-6)


def test_short_captions_pay_the_brevity_penalty() -> None:
    scores = captions.score(["a dog"], [["a dog runs on the grass"]])
    assert scores.bleu[0] == pytest.approx(math.exp(1 - 6 / 2))


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60))
def test_calibration_error_bin_by_bin(rows: list[tuple[float, bool]]) -> None:
    confidence, right = np.array([c for c, _ in rows], np.float32), np.array([r for _, r in rows])
    by_hand = 0.0
    for low, high in pairwise(np.linspace(0, 1, 16)):
        inside = [(c, r) for c, r in zip(confidence, right, strict=True) if low < c <= high or (low == 0 and c == 0)]
        if inside:
            by_hand += len(inside) / len(rows) * abs(np.mean([c for c, _ in inside]) - np.mean([r for _, r in inside]))
    assert calibration_error(confidence, right) == pytest.approx(by_hand, abs=1e-5)


def test_accuracy_is_kept_apart_by_kind() -> None:
    assert vqa.accuracy_by_kind(["count", "colour", "count"], [True, True, False]) == {"colour": 1.0, "count": 0.5}
