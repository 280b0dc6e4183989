"""Make the studio's sample set again: `python -m mm_demos.training.studio_samples --data DIR --out FILE`, DIR holding ESC-10.

A caretaker's log of 300 notes in six classes: who looks after a forest park writes a sentence, takes a picture, records a sound.
The picture tells woods from house, the sound tells fire, dog and rain apart, and only both name the class; the sentence hints at
one of the two, or at neither. In some pictures fog hides everything, and some notes lack one of the three.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mm_demos.errors import DemoError, InvalidInputError
from mm_demos.evaluation.sound_clips import decode, sound_clips
from mm_demos.models.protocols import FloatArray
from mm_demos.training.studio_drawings import drawing
from mm_demos.training.studio_notes import note

ROWS, SEED = 300, 5
EXCERPT_SECONDS, SAMPLE_RATE, BIT_RATE = 1.6, 16_000, 20_000
FOGGY, INCOMPLETE = 0.10, 0.18  # shares of the rows
MAX_BYTES = 1_048_576
STAMP = (2026, 1, 1, 0, 0, 0)  # of the files in the archive, so that the same data give the same bytes
CLASSES = {
    ("woods", "fire"): "campfire",
    ("house", "fire"): "house fire",
    ("woods", "dog"): "stray dog",
    ("house", "dog"): "visitor with dog",
    ("woods", "rain"): "flooded trail",
    ("house", "rain"): "leaking roof",
}
# One clip of a recording each, of recordings under CC0 or CC BY; LICENCES.md names their authors.
CLIPS = {
    "dog": "1-100032-A 1-30226-A 1-32318-A 1-59513-A 2-114587-A 2-117271-A 2-118072-A 2-118964-A 2-122104-A 3-136288-A "
    "3-144028-A 3-155312-A 3-163459-A 3-170015-A 3-180977-A 4-183992-A 4-184575-A 4-191687-A 4-192236-A 4-207124-A".split(),
    "fire": "1-17150-A 1-17565-A 1-17742-A 1-17808-A 1-4211-A 1-46272-A 1-7057-A 2-18766-A 2-28314-A 2-61311-A 2-65747-A "
    "3-104632-A 3-104958-A 3-145774-A 3-147965-A 3-157187-A 3-158476-A 4-164661-A 4-170247-A 4-171207-A".split(),
    "rain": "1-17367-A 1-21189-A 1-26222-A 1-29561-A 1-50060-A 1-54958-A 1-56311-A 1-63871-A 2-101676-A 2-117625-A 2-72970-A "
    "2-73027-A 2-73260-A 2-81731-A 3-132852-A 3-140774-A 3-142005-A 3-157149-A 4-160999-A 4-163264-A".split(),
}
README = """A caretaker's log: 300 notes of a sentence, a drawn picture and a recorded sound, in six classes.

