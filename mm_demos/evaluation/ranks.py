"""Recall at k and mean reciprocal rank of a search, beside what chance gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb

CUTS = (1, 5, 10)


@dataclass(frozen=True, slots=True)
class RankScores:
    """Shares in [0, 1] of queries whose answer is among the first k, and the mean of 1 / rank."""

    recall_at_1: float
    recall_at_5: float
    recall_at_10: float
    mrr: float
    queries: int


def of_ranks(ranks: Sequence[int | None]) -> RankScores:
    """Scores of the ranks, from 1, of the right answers; None where it was not found, which counts as never."""
    n = max(len(ranks), 1)
    at = [sum(rank is not None and rank <= k for rank in ranks) / n for k in CUTS]
    return RankScores(at[0], at[1], at[2], sum(1 / rank for rank in ranks if rank is not None) / n, len(ranks))


def of_chance(candidates: int, relevant: Sequence[int]) -> RankScores:
    """What random orders of `candidates` give on average; `relevant` counts the right answers of each query."""
    laws = [_first_rank(candidates, count) for count in relevant]
    n = max(len(laws), 1)
    at = [sum(sum(law[:k]) for law in laws) / n for k in CUTS]
    mrr = sum(share / rank for law in laws for rank, share in enumerate(law, start=1)) / n
    return RankScores(at[0], at[1], at[2], mrr, len(laws))


def _first_rank(candidates: int, relevant: int) -> list[float]:
    """Probability of each rank, from 1, for the first of `relevant` things among `candidates` in random order."""
    orders = comb(candidates, relevant)
    return [comb(candidates - rank, relevant - 1) / orders for rank in range(1, candidates + 1)] if relevant else []
