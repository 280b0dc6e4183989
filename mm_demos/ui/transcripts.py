"""What the Speech tab runs and keeps: one recording, many files, corrections, downloads."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from mm_demos import media
from mm_demos.errors import DemoError, InvalidInputError, StoppedError
from mm_demos.evaluation.wer import WordErrors, word_errors
from mm_demos.models.protocols import TranscribeOptions
from mm_demos.progress import Progress
from mm_demos.results import Receipt, Segment, Transcription
from mm_demos.tasks.transcript_formats import WRITERS, archive, render
from mm_demos.tasks.transcription import join_text, stream
from mm_demos.ui.events import Export

MAX_FILES = 50
AUTOMATIC = "auto"
PLAYABLE = {".wav", ".mp3", ".ogg", ".oga", ".flac", ".m4a", ".aac", ".opus"}  # what browsers play as sound


@dataclass(frozen=True, slots=True)
class Checked(Transcription):
    """A transcription, and its errors against the visitor's reference text if there is one."""

    errors: WordErrors | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """One file of a batch: its transcription, or the sentence that says why there is none."""

    input: str
    transcription: Checked | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Batch:
    """Transcriptions in the order the files were given; `chosen` is the one on show."""

    items: tuple[Item, ...]
    receipt: Receipt | None = None
    chosen: int = 0

    @property
    def current(self) -> Checked | None:
        """The transcription on show."""
        return self.items[self.chosen].transcription if self.chosen < len(self.items) else None


def transcribe_one(  # noqa: PLR0917 (an endpoint receives its components' values by position)
    audio: str,
    model: str = "",
    language: str = AUTOMATIC,
    translate: bool = False,
    skip_silence: bool = False,
    word_times: bool = True,
    beam_size: float = 5,
    temperature: str = AUTOMATIC,
    prompt: str = "",
    reference: str = "",
    *,
    progress: Progress | None = None,
) -> Iterator[Checked]:
    """Transcribe a recording or a video's sound: text, segments with times and scores, language, errors against a reference.

    Args:
        audio: an audio or a video file.
        model: of the catalog.
        language: ISO 639-1 code of what is spoken, or "auto" to detect it.
        translate: into English.
        skip_silence: leave out stretches without a voice.
        word_times: time and probability of each word.
        beam_size: hypotheses kept, 1 to 10; 1 is fastest.
        temperature: 0 to 1, or "auto" to raise it when a segment fails.
        prompt: words to expect, such as names.
        reference: what was really said; gives the word error rate.
        progress: told about loads and steps.
    """
    options = options_of(language, translate, skip_silence, word_times, beam_size, temperature, prompt)
    segments: list[Segment] = []
    for piece in stream(audio, model=model or None, options=options, progress=progress):
        if isinstance(piece, Transcription):
            yield checked(piece, reference)
        else:
            segments.append(piece)
            text = join_text([segment.text for segment in segments], language)
            yield Checked(text, "", 0.0, 0.0, tuple(segments))


def transcribe_many(  # noqa: PLR0917
    files: list[str],
    model: str = "",
    language: str = AUTOMATIC,
    translate: bool = False,
    skip_silence: bool = False,
    word_times: bool = True,
    beam_size: float = 5,
    temperature: str = AUTOMATIC,
    prompt: str = "",
    *,
    progress: Progress | None = None,
) -> Iterator[Batch]:
    """Transcribe many recordings or videos; a file that cannot be read gets a sentence and the rest go on.

    Args:
        files: audio or video files, at most 50.
        model: of the catalog.
        language: ISO 639-1 code of what is spoken, or "auto" to detect it.
        translate: into English.
        skip_silence: leave out stretches without a voice.
        word_times: time and probability of each word.
        beam_size: hypotheses kept, 1 to 10; 1 is fastest.
        temperature: 0 to 1, or "auto" to raise it when a segment fails.
        prompt: words to expect, such as names.
        progress: told about loads and files.
    """
    progress = progress or Progress()
    items: list[Item] = []
    for path in files:
        progress.report("Transcribing files", len(items), len(files), "files")
        try:
            values = (model, language, translate, skip_silence, word_times, beam_size, temperature, prompt)
            *_, whole = transcribe_one(path, *values, progress=Progress(None, progress._stop))
            items.append(Item(Path(path).name, whole))
        except StoppedError:
            raise
        except DemoError as error:
            items.append(Item(Path(path).name, error=str(error)))
        done = [item.transcription for item in items if item.transcription is not None]
        receipts = [talk.receipt for talk in done if talk.receipt is not None]
        receipts.sort(key=lambda receipt: len(receipt.models))  # a silent file used none
        first = next((number for number, item in enumerate(items) if item.transcription is not None), 0)
        yield Batch(tuple(items), receipts[-1] if receipts else None, first)


