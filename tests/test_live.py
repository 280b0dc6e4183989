"""Live transcription: the right words at the end, committed text that never changes, a buffer that stays bounded."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from mm_demos import media, samples
from mm_demos.evaluation.wer import word_errors
from mm_demos.models.protocols import SAMPLE_RATE, FloatArray
from mm_demos.tasks.live import MAX_BUFFER_SECONDS, LiveTranscriber

JFK = "And so my fellow Americans, ask not what your country can do for you, ask what you can do for your country."
FAST = "whisper-tiny.en"
STEP = SAMPLE_RATE // 2  # samples in half a second


@pytest.fixture(scope="module")
def jfk() -> FloatArray:
    return media.load_audio(samples.path("jfk.flac"))


def _feed(live: LiveTranscriber, waveform: FloatArray) -> tuple[list[str], float]:
    """Push half-seconds; what was committed after each, and the longest buffer in seconds."""
    committed, longest = [], 0.0
    for start in range(0, len(waveform), STEP):
        committed.append(live.push(waveform[start : start + STEP], SAMPLE_RATE).committed)
        longest = max(longest, live.buffered_seconds)
    return committed, longest


def test_half_seconds_add_up_to_the_sentence(jfk: FloatArray) -> None:
    live = LiveTranscriber(model=FAST)
    committed, _ = _feed(live, jfk)
    assert committed[-1] != ""  # words appear before the end
    assert all(after.startswith(before) for before, after in itertools.pairwise(committed))
    result = live.finish()
    assert word_errors(JFK, result.text).wer <= 0.1
    assert result.duration == pytest.approx(11.0, abs=0.1)
    assert result.receipt is not None and result.receipt.models[0].name == FAST
    words = [word for segment in result.segments for word in segment.words]
    assert all(0 <= word.start <= word.end <= 12 for word in words)


def test_the_buffer_stays_bounded_in_a_long_talk(jfk: FloatArray) -> None:
    live = LiveTranscriber(model=FAST)
    talk = np.resize(jfk, 40 * SAMPLE_RATE)
    _, longest = _feed(live, talk)
    assert longest <= MAX_BUFFER_SECONDS + 1.0
    result = live.finish()
    said = 40 / 11.0 * len(JFK.split())
    assert 0.8 * said <= len(result.text.split()) <= 1.2 * said
    assert result.segments[-1].end > 35


def test_silence_commits_nothing_and_is_forgotten() -> None:
    live = LiveTranscriber(model=FAST)
    committed, longest = _feed(live, np.zeros(30 * SAMPLE_RATE, np.float32))
    assert committed[-1] == "" and longest <= 2.0
    result = live.finish()
    assert result.text == "" and len(result.notices) == 1 and result.duration == pytest.approx(30.0, abs=0.1)


def test_a_browsers_stereo_integers_are_understood(jfk: FloatArray) -> None:
    live = LiveTranscriber(model=FAST)
    samples_48k = np.rint(np.repeat(jfk, 3) * 32767).astype(np.int16)
    for start in range(0, len(samples_48k), 3 * STEP):
        piece = samples_48k[start : start + 3 * STEP]
        live.push(np.stack((piece, piece), axis=1), 48_000)
    assert word_errors(JFK, live.finish().text).wer <= 0.1
