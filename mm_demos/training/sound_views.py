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


def another_voice(waveform: FloatArray, rng: Random) -> FloatArray:
    """Speech as another throat, room, telephone and crowd would have it, so that one speaker stands for many."""
    out = waveform
    if rng.random() < 0.8:
        speed = rng.uniform(0.65, 1.5)
        out = np.interp(np.arange(0, len(out) - 1, speed), np.arange(len(out)), out)
    if rng.random() < 0.4:
        out = out + np.roll(out[::-1] if rng.random() < 0.5 else out, rng.integers(len(out))) * rng.uniform(0.3, 1)
    if rng.random() < 0.5:
        out = _in_room(out, rng)
    if rng.random() < 0.6:
        out = _through_band(out, rng)
    if rng.random() < 0.7:
        out = _in_noise(np.asarray(out, np.float32), rng)
    start = int(rng.integers(0, max(1, len(out) - SIZE)))
    return np.asarray(out[start : start + SIZE], np.float32)


def _in_room(waveform: FloatArray, rng: Random) -> FloatArray:
    """Echoes that die away within 0.1 to 1.5 s."""
    echoes = rng.standard_normal(SAMPLE_RATE) * np.exp(-np.arange(SAMPLE_RATE) / SAMPLE_RATE * 6.9 / rng.uniform(0.1, 1.5))
    echoes[0] = rng.uniform(1, 10) * np.sqrt(np.sum(echoes**2)) / 3
    size = len(waveform) + SAMPLE_RATE
    return np.asarray(np.fft.irfft(np.fft.rfft(waveform, size) * np.fft.rfft(echoes, size), size)[: len(waveform)], np.float32)


def _through_band(waveform: FloatArray, rng: Random) -> FloatArray:
    """Softer below and above a band, as old recordings and telephones are."""
    hertz = np.fft.rfftfreq(len(waveform), 1 / SAMPLE_RATE) + 1
    low, high, order = rng.uniform(50, 500), rng.uniform(1500, 8000), rng.integers(1, 4)
    gain = 1 / np.sqrt(1 + (low / hertz) ** (2 * order)) / np.sqrt(1 + (hertz / high) ** (2 * order))
    return np.asarray(np.fft.irfft(np.fft.rfft(waveform) * gain, len(waveform)), np.float32)


def unknown(number: int, rng: Random) -> FloatArray:
    """A sound that is none of the labels: tones, sweeps, noises, tunes, beeps or hum in turn, five seconds."""
    time = (np.arange(SIZE) / SAMPLE_RATE).astype(np.float32)
    makers = (_tones, _sweep, _noise, _tune, _beeps, _hum, _gusts, _knocks)
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


def _gusts(time: FloatArray, rng: Random) -> FloatArray:
    """Noise of a band that swells and fades: wind, breath, machines."""
    noise = _through_band(coloured(len(time), rng.uniform(0, 0.6), rng), rng)
    swell = 0.5 + 0.5 * np.sin(2 * np.pi * rng.uniform(0.1, 12) * time + rng.uniform(0, 6))
    return noise * swell ** rng.uniform(0.5, 4)  # type: ignore[no-any-return]


def _knocks(time: FloatArray, rng: Random) -> FloatArray:
    """Blows on something that rings, at random times."""
    blows = np.zeros(len(time))
    blows[rng.integers(0, len(time), rng.integers(1, 25))] = rng.uniform(0.3, 1)
    after = time[: SAMPLE_RATE // 2]
    body = np.sum([np.sin(2 * np.pi * hertz * after) for hertz in rng.uniform(100, 4000, 4)], axis=0)
    ring = body * np.exp(-after * rng.uniform(8, 120))
    return np.asarray(np.fft.irfft(np.fft.rfft(blows) * np.fft.rfft(ring, len(time)), len(time)), np.float32)


def _hum(time: FloatArray, rng: Random) -> FloatArray:
    hertz = rng.choice([50, 60, 100, 120])
    hum = np.sum([rng.random() / k * np.sin(2 * np.pi * hertz * k * time) for k in range(1, 20)], axis=0)
    return np.asarray(hum + 0.02 * rng.standard_normal(len(time)), np.float32)
