"""How surely a span supports an answer: a logistic function of what its search found."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mm_demos.models.protocols import FloatArray

# In this order: cosine to the question, share of its telling words that the span holds, share of them that stand nowhere in the
# knowledge, lead over the second best in meaning. Weights are fitted by `python -m mm_demos.training.knowledge_support`.
MATERIAL = ("cosine", "words", "unknown", "lead")
WEIGHTS = (11.7, 2.79, -0.33, 0.29)
OFFSET = -5.7


@dataclass(frozen=True, slots=True)
class Support:
    """A candidate.

    Args:
        span: position among the spans.
        rank: in the fused ranking, from 0.
        material: (4,) float32, see `MATERIAL`.
    """

    span: int
    rank: int
    material: FloatArray


def support(material: FloatArray) -> float:
    """Probability in [0, 1] that the span answers the question."""
    logit = OFFSET + sum(weight * float(value) for weight, value in zip(WEIGHTS, material, strict=True))
    return 1 / (1 + math.exp(-logit))
