"""What the fakes of the speech model and of the joint embedder give beneath words and embeddings, in the real ones' shapes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mm_demos.models.protocols import FloatArray

if TYPE_CHECKING:
    from PIL.Image import Image

    from mm_demos.models.mini_clip import Look
    from mm_demos.models.protocols import JointEmbedder

FRAME = 320  # samples, 20 ms


class FakeHearing:
    """Frames that follow the spectrum of the sound."""

    def sound_frames(self, waveform: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Frames (n_frames, 512) and a spectrogram (2 · n_frames, 80) of `waveform` (n_samples,) at 16 kHz."""
        count = max(1, waveform.size // FRAME)
        levels = np.abs(np.fft.rfft(np.resize(waveform, (count, FRAME))))[:, 1:]
        frames, mel = np.tile(levels, (1, 4))[:, :512], np.log10(levels.reshape(2 * count, 80) + 1e-4)
        return frames.astype(np.float32), mel.astype(np.float32)


class FakeSight:
    """Cells that hold the colour at their place."""

    def look(self: JointEmbedder, image: Image) -> Look:
        """A picture in nine by nine cells; all classes are equally likely."""
        from mm_demos.models.mini_clip import Look

        colours = np.asarray(image.convert("RGB").resize((9, 9)), np.float32).reshape(81, 3) / 255
        return Look(self.embed_images([image])[0], np.tile(colours, (1, 536)), np.full(1000, 1e-3, np.float32))


class FakeSpeaker:
    """A tone for every letter, as long as Morse code's shortest."""

    sample_rate = 22_050

    def speak(self, text: str, *, speed: float = 1.0, variation: float = 1.0) -> tuple[FloatArray, int]:  # noqa: ARG002
        """0.05 s a letter or digit."""
        count = round(0.05 * self.sample_rate / speed)
        tones = [np.sin(np.arange(count) * (0.03 + ord(letter) % 32 / 500)) / 2 for letter in text if letter.isalnum()]
        return np.asarray(np.concatenate([np.zeros(0), *tones]), np.float32), self.sample_rate
