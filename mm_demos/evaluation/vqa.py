"""Accuracy by kind of question, and how far confidence is from accuracy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def accuracy_by_kind(kinds: Sequence[str], right: Sequence[bool]) -> dict[str, float]:
    """Share of right answers for each kind of question, in the kinds' alphabetical order."""
    flags = np.asarray(right, dtype=bool)
    names = np.asarray(kinds)
    return {str(kind): float(flags[names == kind].mean()) for kind in np.unique(names)}


def calibration_error(confidence: NDArray[np.float32], right: NDArray[np.bool_], bins: int = 15) -> float:
    """Expected calibration error (Guo et al., 2017): mean |accuracy − confidence| over equal-width bins, by size."""
    edges = np.linspace(0, 1, bins + 1)
    place = np.clip(np.digitize(confidence, edges[1:-1], right=True), 0, bins - 1)
    gaps = (
        abs(float(confidence[place == b].mean()) - float(right[place == b].mean())) * float((place == b).mean())
        for b in np.unique(place)
    )
    return float(sum(gaps))