Sentences and pictures were made for this project, Apache-2.0. Sounds are excerpts of clips of ESC-10 (K. J. Piczak, ESC: Dataset
for Environmental Sound Classification, 2015, https://github.com/karolpiczak/ESC-50), CC BY 3.0; a clip's name holds the number of
the recording at freesound.org it was made from. Column "group" is for the split: rows of one recording stay together.
"""


@dataclass(frozen=True, slots=True)
class _Note:
    text: str
    image: str
    audio: str
    label: str
    recording: str


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the archive; exit status 0, or 2 when the data cannot be had."""
    parser = argparse.ArgumentParser(prog="python -m mm_demos.training.studio_samples", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="ESC-10, in a tar or a folder")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the ZIP to write")
    flags = parser.parse_args(arguments)
    try:
        content = archive(excerpts(flags.data))
    except DemoError as error:
        print(error, file=sys.stderr)
        return 2
    flags.out.write_bytes(content)
    print(f"{flags.out}: {len(content):,} bytes")
    return 0


def excerpts(data: Path) -> dict[str, bytes]:
    """The excerpts by the name of their clip, as Opus in Ogg.

    Raises:
        InvalidInputError: a clip is not there.
    """
    found = {clip.key: clip.audio for clip in sound_clips(data)}
    wanted = [key for keys in CLIPS.values() for key in keys]
    missing = [key for key in wanted if key not in found]
    if missing:
        raise InvalidInputError(f"{data} lacks the clip {missing[0]}: give the folder that holds ESC-10, folds 1 to 4.")
    return {key: as_opus(loudest(decode(found[key]), EXCERPT_SECONDS)) for key in wanted}


def loudest(waveform: FloatArray, seconds: float) -> FloatArray:
    """The excerpt (seconds · 16,000,) from 0.3 s before the loudest tenth of a second on; silence follows what is too short."""
    frame, size = SAMPLE_RATE // 10, int(seconds * SAMPLE_RATE)
    frames = waveform[: len(waveform) // frame * frame].reshape(-1, frame)
    peak = int(np.argmax((frames**2).mean(axis=1))) * frame if len(frames) else 0
    start = max(0, min(peak - 3 * frame, len(waveform) - size))
    cut = waveform[start : start + size]
    return np.pad(cut, (0, size - len(cut))).astype(np.float32)


def as_opus(waveform: FloatArray) -> bytes:
    """A waveform at 16 kHz as a file; the same waveform gives the same bytes."""
    import av

    buffer = io.BytesIO()
    with av.open(buffer, "w", format="ogg", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libopus", rate=SAMPLE_RATE, layout="mono", bit_rate=BIT_RATE)
        stream.codec_context.flags |= av.codec.context.Flags.bitexact
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(waveform[None, :]), format="flt", layout="mono")
        frame.sample_rate = SAMPLE_RATE
        container.mux([*stream.encode(frame), *stream.encode(None)])
    return buffer.getvalue()


def archive(sounds: dict[str, bytes]) -> bytes:
    """The whole set as a ZIP: `notes.csv`, pictures, sounds and README.txt.

    Raises:
        InvalidInputError: it is larger than what may ship.
    """
    draw = random.Random(SEED)  # noqa: S311 - choices of words and colours
    files = {f"sounds/{key}.ogg": content for key, content in sounds.items()}
    notes = []
    for number in range(ROWS):
        made, picture = _row(number, draw)
        notes.append(made)
        if made.image:
            files[made.image] = picture
    draw.shuffle(notes)
    files |= {"notes.csv": _csv(notes), "README.txt": README.encode()}
    content = _zipped(files)
    if len(content) > MAX_BYTES:
        raise InvalidInputError(f"The set has {len(content):,} bytes, more than {MAX_BYTES:,}: shorten the excerpts.")
    return content


def _row(number: int, draw: random.Random) -> tuple[_Note, bytes]:
    (place, sound), label = list(CLASSES.items())[number % len(CLASSES)]
    key = CLIPS[sound][number // len(CLASSES) % len(CLIPS[sound])]
    missing = draw.choice(("text", "image", "audio")) if draw.random() < INCOMPLETE else ""
    picture = drawing(place, draw, foggy=draw.random() < FOGGY)
    text = note(place, sound, draw)
    return _Note(
        text="" if missing == "text" else text,
        image="" if missing == "image" else f"pictures/{number:03}.jpg",
        audio="" if missing == "audio" else f"sounds/{key}.ogg",
        label=label,
        recording=key.split("-")[1],
    ), picture


def _csv(notes: Sequence[_Note]) -> bytes:
    rows = [
        ("text", "image", "audio", "label", "group"),
        *((row.text, row.image, row.audio, row.label, row.recording) for row in notes),
    ]
    return "".join(",".join(json.dumps(cell) if "," in cell else cell for cell in row) + "\n" for row in rows).encode()


def _zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        for name in sorted(files):
            info = zipfile.ZipInfo(name, STAMP)
            info.compress_type = zipfile.ZIP_DEFLATED if name.endswith((".csv", ".txt")) else zipfile.ZIP_STORED
            info.external_attr = 0o644 << 16
            made.writestr(info, files[name])
    return buffer.getvalue()


if __name__ == "__main__":
    sys.exit(main())
