"""The fake painter: a disc on a plain ground, in a colour that the prompt names, coming out of noise step by step."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from mm_demos.models.painting import PaintDefaults, Painting, PaintOptions
from mm_demos.models.protocols import FloatArray
from mm_demos.progress import Progress

if TYPE_CHECKING:
    from PIL.Image import Image

COLOURS = {
    "red": (220, 40, 40),
    "green": (40, 160, 60),
    "blue": (40, 70, 210),
    "yellow": (240, 220, 50),
    "white": (250, 250, 250),
    "grey": (128, 128, 128),
    "black": (10, 10, 10),
}
SIDE = 64  # pixels


class FakePainter:
    """Paints what the prompt names with an even seed, another colour with an odd one, so that a ranking has something to do."""

    dtype = "float32"
    defaults = PaintDefaults(8, 5.0, SIDE, SIDE, 8, ("ddim", "euler"), True, True)

    def paint(
        self, prompt: str, *, image: Image | None = None, options: PaintOptions, progress: Progress, previews: bool = False
    ) -> Iterator[Painting]:
        """Yield a painting per step; each differs from the one before."""
        width, height = options.width or SIDE, options.height or SIDE
        count = options.num_inference_steps or self.defaults.num_inference_steps
        total = count if image is None else max(1, int(count * options.strength))
        key = repr((prompt, options.negative_prompt, options.guidance_scale, options.scheduler, count, options.seed))
        rng = np.random.default_rng(list(hashlib.sha256(key.encode("utf-8", "replace")).digest()))
        noise = rng.uniform(0, 255, (height, width, 3)).astype(np.float32)
        target = _disc(prompt, options.seed, (width, height), rng)
        if image is not None:
            start = np.asarray(image.convert("RGB").resize((width, height)), np.float32)
            target = (1 - options.strength) * start + options.strength * target
        for step in range(1, total + 1):
            progress.report("Painting", step - 1, total, "steps")
            share, final = step / total, step == total
            shown = _picture(share * target + (1 - share) * noise) if previews or final else None
            yield Painting(shown, step, total, final)


def _disc(prompt: str, seed: int, size: tuple[int, int], rng: np.random.Generator) -> FloatArray:
    """The finished picture, (height, width, 3)."""
    named = [word for word in re.findall(r"\w+", prompt.lower()) if word in COLOURS]
    names = list(COLOURS)
    first = names.index(named[0]) if named else len(prompt)
    colour = np.array(COLOURS[names[(first + seed % 2) % len(names)]], np.float32)
    centre, radius = rng.uniform(0.3, 0.7, 2) * size, min(size) * rng.uniform(0.15, 0.3)
    across, down = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    inside = (across - centre[0]) ** 2 + (down - centre[1]) ** 2 < radius**2
    ground = np.broadcast_to(colour, (size[1], size[0], 3))
    return np.where(inside[:, :, None], 0.7 * ground + 60, ground).astype(np.float32)


def _picture(pixels: FloatArray) -> Image:
    import PIL.Image

    return PIL.Image.fromarray(np.clip(np.rint(pixels), 0, 255).astype(np.uint8))
