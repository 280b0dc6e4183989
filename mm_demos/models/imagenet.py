"""The 1,000 classes of ImageNet-1k (Russakovsky et al., 2015): names, synonyms and definitions."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

LABELS_FILE = Path(__file__).with_name("imagenet_labels.json")


@dataclass(frozen=True, slots=True)
class ImageNetClass:
    """One class; `names` holds the usual name first, then synonyms; `synset` is its WordNet 3.0 identifier."""

    synset: str
    names: tuple[str, ...]
    definition: str


def imagenet_classes() -> tuple[ImageNetClass, ...]:
    """All classes in the order of the network's outputs."""
    rows = json.loads(LABELS_FILE.read_text(encoding="utf-8"))["classes"]
    return tuple(ImageNetClass(synset, tuple(names), definition) for synset, names, definition in rows)
