"""Answers and their probabilities, from what a vision-language model says and from what it would give to each choice."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from mm_demos.results import LabelScore

Candidates = tuple[LabelScore, ...]
Likelihood = Callable[[str], float]  # natural logarithm of the probability that the model says exactly this
NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
UNKNOWN = "unknown"


def free(said: Sequence[tuple[str, float]]) -> Candidates:
    """What was said with its probability; answers that differ in case or a full stop only are one."""
    probs: dict[str, float] = {}
    spelled: dict[str, str] = {}
    for text, prob in said:
        bare = text.strip().rstrip(".").strip()
        if bare:
            spelled.setdefault(bare.lower(), bare)
            probs[bare.lower()] = probs.get(bare.lower(), 0.0) + prob
    if not probs:
        return (LabelScore(UNKNOWN, min(1.0, sum(prob for _, prob in said))),)
    return _ranked({spelled[key]: min(1.0, prob) for key, prob in probs.items()})


def counted(said: Sequence[tuple[str, float]], likelihood: Likelihood) -> Candidates:
    """The numbers among what was said; where there is none, the numbers to ten by what the model would give them."""
    probs: dict[str, float] = {}
    for text, prob in said:
        number = as_number(text)
        if number:
            probs[number] = min(1.0, probs.get(number, 0.0) + prob)
    if probs:
        return _ranked(probs)
    return by_likelihood({str(i): (str(i), word) for i, word in enumerate(NUMBERS)}, likelihood)


def as_number(text: str) -> str:
    """The number that a short answer gives, as digits; empty where it gives none or several."""
    words = [word.strip(".,!") for word in text.lower().split()]
    found = {str(NUMBERS.index(word)) if word in NUMBERS else word for word in words if word in NUMBERS or word.isdecimal()}
    return str(int(found.pop())) if len(found) == 1 else ""


def by_likelihood(spellings: Mapping[str, Sequence[str]], likelihood: Likelihood) -> Candidates:
    """Each choice with its share of what the model gives to all of them, whatever their spelling."""
    given = [np.logaddexp.reduce([likelihood(text) for text in texts]) for texts in spellings.values()]
    powers = np.exp(np.array(given) - max(given))
    return _ranked(dict(zip(spellings, (powers / powers.sum()).tolist(), strict=True)))


def _ranked(probs: Mapping[str, float]) -> Candidates:
    return tuple(LabelScore(text, prob) for text, prob in sorted(probs.items(), key=lambda item: -item[1]))
