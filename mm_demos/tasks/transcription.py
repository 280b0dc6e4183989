"""Speech to text: what was said, when, how surely, and whether it may be invented."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from mm_demos import media
from mm_demos.errors import InvalidInputError
from mm_demos.models import catalog
from mm_demos.models.protocols import SAMPLE_RATE, FloatArray, SpeechRecognizer, TranscribeOptions
from mm_demos.models.speech_words import UNSPACED_LANGUAGES
from mm_demos.models.voice_activity import Span, overlaps, voiced_spans
from mm_demos.progress import Progress
from mm_demos.results import Segment, Transcription
from mm_demos.tasks.hallucination import flagged
from mm_demos.tasks.options import fitted
from mm_demos.tasks.receipts import record

NO_SPEECH = "No speech was heard in this recording, so nothing was transcribed."
SILENT = "This recording is silent: check that the microphone is on and chosen in the system's settings."
FAINT_VOICE = 0.4  # below the detector's usual 0.5: dropping a whisper is worse than hearing one in noise
MAX_PROMPT_CHARS = 1000  # Whisper reads the last 223 tokens of a prompt


def transcribe(
    audio: str | Path | FloatArray,
    *,
    model: str | None = None,
    options: TranscribeOptions | None = None,
    progress: Progress | None = None,
) -> Transcription:
    """Transcribe one file, or a waveform (n_samples,) float32 in [-1, 1] at 16 kHz.

    Silence and noise without a voice give an empty text and a notice, never invented words.

    Raises:
        InvalidInputError: no audio in the file, an option out of range, or a language the model does not know.
        StoppedError: `progress.stop()` was called.
    """
    *_, last = stream(audio, model=model, options=options, progress=progress)
    assert isinstance(last, Transcription)  # noqa: S101  # by the contract of `stream`
    return last


def stream(
    audio: str | Path | FloatArray,
    *,
    model: str | None = None,
    options: TranscribeOptions | None = None,
    progress: Progress | None = None,
) -> Iterator[Segment | Transcription]:
    """Like `transcribe`, yielding each `Segment` once it is decoded and the `Transcription` last; close it to stop."""
    options, progress = fitted(options, TranscribeOptions), progress or Progress()
    check_options(options)
    progress.report("Reading the recording")
    name = catalog.chosen(model, "speech")
    waveform = load_waveform(audio)
    with record("transcribe", options=asdict(options), progress=progress) as run:
        spans = () if media.is_silent(waveform) else voiced_spans(waveform, threshold=FAINT_VOICE)
        if not spans:
            yield replace(_without_speech(waveform, options), receipt=run.receipt())
            return
        recognizer: SpeechRecognizer = run.lease(name)
        check_language(recognizer, options, name)
        result = yield from _decode(recognizer, waveform, spans, options, progress)
        yield replace(result, receipt=run.receipt())


def load_waveform(audio: str | Path | FloatArray) -> FloatArray:
    """The samples of a file, or the waveform itself once checked.

    Raises:
        InvalidInputError: empty, not one-dimensional, or not of finite numbers; integers are taken by their full scale.
    """
    if not isinstance(audio, np.ndarray):
        return media.load_audio(audio)
    if audio.size == 0:
        raise InvalidInputError("The recording is empty: record at least a word, or choose another file.")
    if audio.ndim != 1 or audio.dtype.kind not in "iuf":
        raise InvalidInputError(
            f"A waveform is a row of real numbers at 16 kHz, not {audio.dtype} of shape {audio.shape}: mix its channels first."
        )
    return media.from_microphone(SAMPLE_RATE, audio)


def _without_speech(waveform: FloatArray, options: TranscribeOptions) -> Transcription:
    """The empty transcription of a recording in which nobody speaks."""
    notice = SILENT if media.is_silent(waveform) else NO_SPEECH
    return Transcription("", options.language or "", 0.0, len(waveform) / SAMPLE_RATE, (), notices=(notice,))


def _decode(
    recognizer: SpeechRecognizer,
    waveform: FloatArray,
    spans: tuple[Span, ...],
    options: TranscribeOptions,
    progress: Progress,
) -> Generator[Segment, None, Transcription]:
    """Yield the segments with their flags; return the whole."""
    duration = len(waveform) / SAMPLE_RATE
    clock = time.monotonic()
    progress.report("Listening", 0.0, duration, "seconds")
    decoded = recognizer.transcribe(waveform, options=options, progress=progress)
    segments: list[Segment] = []
    for segment in decoded.segments:
        segments.append(flagged(segment, voiced=overlaps(spans, segment.start, segment.end)))
        progress.report(_time_left(clock, segment.end, duration), min(segment.end, duration), duration, "seconds")
        yield segments[-1]
    progress.checkpoint()
    return _joined(segments, decoded.language, decoded.language_prob, duration)


def _joined(segments: list[Segment], language: str, language_prob: float, duration: float) -> Transcription:
    """The transcription that these segments make."""
    notices = () if segments else (NO_SPEECH,)
    text = join_text([segment.text for segment in segments], language)
    return Transcription(text, language, language_prob, duration, tuple(segments), notices=notices)


def join_text(texts: list[str], language: str) -> str:
    """Texts in one line: a space between them, except in scripts written without spaces."""
    return ("" if language in UNSPACED_LANGUAGES else " ").join(text for text in texts if text)


def _time_left(clock: float, done: float, total: float) -> str:
    """One line of progress with the time left at the speed so far."""
    left = (time.monotonic() - clock) * max(0.0, total - done) / max(done, 0.1)
    return f"Transcribing, about {left:.0f} s left" if left >= 1 else "Transcribing"


def check_options(options: TranscribeOptions) -> None:
    """Refuse options that no model can follow.

    Raises:
        InvalidInputError: a number is out of its range, or the prompt is too long.
    """
    if not 1 <= options.beam_size <= 10:
        raise InvalidInputError(f"Beam size {options.beam_size} is out of range: choose 1 to 10.")
    if options.temperature is not None and not 0.0 <= options.temperature <= 1.0:
        raise InvalidInputError(f"Temperature {options.temperature} is out of range: choose 0 to 1, or none for automatic.")
    if options.task not in ("transcribe", "translate"):
        raise InvalidInputError(f"Task “{options.task}” is unknown: choose transcribe or translate.")
    if len(options.initial_prompt) > MAX_PROMPT_CHARS:
        raise InvalidInputError(f"The prompt words are too long: give at most {MAX_PROMPT_CHARS} characters.")


def check_language(recognizer: SpeechRecognizer, options: TranscribeOptions, name: str) -> None:
    """Refuse a language or a translation that this model does not know.

    Raises:
        InvalidInputError: with what to choose instead.
    """
    known = recognizer.languages
    if options.language is not None and options.language not in known:
        what = "English only" if known == ("en",) else f"{len(known)} languages, by ISO code such as en, fr, zh"
        raise InvalidInputError(f"{name} does not know the language “{options.language}”: it knows {what}.")
    if options.task == "translate" and known == ("en",):
        raise InvalidInputError(f"{name} knows English only and cannot translate: choose a multilingual model.")
