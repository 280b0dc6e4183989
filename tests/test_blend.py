"""Two joint embedders as one."""

from __future__ import annotations

import numpy as np
import pytest

from mm_demos import samples
from mm_demos.media import load_image
from mm_demos.models.blend import Blend
from mm_demos.tasks.embedding import embed_images, embed_texts

LABELS = ["a cat", "a cup of coffee", "a rocket"]


class Fixed:
    """Gives the vectors it was made with."""

    def __init__(self, logit_scale: float, images: np.ndarray, texts: np.ndarray) -> None:
        self.logit_scale, self.images, self.texts = logit_scale, images.astype(np.float32), texts.astype(np.float32)

    def embed_images(self, images: object) -> np.ndarray:
        return self.images

    def embed_texts(self, texts: object) -> np.ndarray:
        return self.texts


def unit(rng: np.random.Generator, n: int, dim: int) -> np.ndarray:
    vectors = rng.normal(size=(n, dim))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_logits_are_the_mean_of_both_and_vectors_stay_units() -> None:
    rng = np.random.default_rng(0)
    first = Fixed(30.0, unit(rng, 4, 5), unit(rng, 3, 5))
    second = Fixed(10.0, unit(rng, 4, 8), unit(rng, 3, 8))
    blend = Blend(first, second)
    images, texts = blend.embed_images([]), blend.embed_texts([])
    np.testing.assert_allclose(np.linalg.norm(np.concatenate([images, texts]), axis=1), 1, atol=1e-6)
    expected = (30.0 * first.images @ first.texts.T + 10.0 * second.images @ second.texts.T) / 2
    np.testing.assert_allclose(blend.logit_scale * images @ texts.T, expected, atol=1e-4)


@pytest.mark.parametrize("name", ["mini-clip-and-conse", "mm-mini-clip", "conse"])
def test_every_joint_embedder_tells_the_samples_apart(name: str) -> None:
    pictures = [load_image(samples.path(file)) for file in ("cat.jpg", "coffee.jpg", "rocket.jpg")]
    texts = embed_texts(LABELS, model=name)
    assert (embed_images(pictures, model=name) @ texts.T).argmax(axis=1).tolist() == [0, 1, 2]
