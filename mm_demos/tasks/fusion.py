"""Probabilities of several modalities joined into one decision."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from mm_demos.errors import InvalidInputError
from mm_demos.models.protocols import FloatArray

Fusion = Literal["weighted-average", "maximum", "attention"]
FUSIONS: tuple[Fusion, ...] = get_args(Fusion)


@dataclass(frozen=True, slots=True)
class Fused:
    """Joined probabilities (n_labels,), summing to 1, and the share of each modality in them, summing to 1."""

    probs: FloatArray
    shares: Mapping[str, float]


def fuse(probs: Mapping[str, FloatArray], *, weights: Mapping[str, float], fusion: Fusion) -> Fused:
    """Join the modalities' probabilities.

    Args:
        probs: modality → probabilities (n_labels,), summing to 1.
        weights: modality → non-negative weight.
        fusion: "weighted-average"; "maximum" takes for each label the modality surest of it; "attention" weighs each modality by
            its confidence, one minus the entropy of its probabilities over that of a uniform guess.

    Raises:
        InvalidInputError: every modality given has weight 0.
    """
    names = list(probs)
    if not any(weights[name] > 0 for name in names):
        raise InvalidInputError(f"The weight of the {' and the '.join(names)} is 0: raise it, or give another input.")
    stacked = np.stack([probs[name] for name in names]).astype(np.float64)
    given = np.array([weights[name] for name in names])
    if fusion == "maximum":
        return _maximum(names, stacked, given)
    if fusion == "attention":
        attended = given * np.array([confidence(row) for row in stacked])
        given = attended if attended.sum() > 0 else given
    shares = given / given.sum()
    return _fused(names, shares @ stacked, shares)


def confidence(probs: FloatArray) -> float:
    """One minus the normalised entropy of `probs` (n_labels,), in [0, 1]: 1 is certain, 0 a uniform guess."""
    positive = probs[probs > 0]
    entropy = -float((positive * np.log(positive)).sum())
    return min(1.0, max(0.0, 1.0 - entropy / math.log(len(probs))))


def check_weights(weights: Mapping[str, float], modalities: tuple[str, ...]) -> dict[str, float]:
    """A weight for each of `modalities`, 1 where none is given.

    Raises:
        InvalidInputError: an unknown modality, or a weight that is not a non-negative number.
    """
    for name, value in weights.items():
        if name not in modalities:
            raise InvalidInputError(f"There is no modality “{name}”: weigh {', '.join(modalities)}.")
        if not math.isfinite(value) or value < 0:
            raise InvalidInputError(f"The weight of the {name} is {value}: choose a number from 0 up.")
    return {name: float(weights.get(name, 1.0)) for name in modalities}


def check_fusion(fusion: str) -> None:
    """Refuse a rule that does not exist.

    Raises:
        InvalidInputError: with the rules there are.
    """
    if fusion not in FUSIONS:
        raise InvalidInputError(f"There is no fusion called “{fusion}”: choose {', '.join(FUSIONS)}.")


def _maximum(names: list[str], stacked: np.ndarray, weights: np.ndarray) -> Fused:
    weighted = stacked * (weights / weights.max())[:, None]
    best = weighted.max(axis=0)
    won = np.where(weighted == best, weighted, 0.0)  # ties are shared
    shares = (won / np.maximum((weighted == best).sum(axis=0), 1)).sum(axis=1) / best.sum()
    return _fused(names, best / best.sum(), shares)


def _fused(names: list[str], probs: np.ndarray, shares: np.ndarray) -> Fused:
    return Fused((probs / probs.sum()).astype(np.float32), {name: float(s) for name, s in zip(names, shares, strict=True)})
