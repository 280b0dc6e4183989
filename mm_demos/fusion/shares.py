"""How much each modality had to do with a decision."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mm_demos.models.protocols import FloatArray


def occlusion_shares(lost: NDArray[np.float64], present: FloatArray) -> NDArray[np.float64]:
    """Shares (n, n_modalities) from what the probability of the predicted class loses when a modality is taken away.

    A gain counts as nothing lost. Rows sum to 1 where anything is present; a row that loses nothing is shared out evenly.
    """
    return even(np.clip(lost, 0.0, None) * present, present)


def even(shares: NDArray[np.float64], present: FloatArray) -> NDArray[np.float64]:
    """Rows scaled to the sum 1; one without any share is divided evenly among the modalities it has, or among all."""
    there = np.where(present.sum(1, keepdims=True) > 0, present, 1.0).astype(np.float64)
    filled = np.where(shares.sum(1, keepdims=True) > 1e-12, shares, there)
    total: NDArray[np.float64] = filled / filled.sum(1, keepdims=True)
    return total
