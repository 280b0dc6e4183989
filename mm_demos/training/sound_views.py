"""What the sound head trains on beside the clips themselves: changed copies of them, and sounds that are none of its labels."""

from __future__ import annotations

import numpy as np

from mm_demos.models.protocols import SAMPLE_RATE, FloatArray

CLIP_SECONDS = 5.0
SIZE = round(CLIP_SECONDS * SAMPLE_RATE)
Random = np.random.Generator


def changed(waveform: FloatArray, rng: Random) -> FloatArray:
    """A copy that is still the same sound: turned round in time, cut short, in noise, a little higher or lower, softer."""
    out = np.roll(waveform, rng.integers(len(waveform)))
    if rng.random() < 0.5:
        out = _cut(out, rng)
    if rng.random() < 0.6:
        out = _in_noise(out, rng)
    if rng.random() < 0.4:
        speed = rng.uniform(0.85, 1.18)
        out = np.interp(np.arange(0, len(out) - 1, speed), np.arange(len(out)), out)[:SIZE]
    return np.asarray(out * 10 ** (rng.uniform(-25, 0) / 20), np.float32)


def _cut(waveform: FloatArray, rng: Random) -> FloatArray:
    """A piece of 1.5 to 5 s, or all of it where the piece would hardly be heard."""
    size = round(rng.uniform(1.5, CLIP_SECONDS) * SAMPLE_RATE)
    start = int(rng.integers(0, max(1, len(waveform) - size + 1)))
    piece = waveform[start : start + size]
    return piece if np.abs(piece).max() > 0.02 * np.abs(waveform).max() else waveform


def _in_noise(waveform: FloatArray, rng: Random) -> FloatArray:
    """White or coloured noise, 3 to 30 dB below the sound."""
    noise = coloured(len(waveform), rng.uniform(0.2, 1.0) if rng.random() < 0.5 else 0.0, rng)
    level = np.sqrt(np.mean(waveform**2)) * 10 ** (-rng.uniform(3, 30) / 20)
    return np.asarray(waveform + noise * level, np.float32)


def coloured(size: int, slope: float, rng: Random) -> FloatArray:
    """Noise of power 1 whose amplitude falls with frequency to the power of `slope`: 0 is white, 0.5 pink, 1 brown."""
    spectrum = np.fft.rfft(rng.standard_normal(size))
    noise = np.fft.irfft(spectrum / np.maximum(1, np.arange(len(spectrum))) ** slope, size)
    return np.asarray(noise / np.sqrt(np.mean(noise**2)), np.float32)


def unknown(number: int, rng: Random) -> FloatArray:
    """A sound that is none of the labels: tones, sweeps, noises, tunes, beeps or hum in turn, five seconds."""
    time = (np.arange(SIZE) / SAMPLE_RATE).astype(np.float32)
    makers = (_tones, _sweep, _noise, _tune, _beeps, _hum)
    sound = makers[number % len(makers)](time, rng)
    return np.asarray(sound / np.abs(sound).max() * 10 ** (rng.uniform(-30, -1) / 20), np.float32)


def _tones(time: FloatArray, rng: Random) -> FloatArray:
    pitches = rng.uniform(80, 3000, rng.integers(1, 4))
    return np.sum([rng.uniform(0.2, 1) * np.sin(2 * np.pi * hertz * time) for hertz in pitches], axis=0)  # type: ignore[no-any-return]


def _sweep(time: FloatArray, rng: Random) -> FloatArray:
    hertz = rng.uniform(200, 2000) + rng.uniform(50, 800) * np.sin(2 * np.pi * rng.uniform(0.2, 6) * time)
    return np.sin(2 * np.pi * np.cumsum(hertz) / SAMPLE_RATE)


def _noise(time: FloatArray, rng: Random) -> FloatArray:
    return coloured(len(time), rng.choice([0.0, rng.uniform(0.1, 1.2)]), rng)


def _tune(time: FloatArray, rng: Random) -> FloatArray:
    """Notes with overtones that fade away."""
    tune, start = np.zeros(len(time)), 0
    while start < len(tune):
        length, hertz = int(rng.uniform(0.15, 0.7) * SAMPLE_RATE), 220 * 2 ** (rng.integers(0, 25) / 12)
        note = time[: min(length, len(tune) - start)]
        overtones = np.sum([np.sin(2 * np.pi * hertz * k * note) / k ** rng.uniform(0.8, 2) for k in range(1, 6)], axis=0)
        tune[start : start + length] = overtones * np.exp(-note * rng.uniform(1, 6))
        start += length
    return np.asarray(tune, np.float32)


def _beeps(time: FloatArray, rng: Random) -> FloatArray:
    on = (time * rng.uniform(0.5, 4)) % 1 < rng.uniform(0.1, 0.6)
    return np.sin(2 * np.pi * rng.uniform(400, 3000) * time) * on  # type: ignore[no-any-return]


def _hum(time: FloatArray, rng: Random) -> FloatArray:
    hertz = rng.choice([50, 60, 100, 120])
    hum = np.sum([rng.random() / k * np.sin(2 * np.pi * hertz * k * time) for k in range(1, 20)], axis=0)
    return np.asarray(hum + 0.02 * rng.standard_normal(len(time)), np.float32)
