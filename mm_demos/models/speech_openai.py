"""OpenAI's own Whisper, for checkpoints in its format (.pt); needs torch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mm_demos.errors import WeightsUnavailableError
from mm_demos.models.loader import LoadRequest
from mm_demos.models.protocols import SAMPLE_RATE, FloatArray, SegmentStream, TranscribeOptions
from mm_demos.models.voice_activity import Span, voiced_spans
from mm_demos.progress import Progress
from mm_demos.results import Segment, Word

if TYPE_CHECKING:
    from whisper import Whisper

WINDOW = 30 * SAMPLE_RATE  # samples the model sees at once


class OpenAIWhisper:
    """The original, decoded window by window so that segments stream and a stop is heard within 30 s of audio."""

    def __init__(self, model: Whisper, *, device: str, dtype: str) -> None:
        self._model = model
        self.device = device
        self.dtype = dtype

    @property
    def languages(self) -> tuple[str, ...]:
        """ISO 639-1 codes it knows."""
        from whisper.tokenizer import LANGUAGES

        return tuple(LANGUAGES)[: self._model.num_languages] if self._model.is_multilingual else ("en",)

    def transcribe(self, waveform: FloatArray, *, options: TranscribeOptions, progress: Progress | None = None) -> SegmentStream:
        """Decode `waveform` (n_samples,) float32 in [-1, 1] at 16 kHz, lazily, segment by segment."""
        language, prob = (options.language, 1.0) if options.language else self._detect_language(waveform)
        everything: tuple[Span, ...] = ((0.0, len(waveform) / SAMPLE_RATE),)
        spans = voiced_spans(waveform) if options.vad_filter else everything
        segments = self._segments(waveform, spans, language, options, progress)
        return SegmentStream(segments, language, prob, len(waveform) / SAMPLE_RATE)

    def _detect_language(self, waveform: FloatArray) -> tuple[str, float]:
        """The most probable language of the first 30 s and its probability in [0, 1]."""
        if not self._model.is_multilingual:
            return "en", 1.0
        import whisper

        mel = whisper.log_mel_spectrogram(whisper.pad_or_trim(waveform), self._model.dims.n_mels).to(self._model.device)
        _, probs = self._model.detect_language(mel)
        best = max(probs, key=probs.get)
        return best, float(probs[best])

    def _segments(
        self, waveform: FloatArray, spans: tuple[Span, ...], language: str, options: TranscribeOptions, progress: Progress | None
    ) -> Iterator[Segment]:
        """Slide a window over each span; a segment that the window's end may have cut is decoded again in the next one."""
        prompt = options.initial_prompt
        for start, end in spans:
            position, last = round(start * SAMPLE_RATE), round(end * SAMPLE_RATE)
            while position < last:
                window = waveform[position : min(position + WINDOW, last)]
                offset = position / SAMPLE_RATE
                found = self._decode(window, prompt, language, options, progress)
                position += len(window)
                if position < last and len(found) > 1:
                    position = round((offset + found.pop()["start"]) * SAMPLE_RATE)
                for raw in found:
                    yield _segment(raw, offset)
                if options.condition_on_previous_text:
                    prompt = "".join(raw["text"] for raw in found) or prompt

    def _decode(
        self, window: FloatArray, prompt: str, language: str, options: TranscribeOptions, progress: Progress | None
    ) -> list[dict[str, Any]]:
        """The library's segments of one window, times from the window's start."""
        from mm_demos.models.speech import temperatures

        result = self._model.transcribe(
            window,
            language=language,
            task=options.task,
            temperature=temperatures(options, progress),
            beam_size=options.beam_size,
            word_timestamps=options.word_timestamps,
            initial_prompt=prompt or None,
            condition_on_previous_text=options.condition_on_previous_text,
            fp16=self.dtype == "float16",
        )
        return [segment for segment in result["segments"] if segment["text"].strip()]


def _segment(raw: dict[str, Any], offset: float) -> Segment:
    """One segment of the library, moved by `offset` seconds."""
    words = tuple(Word(w["start"] + offset, w["end"] + offset, w["word"].strip(), w["probability"]) for w in raw.get("words", ()))
    return Segment(
        start=float(raw["start"]) + offset,
        end=float(raw["end"]) + offset,
        text=raw["text"].strip(),
        avg_logprob=float(raw["avg_logprob"]),
        no_speech_prob=float(raw["no_speech_prob"]),
        compression_ratio=float(raw["compression_ratio"]),
        words=words,
    )


def load(request: LoadRequest) -> OpenAIWhisper:
    """The checkpoint in the local folder; its tensors are read with `weights_only`, so that no code in it can run.

    Raises:
        WeightsUnavailableError: not exactly one .pt file in the folder.
    """
    checkpoints = sorted(request.folder.glob("*.pt"))
    if len(checkpoints) != 1:
        raise WeightsUnavailableError(f"{request.spec.name} needs exactly one .pt file in {request.folder}: pull it again.")
    import whisper

    model = whisper.load_model(str(checkpoints[0]), device=request.device)
    heads = whisper._ALIGNMENT_HEADS.get(checkpoints[0].stem)
    if heads is not None:  # the attention heads that follow the audio, for word times
        model.set_alignment_heads(heads)
    on_gpu = request.device.startswith("cuda")
    return OpenAIWhisper(model, device=request.device, dtype=request.dtype or ("float16" if on_gpu else "float32"))
