"""What a decoded recording sounds like: resampling against references, mixing, silence, the microphone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from scipy.signal import resample_poly

from mm_demos import samples
from mm_demos.errors import InvalidInputError
from mm_demos.media import SAMPLE_RATE, AudioInfo, from_microphone, is_silent, load_audio, probe_audio, save_wav
from mm_demos.models import protocols


def sine(rate: int, hertz: float, seconds: float = 1.0) -> NDArray[np.float32]:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(round(rate * seconds)) / rate)).astype(np.float32)


def level_db(error: NDArray[np.float32]) -> float:
    """Power over that of the sines above, edges left out."""
    inner = error[800:-800].astype(np.float64)
    return float(10 * np.log10(np.mean(inner**2) / 0.125 + 1e-20))


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 44100, 48000, 96000, 192_000])
def test_a_sine_stays_where_it_was(tmp_path: Path, rate: int) -> None:
    for hertz in (100, 440, 3000, 6800):
        if hertz > 0.425 * rate:
            continue
        path = tmp_path / "sine.wav"
        soundfile.write(path, sine(rate, hertz), rate, subtype="FLOAT")
        waveform = load_audio(path)
        assert abs(waveform.size - SAMPLE_RATE) <= 2
        assert level_db(waveform - sine(SAMPLE_RATE, hertz)[: waveform.size]) < -70


@pytest.mark.parametrize("hertz", [8300, 9000, 12_000, 17_000, 20_000])
def test_what_16_khz_cannot_hold_does_not_fold_back(tmp_path: Path, hertz: float) -> None:
    path = tmp_path / "sine.wav"
    soundfile.write(path, sine(44_100, hertz), 44_100, subtype="FLOAT")
    assert level_db(load_audio(path)) < -75


def test_noise_agrees_with_a_long_reference_filter(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 48_000)
    soft = np.convolve(noise, np.hanning(24) / 12, "same")  # speech-like: little above 4 kHz
    path = tmp_path / "noise.wav"
    soundfile.write(path, soft, 48_000, subtype="FLOAT")
    reference = resample_poly(soft, 1, 3, window=("kaiser", 12.0))
    error = (load_audio(path) - reference)[800:-800]
    assert 10 * np.log10(np.mean(error**2) / np.mean(reference**2)) < -40


def test_16_khz_passes_bit_for_bit() -> None:
    stored, rate = soundfile.read(samples.path("jfk.flac"), dtype="float32")
    assert rate == SAMPLE_RATE == protocols.SAMPLE_RATE
    np.testing.assert_array_equal(load_audio(samples.path("jfk.flac")), stored)
    assert probe_audio(samples.path("jfk.flac")) == AudioInfo(11.0, 16_000, 1, "flac")


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
def test_every_width_has_the_same_loudness(tmp_path: Path, subtype: str) -> None:
    path = tmp_path / "sine.wav"
    soundfile.write(path, sine(SAMPLE_RATE, 440), SAMPLE_RATE, subtype=subtype)
    assert level_db(load_audio(path) - sine(SAMPLE_RATE, 440)) < (-36 if subtype == "PCM_U8" else -85)


def test_stereo_is_the_mean_and_surround_keeps_the_voice_in_the_centre(tmp_path: Path) -> None:
    path = tmp_path / "channels.wav"
    left, right = sine(SAMPLE_RATE, 440), sine(SAMPLE_RATE, 1000)
    soundfile.write(path, np.stack([left, right], axis=1), SAMPLE_RATE, subtype="FLOAT")
    assert level_db(load_audio(path) - (left + right) / 2) < -90
    centre = np.zeros((SAMPLE_RATE, 6), np.float32)
    centre[:, 2] = left
    soundfile.write(path, centre, SAMPLE_RATE, subtype="FLOAT", format="WAVEX")
    assert np.abs(load_audio(path)).max() > 0.1


def test_too_loud_is_scaled_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "loud.wav"
    soundfile.write(path, sine(SAMPLE_RATE, 440) * 8, SAMPLE_RATE, subtype="FLOAT")
    waveform = load_audio(path)
    assert np.abs(waveform).max() == pytest.approx(1)
    assert level_db(waveform / 2 - sine(SAMPLE_RATE, 440)) < -60


def test_what_is_saved_loads_again(tmp_path: Path) -> None:
    path = tmp_path / "saved.wav"
    save_wav(path, sine(SAMPLE_RATE, 440))
    assert level_db(load_audio(path) - sine(SAMPLE_RATE, 440)) < -85
    save_wav(path, np.array([-2, 2] * 800, np.float32))
    assert np.abs(load_audio(path)).max() == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.uint8, np.float32, np.float64])
def test_the_microphone_in_any_type_and_two_channels(dtype: type) -> None:
    wave = sine(48_000, 440)
    if np.dtype(dtype).kind == "f":
        samples_in = wave.astype(dtype)
    else:
        info = np.iinfo(dtype)
        middle = 0 if info.min < 0 else (info.max + 1) / 2
        samples_in = (wave.astype(np.float64) * ((info.max - info.min) / 2) + middle).astype(dtype)
    for given in (samples_in, np.stack([samples_in, samples_in], axis=1)):
        waveform = from_microphone(48_000, given)
        assert waveform.dtype == np.float32
        assert waveform.size == SAMPLE_RATE
        assert level_db(waveform - sine(SAMPLE_RATE, 440)) < (-36 if dtype is np.uint8 else -70)


@pytest.mark.parametrize(
    ("rate", "given"),
    [(16_000, []), (0, [0.1]), (10**9, [0.1]), (16_000, [np.nan]), (16_000, [[[0.1]]]), (16_000, [[]])],
)
def test_a_microphone_that_gives_nothing_of_use(rate: int, given: list[float]) -> None:
    with pytest.raises(InvalidInputError):
        from_microphone(rate, np.array(given, np.float32))


def test_silence_is_told_from_quiet_speech() -> None:
    speech = load_audio(samples.path("jfk.flac"))
    hiss = np.random.default_rng(0).normal(0, 1e-4, SAMPLE_RATE).astype(np.float32)
    for silent in (np.zeros(0, np.float32), np.zeros(5, np.float32), np.zeros(SAMPLE_RATE, np.float32), hiss, hiss + 0.25):
        assert is_silent(silent)
    assert not is_silent(speech)
    assert not is_silent(speech / 100)
    one_word = np.concatenate([np.zeros(60 * SAMPLE_RATE, np.float32), speech[8000:16_000] / 10])
    assert not is_silent(one_word)
