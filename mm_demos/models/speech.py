"""Whisper on CTranslate2 (faster-whisper) and in OpenAI's own format, behind `SpeechRecognizer`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mm_demos.errors import WeightsUnavailableError
from mm_demos.models.loader import LoadRequest
from mm_demos.models.protocols import SAMPLE_RATE, FloatArray, SegmentStream, SpeechRecognizer, TranscribeOptions
from mm_demos.progress import Progress
from mm_demos.results import Segment, Word

if TYPE_CHECKING:
    from mm_demos.models.whisper_window import WindowedWhisper

# Tried in turn while a segment looks like a failure (Radford et al., 2022, section 4.5).
FALLBACK_TEMPERATURES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


class _Attempts(tuple[float, ...]):
    """Temperatures that hear Stop: both libraries go through them once per window, and one window may take all of them."""

    progress: Progress

    def __iter__(self) -> Iterator[float]:
        for temperature in super().__iter__():
            self.progress.checkpoint()
            yield temperature


def temperatures(options: TranscribeOptions, progress: Progress | None = None) -> tuple[float, ...]:
    """The temperatures to try, in order; going through them raises `StoppedError` once `progress` is stopped."""
    attempts = _Attempts(FALLBACK_TEMPERATURES if options.temperature is None else (options.temperature,))
    attempts.progress = progress or Progress()
    return attempts


class FasterWhisper:
    """Whisper on CTranslate2; safe to call from several threads, which then queue inside CTranslate2."""

    def __init__(self, model: WindowedWhisper, *, device: str, dtype: str) -> None:
        self._model = model
        self.device = device
        self.dtype = dtype
        known = model.hf_tokenizer.token_to_id
        # The library lists a language that only the newest checkpoints have a token for.
        self._languages = tuple(code for code in model.supported_languages if code == "en" or known(f"<|{code}|>") is not None)

    @property
    def languages(self) -> tuple[str, ...]:
        """ISO 639-1 codes it knows."""
        return self._languages

    def transcribe(self, waveform: FloatArray, *, options: TranscribeOptions, progress: Progress | None = None) -> SegmentStream:
        """Decode `waveform` (n_samples,) float32 in [-1, 1] at 16 kHz, lazily, segment by segment."""
        segments, info = self._model.transcribe(
            waveform,
            language=options.language,
            task=options.task,
            beam_size=options.beam_size,
            temperature=temperatures(options, progress),
            vad_filter=options.vad_filter,
            word_timestamps=options.word_timestamps,
            initial_prompt=options.initial_prompt or None,
            condition_on_previous_text=options.condition_on_previous_text,
        )
        found = (_segment(segment) for segment in segments)
        return SegmentStream(found, info.language, float(info.language_probability), len(waveform) / SAMPLE_RATE)

    def sound_frames(self, waveform: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The encoder's frames (n_frames, width), one every 20 ms, of `waveform` (n_samples,) at 16 kHz, at most 30 s.

        With them comes the log-mel spectrogram (2 · n_frames, n_mels) that they were made from.
        """
        return self._model.sound_frames(waveform)

    def close(self) -> None:
        """Give the weights' memory back without waiting for the garbage collector."""
        self._model.model.unload_model()


def _segment(segment: Any) -> Segment:
    """A segment of faster-whisper as the project's own."""
    words = tuple(Word(float(w.start), float(w.end), w.word.strip(), float(w.probability)) for w in segment.words or ())
    return Segment(
        start=float(segment.start),
        end=float(segment.end),
        text=segment.text.strip(),
        avg_logprob=float(segment.avg_logprob),
        no_speech_prob=float(segment.no_speech_prob),
        compression_ratio=float(segment.compression_ratio),
        words=words,
    )


def load_faster_whisper(request: LoadRequest) -> SpeechRecognizer:
    """Whisper in CTranslate2's format from the local folder, never from a hub.

    Raises:
        WeightsUnavailableError: the folder lacks a file, which the library would otherwise fetch or fail on later.
    """
    for name in ("model.bin", "config.json", "tokenizer.json"):
        if not (request.folder / name).is_file():
            raise WeightsUnavailableError(f"{request.spec.name} has no {name} in {request.folder}: pull the model again.")
    from mm_demos.models.whisper_window import WindowedWhisper

    device, _, index = request.device.partition(":")
    dtype = request.dtype or ("float16" if device == "cuda" else "int8")
    model = WindowedWhisper(
        str(request.folder),
        device=device,
        device_index=int(index or 0),
        compute_type=dtype,
        cpu_threads=request.threads,
        local_files_only=True,
    )
    return FasterWhisper(model, device=request.device, dtype=dtype)


def load_openai_whisper(request: LoadRequest) -> SpeechRecognizer:
    """Whisper in OpenAI's own checkpoint format; imports torch."""
    from mm_demos.models.speech_openai import load

    return load(request)
