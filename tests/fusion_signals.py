"""Made-up features of real encoders: which class a row has shows in all of its modalities, or only in two of them together."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mm_demos.fusion.encoders import encoder
from mm_demos.fusion.types import Features, Modality, Part

NAMES: Mapping[Modality, str] = {"text": "minilm", "image": "mini-clip", "audio": "mfcc"}
Split = Mapping[Part, tuple[int, ...]]


def features(n: int = 120, n_classes: int = 3, *, names: Mapping[Modality, str] = NAMES, seed: int = 0) -> Features:
    """Each class has a centre in every modality; one cell in twenty is missing, but never a row's text."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, n_classes, n)
    labels[:n_classes] = np.arange(n_classes)
    vectors, present = {}, {}
    for modality, name in names.items():
        dim = encoder(name).dim
        centres = random.normal(size=(n_classes, dim)) * 0.3
        there = (random.random(n) < 0.95) | (modality == "text")
        vectors[modality] = ((centres[labels] + random.normal(size=(n, dim))) * there[:, None]).astype(np.float32)
        present[modality] = there
    encoders = {modality: (encoder(name),) for modality, name in names.items()}
    return Features(vectors, present, labels.astype(np.int64), encoders, np.arange(n))


def split(n: int) -> Split:
    """Eight parts to train on, one to validate and one to test, in order."""
    first, second = int(0.8 * n), int(0.9 * n)
    return {"train": tuple(range(first)), "validation": tuple(range(first, second)), "test": tuple(range(second, n))}


def lines_of(found: Features, lines: list[int]) -> Features:
    """Some lines of features."""
    return Features(
        {name: vectors[lines] for name, vectors in found.vectors.items()},
        {name: there[lines] for name, there in found.present.items()},
        found.labels[lines],
        found.encoders,
        found.rows[lines],
    )
