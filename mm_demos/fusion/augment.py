"""Changed copies of training rows: still the same thing, and never the same numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, overload

import numpy as np

from mm_demos.models.protocols import SAMPLE_RATE, FloatArray

if TYPE_CHECKING:
    from PIL.Image import Image

Random = np.random.Generator
RECIPE = 1  # counts up when a change below makes other copies, so that old ones are not taken for them
WORD_DROPOUT = 0.15  # probability of a word to be left out
SMALLEST_CROP = 0.7  # of both sides
GAIN_DB = (-12.0, 6.0)
NOISE_DB = (-40.0, -15.0)  # below the sound
SHIFT_SHARE = 0.1  # of the recording, either way
MAX_SHIFT_SECONDS = 1.0


def change_name(seed: int, copy: int) -> str:
    """What tells one augmentation from another in the names of cached features; `copy` counts from 1, 0 is the row as it is."""
    return f"augment-{RECIPE}:{seed}:{copy}" if copy else ""


def random_for(digest: str, change: str) -> Random:
    """The randomness of one copy: it depends on the content and the augmentation, not on where in the table the row stands.

    Args:
        digest: hex sha256 of the content.
        change: what `change_name` says.
    """
    return np.random.default_rng([int(digest[:16], 16), *change.encode()])


@overload
def changed(content: str, rng: Random) -> str: ...
@overload
def changed(content: FloatArray, rng: Random) -> FloatArray: ...
@overload
def changed(content: Image, rng: Random) -> Image: ...
def changed(content: str | FloatArray | Image, rng: Random) -> str | FloatArray | Image:
    """A changed copy of a text, of a waveform (n_samples,) at 16 kHz or of a picture."""
    if isinstance(content, str):
        return changed_text(content, rng)
    if isinstance(content, np.ndarray):
        return changed_sound(content, rng)
    return changed_image(content, rng)


def changed_text(text: str, rng: Random) -> str:
    """Word drop-out: each word may be left out, at least one stays."""
    words = text.split()
    kept = rng.random(len(words)) >= WORD_DROPOUT
    if words and not kept.any():
        kept[rng.integers(len(words))] = True
    return " ".join(word for word, stays in zip(words, kept, strict=True) if stays)


def changed_image(image: Image, rng: Random) -> Image:
    """A crop in the picture's own proportions, at any place, mirrored left to right half of the time."""
    from PIL.Image import Transpose

    share = rng.uniform(SMALLEST_CROP, 1.0)
    width, height = max(1, round(image.width * share)), max(1, round(image.height * share))
    left, top = int(rng.integers(image.width - width + 1)), int(rng.integers(image.height - height + 1))
    crop = image.crop((left, top, left + width, top + height))
    return crop.transpose(Transpose.FLIP_LEFT_RIGHT) if rng.random() < 0.5 else crop


def changed_sound(waveform: FloatArray, rng: Random) -> FloatArray:
    """Shifted in time (what leaves at one end comes in at the other), in white noise, louder or softer."""
    most = min(round(waveform.size * SHIFT_SHARE), round(MAX_SHIFT_SECONDS * SAMPLE_RATE))
    out = np.roll(waveform, int(rng.integers(-most, most + 1)))
    level = np.sqrt(np.mean(np.square(out, dtype=np.float64))) * 10 ** (rng.uniform(*NOISE_DB) / 20)
    noisy = out + rng.standard_normal(out.size) * level
    return np.asarray(np.clip(noisy * 10 ** (rng.uniform(*GAIN_DB) / 20), -1.0, 1.0), np.float32)
