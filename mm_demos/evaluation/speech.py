"""Word error rate and speed on spoken captions: `python -m mm_demos.evaluation.speech --data FOLDER`, JSON on standard output.

FOLDER holds speech/spoken-captions.tar (KEY.ogg) and vision/flickr8k-*.tar, whose KEY.json has the words: its first caption.
"""

from __future__ import annotations

import argparse
import json
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from mm_demos.errors import DemoError, InvalidInputError
from mm_demos.evaluation.wer import WordErrors, corpus_word_errors
from mm_demos.models import catalog
from mm_demos.models.protocols import TranscribeOptions
from mm_demos.tasks.transcription import transcribe


@dataclass(frozen=True, slots=True)
class Spoken:
    """A clip as the bytes of its file, and the words that were spoken."""

    key: str
    audio: bytes
    words: str


@dataclass(frozen=True, slots=True)
class SpeechScore:
    """What came out.

    Args:
        real_time_factor: seconds of work per second of audio, loads and decoding of the files included; less is faster.
        cpu_seconds: processor time of the same work, all threads.
        language_errors: clips whose language was not taken for the one spoken.
    """

    model: str
    clips: int
    audio_seconds: float
    errors: WordErrors
    real_time_factor: float
    cpu_seconds: float
    language_errors: int


def spoken_captions(data: Path) -> Iterator[Spoken]:
    """Clips with their words, in the order of the archive.

    Raises:
        InvalidInputError: an archive is missing.
    """
    clips, pictures = data / "speech" / "spoken-captions.tar", sorted((data / "vision").glob("flickr8k-*.tar"))
    if not clips.is_file() or not pictures:
        raise InvalidInputError(
            f"{data} needs speech/spoken-captions.tar and vision/flickr8k-*.tar: give the folder that holds both."
        )
    captions: dict[str, str] = {}
    for archive in pictures:
        captions |= {Path(name).stem: json.loads(content)["captions"][0] for name, content in _members(archive, ".json")}
    for name, content in _members(clips, ".ogg"):
        yield Spoken(Path(name).stem, content, captions[Path(name).stem])


def _members(archive: Path, suffix: str) -> Iterator[tuple[str, bytes]]:
    """Names and contents of the files in a tar archive, read in place."""
    with tarfile.open(archive) as tar:
        for member in tar:
            file = tar.extractfile(member) if member.name.endswith(suffix) else None
            if file is not None:
                yield member.name, file.read()


def evaluate(clips: list[Spoken], model: str, options: TranscribeOptions, language: str = "en") -> SpeechScore:
    """Transcribe every clip and count the errors against the words spoken in `language`."""
    pairs, heard_seconds, mistaken = [], 0.0, 0
    wall, cpu = time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        for number, clip in enumerate(clips, start=1):
            path = Path(folder) / f"{number}.ogg"
            path.write_bytes(clip.audio)
            result = transcribe(path, model=model, options=options)
            path.unlink()
            pairs.append((clip.words, result.text))
            heard_seconds += result.duration
            mistaken += result.language != language
            if number % 50 == 0:
                print(f"{number} of {len(clips)} clips, WER {corpus_word_errors(pairs, language).wer:.4f}", file=sys.stderr)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    errors = corpus_word_errors(pairs, language)
    return SpeechScore(model, len(clips), heard_seconds, errors, wall / heard_seconds, cpu, mistaken)


def main(arguments: list[str] | None = None) -> int:
    """Run from the command line; exit status 0, or 2 when the data or the model cannot be had."""
    parser = argparse.ArgumentParser(prog="python -m mm_demos.evaluation.speech", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with speech/ and vision/")
    parser.add_argument("--model", default=None, help="catalog name; the default speech model otherwise")
    parser.add_argument("--language", default="en", help="an ISO 639-1 code, or auto to detect it")
    parser.add_argument("--beam-size", type=int, default=TranscribeOptions().beam_size)
    parser.add_argument("--vad-filter", action="store_true", help="drop stretches without voice first")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="take every N-th clip only")
    given = parser.parse_args(arguments)
    language = None if given.language == "auto" else given.language
    options = TranscribeOptions(language=language, beam_size=given.beam_size, vad_filter=given.vad_filter)
    try:
        clips = list(spoken_captions(given.data))[:: max(1, given.every)]
        score = evaluate(clips, given.model or catalog.default("speech"), options)
    except DemoError as error:
        print(error, file=sys.stderr)
        return 2
    print(json.dumps({**asdict(score), "options": asdict(options)}, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
