"""How well a library of recordings is searched, through the product's own indexing and search.

Spoken captions (`KEY.ogg`, with the captions of photo KEY in tars of captioned photos) are looked for by the words spoken, by
other people's captions of the same photo, and by a changed copy of the recording. Sounds (`KEY.ogg` beside `KEY.json` with
"label" and "fold") are looked for by the name of their class, by other words for it, and by each other. The head that ships was
trained on folds 1 to 4; on one of them use `--head` with a head trained without it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from mm_demos import accelerator
from mm_demos.errors import InvalidInputError
from mm_demos.evaluation import arguments
from mm_demos.evaluation.ranks import RankScores, of_ranks
from mm_demos.evaluation.sound_clips import SoundClip, decode, sound_clips
from mm_demos.evaluation.sound_head import sound_head
from mm_demos.evaluation.spoken_clips import SpokenClip, spoken_clips
from mm_demos.fusion.measures import calibration_error
from mm_demos.models.protocols import FloatArray
from mm_demos.retrieval.library import Library
from mm_demos.retrieval.types import Hit, Query
from mm_demos.tasks.retrieval import index_folder, search

Part = TypeVar("Part")
CUT = 10  # hits that a person looks at
SURE = 0.5  # probability from which a sound is named

# Other words for each class, none of them among those that the head was made with.
WORDINGS = {
    "dog bark": ("a dog that is barking", "the barking of dogs", "a loud bark from a dog"),
    "rain": ("rain is pouring down", "drops of rain falling", "a heavy rainstorm"),
    "sea waves": ("waves on a beach", "the ocean's surf", "waves breaking on the seashore"),
    "baby cry": ("a baby is crying", "the wailing of an infant", "a little baby that screams"),
    "clock tick": ("a clock is ticking", "the tick-tock of an old clock", "the ticking of a wristwatch"),
    "person sneeze": ("someone sneezing", "a person who has to sneeze", "a man with a cold sneezing"),
    "helicopter": ("a helicopter passing overhead", "the rotor of a chopper", "a helicopter in flight"),
    "chainsaw": ("a tree being cut with a chainsaw", "a motorised saw in the woods", "a lumberjack sawing a trunk"),
    "rooster": ("a chicken crowing", "a cock crowing in the morning", "cock-a-doodle-doo on a farm"),
    "fire crackling": ("a fire burning in the fireplace", "the crackle of a campfire", "wood burning and crackling"),
}


@dataclass(frozen=True, slots=True)
class SpeechScores:
    """Spoken captions, searched by what is said.

    Args:
        caption: the words that were spoken.
        paraphrase: the photo's other captions.
        voice: a copy of the recording, faster and higher or slower and lower by 7 %, in noise 15 dB below; the recording itself
            stays in the library.
        called_a_sound: share of the recordings in which one of the known sounds is named with a probability of a half or more.
    """

    clips: int
    caption: RankScores
    paraphrase: RankScores
    voice: RankScores
    called_a_sound: float


@dataclass(frozen=True, slots=True)
class SoundScores:
    """Sounds of one fold, searched by how they sound.

    Args:
        fold: 0 for all.
        tag_accuracy: share of clips whose likeliest event is their class.
        tag_error: expected calibration error of that event's probability.
        class_name_at_10: of the first ten hits for the name of a class, how many are of it, out of ten or of as many as there
            are; mean over classes.
        wordings_at_10: the same for three other wordings of each class.
        nearest: share of clips whose nearest other clip is of the same class.
    """

    fold: int
    clips: int
    tag_accuracy: float
    tag_error: float
    class_name_at_10: float
    wordings_at_10: float
    nearest: float
    worst_wordings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Indexing:
    """How fast recordings are made searchable, loading the models included.

    Args:
        speed: seconds of recording read in a second.
        processor_seconds: of all threads; on a busy machine `seconds` is longer.
        threads: of each model.
    """

    seconds_of_audio: float
    seconds: float
    speed: float
    processor_seconds: float
    threads: int


@dataclass(frozen=True, slots=True)
class RetrievalReport:
    """What came out; a part is None where the data has nothing for it."""

    speech: SpeechScores | None
    speech_indexing: Indexing | None
    sound: SoundScores | None
    sound_indexing: Indexing | None


def measure(data: Path, *, fold: int = 0, limit: int | None = None, head: Path | None = None) -> RetrievalReport:
    """Index what the data has, and search it.

    Args:
        data: a folder of tars or files.
        fold: sounds of this fold only; 0 takes all.
        limit: the first so many spoken captions only.
        head: a folder with another sound head than the one that ships.

    Raises:
        InvalidInputError: the data has neither spoken captions nor sounds.
    """
    spoken = spoken_clips(data)[:limit]
    sounds = [clip for clip in sound_clips(data) if fold in (0, clip.fold)]
    if not spoken and not sounds:
        raise InvalidInputError(
            f"{data} holds no spoken captions (KEY.ogg and captions of photo KEY) and no sounds (KEY.ogg beside KEY.json with "
            '"label" and "fold"), or none of the fold asked for.'
        )
    with sound_head(head):
        speech, speech_indexing = _in_library(
            [(clip.key, clip.audio) for clip in spoken], lambda library: on_speech(library, spoken)
        )
        sound, sound_indexing = _in_library(
            [(clip.key, clip.audio) for clip in sounds], lambda library: on_sounds(library, sounds, fold)
        )
    return RetrievalReport(speech, speech_indexing, sound, sound_indexing)


def _in_library(clips: list[tuple[str, bytes]], score: Callable[[Library], Part]) -> tuple[Part | None, Indexing | None]:
    """Scores on a library of just these clips, and how long it took to make."""
    if not clips:
        return None, None
    with tempfile.TemporaryDirectory() as kept:
        folder = Path(kept) / "recordings"
        folder.mkdir()
        for key, audio in clips:
            (folder / f"{key}.ogg").write_bytes(audio)
        with Library.open("measured", root=Path(kept), create=True) as library:
            print(f"indexing {len(clips)} recordings", file=sys.stderr, flush=True)
            before = time.process_time()
            summary = index_folder(folder, library=library)
            worked = time.process_time() - before
            print(f"{summary.speed:.1f} x real time; searching", file=sys.stderr, flush=True)
            seconds = 3600 * summary.hours
            return score(library), Indexing(seconds, summary.seconds, summary.speed, worked, accelerator.threads())


def on_speech(library: Library, clips: Sequence[SpokenClip]) -> SpeechScores:
    """Searches of spoken captions."""
    asked = [(Query(text=clip.words, mode="said"), clip.key) for clip in clips]
    paraphrased = [(Query(text=text, mode="said"), clip.key) for clip in clips for text in clip.paraphrases]
    voiced = [
        (Query(audio=another_take(decode(clip.audio), np.random.default_rng([*clip.key.encode()])), mode="said"), clip.key)
        for clip in clips
    ]
    named = [max((tag.score for tag in window.tags), default=0.0) >= SURE for window in library.windows()]
    return SpeechScores(
        len(clips), _ranked(library, asked, "captions"), _ranked(library, paraphrased, "paraphrases"),
        _ranked(library, voiced, "spoken queries"), float(np.mean(named)),
    )  # fmt: skip


def _ranked(library: Library, asked: Sequence[tuple[Query, str]], what: str) -> RankScores:
    """Scores of queries, each with the key of the recording that is right."""
    ranks = []
    for query, key in arguments.counted(asked, what):
        keys = [_key(hit) for hit in search(query, library=library).hits]
        ranks.append(keys.index(key) + 1 if key in keys else None)
    return of_ranks(ranks)


def another_take(waveform: FloatArray, rng: np.random.Generator) -> FloatArray:
    """The same words as if said again elsewhere: 7 % faster and higher or slower and lower, softer, in noise 15 dB below."""
    speed = rng.choice([1 / 1.07, 1.07])
    taken = np.interp(np.arange(0, len(waveform) - 1, speed), np.arange(len(waveform)), waveform)
    noise = rng.standard_normal(len(taken)) * np.sqrt(np.mean(taken**2)) * 10 ** (-15 / 20)
    return np.asarray((taken + noise) / 2, np.float32)


def on_sounds(library: Library, clips: Sequence[SoundClip], fold: int) -> SoundScores:
    """Searches of sounds."""
    labels = {clip.key: clip.label for clip in clips}
    named = {label: precision(library, label, label, labels) for label in sorted(set(labels.values()))}
    worded = {(label, text): precision(library, text, label, labels) for label in named for text in WORDINGS.get(label, ())}
    told = {Path(window.window.file).stem: window.tags[0] for window in reversed(library.windows()) if window.tags}
    right = np.array([told[key].label == label for key, label in labels.items()])
    sure = np.array([told[key].score for key in labels], np.float32)
    alike = [_nearest(library, clip, labels) for clip in arguments.counted(clips, "sounds")]
    worst = sorted(worded, key=worded.__getitem__)[:3]
    return SoundScores(
        fold=fold,
        clips=len(clips),
        tag_accuracy=float(right.mean()),
        tag_error=calibration_error(sure, right),
        class_name_at_10=float(np.mean(list(named.values()))),
        wordings_at_10=float(np.mean(list(worded.values()))) if worded else 0.0,
        nearest=float(np.mean(alike)),
        worst_wordings=tuple(f"{text}: {worded[label, text]:.2f}" for label, text in worst),
    )


def precision(library: Library, text: str, label: str, labels: dict[str, str]) -> float:
    """Of the first ten hits for `text`, how many are of `label`, out of ten or of as many as there are."""
    hits = search(Query(text=text, mode="sounds", top_k=CUT), library=library).hits
    there = sum(each == label for each in labels.values())
    return sum(labels[_key(hit)] == label for hit in hits[:CUT]) / min(CUT, there)


def _nearest(library: Library, clip: SoundClip, labels: dict[str, str]) -> bool:
    """Whether the best hit for a sound, but for itself, has its label."""
    hits = search(Query(audio=decode(clip.audio), mode="sounds", top_k=2), library=library).hits
    return next((labels[_key(hit)] == clip.label for hit in hits if _key(hit) != clip.key), False)


def _key(hit: Hit) -> str:
    return Path(hit.file).stem


def main(arguments_given: list[str] | None = None) -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m mm_demos evaluate retrieval",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="tars or folders of recordings")
    parser.add_argument("--fold", type=int, default=0, metavar="N", help="sounds of this fold only; all by default")
    parser.add_argument("--limit", type=arguments.positive, metavar="N", help="the first N spoken captions only")
    parser.add_argument(
        "--head", type=Path, metavar="DIR", help="a sound head that `training.sound_head` wrote, instead of the shipped one"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    given = parser.parse_args(arguments_given)
    return arguments.run(lambda: measure(given.data, fold=given.fold, limit=given.limit, head=given.head), as_json=given.json)


if __name__ == "__main__":
    sys.exit(main())
