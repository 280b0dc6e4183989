"""Sounds to measure and to train on: `KEY.ogg` beside `KEY.json` = {"label", "fold"}, in webdataset tars or folders."""

from __future__ import annotations

import json
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mm_demos.errors import InvalidInputError
from mm_demos.media import load_audio
from mm_demos.models.protocols import FloatArray

SUFFIXES = (".ogg", ".json")


@dataclass(frozen=True, slots=True)
class SoundClip:
    """One recording: the bytes of its file, what is heard in it, and the fold it belongs to."""

    key: str
    audio: bytes
    label: str
    fold: int


def sound_clips(data: Path) -> list[SoundClip]:
    """Clips in `data`, by key; those with the same key come once.

    Raises:
        InvalidInputError: there is no such folder, or an archive or a description is damaged.
    """
    files = dict(contents(data))
    found = [_clip(name, files) for name in sorted(files) if name.endswith(".ogg")]
    return [clip for clip in found if clip is not None]


def decode(audio: bytes) -> FloatArray:
    """The waveform (n_samples,) at 16 kHz of a file's bytes."""
    with tempfile.NamedTemporaryFile(suffix=".ogg") as file:
        file.write(audio)
        file.flush()
        return load_audio(file.name)


def contents(data: Path) -> Iterator[tuple[str, bytes]]:
    """Names and contents of the recordings and descriptions in every tar and folder in `data`, or in the one tar that it is.

    Raises:
        InvalidInputError: there is no such folder, or an archive is damaged.
    """
    if not data.exists():
        raise InvalidInputError(f"There is no {data}: give the folder that holds the recordings.")
    for tar in [data] if data.is_file() else sorted(data.rglob("*.tar")):
        yield from _members(tar)
    for path in sorted(data.rglob("*")) if data.is_dir() else ():
        if path.suffix in SUFFIXES:
            yield path.name, path.read_bytes()


def _members(path: Path) -> Iterator[tuple[str, bytes]]:
    try:
        with tarfile.open(path) as tar:
            for member in tar:
                file = tar.extractfile(member) if member.name.endswith(SUFFIXES) else None
                if file is not None:
                    yield Path(member.name).name, file.read()
    except tarfile.TarError as error:
        raise InvalidInputError(f"{path} is no tar archive, or not a whole one: fetch it again.") from error


def _clip(name: str, files: dict[str, bytes]) -> SoundClip | None:
    """The recording if it has a description with a label; a captioned photo's description has none."""
    key = Path(name).stem
    try:
        facts = json.loads(files.get(f"{key}.json", b"{}"))
        return SoundClip(key, files[name], str(facts["label"]), int(facts["fold"])) if "label" in facts else None
    except (ValueError, TypeError, KeyError) as error:
        raise InvalidInputError(f'{key}.json lacks a "label" or a "fold", or is no JSON: write both.') from error
