"""The voice on its real weights: it is understood, keeps to its limits, and says the same again when asked to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from mm_demos import media
from mm_demos.errors import MissingDependencyError
from mm_demos.evaluation.wer import word_errors
from mm_demos.models import catalog, weights
from mm_demos.models.loader import LoadRequest, shared
from mm_demos.models.protocols import Speaker
from mm_demos.models.voice import MAX_PHONEMES, PiperSpeaker, load_piper
from mm_demos.tasks.transcription import transcribe

ROW = catalog.spec("piper-joe-medium")
SENTENCE = "The parcel is on its way, and it should arrive on Monday morning."


def request_for(folder: Path) -> LoadRequest:
    return LoadRequest(ROW, ROW.engines[0], folder, "cpu", "", 2)


@pytest.fixture(scope="module")
def voice() -> Iterator[PiperSpeaker]:
    model = load_piper(request_for(weights.ensure(ROW)))
    yield model
    model.close()


def test_what_it_says_is_understood(voice: PiperSpeaker) -> None:
    waveform, sample_rate = voice.speak(SENTENCE)
    assert isinstance(voice, Speaker)
    assert waveform.dtype == np.float32 and sample_rate == 22_050
    assert 0.5 < np.abs(waveform).max() <= 1.0
    assert 2.0 < waveform.size / sample_rate < 8.0
    heard = transcribe(media.from_microphone(sample_rate, waveform)).text
    assert word_errors(SENTENCE, heard).wer <= 0.1


def test_without_variation_the_same_text_sounds_the_same(voice: PiperSpeaker) -> None:
    first, _ = voice.speak("Good morning.", variation=0.0)
    voice.speak("Something else.", variation=1.0)
    assert np.array_equal(voice.speak("Good morning.", variation=0.0)[0], first)


def test_twice_the_speed_takes_little_more_than_half_the_time(voice: PiperSpeaker) -> None:
    slow, fast = (voice.speak(SENTENCE, speed=speed, variation=0.0)[0].size for speed in (1.0, 2.0))
    assert 0.5 * slow < fast < 0.65 * slow  # each phoneme's length is rounded up


def test_a_sentence_without_end_is_spoken_in_parts_that_fit_into_memory(
    voice: PiperSpeaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes, sound = [], voice._sound
    monkeypatch.setattr(voice, "_sound", lambda phonemes, options: (sizes.append(len(phonemes)), sound(phonemes, options))[1])
    waveform, sample_rate = voice.speak("one two three, four five " * 12)
    assert waveform.size / sample_rate > 15
    assert len(sizes) > 1 and max(sizes) <= MAX_PHONEMES


@pytest.mark.parametrize("text", ["", "  \n", "...", "?!", "\x00"])
def test_what_cannot_be_pronounced_is_silent(voice: PiperSpeaker, text: str) -> None:
    assert voice.speak(text)[0].shape == (0,)


def test_brackets_are_no_phonemes(voice: PiperSpeaker) -> None:
    plain, marked = (voice.speak(text, variation=0.0)[0] for text in ("sixty seconds", "[[sixty seconds]]"))
    assert np.array_equal(plain, marked)


def test_the_loader_gives_it_and_a_closed_one_says_so() -> None:
    with shared().lease(catalog.default("speaker")) as model:
        assert model.speak("Yes.")[0].size > 0
    other = load_piper(request_for(weights.ensure(ROW)))
    other.close()
    with pytest.raises(MissingDependencyError, match="unloaded"):
        other.speak("Yes.")


def test_the_row_names_the_voices_own_licence_and_language() -> None:
    config = json.loads((weights.ensure(ROW) / "en_US-joe-medium.onnx.json").read_text(encoding="utf-8"))
    assert config["espeak"]["voice"] == "en-us" and ROW.languages == ("en",)
    assert ROW.licence == "CC0-1.0" and "GPL" in ROW.summary
