"""Ordinary shapes for photos that are only to be had squashed to squares: stretched back, or cropped.

A photo of 4:3 squashed to a square and stretched to 4:3 looks as it was taken. What the right shape was is unknown, so several
are measured: a model that minds the shape of a photo shows it in one or the other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

Change = Callable[["Image", np.random.Generator], "Image"]
CROP_AREA = (0.6, 1.0)  # of the photo
CROP_RATIO = (2 / 3, 3 / 2)


def stretched(ratio: float) -> Change:
    """The whole photo at width : height = `ratio`, neither side shorter than before."""

    def change(image: Image, rng: np.random.Generator) -> Image:  # noqa: ARG001  all changes are called alike
        from PIL.Image import Resampling

        side = max(image.size)
        size = (round(side * max(ratio, 1)), round(side / min(ratio, 1)))
        return image.resize(size, Resampling.BICUBIC)

    return change


def centre(ratio: float) -> Change:
    """The largest part of width : height = `ratio` in the middle of the photo; nothing is stretched."""

    def change(image: Image, rng: np.random.Generator) -> Image:  # noqa: ARG001  all changes are called alike
        width = min(image.width, round(image.height * ratio))
        height = min(image.height, round(image.width / ratio))
        left, top = (image.width - width) // 2, (image.height - height) // 2
        return image.crop((left, top, left + width, top + height))

    return change


def anywhere(image: Image, rng: np.random.Generator) -> Image:
    """A part of random place, area and shape; nothing is stretched."""
    area = rng.uniform(*CROP_AREA) * image.width * image.height
    ratio = np.exp(rng.uniform(*np.log(CROP_RATIO)))
    width = min(image.width, round(float(np.sqrt(area * ratio))))
    height = min(image.height, round(float(np.sqrt(area / ratio))))
    left, top = int(rng.integers(image.width - width + 1)), int(rng.integers(image.height - height + 1))
    return image.crop((left, top, left + width, top + height))


SHAPES: dict[str, Change] = {
    "4:3": stretched(4 / 3),
    "3:2": stretched(3 / 2),
    "2:3": stretched(2 / 3),
    "16:9": stretched(16 / 9),
    "9:16": stretched(9 / 16),
    "middle 3:2": centre(3 / 2),
    "middle 2:3": centre(2 / 3),
    "random part": anywhere,
}
