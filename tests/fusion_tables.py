"""Small tables with real media, for the tests of the studio."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from mm_demos import media, samples

HEAD = "text,image,audio,label"


def picture(path: Path, seed: int) -> Path:
    """A small picture that differs with `seed`."""
    noise = np.random.default_rng(seed).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    return path


def tone(path: Path, pitch_hz: float) -> Path:
    """A tenth of a second of a tone."""
    times = np.arange(media.SAMPLE_RATE // 10) / media.SAMPLE_RATE
    media.save_wav(path, (0.3 * np.sin(2 * np.pi * pitch_hz * times)).astype(np.float32))
    return path


def good_folder(folder: Path, rows: int = 12) -> Path:
    """A folder of a table in three modalities and two classes, and its media; returns the table."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [HEAD]
    for row in range(rows):
        picture(folder / f"{row}.png", row)
        tone(folder / f"{row}.wav", 200 + 50 * row)
        lines.append(f"sentence number {row},{row}.png,{row}.wav,{'cat' if row % 2 else 'dog'}")
    table = folder / "data.csv"
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return table


def sample(name: str, target: Path) -> Path:
    """A bundled file under another name."""
    shutil.copyfile(samples.path(name), target)
    return target
