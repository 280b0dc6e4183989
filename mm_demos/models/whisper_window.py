"""faster-whisper with an encoder that reads only as much of its 30 s window as there is sound.

Whisper pads every window to 30 s and encodes all of it: for a clip of 4 s most of the work is on zeros. Here 8 s of padding are
kept, which keeps the words; a window whose text looks like a failure is encoded again at full length, as Whisper was trained.
The encoding used to detect the language is kept for the first window instead of being computed twice.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
from faster_whisper import WhisperModel
from faster_whisper.transcribe import get_ctranslate2_storage

from mm_demos.models.protocols import FloatArray

MARGIN_FRAMES = 800  # of 10 ms: padding left behind the sound; with much less the punctuation changes, and some clips loop


@dataclass(frozen=True, slots=True)
class _Encoding:
    """What one window became: `features` (n_mels, n_frames) padded to 30 s, `output` the encoder's, `cut` if shortened."""

    features: FloatArray
    output: Any
    cut: bool


class WindowedWhisper(WhisperModel):  # type: ignore[misc]  # the library is untyped
    """A `WhisperModel` whose encoder skips padding; the same interface and, on full windows, the same result."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._last = threading.local()  # several requests may share the model, each in its own thread

    def encode(self, features: FloatArray) -> Any:
        """The encoder's output for `features` (n_mels, n_frames), whose padding is exact zeros."""
        last: _Encoding | None = getattr(self._last, "encoding", None)
        if last is not None and last.features.shape == features.shape and np.array_equal(last.features, features):
            return last.output
        used = np.flatnonzero(features.any(axis=0))
        end = (int(used[-1]) + 1 if used.size else 0) + MARGIN_FRAMES
        end = min(features.shape[1], end + end % 2)  # the encoder halves the frame rate
        output = super().encode(features[:, :end])
        self._last.encoding = _Encoding(features, output, end < features.shape[1])
        return output

    def detect_language(self, audio: Any = None, features: FloatArray | None = None, **options: Any) -> Any:
        """The language of the first window without its last 10 ms, which decoding leaves out too: so both share an encoding."""
        if features is not None and 1 < features.shape[-1] <= self.feature_extractor.nb_max_frames:
            features = features[..., :-1]
        return super().detect_language(audio, features, **options)

    def sound_frames(self, waveform: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The encoder's frames (n_frames, width) of `waveform` (n_samples,) alone, without padding, and its input.

        Returns:
            One frame every 20 ms, and the log-mel spectrogram (2 · n_frames, n_mels), one row every 10 ms.
        """
        features = self.feature_extractor(waveform, padding=0)
        features = features[:, : features.shape[1] // 2 * 2]  # the encoder halves the frame rate
        output = self.model.encode(get_ctranslate2_storage(features[None]), to_cpu=True)
        return np.array(output, dtype=np.float32)[0], np.ascontiguousarray(features.T, np.float32)

    def generate_with_fallback(self, encoder_output: Any, prompt: Any, tokenizer: Any, options: Any) -> Any:
        """Decode one window; when a shortened one fails at the first temperature, decode it at full length."""
        last: _Encoding | None = getattr(self._last, "encoding", None)
        if last is None or not last.cut or last.output is not encoder_output:
            return super().generate_with_fallback(encoder_output, prompt, tokenizer, options)
        given = options.temperatures
        options.temperatures = given[:1]
        try:
            decoded = super().generate_with_fallback(encoder_output, prompt, tokenizer, options)
        finally:
            options.temperatures = given
        _, avg_logprob, _, compression_ratio = decoded
        if avg_logprob >= options.log_prob_threshold and compression_ratio <= options.compression_ratio_threshold:
            return decoded
        return super().generate_with_fallback(super().encode(last.features), prompt, tokenizer, options)
