"""Which of the names a small picture shows, by real drawings of them: two classifiers of different kinds.

The first compares features of EfficientNet-Lite2 under a linear discriminant; the second compares plain pixels, knows nothing of
networks and so checks the first. `python -m mm_demos.training.emoji_classifier` makes the folder that both are read from.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mm_demos import machine
from mm_demos.errors import InvalidInputError

if TYPE_CHECKING:
    from PIL.Image import Image

    from mm_demos.models.protocols import FloatArray

SIDE = 64  # pixels of the drawings; larger pictures are shrunk to it first
SEEN_SIDE = 128  # pixels that the network sees; more bring little and cost the square
FIRST_STAGE = 3  # stages from here on are averaged over the picture: colours and textures, shapes, things
TRUNK = "efficientnet-lite2"
TENSORS, TABLE = "emoji-classifier.safetensors", "emoji-classifier.json"
COARSE = 16  # pixels a side that the second classifier compares
SHIFTS = (-1, 0, 1)  # coarse pixels either way
BATCH = 32
Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Taught:
    """What training measured.

    Args:
        unseen_set: of drawings of each set in turn, taught the others: share recognised among 20 names.
        unseen_set_all: the same among all names.
        changed: taught every set, of its own drawings moved, blurred and noisy in new ways: share recognised among 20.
        changed_all: the same among all names.
        seconds: of the training.
    """

    unseen_set: dict[str, float]
    unseen_set_all: dict[str, float]
    changed: float
    changed_all: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Discriminant:
    """Linear discriminant analysis with nearest means (Fisher, 1936), in cosine: `whiten` takes variation within a name away.

    Args:
        centre: (dim,) mean of the names.
        scale: (dim,) standard deviation of each feature, with its group's size.
        whiten: (dim, dim).
        means: (n_names, dim) whitened unit vectors.
    """

    centre: FloatArray
    scale: FloatArray
    whiten: FloatArray
    means: FloatArray

    def scores(self, features: FloatArray) -> FloatArray:
        """Cosines (n, n_names) of features (n, dim)."""
        placed: FloatArray = ((features / self.scale - self.centre) @ self.whiten).astype(np.float32)
        return unit(placed) @ self.means.T


def unit(rows: FloatArray) -> FloatArray:
    """Rows at length 1."""
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)  # type: ignore[no-any-return]


class DrawingClassifier:
    """Both classifiers of one folder."""

    def __init__(self, labels: Sequence[str], taught: Taught, tensors: dict[str, Any]) -> None:
        self.labels = tuple(labels)
        self.taught = taught
        self._discriminant = Discriminant(*(tensors[name].astype(np.float32) for name in ("centre", "scale", "whiten", "means")))
        self._drawings: Pixels = tensors["drawings"]
        self._drawn: NDArray[np.int64] = tensors["drawn"]
        self._network = trunk()

    def scores(self, pictures: Sequence[Image]) -> FloatArray:
        """(n, n_names) cosines; the largest is the name recognised."""
        return self._discriminant.scores(features(self._network, squares(pictures)))

    def pixel_scores(self, pictures: Sequence[Image]) -> FloatArray:
        """(n, n_names) likeness to the likest drawing of each name, pixel by pixel; -1 for names that no set draws."""
        return np.stack([self._likeness(square) for square in squares(pictures)])

    def _likeness(self, square: Pixels) -> FloatArray:
        known = contrast(self._drawings)
        seen = coarse(square[None])[0]
        tries = np.stack([np.roll(seen, (down, right), (0, 1)) for down in SHIFTS for right in SHIFTS])
        alike = (known @ contrast(tries).T).max(1)
        best = np.full(len(self.labels), -1, np.float32)
        np.maximum.at(best, self._drawn, alike)
        return best


def squares(pictures: Sequence[Image]) -> Pixels:
    """Pictures as (n, 64, 64, 3) on white, their long side filling the square."""
    from PIL import Image, ImageOps

    made = []
    for picture in pictures:
        paper = Image.new("RGBA", picture.size, "white")
        paper.alpha_composite(picture.convert("RGBA"))
        made.append(np.asarray(ImageOps.pad(paper.convert("RGB"), (SIDE, SIDE), Image.Resampling.LANCZOS, color="white")))
    return np.stack(made)


def coarse(pixels: Pixels) -> Pixels:
    """(n, 64, 64, 3) → (n, 16, 16, 3), means of blocks."""
    step = SIDE // COARSE
    blocks = pixels.reshape(len(pixels), COARSE, step, COARSE, step, 3)
    return blocks.mean((2, 4)).round().astype(np.uint8)  # type: ignore[no-any-return]


def contrast(small: Pixels) -> FloatArray:
    """Coarse pixels as unit vectors (n, 768) of their differences from white paper."""
    return unit(255 - small.reshape(len(small), -1).astype(np.float32))


def trunk() -> Any:
    """EfficientNet-Lite2 as a torch module, from the store of weights."""
    from mm_demos.models import catalog, weights
    from mm_demos.models.trunk import build_trunk

    row = catalog.spec(TRUNK)
    weights.ensure(row)
    return build_trunk(weights.folder(row) / row.files[0].name).network.eval()


def features(network: Any, pixels: Pixels) -> FloatArray:
    """Pixels (n, 64, 64, 3) → (n, 2048): five depths of the network, averaged over the picture; bfloat16 where it is fast."""
    import torch

    half = "amx_bf16" in machine.cpu_flags()
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=half):
        parts = torch.from_numpy(np.ascontiguousarray(pixels)).split(BATCH)
        return np.concatenate([_depths(network, part).float().numpy() for part in parts])


def _depths(network: Any, pixels: Any) -> Any:
    import torch
    from torch.nn import functional

    large = functional.interpolate(pixels.permute(0, 3, 1, 2).float(), size=(SEEN_SIDE, SEEN_SIDE), mode="bicubic").clamp(0, 255)
    x = ((large - 127) / 128).contiguous(memory_format=torch.channels_last)
    x = network.bn1(network.conv_stem(x))
    found = []
    for number, stage in enumerate(network.blocks):
        x = stage(x)
        if number >= FIRST_STAGE:
            found.append(x.float().mean((2, 3)))
    found.append(network.bn2(network.conv_head(x)).float().mean((2, 3)))
    return torch.cat(found, 1)


def save(folder: Path, labels: Sequence[str], taught: Taught, tensors: dict[str, Any]) -> None:
    """Write the folder that `load` reads; matrices in float16."""
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    halves = {"whiten", "means"}
    kept = {name: np.ascontiguousarray(t.astype(np.float16) if name in halves else t) for name, t in tensors.items()}
    save_file(kept, folder / TENSORS)
    (folder / TABLE).write_text(json.dumps({"labels": list(labels), "taught": asdict(taught)}, indent=1), encoding="utf-8")


def load(folder: Path) -> DrawingClassifier:
    """The classifier of a folder.

    Raises:
        InvalidInputError: there is none in it.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        table = json.loads((folder / TABLE).read_text(encoding="utf-8"))
        return DrawingClassifier(table["labels"], Taught(**table["taught"]), load_file(folder / TENSORS))
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise InvalidInputError(
            f"{folder} holds no classifier of drawings ({error}): make one with `python -m mm_demos.training.emoji_classifier`."
        ) from error
