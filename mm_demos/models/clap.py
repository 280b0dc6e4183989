"""CLAP on transformers: sounds and sentences in one space, so that any words can be asked of a recording (Wu et al., 2023).

Everything in this project is heard at 16 kHz; CLAP listens at 48 kHz, so what it would hear above 8 kHz is missing.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mm_demos.errors import WeightsUnavailableError
from mm_demos.media import is_silent
from mm_demos.models.protocols import SAMPLE_RATE, FloatArray, Heard
from mm_demos.models.sound import chunks, loudest, scores, unit
from mm_demos.models.sound_labels import SOUND_LABELS, SoundClasses, sound_classes
from mm_demos.results import LabelScore

if TYPE_CHECKING:
    from mm_demos.models.loader import LoadRequest

TEXTS_AT_ONCE = 32
HALF_WIDTH = 24  # samples at 16 kHz on each side of the interpolation's window


class ClapSounds:
    """A `SoundEmbedder`; one thread at a time computes, the others wait.

    Args:
        model: a `ClapModel`.
        processor: its `ClapProcessor`.
        device: where the model is.
        dtype: of its weights.
    """

    labels = SOUND_LABELS

    def __init__(self, model: Any, processor: Any, *, device: str, dtype: str) -> None:
        self._model, self._extractor, self._tokenizer = model, processor.feature_extractor, processor.tokenizer
        self.device, self.dtype = device, dtype
        self._lock = threading.Lock()
        self._classes: SoundClasses | None = None  # of `labels`; embedded when first asked for

    @property
    def dim(self) -> int:
        """Numbers in a vector."""
        return int(self._model.config.projection_dim)

    @property
    def logit_scale(self) -> float:
        """Factor that turns similarities into logits whose softmax is calibrated."""
        return float(self._model.logit_scale_a.detach().float().exp())

    def hear(self, waveform: FloatArray) -> Heard:
        """One stretch of sound (n_samples,) at 16 kHz; what is longer than the model's ten seconds is heard in pieces.

        Silence has a vector of zeros.
        """
        if is_silent(waveform):
            return Heard(np.zeros(self.dim, np.float32), np.eye(len(self.labels) + 1, dtype=np.float32)[-1])
        longest = int(self._extractor.nb_max_samples * SAMPLE_RATE // self._extractor.sampling_rate)
        parts = np.array_split(waveform, -(-waveform.size // longest))
        vector = unit(np.sum([self._embed_sound(part) for part in parts], axis=0))
        if self._classes is None:
            self._classes = sound_classes(self, self.labels)
        return Heard(vector, self._classes.probs(vector))

    def embed_texts(self, texts: Sequence[str]) -> FloatArray:
        """Embeddings (n_texts, dim), L2-normalised."""
        parts = [self._embed_texts(texts[start : start + TEXTS_AT_ONCE]) for start in range(0, len(texts), TEXTS_AT_ONCE)]
        return np.concatenate(parts) if parts else np.zeros((0, self.dim), np.float32)

    def tag_sound(self, waveform: FloatArray) -> tuple[LabelScore, ...]:
        """Every event with its probability of being somewhere in `waveform` (n_samples,), best first; they need not sum to 1."""
        return scores(self.labels, loudest([self.hear(waveform[start:end]) for start, end in chunks(0, waveform.size)]))

    def _embed_sound(self, waveform: FloatArray) -> FloatArray:
        import torch

        rate = self._extractor.sampling_rate
        given = self._extractor(upsampled(waveform, rate // SAMPLE_RATE), sampling_rate=rate, return_tensors="pt")
        features = given["input_features"].to(self.device, self._model.dtype)
        with self._lock, torch.inference_mode():
            made = self._model.get_audio_features(input_features=features, is_longer=given["is_longer"].to(self.device))
        return np.asarray(made.pooler_output[0].float().cpu().numpy(), np.float32)

    def _embed_texts(self, texts: Sequence[str]) -> FloatArray:
        import torch

        longest = self._model.config.text_config.max_position_embeddings - 2  # RoBERTa counts positions from 2
        given = self._tokenizer(list(texts), padding=True, truncation=True, max_length=longest, return_tensors="pt")
        numbers, mask = given["input_ids"].to(self.device), given["attention_mask"].to(self.device)
        with self._lock, torch.inference_mode():
            made = self._model.get_text_features(input_ids=numbers, attention_mask=mask)
        return unit(made.pooler_output.float().cpu().numpy())  # again: in half precision lengths are off by a hundredth


def upsampled(waveform: FloatArray, factor: int) -> FloatArray:
    """`waveform` (n_samples,) at `factor` times its rate (factor · n_samples,), interpolated by a windowed sinc."""
    if factor == 1:
        return waveform
    reach = HALF_WIDTH * factor
    kernel = np.sinc(np.arange(-reach, reach + 1) / factor) * np.hanning(2 * reach + 3)[1:-1]
    made = np.empty(waveform.size * factor, np.float32)
    for phase in range(factor):  # the samples in between, each with its own part of the kernel
        taps = kernel[phase::factor]
        start = HALF_WIDTH
        made[phase::factor] = np.convolve(waveform, taps)[start : start + waveform.size]
    return made


def load_clap(request: LoadRequest) -> ClapSounds:
    """A CLAP checkpoint in the local folder: safetensors, its configurations and its tokenizer, never from a hub.

    Raises:
        WeightsUnavailableError: the folder holds no CLAP, or one that listens at a rate the sound cannot be brought to.
    """
    config = request.folder / "config.json"
    kind = json.loads(config.read_text(encoding="utf-8")).get("model_type") if config.is_file() else None
    if kind != "clap":
        raise WeightsUnavailableError(f"{request.spec.name} is no CLAP checkpoint in {request.folder}: pull the model again.")
    from transformers import ClapModel, ClapProcessor
    from transformers.utils import logging

    logging.disable_progress_bar()  # loads report to the page and the command line, not to the console
    dtype = request.dtype if request.dtype in {"float16", "bfloat16"} else "float32"
    # Safetensors only: a pickle may run code when it is read.
    model = ClapModel.from_pretrained(request.folder, dtype=dtype, use_safetensors=True, local_files_only=True)
    processor = ClapProcessor.from_pretrained(request.folder, local_files_only=True)
    rate = processor.feature_extractor.sampling_rate
    if rate % SAMPLE_RATE:
        raise WeightsUnavailableError(f"{request.spec.name} listens at {rate:,} Hz, not at a multiple of 16,000: choose another.")
    return ClapSounds(model.to(request.device).eval(), processor, device=request.device, dtype=dtype)
