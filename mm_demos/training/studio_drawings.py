"""Pictures of the studio's sample set: woods or a house, by day, in the evening, at night or in fog; nothing of the sound."""

from __future__ import annotations

import io
import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

WIDTH, HEIGHT, SCALE = 96, 72, 3  # drawn three times as large and made smaller, for smooth edges
QUALITY = 72
Colour = tuple[int, int, int]
SKIES: tuple[tuple[Colour, Colour], ...] = (
    ((120, 178, 232), (214, 232, 246)),  # day
    ((92, 96, 150), (244, 178, 120)),  # evening
    ((18, 24, 52), (50, 60, 92)),  # night
    ((150, 158, 168), (206, 210, 214)),  # grey
)
GROUNDS: tuple[Colour, ...] = ((84, 130, 66), (112, 120, 62), (72, 100, 70), (128, 112, 82))
GREENS: tuple[Colour, ...] = ((34, 92, 52), (52, 112, 48), (26, 70, 58), (88, 118, 44), (150, 110, 40))
WALLS: tuple[Colour, ...] = ((232, 222, 200), (206, 176, 140), (188, 92, 74), (220, 226, 232), (240, 214, 128))
ROOFS: tuple[Colour, ...] = ((150, 56, 44), (88, 64, 56), (70, 78, 92), (186, 96, 52))
FOG: Colour = (196, 202, 206)


def drawing(place: str, draw: random.Random, *, foggy: bool) -> bytes:
    """A picture as a JPEG file; in fog next to nothing is seen."""
    from PIL import Image, ImageDraw

    canvas = _backdrop(draw)
    pen = ImageDraw.Draw(canvas)
    (_woods if place == "woods" else _house)(pen, draw)
    if foggy:
        canvas = Image.blend(canvas, Image.new("RGB", canvas.size, FOG), draw.uniform(0.93, 0.97))
    buffer = io.BytesIO()
    canvas.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS).save(buffer, "JPEG", quality=QUALITY, optimize=True)
    return buffer.getvalue()


def _backdrop(draw: random.Random) -> Image:
    """Sky and ground."""
    from PIL import Image, ImageDraw

    top, bottom = draw.choice(SKIES)
    canvas = Image.new("RGB", (WIDTH * SCALE, HEIGHT * SCALE), bottom)
    pen = ImageDraw.Draw(canvas)
    horizon = int(canvas.height * draw.uniform(0.55, 0.75))
    for y in range(horizon):
        share = y / horizon
        pen.line((0, y, canvas.width, y), fill=_mixed(top, bottom, share))
    pen.rectangle((0, horizon, canvas.width, canvas.height), fill=_varied(draw.choice(GROUNDS), draw, _light(top)))
    return canvas


def _woods(pen: ImageDraw, draw: random.Random) -> None:
    """Seven to twelve trees, those in front last and largest; here and there a path."""
    width, height = WIDTH * SCALE, HEIGHT * SCALE
    if draw.random() < 0.5:
        x = draw.uniform(0.3, 0.7) * width
        pen.polygon(((x, height * 0.62), (x - width * 0.2, height), (x + width * 0.2, height)), fill=(168, 146, 108))
    for depth in sorted(draw.uniform(0.3, 1) for _ in range(draw.randint(7, 12))):
        x, foot = draw.uniform(0, width), height * (0.55 + 0.4 * depth)
        tall, green = height * (0.3 + 0.5 * depth), _varied(draw.choice(GREENS), draw)
        pen.rectangle((x - tall * 0.04, foot - tall * 0.35, x + tall * 0.04, foot), fill=(92, 66, 44))
        if draw.random() < 0.7:
            for step in range(3):
                y = foot - tall * (0.2 + 0.25 * step)
                half = tall * (0.24 - 0.05 * step)
                pen.polygon(((x - half, y), (x + half, y), (x, y - tall * 0.4)), fill=green)
        else:
            pen.ellipse((x - tall * 0.25, foot - tall, x + tall * 0.25, foot - tall * 0.3), fill=green)


def _house(pen: ImageDraw, draw: random.Random) -> None:
    """A house with door and windows; now and then a tree or a fence beside it."""
    width, height = WIDTH * SCALE, HEIGHT * SCALE
    wide, tall = width * draw.uniform(0.38, 0.6), height * draw.uniform(0.28, 0.42)
    left, foot = draw.uniform(0.05, 0.35) * width, height * draw.uniform(0.78, 0.92)
    top, right = foot - tall, left + wide
    if draw.random() < 0.4:
        x = right + width * 0.12
        pen.rectangle((x - 4, foot - tall * 0.6, x + 4, foot), fill=(92, 66, 44))
        pen.ellipse((x - 30, foot - tall * 1.3, x + 30, foot - tall * 0.5), fill=_varied(draw.choice(GREENS), draw))
    pen.rectangle((left, top, right, foot), fill=_varied(draw.choice(WALLS), draw))
    peak = (left + wide * draw.choice((0.5, 0.5, 0.3)), top - tall * draw.uniform(0.4, 0.8))
    pen.polygon(((left - 10, top), (right + 10, top), peak), fill=_varied(draw.choice(ROOFS), draw))
    door = left + wide * draw.uniform(0.1, 0.75)
    pen.rectangle((door, foot - tall * 0.6, door + wide * 0.15, foot), fill=_varied((96, 62, 40), draw))
    lit = (250, 226, 140) if draw.random() < 0.4 else (150, 190, 214)
    for share in (0.08, 0.42, 0.76):
        x = left + wide * share
        if abs(x - door) > wide * 0.18:
            pen.rectangle((x, top + tall * 0.2, x + wide * 0.15, top + tall * 0.5), fill=lit, outline=(250, 250, 250), width=3)
    if draw.random() < 0.4:
        for x in range(0, width, 14):
            pen.line((x, foot + 6, x, foot - 14), fill=(226, 220, 206), width=4)


def _mixed(one: Colour, other: Colour, share: float) -> Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def _varied(colour: Colour, draw: random.Random, light: float = 1.0) -> Colour:
    red, green, blue = (max(0, min(255, round(value * light) + draw.randint(-14, 14))) for value in colour)
    return red, green, blue


def _light(sky: Colour) -> float:
    """How bright the ground is under this sky."""
    return 0.45 + 0.55 * min(1.0, sum(sky) / 400)
