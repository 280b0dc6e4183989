"""Answers taken from words alone: text read in the picture, labels, and shares among choices."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from mm_demos.models.evidence import Sight
    from mm_demos.models.protocols import FloatArray

Probs = Mapping[str, float]
NO_TEXT = 0.7  # that there is none when the reader found none: it misses small and handwritten text


def texts(sight: Sight) -> tuple[str, ...]:
    """The lines read in the picture."""
    return tuple(line.text for line in sight.lines)


def written(sight: Sight, wanted: Sequence[str]) -> Probs:
    """The answer to a question about what is written: the lines of the form asked for, or all of them."""
    if not sight.lines:
        return {"no text": NO_TEXT}
    scores = {line.text: line.score for line in sight.lines}
    chosen = wanted or texts(sight)
    sure = float(np.mean([scores[text] for text in chosen])) * 0.95
    rest = [text for text in scores if text not in chosen] or [text for text in scores if len(scores) > 1]
    return {" ".join(chosen): sure} | {text: (1 - sure) / (len(rest) + 1) for text in rest}


def counted(sight: Sight, noun: str) -> Probs:
    """How many words, letters or lines were read."""
    counts = {"words": len(sight.text.split()), "letters": sum(map(str.isalpha, sight.text))}
    n = counts.get(noun, len(sight.lines))
    return {str(n): 0.8 if n else NO_TEXT}


def named(sight: Sight, noun: str) -> Probs:
    """Names of what the labels see; of one kind, the classes of that kind, given that it is one if it probably is."""
    columns = sight.columns_of(noun) if noun else None
    if columns is None:
        return {thing.name: min(1.0, thing.prob) for thing in reversed(sight.things())}
    members = {sight.labels[i]: float(sight.above_floor[i]) for i in columns if sight.above_floor[i] > 0}
    whole = sum(members.values())
    return {name: p / whole if whole >= 0.5 else p for name, p in members.items()}


def chosen_by_text(sight: Sight, choices: Sequence[str]) -> Probs:
    """Choices by how much of what is written they share."""
    likeness = np.array([max(_likeness(choice, line) for line in (*texts(sight), sight.text)) for choice in choices])
    return shares(choices, np.exp(8 * likeness))


def shares(choices: Sequence[str], values: FloatArray) -> Probs:
    """Values divided by their sum."""
    total = float(values.sum()) or 1.0
    return {choice: float(value) / total for choice, value in zip(choices, values, strict=True)}


def _likeness(first: str, second: str) -> float:
    """1 when one text holds the other, else how much of their letters match, in [0, 1]."""
    a, b = first.lower().strip(), second.lower().strip()
    return 1.0 if a and (a in b) else difflib.SequenceMatcher(None, a, b).ratio()
