"""How windows sound: the trained head on real sounds, and how pieces make windows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from mm_demos import samples
from mm_demos.media import load_audio
from mm_demos.models import loader
from mm_demos.models.fake import FakeSoundTagger
from mm_demos.models.protocols import SAMPLE_RATE, FloatArray, Heard, TextEmbedder
from mm_demos.models.sound import WhisperSounds, chunks, groups, levelled
from mm_demos.results import LabelScore
from mm_demos.retrieval.indexing import wordless
from mm_demos.retrieval.sounds import SoundEncoder
from mm_demos.retrieval.types import Window

NAMED = {
    "rooster.ogg": "rooster",
    "cock-crow.ogg": "rooster",
    "dog-bark.ogg": "dog bark",
    "helicopter.ogg": "helicopter",
    "sea-waves.ogg": "sea waves",
    "baby.ogg": "baby cry",
    "fire.ogg": "fire crackling",
    "light-rain.ogg": "rain",
}


@pytest.fixture(scope="module")
def model() -> Iterator[WhisperSounds]:
    with loader.shared().lease("whisper-sound-head") as leased:
        yield leased


@pytest.fixture(scope="module")
def embedder() -> Iterator[TextEmbedder]:
    with loader.shared().lease("all-MiniLM-L6-v2") as leased:
        yield leased


@pytest.fixture(scope="module")
def heard(model: WhisperSounds) -> dict[str, Heard]:
    return {name: model.hear(sample(name)) for name in NAMED}


def sample(name: str) -> FloatArray:
    return load_audio(samples.path(name))


def noise(seconds: float) -> FloatArray:
    return np.asarray(0.1 * np.random.default_rng(0).standard_normal(round(seconds * SAMPLE_RATE)), np.float32)


def likeliest(heard: Heard, model: WhisperSounds) -> str:
    return [*model.labels, ""][int(heard.probs.argmax())]


@pytest.mark.parametrize("name", NAMED)
def test_sounds_are_named(name: str, heard: dict[str, Heard], model: WhisperSounds) -> None:
    assert likeliest(heard[name], model) == NAMED[name]
    assert heard[name].probs.sum() == pytest.approx(1, abs=1e-5)
    assert heard[name].vector.shape == (model.dim,)
    assert np.linalg.norm(heard[name].vector) == pytest.approx(1, abs=1e-4)


def test_speech_and_noise_are_none_of_the_sounds(model: WhisperSounds) -> None:
    speech = sample("jfk.flac")
    for start, end in chunks(0, speech.size):
        assert likeliest(model.hear(speech[start:end]), model) == ""
    assert max(tag.score for tag in model.tag_sound(noise(5))) < 0.5


def test_silence_is_no_sound_and_like_nothing(model: WhisperSounds) -> None:
    for silence in (np.zeros(SAMPLE_RATE, np.float32), noise(1) * 1e-6, np.zeros(0, np.float32)):
        heard = model.hear(silence)
        assert heard.probs[-1] == 1
        assert not heard.vector.any()


def test_how_loud_a_recording_is_does_not_matter(model: WhisperSounds, heard: dict[str, Heard]) -> None:
    soft = model.hear(sample("rooster.ogg") / 30)
    assert soft.vector @ heard["rooster.ogg"].vector > 0.999


def test_two_recordings_of_the_same_kind_are_closer_than_others(heard: dict[str, Heard]) -> None:
    rooster = heard["rooster.ogg"].vector
    likeness = {name: float(rooster @ each.vector) for name, each in heard.items() if name != "rooster.ogg"}
    assert max(likeness, key=likeness.__getitem__) == "cock-crow.ogg"


@pytest.mark.parametrize("seconds", [0.001, 0.05, 0.3, 12])
def test_any_length_can_be_heard(seconds: float, model: WhisperSounds) -> None:
    assert np.isfinite(model.hear(noise(seconds)).vector).all()


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("a chicken crowing", "rooster"),
        ("waves on a beach", "sea waves"),
        ("A DOG THAT BARKS", "dog bark"),
        ("somebody sneezed", "person sneeze"),
        ("an infant in tears", "baby cry"),
    ],
)
def test_a_query_in_other_words_asks_for_its_sound(text: str, label: str, model: WhisperSounds, embedder: TextEmbedder) -> None:
    tags = SoundEncoder(model).query_tags(text, embedder)
    assert tags[0].label == label
    assert tags[0].score > 0.5
    assert 0.5 < sum(tag.score for tag in tags) <= 1.0001
    assert len(tags) == len(model.labels) == 10


@pytest.mark.parametrize("text", ["quarterly figures of the bank", "a violin concerto", "a girl in a pink dress", "cat"])
def test_a_query_may_ask_for_none_of_the_sounds(text: str, model: WhisperSounds, embedder: TextEmbedder) -> None:
    assert sum(tag.score for tag in SoundEncoder(model).query_tags(text, embedder)) < 0.4


def test_a_window_has_the_events_of_all_its_pieces(model: WhisperSounds) -> None:
    waveform = np.concatenate([sample("rooster.ogg")[: 5 * SAMPLE_RATE], sample("fire.ogg")[: 5 * SAMPLE_RATE]])
    (found,) = SoundEncoder(model).encode(waveform, [Window("a", 0, waveform.size / SAMPLE_RATE)])
    assert {tag.label for tag in found.tags[:2]} == {"rooster", "fire crackling"}
    assert np.linalg.norm(found.vector) == pytest.approx(1, abs=1e-4)


class Counting(FakeSoundTagger):
    """Notes what it is asked to hear, in samples."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def hear(self, waveform: FloatArray) -> Heard:
        self.sizes.append(waveform.size)
        return super().hear(waveform)


