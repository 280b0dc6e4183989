"""The photos that training reads, and the views of each that it sees."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mm_demos.evaluation.photos import HELD_OUT, Photo, read_tar

__all__ = ["HELD_OUT", "IMAGE_SIZE", "VIEWS", "Photo", "Pixels", "read_flickr8k", "read_tar", "squash", "view"]

IMAGE_SIZE = 260  # pixels; what EfficientNet-Lite2 was trained on
VIEWS = ("plain", "flip", *(f"crop{i}" for i in range(14)))

Pixels = NDArray[np.uint8]


def read_flickr8k(folder: Path) -> list[Photo]:
    """Every photo of `flickr8k-*.tar` in `folder`; the last `HELD_OUT` are the validation split."""
    tars = sorted(folder.rglob("flickr8k-*.tar"))
    if not tars:
        raise SystemExit(f"{folder} holds no flickr8k-*.tar; give the folder that the data was downloaded to.")
    return [photo for tar in tars for photo in read_tar(tar)]


def squash(image: Image.Image) -> Pixels:
    """`image` at (260, 260, 3) uint8, its aspect ratio given up: what every embedded model sees, in training and in use."""
    return np.asarray(image.resize((IMAGE_SIZE, IMAGE_SIZE), Image.Resampling.BICUBIC))


def view(image: Image.Image, name: str, rng: np.random.Generator) -> Pixels:
    """One of `VIEWS` of `image`: as it is, mirrored, or a random crop of random shape with its brightness and contrast changed.

    A crop keeps 50 to 100 % of the area at an aspect ratio between 2:3 and 3:2 relative to the photo's own, so that a model
    trained on it does not mind how far a photo was squashed.
    """
    if name == "plain":
        return squash(image)
    if name == "flip":
        return squash(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT))
    area, shape = rng.uniform(0.5, 1.0), np.exp(rng.uniform(-np.log(1.5), np.log(1.5)))
    width, height = (min(1.0, np.sqrt(area * r)) for r in (shape, 1 / shape))
    left, top = rng.uniform(0, 1 - width), rng.uniform(0, 1 - height)
    box = tuple(np.array([left * image.width, top * image.height, (left + width) * image.width, (top + height) * image.height]))
    if rng.random() < 0.5:
        image, box = (
            image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
            (image.width - box[2], box[1], image.width - box[0], box[3]),
        )
    pixels = np.asarray(image.resize((IMAGE_SIZE, IMAGE_SIZE), Image.Resampling.BICUBIC, box=box), dtype=np.float32)
    mean = pixels.mean()
    changed = ((pixels - mean) * rng.uniform(0.8, 1.2) + mean) * rng.uniform(0.8, 1.2)
    out: Pixels = np.clip(changed, 0, 255).astype(np.uint8)
    return out
