"""A voice on the CPU: Piper's phonemes and its VITS network in ONNX Runtime."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mm_demos.errors import MissingDependencyError
from mm_demos.models.protocols import FloatArray

if TYPE_CHECKING:
    from mm_demos.models.loader import LoadRequest

PAUSE_SECONDS = 0.2  # between two sentences spoken in one call
VOLUME = 0.8  # of full scale, at the loudest sample of a sentence
MAX_PHONEMES = 140  # spoken in one go, about 8 s: the network needs some 25 MB for each second
CONTROL = re.compile(r"[\x00-\x1f\x7f]+")
PHONEME_BLOCK = re.compile(r"\[(?=\[)|\](?=\])")  # "[[…]]" would be taken for phonemes instead of words


def load_piper(request: LoadRequest) -> PiperSpeaker:
    """The voice of `request.folder`, one `.onnx` file with its `.onnx.json`.

    Raises:
        MissingDependencyError: the library is absent or cannot read the voice.
    """
    try:
        from piper import PiperVoice
        from piper.config import PiperConfig
    except ImportError as error:
        raise MissingDependencyError("piper-tts is not installed: pip install piper-tts") from error
    graph = next(request.folder.glob("*.onnx"))
    config = PiperConfig.from_dict(json.loads(graph.with_name(f"{graph.name}.json").read_text(encoding="utf-8")))
    return PiperSpeaker(PiperVoice(session=_session(graph, request.threads), config=config))


def _session(graph: Path, threads: int) -> Any:
    """A session with the suite's own number of threads, which sleep between two sentences; the library's takes every core."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    # An arena would keep the memory of the longest sentence for the life of the session.
    options.enable_cpu_mem_arena = options.enable_mem_pattern = False
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])


class PiperSpeaker:
    """A Piper voice as a `Speaker`."""

    dtype = "float32"

    def __init__(self, voice: Any) -> None:
        self._voice = voice

    def speak(self, text: str, *, speed: float = 1.0, variation: float = 1.0) -> tuple[FloatArray, int]:
        """Waveform (n_samples,) float32 in [-1, 1], and its sample rate in Hz; empty where nothing can be pronounced.

        Args:
            text: a sentence or a few; one that takes very long is spoken in parts, cut between words.
            speed: 2 takes little more than half the time.
            variation: of melody and rhythm from one call to the next; at 0 the same text always sounds the same, and flatter.
        """
        from piper.config import SynthesisConfig

        if self._voice is None:
            raise MissingDependencyError("The voice was unloaded: ask again to load it.")
        config = self._voice.config
        options = SynthesisConfig(
            length_scale=config.length_scale / speed,
            noise_scale=config.noise_scale * variation,
            noise_w_scale=config.noise_w_scale * variation,
        )
        pause = np.zeros(round(PAUSE_SECONDS * config.sample_rate), np.float32)
        pieces: list[FloatArray] = []
        for sentence in self._voice.phonemize(_pronounceable(text)):
            sound = [self._sound(part, options) for part in _parts(sentence)]
            if sound:
                pieces += [pause, _levelled(np.concatenate(sound))] if pieces else [_levelled(np.concatenate(sound))]
        return np.concatenate(pieces) if pieces else np.zeros(0, np.float32), config.sample_rate

    def _sound(self, phonemes: Sequence[str], options: Any) -> FloatArray:
        return np.asarray(self._voice.phoneme_ids_to_audio(self._voice.phonemes_to_ids(phonemes), options), np.float32).ravel()

    def close(self) -> None:
        """Give the session's memory back."""
        self._voice = None


def _pronounceable(text: str) -> str:
    """`text` without control characters and marks that mean something to the library; empty without a letter or digit."""
    plain = PHONEME_BLOCK.sub(" ", CONTROL.sub(" ", text)).strip()
    return plain if any(character.isalnum() for character in plain) else ""


def _parts(phonemes: Sequence[str]) -> Iterator[Sequence[str]]:
    """Phonemes of a sentence, cut after a comma or between words where there are too many to be spoken in one go."""
    rest = list(phonemes)
    while len(rest) > MAX_PHONEMES:
        head = rest[:MAX_PHONEMES]
        commas = [i + 1 for i in range(MAX_PHONEMES // 3, MAX_PHONEMES) if head[i] in {",", ";", ":"}]
        spaces = [i + 1 for i, phoneme in enumerate(head) if phoneme == " "]
        cut = (commas or spaces or [MAX_PHONEMES])[-1]
        yield rest[:cut]
        rest = rest[cut:]
    if rest:
        yield rest


def _levelled(waveform: FloatArray) -> FloatArray:
    """`waveform` with its loudest sample at `VOLUME`."""
    peak = float(np.abs(waveform).max()) if waveform.size else 0.0
    return np.asarray(waveform * np.float32(VOLUME / peak) if peak > 0 else waveform, np.float32)
