"""Teaches which name a drawing shows: `python -m mm_demos.training.emoji_classifier --data DIR --out DIR`.

The judge of the painter: it sees the real drawings of every set, each also moved, mirrored, recoloured, blurred and noisy so that
slightly soft pictures are judged fairly. How far it can be trusted is measured on sets that it was not taught.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mm_demos.evaluation import image_generation_classifier as classifier
from mm_demos.evaluation.image_generation_classifier import Discriminant, Pixels, Taught
from mm_demos.evaluation.image_generation_prompts import CHOICES
from mm_demos.models.protocols import FloatArray
from mm_demos.training.emoji_pictures import SETS, EmojiName, EmojiPicture, read_names, render_all

VIEWS = 3  # of each drawing: as it is, and changed
TESTED_EVERY = 3  # drawings, in another change, to test what was taught all of them
SHRINKAGE = 0.5  # of the covariance towards a sphere
Numbers = NDArray[np.int64]


def changed(pixels: Pixels, seed: int) -> Pixels:
    """Each picture (n, 64, 64, 3) a little moved, scaled, perhaps mirrored, recoloured, blurred and noisy."""
    generator = np.random.default_rng(seed)
    return np.stack([_changed(picture, generator) for picture in pixels])


def _changed(picture: Pixels, generator: np.random.Generator) -> Pixels:
    from PIL import Image, ImageFilter, ImageOps

    image = Image.fromarray(picture)
    if generator.random() < 0.5:
        image = ImageOps.mirror(image)
    scale, (right, down) = generator.uniform(0.88, 1.12), generator.uniform(-3, 3, 2)
    middle = classifier.SIDE / 2
    moved = (1 / scale, 0, middle - (middle + right) / scale, 0, 1 / scale, middle - (middle + down) / scale)
    image = image.transform(image.size, Image.Transform.AFFINE, moved, Image.Resampling.BICUBIC, fillcolor="white")
    image = image.filter(ImageFilter.GaussianBlur(generator.uniform(0, 1.2)))
    noisy = np.asarray(image) * generator.uniform(0.92, 1.08, 3) + generator.normal(0, generator.uniform(0, 8), picture.shape)
    return noisy.clip(0, 255).astype(np.uint8)


def fit(features: FloatArray, numbers: Numbers, n_names: int) -> Discriminant:
    """Means of the names under the covariance within names; names without features score as if they were average."""
    counts = np.bincount(numbers, minlength=n_names)
    scale = features.std(0) + 1e-3
    scaled = features / scale
    means = np.zeros((n_names, features.shape[1]), np.float32)
    np.add.at(means, numbers, scaled)
    means /= np.maximum(counts, 1)[:, None]
    centre = means[counts > 0].mean(0)
    within = scaled - means[numbers]
    covariance = (within.T @ within).astype(np.float64) / len(within)
    covariance += SHRINKAGE * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    whiten = np.linalg.inv(np.linalg.cholesky(covariance)).T.astype(np.float32)
    known = np.where(counts[:, None] > 0, means - centre, 0)
    return Discriminant(centre, scale, whiten, classifier.unit(known @ whiten))


def recognised(scores: FloatArray, numbers: Numbers) -> tuple[float, float]:
    """Shares in which the right name scores highest among itself and 19 drawn for each picture, and among all."""
    generator = np.random.default_rng(0)
    right = []
    for row, number in zip(scores, numbers, strict=True):
        others = generator.choice(len(row) - 1, CHOICES - 1, replace=False)
        right.append(row[number] > row[others + (others >= number)].max())
    return float(np.mean(right)), float((scores.argmax(1) == numbers).mean())


def teach(
    names: Sequence[EmojiName], pictures: Sequence[EmojiPicture], network: Any, views: int = VIEWS
) -> tuple[Taught, dict[str, Any]]:
    """Train without each set in turn, then on all; what was measured, and the tensors to save."""
    start = time.time()
    pixels = np.stack([picture.pixels for picture in pictures])
    numbers = np.array([picture.name for picture in pictures])
    styles = np.array([picture.style for picture in pictures])
    seen = [classifier.features(network, pixels if seed == 0 else changed(pixels, seed)) for seed in range(views)]
    tested = np.arange(0, len(pixels), TESTED_EVERY)
    test = classifier.features(network, changed(pixels[tested], views))
    print(f"Looked at {views} views of every drawing: {time.time() - start:.0f} s", flush=True)
    head = fit(np.concatenate(seen), np.tile(numbers, views), len(names))
    again, again_all = recognised(head.scores(test), numbers[tested])
    unseen, unseen_all = {}, {}
    for style in dict.fromkeys(styles.tolist()):
        kept, held_out = styles != style, styles == style
        blind = fit(np.concatenate([view[kept] for view in seen]), np.tile(numbers[kept], views), len(names))
        unseen[style], unseen_all[style] = recognised(blind.scores(seen[0][held_out]), numbers[held_out])
        print(f"Without {style}: {unseen[style]:.3f} among {CHOICES}, {unseen_all[style]:.3f} among all", flush=True)
    taught = Taught(unseen, unseen_all, again, again_all, round(time.time() - start, 1))
    return taught, asdict(head) | {"drawings": classifier.coarse(pixels), "drawn": numbers}


def main() -> None:
    """Read, draw, teach and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help=f"folder with {', '.join(SETS.values())} and the names")
    parser.add_argument("--out", type=Path, required=True, help="folder for the classifier")
    parser.add_argument("--views", type=int, default=VIEWS, help="of each drawing (default %(default)s)")
    options = parser.parse_args()
    names = read_names(options.data)
    pictures = render_all(options.data, names)
    print(f"{len(pictures)} drawings of {len(names)} names", flush=True)
    taught, tensors = teach(names, pictures, classifier.trunk(), options.views)
    classifier.save(options.out, [name.label for name in names], taught, tensors)
    print(json.dumps(asdict(taught), indent=2))


if __name__ == "__main__":
    main()
