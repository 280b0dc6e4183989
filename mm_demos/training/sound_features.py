"""Features of every clip, of changed copies and of other sounds, computed once and kept in a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mm_demos.errors import InvalidInputError
from mm_demos.evaluation.sound_clips import SoundClip, contents, decode, sound_clips
from mm_demos.models import loader
from mm_demos.models.protocols import FloatArray
from mm_demos.models.sound import groups, levelled
from mm_demos.training.sound_views import SIZE, another_voice, changed, unknown

FOLDS = (1, 2, 3, 4)
SPOKEN, UNKNOWN = 288, 192  # how many recordings of speech and made-up sounds stand for all other sounds


@dataclass(frozen=True, slots=True)
class Sounds:
    """Features with what they are of.

    Args:
        features: (n, n_features).
        sizes: how many of the features each group of `mm_demos.models.sound.groups` has.
        classes: (n,) numbers among `labels`; their count for other sounds.
        folds: (n,) 1 to 4.
        plain: (n,) whether it is a recording as it is, not a changed copy.
    """

    features: FloatArray
    sizes: tuple[int, ...]
    classes: NDArray[np.int64]
    folds: NDArray[np.int64]
    plain: NDArray[np.bool_]
    labels: tuple[str, ...]

    def part(self, chosen: NDArray[np.bool_]) -> Sounds:
        """Some of them."""
        return Sounds(
            self.features[chosen], self.sizes, self.classes[chosen], self.folds[chosen], self.plain[chosen], self.labels
        )

    @property
    def none(self) -> int:
        """The class of other sounds."""
        return len(self.labels)


@dataclass(frozen=True, slots=True)
class _Sound:
    waveform: FloatArray
    label: str
    fold: int
    plain: bool


def _sounds(clips: list[SoundClip], speech: Path, views: int) -> Iterator[_Sound]:
    """Everything to learn from; what is random in it depends on its number alone."""
    for number, clip in enumerate(clips):
        waveform = decode(clip.audio)[:SIZE]
        yield _Sound(waveform, clip.label, clip.fold, True)
        for view in range(1, views + 1):
            yield _Sound(changed(waveform, np.random.default_rng([view, number])), clip.label, clip.fold, False)
    spoken = [content for name, content in sorted(contents(speech)) if name.endswith(".ogg")]
    for number, audio in enumerate(spoken[:: max(1, len(spoken) // SPOKEN)][:SPOKEN]):
        waveform = decode(audio)[:SIZE]
        whole = number % 3 == 0
        rng = np.random.default_rng([101, number])
        yield _Sound(waveform if whole else another_voice(waveform, rng), "", FOLDS[number % 4], whole)
    for number in range(UNKNOWN):
        yield _Sound(unknown(number, np.random.default_rng([102, number])), "", FOLDS[number // 8 % 4], True)


def sounds(data: Path, speech: Path, cache: Path, *, views: int, say: Callable[[str], None] = print) -> Sounds:
    """Features of the clips in `data`, of `views` changed copies of each, and of other sounds; read from `cache` if it is there.

    Args:
        data: clips with labels and folds.
        speech: a tar archive of spoken recordings.
    """
    if cache.is_file():
        return _read(cache)
    clips = [clip for clip in sound_clips(data) if clip.fold in FOLDS]
    if not clips:
        raise InvalidInputError(f'{data} holds no sounds of the folds 1 to 4: KEY.ogg beside KEY.json with "label" and "fold".')
    labels = tuple(sorted({clip.label for clip in clips}))
    rows, facts = [], []
    sizes: tuple[int, ...] = ()
    with loader.shared().lease("whisper-base") as encoder:
        for sound in _sounds(clips, speech, views):
            told = groups(*encoder.sound_frames(levelled(sound.waveform)))
            sizes = tuple(len(group) for group in told)
            rows.append(np.concatenate(told))
            facts.append((labels.index(sound.label) if sound.label else len(labels), sound.fold, sound.plain))
            if len(rows) % 100 == 0:
                say(f"{len(rows)} sounds heard")
    classes, folds, plain = (np.array(column) for column in zip(*facts, strict=True))
    np.savez(cache, features=np.stack(rows), sizes=sizes, classes=classes, folds=folds, plain=plain, labels=labels)
    return _read(cache)


def _read(cache: Path) -> Sounds:
    with np.load(cache) as kept:
        return Sounds(
            kept["features"],
            tuple(kept["sizes"].tolist()),
            kept["classes"],
            kept["folds"],
            kept["plain"],
            tuple(kept["labels"].tolist()),
        )