def test_a_piece_that_windows_share_is_heard_once() -> None:
    tagger = Counting()
    windows = [Window("a", 0, 10), Window("a", 5, 15), Window("a", 10, 17)]
    found = SoundEncoder(tagger).encode(noise(17), windows)
    assert [size / SAMPLE_RATE for size in tagger.sizes] == [5, 5, 5, 7]
    assert len(found) == 3
    assert all(isinstance(tag, LabelScore) for features in found for tag in features.tags)


@pytest.mark.parametrize(
    ("seconds", "sizes"), [(0.5, [0.5]), (5, [5]), (7, [7]), (8, [5, 3]), (10, [5, 5]), (12, [5, 7]), (13, [5, 5, 3])]
)
def test_stretches_are_cut_into_pieces_of_about_five_seconds(seconds: float, sizes: list[float]) -> None:
    cut = chunks(100, 100 + round(seconds * SAMPLE_RATE))
    assert [(end - start) / SAMPLE_RATE for start, end in cut] == sizes
    assert [start for start, _ in cut[1:]] == [end for _, end in cut[:-1]]


def test_silence_around_a_sound_changes_little_of_what_is_told(model: WhisperSounds, heard: dict[str, Heard]) -> None:
    crow = sample("cock-crow.ogg")
    padded = np.concatenate([crow, np.zeros(SAMPLE_RATE, np.float32)])
    assert model.hear(padded).vector @ heard["cock-crow.ogg"].vector > 0.9


def test_features_of_one_frame_are_finite() -> None:
    told = groups(np.ones((1, 8), np.float32), np.ones((2, 80), np.float32))
    assert [len(group) for group in told] == [24, 400, 32]
    assert all(np.isfinite(group).all() for group in told)
    assert levelled(np.zeros(3, np.float32)).size == SAMPLE_RATE // 10


def test_only_what_is_surely_without_speech_is_not_transcribed(model: WhisperSounds) -> None:
    encoder = SoundEncoder(model)
    cry, speech = sample("baby.ogg"), sample("jfk.flac")
    both = cry + speech[: cry.size] / 2
    for waveform, expected in ((cry, True), (speech, False), (both, False)):
        features = encoder.encode(waveform, [Window("a", 0, waveform.size / SAMPLE_RATE)])
        assert wordless(features) is expected
