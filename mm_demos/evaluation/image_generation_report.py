"""What `evaluate image-generation` counts: shares with their intervals, and a row for each picture."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Z95 = 1.959964  # standard deviations that hold 95 % of a normal distribution


@dataclass(frozen=True, slots=True)
class Share:
    """`right` of `of`, with the 95 % interval of Wilson (1927)."""

    right: int
    of: int
    share: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Painted:
    """One prompt and what its picture was taken for.

    Args:
        right: `among_20` is the name asked for.
        among_20: the best scored of the 20 names of this prompt.
        among_all: the best scored of all names.
        rank: place of the right name among all, from 1.
        pixels: the second classifier's choice among the 20.
        seconds: to paint it.
    """

    prompt: str
    name: str
    topic: str
    wording: str
    right: bool
    among_20: str
    among_all: str
    rank: int
    pixels: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Part:
    """The share recognised among 20 in the prompts of one topic or wording."""

    part: str
    prompts: int
    recognised: float


@dataclass(frozen=True, slots=True)
class Judge:
    """How far the first classifier can be trusted; see `image_generation_classifier.Taught`."""

    unseen_set_among_20: float
    unseen_set_among_all: float
    changed_among_20: float
    changed_among_all: float


@dataclass(frozen=True, slots=True)
class PaintingReport:
    """What came out.

    Args:
        recognised: the name asked for scores best among its 20.
        recognised_over_draws: the mean of the same over every possible draw of 19 others.
        recognised_by_pixels: by the second classifier, among the same 20.
        top_1: it scores best among all names.
        top_5: it is among the best five of all.
        median_seconds: of a warm picture, the first one left out.
    """

    model: str
    seed: int
    names: int
    recognised: Share
    recognised_over_draws: float
    recognised_by_pixels: Share
    top_1: Share
    top_5: Share
    median_seconds: float
    max_seconds: float
    first_seconds: float
    judge: Judge
    wordings: tuple[Part, ...]
    topics: tuple[Part, ...]
    pictures: tuple[Painted, ...]


def share(found: Iterable[bool]) -> Share:
    """Counted, with its interval."""
    seen = list(found)
    n, right = len(seen), sum(seen)
    p = right / n
    centre, spread = p + Z95**2 / (2 * n), Z95 * math.sqrt(p * (1 - p) / n + Z95**2 / (4 * n * n))
    return Share(right, n, p, (centre - spread) / (1 + Z95**2 / n), (centre + spread) / (1 + Z95**2 / n))


def over_draws(ranks: Sequence[int], names: int, others: int) -> float:
    """Mean chance that the right name beats `others` drawn from the remaining ones, given its ranks among all."""
    draws = math.comb(names - 1, others)
    return sum(math.comb(names - rank, others) / draws for rank in ranks) / len(ranks)


def parts(rows: Sequence[Painted], key: str) -> tuple[Part, ...]:
    """Shares by `topic` or `wording`, in the order of the rows."""
    grouped: dict[str, list[bool]] = {}
    for row in rows:
        grouped.setdefault(getattr(row, key), []).append(row.right)
    return tuple(Part(part, len(found), sum(found) / len(found)) for part, found in grouped.items())