def options_of(  # noqa: PLR0917
    language: str, translate: bool, skip_silence: bool, word_times: bool, beam_size: float, temperature: str, prompt: str
) -> TranscribeOptions:
    """The components' values as options of the task.

    Raises:
        InvalidInputError: the temperature is neither a number nor "auto".
    """
    try:
        degrees = None if temperature in (AUTOMATIC, "", None) else float(temperature)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(f"Temperature “{temperature}” is no number: give 0 to 1, or auto.") from error
    return TranscribeOptions(
        language=None if language in (AUTOMATIC, "") else language,
        task="translate" if translate else "transcribe",
        beam_size=int(beam_size),
        temperature=degrees,
        vad_filter=skip_silence,
        word_timestamps=word_times,
        initial_prompt=(prompt or "").strip(),
    )


def checked(transcription: Transcription, reference: str = "") -> Checked:
    """`transcription` with its errors against `reference`; none when that is empty, a notice when it cannot be compared."""
    values = {field.name: getattr(transcription, field.name) for field in fields(Transcription)}
    if not (reference or "").strip():
        return Checked(**values)
    try:
        return Checked(**values, errors=word_errors(reference, transcription.text, transcription.language or "en"))
    except DemoError as error:  # minutes of transcribing are not lost for it
        return Checked(**values | {"notices": (*transcription.notices, str(error))})


def batch_of(result: Checked | Batch | None) -> Batch:
    """Any result of the tab as a batch."""
    if isinstance(result, Batch):
        return result
    return Batch((Item("transcript", result),), result.receipt) if result is not None else Batch(())


def corrected(batch: Batch, texts: Sequence[str], reference: str = "") -> Batch:
    """The batch with the visitor's texts in the segments on show; changed segments lose word times that no longer fit.

    Raises:
        InvalidInputError: not one text per segment.
    """
    current = batch.current
    if current is None or len(texts) != len(current.segments):
        raise InvalidInputError("The table no longer fits the transcript: run it again, then correct the text in its rows.")
    pairs = zip(current.segments, texts, strict=True)
    segments = tuple(s if s.text == text else replace(s, text=text.strip(), words=(), flags=()) for s, text in pairs)
    text = join_text([segment.text for segment in segments], current.language)
    changed = checked(replace(current, segments=segments, text=text), reference)
    items = list(batch.items)
    items[batch.chosen] = replace(items[batch.chosen], transcription=changed)
    return replace(batch, items=tuple(items))


def _write(fmt: str) -> Export:
    def write(result: Any) -> str:
        current = batch_of(result).current
        return render(current, fmt) if current is not None else ""

    return Export(fmt.upper(), f"transcript.{fmt}", write)


def _zip(result: Any) -> bytes:
    talks = {f"{number:02d} {item.input}": item.transcription for number, item in enumerate(batch_of(result).items, 1)}
    with tempfile.TemporaryDirectory() as folder:
        given = {name: talk for name, talk in talks.items() if talk is not None}
        return archive(given, WRITERS, Path(folder) / "all.zip").read_bytes() if given else b""


EXPORTS = (*map(_write, WRITERS), Export("ZIP", "transcripts.zip", _zip))


def playable(path: str, folder: str) -> str:
    """A file with the same sound that a browser plays: the recording itself, or a WAV in `folder` made from a video."""
    if Path(path).suffix.lower() in PLAYABLE:
        return path
    sound = Path(folder) / "sound.wav"
    media.save_wav(sound, media.load_audio(path))
    return str(sound)


def check_one(audio: str | None, *_options: Any) -> None:
    """Refuse a run without a recording."""
    if not audio:
        raise InvalidInputError("Record something or choose a file first.")


def check_many(files: Sequence[str] | None, *_options: Any) -> None:
    """Refuse a run without files, or with too many."""
    if not files:
        raise InvalidInputError("Choose the recordings or videos first; you can take many at once.")
    if len(files) > MAX_FILES:
        raise InvalidInputError(f"{len(files)} files are too many for one run: take at most {MAX_FILES} at a time.")
