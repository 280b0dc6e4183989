"""Recall at k and median rank of image–text retrieval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class RetrievalScores:
    """Share of queries whose answer is among the first k, and the median rank of the best right answer (1 is first)."""

    recall_at_1: float
    recall_at_5: float
    recall_at_10: float
    median_rank: float
    queries: int


def ranks(similarity: FloatArray, relevant: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    """Rank, from 1, of the best relevant candidate of each query; ties count against it.

    Args:
        similarity: (n_queries, n_candidates).
        relevant: the candidates that are right for each query, at least one.
    """
    best = np.array([row[list(right)].max() for row, right in zip(similarity, relevant, strict=True)])
    strictly_better = (similarity >= best[:, None]).sum(axis=1)
    ties_among_right = np.array(
        [(row[list(right)] >= top).sum() for row, right, top in zip(similarity, relevant, best, strict=True)]
    )
    return np.asarray(strictly_better - ties_among_right + 1, dtype=np.int64)


def score(similarity: FloatArray, relevant: Sequence[Sequence[int]]) -> RetrievalScores:
    """Summarise `ranks` of the same arguments."""
    place = ranks(similarity, relevant)
    at = {k: float((place <= k).mean()) for k in (1, 5, 10)}
    return RetrievalScores(at[1], at[5], at[10], float(np.median(place)), len(place))


def both_directions(images: FloatArray, texts: FloatArray, owner: Sequence[int]) -> tuple[RetrievalScores, RetrievalScores]:
    """Text→image and image→text scores of L2-normalised embeddings; `owner[j]` is the image that text j describes."""
    similarity = texts @ images.T
    of_image: list[list[int]] = [[] for _ in images]
    for text, image in enumerate(owner):
        of_image[image].append(text)
    return score(similarity, [[image] for image in owner]), score(similarity.T, of_image)
