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

from mm_demos.media import is_silent
from mm_demos.models.attention import FloatArray, Weights, one_thread, read_weights, softmax
from mm_demos.models.protocols import SAMPLE_RATE, Heard
from mm_demos.results import LabelScore

if TYPE_CHECKING:
    from mm_demos.models.loader import LoadRequest

WEIGHTS, TABLE = "sound-head.safetensors", "sound-head.json"
CHUNK_SECONDS = 5.0  # heard at once, as in training; the encoder takes up to 30 s, but its cost grows faster than its input
SHORTEST = SAMPLE_RATE // 10  # samples; what is shorter is repeated until it is a tenth of a second
AUDIBLE = 1.0  # in units of Whisper's spectrogram: 40 dB
SWING_POINTS, SWING_BANDS = 512, 32  # of the loudness 100 times a second: bands of 0.4 Hz up to 12.5 Hz
OUTLIER = 6.0  # standard deviations
CLASS_SHARE = 0.7  # of a similarity that comes from what the sounds were taken for
LOUD_PEAK = 0.5  # every piece is brought to this peak: how far away the microphone stood is no property of the sound


class FrameEncoder(Protocol):
    """What hears: a speech model's encoder."""

    def sound_frames(self, waveform: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Frames (n_frames, width) and the log-mel spectrogram (2 · n_frames, n_mels) of `waveform` (n_samples,) at 16 kHz."""
        ...


def groups(frames: FloatArray, mel: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """What is told of a stretch: statistics of the encoder's frames, of the spectrogram, and of how its loudness swings.

    The statistics leave out what is more than 40 dB softer than the loudest frame: how much silence is around a sound is no
    property of it.
    """
    level = mel.reshape(len(frames), -1).max(1)  # of both rows that make a frame
    loud = level > level.max() - AUDIBLE
    heard, spectrum = frames[loud], mel[np.repeat(loud, 2)]
    steps = np.abs(np.diff(spectrum, axis=0)).mean(0)
    envelope = (mel.mean(1) - mel.mean()) * np.hanning(len(mel))
    swings = np.abs(np.fft.rfft(envelope, SWING_POINTS))[1 : 2 * SWING_BANDS + 1].reshape(-1, 2).mean(1) / len(mel)
    return (
        np.concatenate([heard.mean(0), heard.std(0), heard.max(0)]).astype(np.float32),
        np.concatenate([spectrum.mean(0), spectrum.std(0), spectrum.max(0), spectrum.min(0), steps]).astype(np.float32),
        np.log(swings + 2e-6).astype(np.float32),
    )


def levelled(waveform: FloatArray) -> FloatArray:
    """`waveform` at the loudness of the training data, and long enough for the encoder."""
    peak = float(np.abs(waveform).max()) if waveform.size else 0.0
    longer = np.resize(waveform, SHORTEST) if waveform.size < SHORTEST else waveform
    return np.asarray(longer * np.float32(LOUD_PEAK / peak) if peak > 0 else longer, np.float32)


class SoundHead:
    """What was trained, in NumPy: kernel ridge regression on the class of a sound.

    Args:
        weights: `mean`, `scale` and `share` (n_features,), which bring the features to one scale; `centre` (n_features,) and
            `axes` (n_axes, n_features) of their principal axes; `points` (n_points, n_axes), the training sounds there, with
            their coefficients `alpha` (n_points, n_labels + 1) and the squared `width` of the kernel; `caution`, what is added to
            the score of none, and `sharpness` of the probabilities; `wordings` (n_wordings, 384), sentences in MiniLM's space
            that name a sound.
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
        return len(self.labels) + 1 + len(self._weights["axes"])

    def hear(self, features: FloatArray) -> Heard:
        """Vector and probabilities of a stretch's features (n_features,)."""
        w = self._weights
        with one_thread():
            place = placed(features, w)
            distance = ((w["points"] - place) ** 2).sum(1)
            scores = np.exp(-distance / w["width"]) @ w["alpha"]
        return Heard(compared(scores, place), probabilities(scores, w))

    def named(self, query: FloatArray) -> FloatArray:
        """Probabilities (n_labels + 1,), summing to 1, that a query means each sound; none of them last.

        A query is as close to a sound as to the closest of its wordings; it means none of them where wordings of other sounds
        are closer, or where nothing is close.

        Args:
            query: its sentence embedding (384,), L2-normalised.
        """
        return softmax(self.closeness(query) * np.float32(self._keenness))

    def closeness(self, query: FloatArray) -> FloatArray:
        """Similarity (n_labels + 1,) of a query (384,) to the closest wording of each label, and of none of them."""
        best = np.full(len(self.labels) + 1, -1.0, np.float32)
        best[-1] = self._floor
        np.maximum.at(best, self._wording_labels, self._weights["wordings"] @ query)
        return best


def probabilities(scores: FloatArray, weights: Weights) -> FloatArray:
    """Probabilities (…, n_labels + 1) of a regression's scores."""
    none = np.eye(scores.shape[-1], dtype=np.float32)[-1]
    return np.asarray(softmax((scores + none * weights["caution"]) * weights["sharpness"]), np.float32)


def placed(features: FloatArray, weights: Weights) -> FloatArray:
    """Features (…, n_features) on their principal axes (…, n_axes)."""
    x = np.clip((features - weights["mean"]) / weights["scale"], -OUTLIER, OUTLIER) * weights["share"]
    return np.asarray((x - weights["centre"]) @ weights["axes"].T, np.float32)


def compared(scores: FloatArray, place: FloatArray) -> FloatArray:
    """The vector to compare a sound by, L2-normalised: what it was taken for, and, with less weight, how it sounds."""
    return np.concatenate(
        [unit(scores) * np.float32(CLASS_SHARE**0.5), unit(place) * np.float32((1 - CLASS_SHARE) ** 0.5)], axis=-1
    )


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
        """One stretch of sound (n_samples,) at 16 kHz, of about five seconds, at most 30; silence has a vector of zeros."""
        if is_silent(waveform):
            return Heard(np.zeros(self.dim, np.float32), np.eye(len(self.labels) + 1, dtype=np.float32)[-1])
        return self._head.hear(np.concatenate(groups(*self._encoder.sound_frames(levelled(waveform)))))

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
    """Vectors (…, dim) at length 1; zeros stay."""
    return np.asarray(vector / np.maximum(np.linalg.norm(vector, axis=-1, keepdims=True), 1e-12), np.float32)


def scores(labels: Sequence[str], probs: FloatArray) -> tuple[LabelScore, ...]:
    """Labels with their probabilities, best first."""
    return tuple(LabelScore(labels[i], float(probs[i])) for i in np.argsort(-probs, kind="stable"))


def load_whisper_sound_head(request: LoadRequest) -> WhisperSounds:
    """The trained head over the speech model in `request.components`."""
    return WhisperSounds(request.components["whisper-base"], SoundHead.open(request.folder))
