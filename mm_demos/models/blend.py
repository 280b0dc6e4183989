"""Two joint embedders as one: what one of them never learnt, the other may know."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

    from mm_demos.models.attention import FloatArray
    from mm_demos.models.loader import LoadRequest
    from mm_demos.models.protocols import JointEmbedder


class Blend:
    """A `JointEmbedder` whose logits are the mean of two others' logits.

    Their vectors stand side by side, each in proportion to the root of its share of the scales, so that the whole is again of
    length one and its dot product a weighted mean of their similarities.
    """

    def __init__(self, first: JointEmbedder, second: JointEmbedder) -> None:
        self._parts = (first, second)
        scales = np.array([first.logit_scale, second.logit_scale], np.float32)
        self._scale = float(scales.mean())
        self._roots = np.sqrt(scales / scales.sum())

    @property
    def logit_scale(self) -> float:
        """The mean of both scales."""
        return self._scale

    def embed_images(self, images: Sequence[Image]) -> FloatArray:
        """Embeddings (n_images, dim_1 + dim_2), L2-normalised."""
        return self._joined([part.embed_images(images) for part in self._parts])

    def embed_texts(self, texts: Sequence[str]) -> FloatArray:
        """Embeddings (n_texts, dim_1 + dim_2), L2-normalised."""
        return self._joined([part.embed_texts(texts) for part in self._parts])

    def _joined(self, vectors: Sequence[FloatArray]) -> FloatArray:
        scaled = [root * part for root, part in zip(self._roots, vectors, strict=True)]
        return np.concatenate(scaled, axis=1).astype(np.float32)


def load_blend(request: LoadRequest) -> JointEmbedder:
    """The two joint embedders in `request.components`."""
    first, second = (request.components[name] for name in request.spec.components)
    return Blend(first, second)
