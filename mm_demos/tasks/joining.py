"""Probabilities of several modalities joined into one decision."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from mm_demos.errors import InvalidInputError
from mm_demos.models.protocols import FloatArray

Fusion = Literal["weighted-average", "maximum", "attention"]
FUSIONS: tuple[Fusion, ...] = get_args(Fusion)


@dataclass(frozen=True, slots=True)
class Fused:
    """A joint decision, split by where it came from.

    Args:
        modalities: their names.
        parts: (n_modalities, n_labels); column sums are the joint probabilities.
    """

    modalities: tuple[str, ...]
    parts: NDArray[np.float64]

    @property
    def probs(self) -> FloatArray:
        """Joint probabilities (n_labels,), summing to 1."""
        joint: FloatArray = self.parts.sum(axis=0).astype(np.float32)
        return joint

    @property
    def shares(self) -> dict[str, float]:
        """Share of each modality in all scores, summing to 1."""
        return dict(zip(self.modalities, self.parts.sum(axis=1).tolist(), strict=True))

    def contributions(self, label: int) -> dict[str, float]:
        """Share of each modality in the score of one label, summing to 1."""
        column = self.parts[:, label]
        return dict(zip(self.modalities, (column / column.sum()).tolist(), strict=True))


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
        weighted = stacked * given[:, None]
        parts = np.where(weighted == weighted.max(axis=0), weighted, 0.0)
        parts /= np.maximum(np.count_nonzero(parts, axis=0), 1)  # a tie is shared
    else:
        attended = given * [confidence(row) for row in stacked] if fusion == "attention" else given
        parts = stacked * (attended if attended.sum() > 0 else given)[:, None]
    return Fused(tuple(names), parts / parts.sum())


def confidence(probs: FloatArray) -> float:
    """One minus the normalised entropy of `probs` (n_labels,), in [0, 1]: 1 is certain, 0 a uniform guess."""
    positive = probs[probs > 0]
    entropy = -float((positive * np.log(positive)).sum())
    return min(1.0, max(0.0, 1.0 - entropy / math.log(len(probs))))


def check_weights(
    weights: Mapping[str, float], modalities: tuple[str, ...], *, groups: Mapping[str, tuple[str, ...]] | None = None
) -> dict[str, float]:
    """A weight for each of `modalities`, 1 where none is given.

    Args:
        groups: name → modalities; the weight of a group is a factor on each of them.

    Raises:
        InvalidInputError: an unknown modality, or a weight that is not a non-negative number.
    """
    groups = groups or {}
    if not isinstance(weights, Mapping):
        raise InvalidInputError('The weights are numbers by modality, such as {"text": 1, "image": 2}.')
    for name, value in weights.items():
        if name not in modalities and name not in groups:
            raise InvalidInputError(f"There is no modality “{name}”: weigh {', '.join((*modalities, *groups))}.")
        if not isinstance(value, Real) or not math.isfinite(value) or value < 0:
            raise InvalidInputError(f"The weight of the {name} is {value}: choose a number from 0 up.")
    found = {name: float(weights.get(name, 1.0)) for name in modalities}
    for group, members in groups.items():
        for name in members:
            found[name] *= float(weights.get(group, 1.0))
    return found


def check_fusion(fusion: str) -> None:
    """Refuse a rule that does not exist.

    Raises:
        InvalidInputError: with the rules there are.
    """
    if fusion not in FUSIONS:
        raise InvalidInputError(f"There is no fusion called “{fusion}”: choose {', '.join(FUSIONS)}.")
