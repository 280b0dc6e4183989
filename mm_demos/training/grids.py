"""Cached grid features and their captions, split into training and validation photos."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mm_demos.training.photos import HELD_OUT, VIEWS

Half = NDArray[np.float16]


@dataclass(frozen=True)
class Grids:
    """Features on disk: `views[name]` is (n_photos, 81, 680) float16; photos before `n_train` may be trained on."""

    views: dict[str, Half]
    captions: list[list[str]]
    n_train: int

    @classmethod
    def open(cls, folder: Path) -> Grids:
        """The views that `python -m mm_demos.training.features` left in `folder`."""
        views = {name: np.load(path, mmap_mode="r") for name in VIEWS if (path := folder / f"flickr8k-{name}.npy").exists()}
        captions = [photo["captions"] for photo in json.loads((folder / "photos.json").read_text())]
        return cls(views, captions, len(captions) - HELD_OUT)

    @property
    def held_out(self) -> range:
        """Numbers of the validation photos."""
        return range(self.n_train, len(self.captions))

    def sample(self, photos: NDArray[np.int64], rng: np.random.Generator, channels: slice) -> Half:
        """One random view of each photo: (n, 81, channels)."""
        names = list(self.views)
        picks = rng.integers(len(names), size=len(photos))
        return np.stack([self.views[names[view]][photo, :, channels] for view, photo in zip(picks, photos, strict=True)])


def imagenet_samples(folder: Path) -> tuple[Half, NDArray[np.int64]]:
    """Grids (n, 81, 680) and class numbers of the labelled samples, for validation alone."""
    facts = json.loads((folder / "imagenet.json").read_text())
    return np.load(folder / "imagenet-plain.npy", mmap_mode="r"), np.array([fact["index"] for fact in facts])
