"""Best of several pictures: how well each fits the prompt, by the shared joint embedder."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from mm_demos.models.protocols import JointEmbedder
from mm_demos.results import GeneratedImage

if TYPE_CHECKING:
    from PIL.Image import Image


def similarity(embedder: JointEmbedder, prompt: str, image: Image) -> float:
    """Cosine in [-1, 1] between a prompt and a picture (Hessel et al., 2021, without their factor)."""
    return float(embedder.embed_images([image])[0] @ embedder.embed_texts([prompt])[0])


def best_first(images: Iterable[GeneratedImage]) -> tuple[GeneratedImage, ...]:
    """Pictures by score, the highest first; those without one last, and equals in the order they were painted."""
    return tuple(sorted(images, key=lambda image: (image.score is None, -(image.score or 0.0))))
