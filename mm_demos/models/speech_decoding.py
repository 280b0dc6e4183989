"""One window of Whisper on transformers: encoded once, decoded with fallback, cut into segments (Radford et al., 2022)."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mm_demos.errors import WeightsUnavailableError
from mm_demos.models.protocols import SAMPLE_RATE, FloatArray, TranscribeOptions
from mm_demos.models.speech import temperatures
from mm_demos.models.speech_scores import attention_kept, compression_ratio, token_logprobs, upper_half
from mm_demos.models.speech_words import TimedToken, join_tokens
from mm_demos.progress import Progress
from mm_demos.results import Segment, Word

HOP_SECONDS = 0.01  # between two frames of the spectrogram
# A window looks like a failure (section 4.5 of the paper) when its text repeats itself or its tokens are improbable; it holds no
# speech when they are improbable and the token for no speech is not.
MAX_COMPRESSION, MIN_LOGPROB, NO_SPEECH = 2.4, -1.0, 0.6


@dataclass(frozen=True, slots=True)
class Encoded:
    """A window: `hidden` (1, n_positions, width) of the encoder, and how many of its `frames` of 10 ms are sound."""

    hidden: Any
    frames: int


@dataclass(frozen=True, slots=True)
class Guide:
    """What a window is decoded with: tokens before it, and in seconds where it begins and where the stretch ends."""

    language: str
    before: tuple[int, ...]
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Decoded:
    """A window's segments; the window after it begins `frames` later."""

    segments: tuple[Segment, ...]
    tokens: tuple[int, ...]
    frames: int
    temperature: float


@dataclass(frozen=True, slots=True)
class _Attempt:
    """What one temperature gave: the library's segments, log-probabilities (n_tokens,) of the tokens, and how it looks."""

    parts: list[dict[str, Any]]
    logprobs: Any
    text: str
    temperature: float
    avg_logprob: float
    no_speech_prob: float

    @property
    def compression_ratio(self) -> float:
        return compression_ratio(self.text)

    @property
    def silent(self) -> bool:
        return self.avg_logprob < MIN_LOGPROB and self.no_speech_prob > NO_SPEECH

    @property
    def failed(self) -> bool:
        return not self.silent and (self.avg_logprob < MIN_LOGPROB or self.compression_ratio > MAX_COMPRESSION)


@dataclass(frozen=True, slots=True)
class _Call:
    """One window to decode; `before` are the tokens it begins with."""

    window: Encoded
    guide: Guide
    before: list[int]
    options: TranscribeOptions
    progress: Progress


