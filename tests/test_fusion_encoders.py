"""The studio's encoders on their real weights: shapes as promised, like things near each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from mm_demos import media, samples
from mm_demos.errors import InvalidInputError
from mm_demos.fusion import encoders, signal_features
from mm_demos.fusion.encoders import ENCODERS, default_encoders, encoder, encoders_for
from mm_demos.fusion.types import Modality
from mm_demos.models import loader
from mm_demos.models.protocols import Lease
from mm_demos.progress import Progress

SOUNDS = ("dog-bark.ogg", "dog-near.ogg", "rain-on-greenhouse.ogg", "light-rain.ogg", "clock.ogg", "baby.ogg")


@pytest.fixture
def lease(real_weights: Callable[[str], Path]) -> Iterator[Lease]:
    for name in (encoders.SENTENCES, encoders.PICTURES, encoders.SPEECH):
        real_weights(name)
    held: list[Any] = []

    def take(name: str) -> Any:
        block = loader.shared().lease(name)
        held.append(block)
        return block.__enter__()

    yield take
    for block in held:
        block.__exit__(None, None, None)


def alike(vectors: np.ndarray) -> np.ndarray:
    """Cosines of vectors (n, dim) whose numbers were brought to one scale."""
    scaled = (vectors - vectors.mean(0)) / (vectors.std(0) + 1e-6)
    unit = scaled / np.linalg.norm(scaled, axis=1, keepdims=True)
    return np.asarray(unit @ unit.T)


def sounds(names: Sequence[str]) -> list[np.ndarray]:
    return [media.load_audio(samples.path(name)) for name in names]


def test_every_modality_has_encoders_and_a_default_among_them() -> None:
    listed = [name for modality in get_args(Modality) for name in encoders_for(modality)]
    assert listed == list(ENCODERS)
    for modality in get_args(Modality):
        assert set(default_encoders(modality)) <= set(encoders_for(modality))
        assert {encoder(name).modality for name in encoders_for(modality)} == {modality}
    assert all(encoders.summary(name) for name in ENCODERS)


def test_revisions_tell_encoders_apart_and_stay() -> None:
    revisions = {name: encoder(name).revision for name in ENCODERS}
    assert revisions == {name: encoder(name).revision for name in ENCODERS}
    assert all(revisions.values())
    assert revisions["mini-clip"] != revisions["efficientnet"]


def test_an_unknown_name_is_told_the_closest() -> None:
    with pytest.raises(InvalidInputError, match="did you mean mini-clip"):
        encoder("mini-klip")
    with pytest.raises(InvalidInputError, match="choose one of minilm, mini-clip"):
        encoder("resnet")


def test_texts_and_pictures(lease: Lease) -> None:
    said = ["A dog barks.", "A puppy is barking.", "The stock market fell."]
    vectors = encoders.encode_texts(said, ["minilm"], lease=lease, progress=Progress())["minilm"]
    assert vectors.shape == (3, encoder("minilm").dim) and vectors.dtype == np.float32
    assert vectors[0] @ vectors[1] > 0.7 and vectors[0] @ vectors[2] < 0.3
    pictures = [media.load_image(samples.path(name)) for name in ("cat.jpg", "coffee.jpg")]
    both = encoders.encode_images(pictures, ["efficientnet", "mini-clip"], lease=lease, progress=Progress())
    alone = encoders.encode_images(pictures, ["mini-clip"], lease=lease, progress=Progress())
    assert both["efficientnet"].shape == (2, encoder("efficientnet").dim)
    assert both["mini-clip"].shape == (2, encoder("mini-clip").dim)
    assert np.allclose(both["mini-clip"], alone["mini-clip"], atol=1e-4)
    assert (both["efficientnet"] >= 0).all() and both["efficientnet"].max() <= 6  # after ReLU6, as the classifier sees them


def test_sounds_of_one_kind_are_near_and_words_are_understood(lease: Lease) -> None:
    found = encoders.encode_sounds(sounds(SOUNDS), ["whisper-sound", "mfcc", "mel"], lease=lease, progress=Progress())
    assert {name: vectors.shape[1] for name, vectors in found.items()} == {name: encoder(name).dim for name in found}
    near = alike(found["whisper-sound"]) - 2 * np.eye(len(SOUNDS))
    assert near[:4].argmax(1).tolist() == [1, 0, 3, 2]
    speech = sounds(["jfk.flac", "clock.ogg"])
    said = encoders.encode_sounds(speech, ["spoken-words"], lease=lease, progress=Progress())["spoken-words"]
    sentences = ["What you can do for your country, Americans", "A recipe for apple cake"]
    expected = encoders.encode_texts(sentences, ["minilm"], lease=lease, progress=Progress())["minilm"]
    right, wrong = said[0] @ expected.T
    assert said.shape == (2, encoder("spoken-words").dim)
    assert right > 0.5 and wrong < 0.2


def test_mfcc_is_the_mean_and_deviation_of_librosas_cepstra() -> None:
    import librosa

    waveform = sounds(["rooster.ogg"])[0]
    cepstra = librosa.feature.mfcc(y=waveform, sr=16_000, n_mfcc=64, n_mels=128, n_fft=1024, hop_length=256)
    assert np.allclose(signal_features.mfcc(waveform), np.concatenate([cepstra.mean(1), cepstra.std(1)]), atol=1e-3)


def test_at_most_six_pieces_of_a_long_recording_are_heard_from_its_start_to_its_end() -> None:
    assert [piece.size for piece in signal_features.pieces(np.zeros(40_000, np.float32))] == [40_000]
    ramp = np.arange(16_000 * 600, dtype=np.float32)
    heard = signal_features.pieces(ramp)
    assert [piece.size for piece in heard] == [80_000] * 6
    assert heard[0][0] == 0 and heard[-1][-1] == ramp[-1]
    assert signal_features.mfcc(np.zeros(1, np.float32)).shape == (128,)
