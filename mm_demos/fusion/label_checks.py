"""What names and counts of classes give away: names that look like slips of another, and classes that are seldom."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from difflib import SequenceMatcher
from itertools import combinations

from mm_demos.fusion.types import Finding
from mm_demos.media.files import shown

EXAMPLES = 5
MAX_COMPARED = 300  # classes; pairs of more are compared by their spelling without case and spaces only
MIN_CHARS = 4  # shorter names differ in one letter and are still other words
LIKENESS = 0.84  # of difflib; "negative" and "negatve" have 0.93, "positive" and "negative" 0.75
MAX_SHARE_OF_SLIP = 0.25  # a slip is rarer than the name it was meant to be
IMBALANCE = 5  # rows of the largest class for one of the smallest
DIGITS = re.compile(r"\d+")


def similar_labels(counts: Counter[str]) -> list[Finding]:
    """Pairs of labels that are nearly the same name; nothing is merged, as only the user knows.

    Args:
        counts: rows by label.
    """
    pairs = list(_pairs(counts))
    if not pairs:
        return []
    what = "pair of labels looks" if len(pairs) == 1 else "pairs of labels look"
    sentence = f"{len(pairs):,} {what} like the same name written in two ways: correct them if they are meant to be one class."
    examples = tuple(f"{shown(one)} ({counts[one]:,}) / {shown(other)} ({counts[other]:,})" for one, other in pairs[:EXAMPLES])
    return [Finding("similar labels", sentence, len(pairs), examples)]


def imbalance(counts: Counter[str]) -> list[Finding]:
    """Whether the largest class has many times the rows of the smallest."""
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    (most, many), (_, few) = ranked[0], ranked[-1]
    if many < IMBALANCE * few:
        return []
    small = [(label, count) for label, count in ranked[::-1] if many >= IMBALANCE * count]
    sentence = (
        f"Classes are uneven: {shown(most)} has {many:,} rows, {many / few:.0f} times those of {shown(ranked[-1][0])} ({few:,}); "
        "class weights even that out in training."
    )
    return [Finding("imbalance", sentence, len(small), tuple(f"{shown(label)}: {count:,}" for label, count in small[:EXAMPLES]))]


def _pairs(counts: Counter[str]) -> Iterator[tuple[str, str]]:
    """The more frequent label of a pair first."""
    ranked = sorted(counts, key=lambda label: (-counts[label], label))
    plain = {label: _plain(label) for label in ranked}
    if len(ranked) > MAX_COMPARED:
        first: dict[str, str] = {}
        for label in ranked:
            if first.setdefault(plain[label], label) != label:
                yield first[plain[label]], label
        return
    slips: set[str] = set()
    for one, other in combinations(ranked, 2):
        if one in slips:
            continue
        if plain[one] == plain[other] or (
            counts[other] <= max(1, MAX_SHARE_OF_SLIP * counts[one]) and _alike(plain[one], plain[other])
        ):
            slips.add(other)
            yield one, other


def _plain(label: str) -> str:
    """Without case, spaces, hyphens, underscores, and differences of width."""
    return re.sub(r"[\s_\-–.]+", "", unicodedata.normalize("NFKC", label).casefold()) or label


def _alike(one: str, other: str) -> bool:
    if min(len(one), len(other)) < MIN_CHARS or DIGITS.findall(one) != DIGITS.findall(other):
        return False
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    return matcher.real_quick_ratio() >= LIKENESS and matcher.quick_ratio() >= LIKENESS and matcher.ratio() >= LIKENESS
