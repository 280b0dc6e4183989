"""ImageNet's label space for a CLIP that never sees ImageNet: prompts of its classes, and where their pictures lie."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.nn import functional

TEMPLATES = (
    "a photo of a {}.",
    "{}",
    "a {}",
    "a photo of a {}",
    "a picture of a {}",
    "an image of a {}.",
    "a photo of the {}.",
    "a close-up photo of a {}.",
    "there is a {} in the picture.",
)
NAMES_A_CLASS = 3

Rows = np.ndarray[Any, np.dtype[np.int64]]


def class_names() -> list[list[str]]:
    """For each of the 1,000 classes its prompt name, then WordNet's synonyms, the usual first."""
    import open_clip
    from timm.data import ImageNetInfo

    info = ImageNetInfo()
    synonyms = ([name.strip() for name in info.index_to_description(index).split(",")] for index in range(1000))
    return [[prompt, *names] for prompt, names in zip(open_clip.IMAGENET_CLASSNAMES, synonyms, strict=True)]


def prompts() -> tuple[list[str], list[Rows]]:
    """Every template with the first names of every class, and for each class the numbers of its texts, plainest first."""
    texts: list[str] = []
    rows = []
    for names in class_names():
        filled = [template.format(name) for name in names[:NAMES_A_CLASS] for template in TEMPLATES]
        rows.append(np.arange(len(texts), len(texts) + len(filled)))
        texts += filled
    return texts, rows


class LabelSpace:
    """The directions in the trunk's averaged features that tell ImageNet's classes apart.

    The last layer's weights, centred, have most of their variance in a few hundred directions. A picture's place along those,
    compared by cosine with each class's own weight vector there, names 0.80 of the samples right at 256 directions; the whole
    layer names 0.84.

    Args:
        classifier: weight (1000, 1280) of the trunk's last layer.
        means: averaged features (n, 1280) of training photos.
        dims: how many directions.
    """

    def __init__(self, classifier: torch.Tensor, means: torch.Tensor, dims: int, rng: np.random.Generator) -> None:
        centred = classifier - classifier.mean(0)
        self.directions = torch.linalg.svd(centred, full_matrices=False).Vh[:dims].contiguous()  # (dims, 1280)
        self.centre = means.mean(0)
        self.codes = functional.normalize(centred @ self.directions.T, dim=-1)  # (1000, dims)
        self.photos = (means - self.centre) @ self.directions.T
        self.rng = rng

    def imagine(self, classes: Rows) -> torch.Tensor:
        """Unit vectors (n, dims) that stand for photos of `classes`.

        In a network trained to the end the features of a class differ from the overall mean along the class's weight vector
        (neural collapse, Papyan et al., 2020). So a photo of something else, moved along it, stands for a photo of that class.
        """
        n = len(classes)
        others = self.photos[torch.from_numpy(self.rng.integers(len(self.photos), size=n))]
        faded, shown = (
            torch.from_numpy(self.rng.uniform(low, high, (n, 1)).astype(np.float32)) for low, high in ((0.5, 1.0), (2.0, 7.0))
        )
        return functional.normalize(others * faded + self.codes[torch.from_numpy(classes)] * shown, dim=-1)
