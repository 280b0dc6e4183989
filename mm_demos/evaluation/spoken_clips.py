"""Spoken captions to measure on: `KEY.ogg` in a tar or folder, and the captions of photo KEY in tars of captioned photos."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mm_demos.evaluation.sound_clips import contents


@dataclass(frozen=True, slots=True)
class SpokenClip:
    """One recording: the bytes of its file, the words spoken, and other people's captions of the same photo."""

    key: str
    audio: bytes
    words: str
    paraphrases: tuple[str, ...]


def spoken_clips(data: Path) -> list[SpokenClip]:
    """Recordings in `data` that have a captioned photo of the same key, by key; the first caption is the one spoken.

    Raises:
        InvalidInputError: there is no such folder, or an archive is damaged.
    """
    audio, captions = dict[str, bytes](), dict[str, tuple[str, ...]]()
    for name, content in contents(data):
        if name.endswith(".ogg"):
            audio[Path(name).stem] = content
        elif b'"captions"' in content:
            captions[Path(name).stem] = tuple(json.loads(content)["captions"])
    return list(_joined(audio, captions))


def _joined(audio: dict[str, bytes], captions: dict[str, tuple[str, ...]]) -> Iterator[SpokenClip]:
    for key in sorted(audio.keys() & captions.keys()):
        words, *others = captions[key]
        yield SpokenClip(key, audio[key], words, tuple(others))
