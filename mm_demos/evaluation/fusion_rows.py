"""A three-modality set of about 2,000 events from captioned photos and ESC-10: caption, photo and sound, in nine classes.

An event is a pair of who is seen and what is heard: a dog barking, a child crying, a grown-up sneezing, and each of the three
with the sea or with the rain.

Who is seen is decided by people other than the one whose caption is given: at least two of captions 2 to 5 name it, and none
names another of the three. Caption 1 is the text; it need not say it, and no word of it took part in the label. The sound is put
to the photo by chance: three seconds around the loudest moment of an ESC-10 clip. So a bark, a cry or a sneeze names the event,
the sea or the rain leaves three open, and caption and photo leave three open each, with errors of their own: the sound alone can
be right on 5 of 9 events at best, caption or photo alone on 1 of 3, and caption and photo correct each other.

Test rows are photos held out from every training of this project and clips of fold 4; validation rows are other photos and
recordings than the training rows.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mm_demos.errors import InvalidInputError
from mm_demos.evaluation.photos import Photo, captioned, held_out
from mm_demos.evaluation.sound_clips import SoundClip, decode, sound_clips
from mm_demos.fusion.types import Part, Row
from mm_demos.models.protocols import SAMPLE_RATE, FloatArray

SEEN: Mapping[str, frozenset[str]] = {
    name: frozenset(words.split())
    for name, words in {
        "dog": "dog dogs puppy puppies",
        "child": "child children boy boys girl girls kid kids toddler toddlers baby babies",
        "grown-up": "man men woman women lady ladies guy guys adult adults",
    }.items()
}
HEARD = {
    "dog": {"dog bark": "dog barking", "sea waves": "dog by the sea", "rain": "dog in the rain"},
    "child": {"baby cry": "child crying", "sea waves": "child by the sea", "rain": "child in the rain"},
    "grown-up": {"person sneeze": "grown-up sneezing", "sea waves": "grown-up by the sea", "rain": "grown-up in the rain"},
}
SHARES: Mapping[Part, float] = {"train": 0.70, "validation": 0.10, "test": 0.20}
NAMED_BY = 2  # of the other captions
EXCERPT_SECONDS = 3.0
TEST_FOLD = 4
VALIDATION_RECORDINGS = 4  # of each sound


@dataclass(frozen=True, slots=True)
class EventSet:
    """Rows with their split, in files of a folder."""

    rows: tuple[Row, ...]
    labels: tuple[str, ...]
    split: Mapping[Part, tuple[int, ...]]


def build(data: Path, folder: Path, *, rows: int = 2000, seed: int = 0) -> EventSet:
    """Write the photos and sounds of the set into `folder`.

    Args:
        data: tars or folders of captioned photos and of ESC-10.
        rows: about so many; each class has the same share of each part.

    Raises:
        InvalidInputError: the data hold too few photos of something or no sounds.
    """
    draw = random.Random(seed)  # noqa: S311 - a draw that can be repeated
    photos, clips = _photos(data), _clips(data)
    made: list[Row] = []
    split: dict[Part, tuple[int, ...]] = {}
    for part, share in SHARES.items():
        each = round(rows * share / len(_events()))
        first = len(made)
        for seen, sound, label in _events():
            recordings = clips[part].get(sound, ())
            if len(photos[part][seen]) < each or not recordings:
                raise InvalidInputError(
                    f"{data} has {len(photos[part][seen])} photos of a {seen} and {len(recordings)} sounds of {sound} for the "
                    f"{part} part, and {each} photos are needed: give the whole sets, or ask for fewer rows."
                )
            for photo in _taken(photos[part][seen], each, draw):
                files = _written(folder / f"{len(made) + 1:05}", photo, excerpt(draw.choice(recordings), draw.random()))
                made.append(Row(len(made) + 1, label, photo.captions[0], *files))
        split[part] = tuple(range(first, len(made)))
    return EventSet(tuple(made), tuple(sorted(label for _, _, label in _events())), split)


def seen_in(captions: Sequence[str]) -> str:
    """What people other than the first one say is in a photo; empty when they do not agree."""
    words = [frozenset(re.findall(r"[a-z]+", caption.lower())) for caption in captions[1:]]
    counts = {name: sum(bool(said & known) for said in words) for name, known in SEEN.items()}
    named = [name for name, count in counts.items() if count]
    return named[0] if len(named) == 1 and counts[named[0]] >= NAMED_BY else ""


def _events() -> list[tuple[str, str, str]]:
    """(seen, sound, label) of every class."""
    return [(seen, sound, label) for seen, sounds in HEARD.items() for sound, label in sounds.items()]


def _photos(data: Path) -> dict[Part, dict[str, list[Photo]]]:
    """Photos of each part by what is seen; validation photos are every eighth of those that are not held out."""
    every = captioned(data, "all")
    last = held_out(every)
    known = every[: len(every) - len(last)]
    return {
        "train": _by_sight(photo for place, photo in enumerate(known) if place % 8),
        "validation": _by_sight(known[::8]),
        "test": _by_sight(last),
    }


def _by_sight(photos: Iterable[Photo]) -> dict[str, list[Photo]]:
    found: dict[str, list[Photo]] = {name: [] for name in SEEN}
    for photo in photos:
        name = seen_in(photo.captions)
        if name:
            found[name].append(photo)
    return found


def _clips(data: Path) -> dict[Part, dict[str, list[FloatArray]]]:
    """Waveforms of each part by label; clips made from one recording are in one part."""
    found: dict[Part, dict[str, list[FloatArray]]] = {part: {} for part in SHARES}
    wanted = {sound for _, sound, _ in _events()}
    clips = [clip for clip in sound_clips(data) if clip.label in wanted]
    for label in sorted(wanted):
        known = [clip for clip in clips if clip.label == label and clip.fold != TEST_FOLD]
        validated = sorted({_recording(clip) for clip in known})[:VALIDATION_RECORDINGS]
        for clip in (clip for clip in clips if clip.label == label):
            part: Part = "test" if clip.fold == TEST_FOLD else "validation" if _recording(clip) in validated else "train"
            found[part].setdefault(label, []).append(decode(clip.audio))
    return found


def _recording(clip: SoundClip) -> str:
    return clip.key.split("-")[1]


def _taken(photos: list[Photo], count: int, draw: random.Random) -> list[Photo]:
    """Some photos, which are then gone: no photo is in two rows."""
    draw.shuffle(photos)
    taken = photos[:count]
    del photos[:count]
    return taken


def _written(stem: Path, photo: Photo, sound: FloatArray) -> tuple[Path, Path]:
    """The files of a row's photo and sound."""
    import soundfile

    image, audio = stem.with_suffix(".jpg"), stem.with_suffix(".flac")
    image.write_bytes(photo.jpeg)
    soundfile.write(audio, sound, SAMPLE_RATE)
    return image, audio


def excerpt(waveform: FloatArray, offset: float) -> FloatArray:
    """Three seconds with the loudest tenth of a second, which is `offset` in [0, 1) of the way in where the clip allows it."""
    frame, size = SAMPLE_RATE // 10, round(EXCERPT_SECONDS * SAMPLE_RATE)
    frames = waveform[: len(waveform) // frame * frame].reshape(-1, frame)
    peak = int(np.argmax((frames**2).mean(axis=1))) * frame
    start = max(0, min(peak - int(offset * (size - frame)), len(waveform) - size))
    return waveform[start : start + size]
