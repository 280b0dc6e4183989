"""ImageNet's label space for a CLIP that never sees ImageNet: class names, and features that stand for pictures of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.nn import functional

TEMPLATES = ("a photo of a {}.", "{}", "a {}", "a photo of a {}", "a picture of a {} in the scene.")


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


class Imagination:
    """Features of pictures of any ImageNet class, made from photos of other things and the classifier's own weights.

    In a network trained to the end, the features of a class differ from the overall mean along the class's weight vector (neural
    collapse, Papyan et al., 2020). So a photo's features, moved along it, stand for a photo of that class; the classifier itself
    says how much they do.

    Args:
        classifier: the frozen last layer.
        means: features of training photos averaged over the grid (n, 1280).
    """

    def __init__(self, classifier: Any, means: torch.Tensor, rng: np.random.Generator) -> None:
        self.classifier, self.means, self.rng = classifier, means, rng
        self.centre = means.mean(0)
        away = classifier.weight - classifier.weight.mean(0)
        self.directions = away / away.norm(dim=1, keepdim=True)

    def uniform(self, low: float, high: float, n: int) -> torch.Tensor:
        return torch.from_numpy(self.rng.uniform(low, high, (n, 1)).astype(np.float32))

    def features(self, n: int) -> torch.Tensor:
        """Averaged features (n, 1280), non-negative as the network's own, about half of them zero."""
        photos = self.means[torch.from_numpy(self.rng.integers(len(self.means), size=n))]
        classes = torch.from_numpy(self.rng.integers(1000, size=n))
        shown = self.directions[classes] * self.uniform(3, 8, n)
        other = self.directions[torch.from_numpy(self.rng.integers(1000, size=n))] * self.uniform(0, 3, n)
        made = self.centre + self.uniform(0.3, 1, n) * (photos - self.centre) + shown + other - self.uniform(0, 0.1, n)
        return made.clamp(0, 6) * self.uniform(0.6, 1.2, n)

    def place(self, cells: torch.Tensor) -> torch.Tensor:
        """Photos' features (n, 81, 1280) with a random class put into a random rectangle of each."""
        n = len(cells)
        region = torch.from_numpy(np.stack([rectangle(self.rng) for _ in range(n)]))
        classes = torch.from_numpy(self.rng.integers(1000, size=n))
        shown = self.directions[classes] * self.uniform(3, 8, n) / region.mean(1, keepdim=True)
        moved = cells * self.uniform(0.4, 1, n)[..., None] + (region[..., None] * shown[:, None]).to(cells.dtype)
        return moved.clamp_(0, 6)

    def log_probs(self, means: torch.Tensor) -> torch.Tensor:
        """What the classifier says of averaged features."""
        with torch.no_grad():
            return functional.log_softmax(self.classifier(means.float()).float(), -1)


def rectangle(rng: np.random.Generator) -> np.ndarray[Any, np.dtype[np.float32]]:
    """A random rectangle of at least 3 x 3 cells of the 9 x 9 grid, as a mask (81,)."""
    mask = np.zeros((9, 9), np.float32)
    height, width = rng.integers(3, 10, size=2)
    top, left = rng.integers(0, 10 - height), rng.integers(0, 10 - width)
    mask[top : top + height, left : left + width] = 1
    return mask.reshape(81)
