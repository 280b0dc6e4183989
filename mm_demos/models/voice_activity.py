"""Where in a recording somebody speaks: the Silero detector that faster-whisper carries (ONNX Runtime, no download)."""

from __future__ import annotations

from mm_demos import accelerator
from mm_demos.models.protocols import SAMPLE_RATE, FloatArray

Span = tuple[float, float]


def voiced_spans(waveform: FloatArray, *, threshold: float = 0.5, min_silence_seconds: float = 2.0) -> tuple[Span, ...]:
    """Stretches with a voice as (start, end) in seconds, in order, 0.4 s of margin around each.

    Args:
        waveform: (n_samples,) float32 in [-1, 1] at 16 kHz.
        threshold: probability in (0, 1) above which a 32 ms window counts as voice.
        min_silence_seconds: shorter pauses do not end a stretch.
    """
    accelerator.let_waiting_threads_sleep()  # the import below may be the first to bring OpenMP in
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    options = VadOptions(threshold=threshold, min_silence_duration_ms=round(1000 * min_silence_seconds))
    return tuple((span["start"] / SAMPLE_RATE, span["end"] / SAMPLE_RATE) for span in get_speech_timestamps(waveform, options))


def overlaps(spans: tuple[Span, ...], start: float, end: float) -> bool:
    """Whether any span shares time with the stretch from `start` to `end`."""
    return any(left < end and start < right for left, right in spans)
