"""How a recording sounds, in a few hundred numbers: cepstra, log-mel statistics, and what the speech model's encoder hears."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mm_demos.models.protocols import SAMPLE_RATE, FloatArray
from mm_demos.models.sound import FrameEncoder, chunks, groups, levelled

if TYPE_CHECKING:
    from mm_demos.progress import Progress

PIECES = 6  # of five seconds, spread over a longer recording: its cost is bounded, and no part of it is left out for being late
CEPSTRA, MFCC_MELS = 64, 128
MFCC_WINDOW, MFCC_HOP = 1024, 256  # samples: 64 ms every 16 ms
MFCC_DIM = 2 * CEPSTRA
WHISPER_MELS, WHISPER_WIDTH, SWINGS = 80, 512, 32
MEL_DIM = 5 * WHISPER_MELS
WHISPER_DIM = 3 * WHISPER_WIDTH + 5 * WHISPER_MELS + SWINGS  # of `mm_demos.models.sound.groups`


def pieces(waveform: FloatArray) -> list[FloatArray]:
    """What is heard of a recording (n_samples,) at 16 kHz: five seconds each, at most six of them, evenly spread."""
    found = chunks(0, waveform.size)
    chosen = np.unique(np.linspace(0, len(found) - 1, min(PIECES, len(found))).round().astype(int))
    return [waveform[slice(*found[i])] for i in chosen]


def mfcc(waveform: FloatArray) -> FloatArray:
    """Mean and deviation over time (128,) of 64 mel-frequency cepstral coefficients (Davis and Mermelstein, 1980)."""
    import librosa

    heard = np.concatenate(pieces(waveform))
    heard = np.resize(heard, MFCC_WINDOW) if heard.size < MFCC_WINDOW else heard
    cepstra = librosa.feature.mfcc(
        y=heard, sr=SAMPLE_RATE, n_mfcc=CEPSTRA, n_mels=MFCC_MELS, n_fft=MFCC_WINDOW, hop_length=MFCC_HOP
    )
    return np.concatenate([cepstra.mean(1), cepstra.std(1)]).astype(np.float32)


def mel(waveform: FloatArray) -> FloatArray:
    """Of Whisper's log-mel spectrogram in 80 bands: mean, deviation, maximum, minimum, mean step between frames (400,)."""
    from faster_whisper.feature_extractor import FeatureExtractor

    extractor = FeatureExtractor(feature_size=WHISPER_MELS, sampling_rate=SAMPLE_RATE)
    spectrum = np.concatenate([extractor(levelled(piece), padding=0).T for piece in pieces(waveform)])
    steps = np.abs(np.diff(spectrum, axis=0)).mean(0)
    return np.concatenate([spectrum.mean(0), spectrum.std(0), spectrum.max(0), spectrum.min(0), steps]).astype(np.float32)


def heard_by(encoder: FrameEncoder, waveform: FloatArray, *, progress: Progress) -> FloatArray:
    """Statistics (1968,) of the encoder's frames, of the spectrogram and of its swings, the mean over the pieces.

    They are those that the suite's own sound tagger was trained on, before its projection, which knows ten sounds only.
    """
    told = []
    for piece in pieces(waveform):
        progress.checkpoint()
        told.append(np.concatenate(groups(*encoder.sound_frames(levelled(piece)))))
    return np.asarray(np.mean(told, axis=0, dtype=np.float64), np.float32)
