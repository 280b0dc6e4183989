"""Whisper on transformers, for checkpoints as the hub has them; it runs wherever torch does, on ZeroGPU too."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mm_demos.errors import WeightsUnavailableError
from mm_demos.models.placing import SOURCES, load_checkpoint, number_format
from mm_demos.models.protocols import SAMPLE_RATE, FloatArray, SegmentStream, TranscribeOptions
from mm_demos.models.speech_decoding import HOP_SECONDS, Encoded, Guide, WindowDecoder
from mm_demos.models.voice_activity import Span, voiced_spans
from mm_demos.progress import Progress
from mm_demos.results import Segment

if TYPE_CHECKING:
    from mm_demos.models.loader import LoadRequest

FILES = ("config.json", "generation_config.json", "tokenizer_config.json")
CONFIDENT = 0.5  # temperature from which a window's text is too uncertain to guide the next one


class TransformersWhisper:
    """A Whisper or distil-Whisper checkpoint, decoded window by window; safe to call from several threads, which then queue.

    Args:
        decoder: the checkpoint.
    """

    def __init__(self, decoder: WindowDecoder) -> None:
        self._decoder = decoder
        self.device = decoder.device
        self.dtype = decoder.dtype

    @property
    def languages(self) -> tuple[str, ...]:
        """ISO 639-1 codes it knows."""
        return tuple(self._decoder.language_tokens) or ("en",)

    def transcribe(self, waveform: FloatArray, *, options: TranscribeOptions, progress: Progress | None = None) -> SegmentStream:
        """Decode `waveform` (n_samples,) float32 in [-1, 1] at 16 kHz, lazily, segment by segment; Stop is heard per token."""
        seconds = len(waveform) / SAMPLE_RATE
        spans = voiced_spans(waveform) if options.vad_filter else ((0.0, seconds),)
        reading = _Reading(self._decoder, waveform, spans)
        language, prob = options.language or "en", 1.0
        if options.language is None and self._decoder.language_tokens and spans:
            language, prob = self._decoder.detect_language(reading.window(spans[0], 0))
        segments = reading.segments(language, options, progress or Progress())
        return SegmentStream(segments, language, prob, seconds)


@dataclass(slots=True)
class _Reading:
    """One recording on its way through the decoder; features of one span and one encoded window are kept."""

    decoder: WindowDecoder
    waveform: FloatArray
    spans: tuple[Span, ...]
    _features: tuple[Span, Any] | None = None
    _window: tuple[Span, int, Encoded] | None = None
    _history: list[int] = field(default_factory=list)

    def window(self, span: Span, frame: int) -> Encoded:
        """The window that begins at a frame (of 10 ms) of a span."""
        if self._window is not None and self._window[:2] == (span, frame):
            return self._window[2]
        if self._features is None or self._features[0] != span:
            start, end = (round(edge * SAMPLE_RATE) for edge in span)
            self._features = span, self.decoder.features(self.waveform[start:end])
        encoded = self.decoder.encode(self._features[1], frame, self._frames(span))
        self._window = span, frame, encoded
        return encoded

    def segments(self, language: str, options: TranscribeOptions, progress: Progress) -> Iterator[Segment]:
        """Slide the window over each span, to where its last whole segment ends."""
        words = self.decoder.prompt_tokens(options.initial_prompt)
        confident = True
        for span in self.spans:
            frame = 0
            while frame < self._frames(span):
                progress.checkpoint()
                history = self._history if options.condition_on_previous_text and confident else []
                guide = Guide(language, (*words, *history), span[0] + frame * HOP_SECONDS, span[1])
                decoded = self.decoder.decode(self.window(span, frame), guide, options, progress)
                yield from decoded.segments
                self._history += decoded.tokens
                confident = decoded.temperature < CONFIDENT
                frame += decoded.frames

    @staticmethod
    def _frames(span: Span) -> int:
        return int((span[1] - span[0]) / HOP_SECONDS + 1e-6)


def load_whisper_transformers(request: LoadRequest) -> TransformersWhisper:
    """A Whisper checkpoint in the local folder: safetensors, its configurations and its tokenizer, never from a hub.

    Raises:
        WeightsUnavailableError: a file is missing, or the folder holds another kind of model.
    """
    missing = [name for name in FILES if not (request.folder / name).is_file()]
    if missing:
        raise WeightsUnavailableError(f"{request.spec.name} has no {missing[0]} in {request.folder}: pull the model again.")
    kind = json.loads((request.folder / FILES[0]).read_text(encoding="utf-8")).get("model_type")
    if kind != "whisper":
        raise WeightsUnavailableError(f"{request.spec.name} is a {kind} checkpoint, not a Whisper one: choose another model.")
    from transformers import WhisperForConditionalGeneration, WhisperProcessor
    from transformers.utils import logging

    logging.disable_progress_bar()  # loads report to the page and the command line, not to the console
    on_gpu = request.device.partition(":")[0] != "cpu"
    wanted = request.dtype if request.dtype in {"float32", "float16", "bfloat16"} else ""
    dtype = wanted or ("float16" if on_gpu else "float32")
    if request.choices.quantisation == "none":  # moved afterwards, as ZeroGPU wants it
        model = WhisperForConditionalGeneration.from_pretrained(request.folder, dtype=dtype, **SOURCES).to(request.device).eval()
    else:
        model = load_checkpoint(WhisperForConditionalGeneration, request, dtype=dtype)
    processor = WhisperProcessor.from_pretrained(request.folder, local_files_only=True)
    kind = number_format(model, request)
    return TransformersWhisper(WindowDecoder(model, processor, device=request.device, dtype=kind))
