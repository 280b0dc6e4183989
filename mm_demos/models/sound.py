"""How a recording sounds, from the Whisper encoder that hears its words already: vectors to compare, events to name.

The encoder was trained on 680,000 hours of the web's sound (Radford et al., 2022), and what it hears it does not throw away:
statistics of its frames tell sounds apart nearly as well as a network trained for it (Gong et al., 2023).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from mm_demos.models.attention import FloatArray, Weights, linear, one_thread, read_weights, softmax
from mm_demos.models.protocols import SAMPLE_RATE, Heard
from mm_demos.results import LabelScore

if TYPE_CHECKING:
    from mm_demos.models.loader import LoadRequest

WEIGHTS, TABLE = "sound-head.safetensors", "sound-head.json"
CHUNK_SECONDS = 5.0  # heard at once, as in training; the encoder takes up to 30 s, but its cost grows faster than its input
SHORTEST = SAMPLE_RATE // 10  # samples; what is shorter is repeated until it is a tenth of a second
LOUD_PEAK = 0.5  # every piece is brought to this peak: how far away the microphone stood is no property of the sound


class FrameEncoder(Protocol):
    """What hears: a speech model's encoder."""

    def sound_frames(self, waveform: FloatArray) -> FloatArray:
        """Frames (n_frames, width), one every 20 ms, of `waveform` (n_samples,) at 16 kHz, at most 30 s."""
        ...


def pooled(frames: FloatArray) -> FloatArray:
    """Mean, standard deviation and maximum over time of `frames` (n_frames, width): (3 · width,)."""
    return np.concatenate([frames.mean(0), frames.std(0), frames.max(0)]).astype(np.float32)


def levelled(waveform: FloatArray) -> FloatArray:
    """`waveform` at the loudness of the training data, and long enough for the encoder."""
    peak = float(np.abs(waveform).max()) if waveform.size else 0.0
    longer = np.resize(waveform, SHORTEST) if waveform.size < SHORTEST else waveform
    return np.asarray(longer * np.float32(LOUD_PEAK / peak) if peak > 0 else longer, np.float32)


class SoundHead:
    """What was trained, in NumPy.

    Args:
        weights: `mean` and `scale` (n_features,) of the pooled frames; `tag` and `space`, the two linear layers; `wordings`
            (n_wordings, 384), sentences in MiniLM's space that name a sound.
        labels: the sound events.
        wording_labels: for each wording the number of its label, or the number of labels where it names another sound.
        keenness: factor on similarities of wordings, which calibrates the probabilities of a query.
        floor: similarity under which a query names none of the sounds.
    """

    def __init__(
        self, weights: Weights, labels: Sequence[str], wording_labels: Sequence[int], *, keenness: float, floor: float
    ) -> None:
        self._weights = weights
        self.labels = tuple(labels)
        self._wording_labels = np.asarray(wording_labels)
        self._keenness, self._floor = keenness, floor

    @classmethod
    def open(cls, folder: Path) -> SoundHead:
        """From `sound-head.safetensors` and `sound-head.json`."""
        table = json.loads((folder / TABLE).read_text(encoding="utf-8"))
        return cls(
            read_weights(folder / WEIGHTS),
            table["labels"],
            table["wording_labels"],
            keenness=table["keenness"],
            floor=table["floor"],
        )

    @property
    def dim(self) -> int:
        """Numbers in a vector."""
        return len(self._weights["space.weight"])

    def hear(self, features: FloatArray) -> Heard:
        """Vector and probabilities of pooled frames (n_features,)."""
        w = self._weights
        with one_thread():
            x = ((features - w["mean"]) / w["scale"]).astype(np.float32)[None]
            vector, probs = linear(x, w, "space")[0], softmax(linear(x, w, "tag"))[0]
        return Heard(unit(vector), probs)

    def named(self, query: FloatArray) -> FloatArray:
        """Probabilities (n_labels + 1,), summing to 1, that a query means each sound; none of them last.

        A query is as close to a sound as to the closest of its wordings; it means none of them where wordings of other sounds
        are closer, or where nothing is close.

        Args:
            query: its sentence embedding (384,), L2-normalised.
        """
        similarity = self._weights["wordings"] @ query
        best = np.full(len(self.labels) + 1, self._floor, np.float32)
        np.maximum.at(best, self._wording_labels, similarity)
        best[:-1] = np.array([similarity[self._wording_labels == label].max() for label in range(len(self.labels))])
        return softmax(best * np.float32(self._keenness))


class WhisperSounds:
    """A `SoundTagger` over a speech model.

    Args:
        encoder: hears.
        head: tells what was heard.
    """

    def __init__(self, encoder: FrameEncoder, head: SoundHead) -> None:
        self._encoder = encoder
        self._head = head

    @property
    def labels(self) -> tuple[str, ...]:
        """The sound events it knows."""
        return self._head.labels

    @property
    def dim(self) -> int:
        """Numbers in a vector."""
        return self._head.dim

    def hear(self, waveform: FloatArray) -> Heard:
        """One stretch of sound (n_samples,) at 16 kHz, of about five seconds, at most 30."""
        return self._head.hear(pooled(self._encoder.sound_frames(levelled(waveform))))

    def named(self, query: FloatArray) -> FloatArray:
        """Probabilities (n_labels + 1,) that a query (384,) means each sound, see `SoundHead.named`."""
        return self._head.named(query)

    def tag_sound(self, waveform: FloatArray) -> tuple[LabelScore, ...]:
        """Every event with its probability of being somewhere in `waveform` (n_samples,), best first; they need not sum to 1."""
        return scores(self.labels, loudest([self.hear(waveform[start:end]) for start, end in chunks(0, waveform.size)]))


def chunks(start: int, end: int) -> list[tuple[int, int]]:
    """A stretch of samples in pieces of five seconds; the last one takes up to half a piece more or less."""
    size = round(CHUNK_SECONDS * SAMPLE_RATE)
    count = max(1, round((end - start) / size))
    return [(start + i * size, end if i == count - 1 else start + (i + 1) * size) for i in range(count)]


def loudest(heard: Sequence[Heard]) -> FloatArray:
    """Probabilities (n_labels,) that each event is in any of the pieces: that of the piece where it is surest."""
    return np.max([each.probs[:-1] for each in heard], axis=0)  # type: ignore[no-any-return]


def mixed(heard: Sequence[Heard]) -> FloatArray:
    """The vector of several pieces together, L2-normalised."""
    return unit(np.sum([each.vector for each in heard], axis=0))


def unit(vector: FloatArray) -> FloatArray:
    """`vector` at length 1; zeros stay."""
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-12), np.float32)


def scores(labels: Sequence[str], probs: FloatArray) -> tuple[LabelScore, ...]:
    """Labels with their probabilities, best first."""
    return tuple(LabelScore(labels[i], float(probs[i])) for i in np.argsort(-probs, kind="stable"))


def load_whisper_sound_head(request: LoadRequest) -> WhisperSounds:
    """The trained head over the speech model in `request.components`."""
    return WhisperSounds(request.components["whisper-base"], SoundHead.open(request.folder))