class WindowDecoder:
    """A loaded checkpoint; one thread at a time computes, the others wait.

    Args:
        model: a `WhisperForConditionalGeneration`.
        processor: its `WhisperProcessor`.
        device: where the model is.
        dtype: of its weights.

    Raises:
        WeightsUnavailableError: a generation configuration from before transformers 4.36, without the numbers of the tokens.
    """

    def __init__(self, model: Any, processor: Any, *, device: str, dtype: str) -> None:
        self._model, self._extractor, self._tokenizer = model, processor.feature_extractor, processor.tokenizer
        self.device, self.dtype = device, dtype
        self._lock = threading.Lock()
        config = model.generation_config
        if getattr(config, "no_timestamps_token_id", None) is None:
            raise WeightsUnavailableError(
                "This Whisper checkpoint's generation_config.json has no no_timestamps_token_id: take a newer revision of it."
            )
        self._first_time = config.no_timestamps_token_id + 1
        config.no_speech_threshold = None  # measured here, once for all attempts
        several = getattr(config, "is_multilingual", True)
        codes = getattr(config, "lang_to_id", None) if several else None
        self.language_tokens = {token.strip("<|>"): number for token, number in (codes or {}).items()}
        if not getattr(config, "alignment_heads", None):
            config.alignment_heads = upper_half(model.config)

    def features(self, waveform: FloatArray) -> Any:
        """Log-mel spectrogram (1, n_mels, n_frames), at least one window long, of `waveform` (n_samples,) at 16 kHz."""
        made = self._extractor(waveform, sampling_rate=SAMPLE_RATE, return_tensors="pt", truncation=False, padding="max_length")
        return made["input_features"]

    def encode(self, features: Any, frame: int, end: int) -> Encoded:
        """The window of `features` that begins at `frame`; the sound ends at `end`."""
        import torch

        length = self._window_frames
        window = features[:, :, frame : frame + length]
        window = torch.nn.functional.pad(window, (0, length - window.shape[-1])).to(self.device, self._model.dtype)
        with self._lock, torch.inference_mode():
            hidden = self._model.get_encoder()(window).last_hidden_state
        return Encoded(hidden, min(length, end - frame))

    def detect_language(self, window: Encoded) -> tuple[str, float]:
        """The most probable language and its probability in [0, 1] among those it knows."""
        logits = self._next_logits(window, [self._model.generation_config.decoder_start_token_id])
        probs = logits[list(self.language_tokens.values())].softmax(0)
        best = int(probs.argmax())
        return list(self.language_tokens)[best], float(probs[best])

    def prompt_tokens(self, text: str) -> tuple[int, ...]:
        """Tokens of words to expect; what looks like a control token is left out."""
        numbers = self._tokenizer.encode(f" {text.strip()}", add_special_tokens=False) if text.strip() else []
        return tuple(self._of_text(numbers))

    def decode(self, window: Encoded, guide: Guide, options: TranscribeOptions, progress: Progress) -> Decoded:
        """Decode a window, hotter as long as it looks like a failure.

        Raises:
            StoppedError: `progress.stop()` was called; heard between two tokens.
        """
        call = _Call(window, guide, self._before(guide), options, progress)
        start = self._model.generation_config.decoder_start_token_id
        no_speech = float(self._next_logits(window, [*call.before, start]).softmax(0)[self._first_time - 2])
        for temperature in temperatures(options, progress):
            attempt = self._attempt(call, temperature, no_speech)
            progress.checkpoint()
            if not attempt.failed:
                break
        return self._decoded(attempt, call)

    @property
    def _window_frames(self) -> int:
        """Frames of a window: the encoder halves their number."""
        return 2 * int(self._model.config.max_source_positions)

    def _before(self, guide: Guide) -> list[int]:
        """The tokens before the window as the decoder takes them, at most half its context; empty when there are none."""
        room = self._model.config.max_target_positions // 2 - 1
        first = getattr(self._model.generation_config, "prev_sot_token_id", None)
        mark = self._tokenizer.convert_tokens_to_ids("<|startofprev|>") if first is None else first
        return [mark, *guide.before[-room:]] if guide.before else []

    def _next_logits(self, window: Encoded, tokens: list[int]) -> Any:
        """Logits (n_vocabulary,) of the token after `tokens`, float32."""
        import torch
        from transformers.modeling_outputs import BaseModelOutput

        numbers = torch.tensor([tokens], device=window.hidden.device)
        with self._lock, torch.inference_mode():
            output = self._model(encoder_outputs=BaseModelOutput(window.hidden), decoder_input_ids=numbers, use_cache=False)
        return output.logits[0, -1].float().cpu()

    def _attempt(self, call: _Call, temperature: float, no_speech_prob: float) -> _Attempt:
        parts = self._generate(call, temperature)
        logprobs = token_logprobs(parts[0], temperature)
        text = self._text([number for part in parts for number in part["tokens"].tolist()])
        mean = float(logprobs.mean()) if len(logprobs) else 0.0
        return _Attempt(parts, logprobs, text, temperature, mean, no_speech_prob)

    def _generate(self, call: _Call, temperature: float) -> list[dict[str, Any]]:
        """The library's segments of one call, without its own windows and fallback."""
        import torch
        from transformers import StoppingCriteriaList
        from transformers.modeling_outputs import BaseModelOutput

        def stopped(numbers: Any, *_: Any) -> Any:
            return torch.full((numbers.shape[0],), call.progress.stopped, device=numbers.device)

        asked: dict[str, Any] = {"num_beams": call.options.beam_size if temperature == 0 else 1}
        if temperature > 0:
            asked |= {"do_sample": True, "top_k": 0}  # the paper draws from all tokens
        if self.language_tokens:
            asked |= {"language": call.guide.language, "task": call.options.task}
        if call.before:
            asked["prompt_ids"] = torch.tensor(call.before, device=call.window.hidden.device)
        if call.options.word_timestamps:
            heard = (torch.arange(self._window_frames) < call.window.frames).long()[None]
            asked |= {"return_token_timestamps": True, "attention_mask": heard.to(call.window.hidden.device)}
        with self._lock, torch.inference_mode(), attention_kept(self._model):
            made = self._model.generate(
                encoder_outputs=BaseModelOutput(call.window.hidden),
                temperature=temperature,
                return_timestamps=True,
                return_segments=True,
                force_unique_generate_call=True,
                logprob_threshold=-math.inf,  # the fallback is ours; with a threshold the library keeps the scores
                compression_ratio_threshold=math.inf,
                stopping_criteria=StoppingCriteriaList([stopped]),
                **asked,
            )
        parts: list[dict[str, Any]] = made["segments"][0]
        return parts

    def _decoded(self, attempt: _Attempt, call: _Call) -> Decoded:
        """What an attempt says: nothing where there is no speech."""
        frames = call.window.frames
        if attempt.silent:
            return Decoded((), (), frames, attempt.temperature)
        found = [self._segment(part, attempt, call) for part in attempt.parts]
        numbers = [part["tokens"].tolist() for part in attempt.parts]
        tokens = [number for each in numbers for number in (each[:-1] if self._cut_off(each) else each)]
        if self._cut_off(numbers[-1]):  # the window's end may have cut what comes after
            frames = min(round(float(attempt.parts[-1]["end"]) / HOP_SECONDS), frames) or frames
        return Decoded(tuple(each for each in found if each.text), tuple(tokens), frames, attempt.temperature)

    def _cut_off(self, numbers: Sequence[int]) -> bool:
        """Whether a segment's tokens end with its end and the beginning of another."""
        return len(numbers) > 1 and min(numbers[-2:]) >= self._first_time

    def _segment(self, part: dict[str, Any], attempt: _Attempt, call: _Call) -> Segment:
        guide = call.guide
        start = min(round(guide.start + float(part["start"]), 2), guide.end)
        end = min(max(start, round(guide.start + float(part["end"]), 2)), guide.end)
        return Segment(
            start=start,
            end=end,
            text=self._text(part["tokens"].tolist()).strip(),
            avg_logprob=attempt.avg_logprob,
            no_speech_prob=attempt.no_speech_prob,
            compression_ratio=attempt.compression_ratio,
            words=self._words(part, attempt, guide) if call.options.word_timestamps else (),
        )

    def _words(self, part: dict[str, Any], attempt: _Attempt, guide: Guide) -> tuple[Word, ...]:
        first = part["idxs"][0] - attempt.parts[0]["idxs"][0]
        times = [min(round(guide.start + float(time), 2), guide.end) for time in part["token_timestamps"]]
        numbers = part["tokens"].tolist()
        probs = attempt.logprobs[first : first + len(numbers)].exp().tolist()
        timed = [
            TimedToken(number, times[i], times[min(i + 1, len(times) - 1)], probs[i])
            for i, number in enumerate(numbers)
            if number < self._tokenizer.eos_token_id
        ]
        return join_tokens(timed, self._text, language=guide.language)

    def _of_text(self, numbers: Sequence[int]) -> list[int]:
        """Without control tokens and time stamps, which come after the words in the vocabulary."""
        return [number for number in numbers if number < self._tokenizer.eos_token_id]

    def _text(self, numbers: Sequence[int]) -> str:
        return str(self._tokenizer.decode(self._of_text(numbers)))
