"""Accuracy by kind of question."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def accuracy_by_kind(kinds: Sequence[str], right: Sequence[bool]) -> dict[str, float]:
    """Share of right answers for each kind of question, in the kinds' alphabetical order."""
    flags = np.asarray(right, dtype=bool)
    names = np.asarray(kinds)
    return {str(kind): float(flags[names == kind].mean()) for kind in np.unique(names)}
