"""ImageNet's label space for a CLIP that never sees ImageNet: names of the classes and grids that the classifier takes for them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.nn import functional

from mm_demos.training.grids import Grids, Half

TEMPLATES = ("a photo of a {}.", "{}", "a {}", "a photo of a {}", "a picture of a {} in the scene.")
STEPS = 8


def class_names() -> list[list[str]]:
    """For each of the 1,000 classes its prompt name, then WordNet's synonyms."""
    import open_clip
    from timm.data import ImageNetInfo

    info = ImageNetInfo()
    synonyms = ([name.strip() for name in info.index_to_description(index).split(",")] for index in range(1000))
    return [[prompt, *names] for prompt, names in zip(open_clip.IMAGENET_CLASSNAMES, synonyms, strict=True)]


def prompts(names: list[list[str]]) -> tuple[list[str], np.ndarray[Any, np.dtype[np.int64]]]:
    """Every template with the first two names of every class, and the class of each text: (1000, n) numbers of texts."""
    texts: list[str] = []
    table = []
    for row in names:
        pair = [row[0], row[1] if len(row) > 1 else row[0]]
        filled = [template.format(name) for name in pair for template in TEMPLATES]
        table.append(range(len(texts), len(texts) + len(filled)))
        texts += filled
    return texts, np.array([list(row) for row in table])


def invent(grids: Grids, end: Any, classifier: Any, per_class: int, rng: np.random.Generator) -> Half:
    """Grids (1000 · per_class, 81, 352) that the frozen classifier takes for each class in turn.

    A random rectangle of a training photo's grid climbs the classifier's log-probability of the class, in steps of a tenth of its
    own norm; the rest of the grid stays as it was.
    """
    photos = rng.integers(grids.n_train, size=1000 * per_class)
    made = np.empty((len(photos), 81, 352), np.float16)
    for start in range(0, len(photos), 250):
        rows = photos[start : start + 250]
        wanted = torch.from_numpy(np.arange(start, start + len(rows)) // per_class)
        last = torch.from_numpy(grids.sample(rows, rng, slice(0, 352)).astype(np.float32))
        region = torch.from_numpy(np.stack([rectangle(rng) for _ in rows]))[..., None]
        for _ in range(STEPS):
            last.requires_grad_(True)
            with torch.autocast("cpu", torch.bfloat16):
                logits = classifier(end.features(last).mean(1))
            (slope,) = torch.autograd.grad(-functional.cross_entropy(logits.float(), wanted, reduction="sum"), last)
            slope = slope * region
            size = (last.detach() * region).flatten(1).norm(dim=1) * 0.1
            last = last.detach() + slope * (size / slope.flatten(1).norm(dim=1).clamp_min(1e-6))[:, None, None]
        made[start : start + len(rows)] = last.numpy()
    return made


def rectangle(rng: np.random.Generator) -> np.ndarray[Any, np.dtype[np.float32]]:
    """A random rectangle of at least 3 x 3 cells of the 9 x 9 grid, as a mask (81,)."""
    mask = np.zeros((9, 9), np.float32)
    height, width = rng.integers(3, 10, size=2)
    top, left = rng.integers(0, 10 - height), rng.integers(0, 10 - width)
    mask[top : top + height, left : left + width] = 1
    return mask.reshape(81)
