"""Zero-shot classification of texts, speech and sounds, through `classify` itself: accuracy and how far confidence is from it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mm_demos.errors import InvalidInputError
from mm_demos.evaluation.photos import captioned
from mm_demos.evaluation.sound_clips import decode, sound_clips
from mm_demos.evaluation.sound_head import sound_head
from mm_demos.evaluation.spoken_clips import spoken_clips
from mm_demos.fusion.measures import calibration_error
from mm_demos.models.imagenet import imagenet_classes
from mm_demos.tasks.classification import classify

# Everyday words; a photo counts for one when at least three of its five captions use it and no caption uses another.
EVERYDAY = (
    "dog",
    "beach",
    "snow",
    "bicycle",
    "horse",
    "motorcycle",
    "football",
    "basketball",
    "pool",
    "skateboard",
    "mountain",
    "car",
)
SPEECH_ONLY, SOUND_ONLY = {"sound": 0.0}, {"speech": 0.0}
CHOICES = 20


@dataclass(frozen=True, slots=True)
class Kind:
    """How one kind of input does.

    Args:
        items: inputs.
        labels: each is classified into this many.
        left_out: inputs that could not be used (no speech, nothing heard); they count as wrong and have no confidence.
        ece: expected calibration error of the best label's score, 15 bins.
    """

    items: int
    labels: int
    left_out: int
    accuracy: float
    ece: float


def everyday_label(captions: Iterable[str]) -> str:
    """The one of `EVERYDAY` that captions of a photo agree on; empty when there is none."""
    used = [set(caption.lower().replace(".", " ").split()) for caption in captions]
    counts = {label: sum(label in words for words in used) for label in EVERYDAY}
    mentioned = [label for label, count in counts.items() if count]
    return mentioned[0] if len(mentioned) == 1 and counts[mentioned[0]] >= 3 else ""


def graded(cases: Iterable[tuple[str, Sequence[str], dict[str, Any]]]) -> Kind | None:
    """Classify (right label, labels, input) one by one; None when there are none."""
    right: list[bool] = []
    confidence: list[float] = []
    left_out, n_labels = 0, 0
    for truth, labels, given in cases:
        n_labels = len(labels)
        try:
            result = classify(labels=labels, **given)
        except InvalidInputError:
            left_out += 1
            continue
        right.append(result.label == truth)
        confidence.append(result.scores[0].score)
    items = len(right) + left_out
    if not items:
        return None
    error = calibration_error(np.array(confidence, np.float32), np.array(right)) if right else 0.0
    return Kind(items, n_labels, left_out, sum(right) / items, error)


def definitions(limit: int) -> Kind | None:
    """WordNet's definitions of ImageNet's classes, each among its own name and 19 others at random."""
    classes = imagenet_classes()
    numbers = range(0, len(classes), max(1, len(classes) // limit))
    generator = np.random.default_rng(0)
    names = [each.names[0] for each in classes]
    cases = []
    for number in numbers:
        others = [names[i] for i in generator.permutation(len(names)) if names[i] != names[number]][: CHOICES - 1]
        cases.append((names[number], sorted({*others, names[number]}), {"text": classes[number].definition}))
    return graded(cases[:limit])


def captions(data: Path, limit: int) -> Kind | None:
    """Captions of held-out photos, among `EVERYDAY`, that do not use the word which the photo's other captions use."""
    cases = []
    for photo in captioned(data, "validation"):
        label = everyday_label(photo.captions)
        cases += [(label, EVERYDAY, {"text": text}) for text in photo.captions if label and label not in text.lower().split()]
    return graded(cases[:limit])


def speech(data: Path, limit: int) -> Kind | None:
    """Spoken captions among `EVERYDAY`, by what is heard in them."""
    clips = [(clip, everyday_label((clip.words, *clip.paraphrases))) for clip in spoken_clips(data)]
    named = [(clip, label) for clip, label in clips if label][:limit]
    return graded((label, EVERYDAY, {"audio": decode(clip.audio), "weights": SPEECH_ONLY}) for clip, label in named)


def sounds(data: Path, limit: int, *, fold: int = 0, head: Path | None = None) -> Kind | None:
    """Sounds among the names of their classes.

    Args:
        fold: only this one; 0 for all.
        head: folder with a sound head that has not seen the fold; the one that ships was trained on folds 1 to 4.
    """
    clips = [clip for clip in sound_clips(data) if fold in {0, clip.fold}]
    names = sorted({clip.label for clip in clips})
    spread = clips[:: max(1, len(clips) // limit)][:limit]
    with sound_head(head):
        return graded((clip.label, names, {"audio": decode(clip.audio), "weights": SOUND_ONLY}) for clip in spread)
