"""Drawings of the sample shop's products: flat shapes on a warm ground, one function for each."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

SIDE, SCALE, COLOURS = 224, 4, 48  # drawn four times as large and made smaller, for smooth edges
Box = tuple[float, float, float, float]
GROUND, SHELF, SHADE = "#f6efe4", "#e3d3bd", "#cdb99e"
GREEN, MOSS, LEAF, GREY, BLUE, NAVY = "#4f7a4f", "#6b8f4e", "#3f8a4a", "#9a9a94", "#3f6fa8", "#27405f"
YELLOW, OAK, RED, ORANGE, BRASS, COPPER = "#e2b33c", "#b98a56", "#b5473c", "#d9783a", "#b8923f", "#b8693f"
TERRACOTTA, CREAM, STEEL, IRON, WHITE, FLAME = "#c06a45", "#fbf4df", "#b9c0c6", "#3a3a3c", "#ffffff", "#f6b93b"


class Pen:
    """Draws in units of a hundredth of the picture's side."""

    def __init__(self, draw: ImageDraw) -> None:
        self._draw = draw

    def _points(self, *values: float) -> list[float]:
        return [value * SIDE * SCALE / 100 for value in values]

    def oval(self, box: Box, colour: str) -> None:
        """An ellipse in its box."""
        self._draw.ellipse(self._points(*box), fill=colour)

    def block(self, box: Box, colour: str, round_by: float = 0) -> None:
        """A rectangle, with round corners if asked."""
        self._draw.rounded_rectangle(self._points(*box), radius=self._points(round_by)[0], fill=colour)

    def shape(self, colour: str, *corners: float) -> None:
        """A polygon: x and y of its corners in turn."""
        self._draw.polygon(self._points(*corners), fill=colour)

    def ring(self, box: Box, colour: str, width: float, start: float = 0, end: float = 360) -> None:
        """A piece of an ellipse's outline, in degrees from the right, clockwise."""
        self._draw.arc(self._points(*box), start, end, fill=colour, width=round(self._points(width)[0]))

    def line(self, colour: str, width: float, *points: float) -> None:
        """A line through points."""
        self._draw.line(self._points(*points), fill=colour, width=round(self._points(width)[0]), joint="curve")

    def words(self, x: float, y: float, text: str, colour: str, size: float) -> None:
        """Text centred at a point."""
        from PIL import ImageFont

        font = ImageFont.load_default(self._points(size)[0])
        across, down = self._points(x, y)
        self._draw.text((across, down), text, fill=colour, font=font, anchor="mm")


def drawing(name: str) -> bytes:
    """The picture of a product as a PNG file, `SIDE` pixels square."""
    from PIL import Image, ImageDraw

    canvas = Image.new("RGB", (SIDE * SCALE, SIDE * SCALE), GROUND)
    pen = Pen(ImageDraw.Draw(canvas))
    pen.block((0, 78, 100, 100), SHELF)
    pen.oval((18, 76, 82, 86), SHADE)
    DRAWINGS[name](pen)
    small = canvas.resize((SIDE, SIDE), Image.Resampling.LANCZOS).quantize(COLOURS, dither=Image.Dither.NONE)
    buffer = io.BytesIO()
    small.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _moss_teapot(pen: Pen) -> None:
    pen.ring((62, 38, 88, 70), MOSS, 5)
    pen.shape(MOSS, 12, 40, 19, 38, 38, 58, 32, 70)
    pen.oval((24, 32, 76, 82), MOSS)
    pen.oval((34, 30, 66, 42), GREEN)
    pen.oval((46, 22, 54, 32), GREEN)
    pen.oval((32, 42, 42, 58), "#86a868")


def _heron_kettle(pen: Pen) -> None:
    pen.ring((58, 26, 88, 70), IRON, 5, -80, 80)
    pen.shape(STEEL, 14, 34, 20, 33, 40, 52, 34, 62)
    pen.shape(STEEL, 36, 26, 64, 26, 72, 76, 28, 76)
    pen.block((26, 76, 74, 82), IRON, 2)
    pen.oval((44, 18, 56, 28), IRON)
    pen.shape("#d9dee2", 40, 30, 45, 30, 42, 72, 35, 72)


def _mug(pen: Pen, colour: str, box: Box) -> None:
    left, top, right, bottom = box
    high, wide = bottom - top, right - left
    pen.ring((right - wide * 0.2, top + high * 0.2, right + wide * 0.35, bottom - high * 0.25), colour, wide / 8)
    pen.block(box, colour, 5)
    pen.oval((left, top - 5, right, top + 6), "#6d6d68" if colour == GREY else "#e9eef4")


def _pebble_mug(pen: Pen) -> None:
    _mug(pen, GREY, (28, 36, 68, 81))
    for x, y in ((36, 52), (50, 60), (42, 70), (58, 48)):
        pen.oval((x, y, x + 3, y + 2), "#7b7b75")


def _tide_cup_set(pen: Pen) -> None:
    for x, y in ((20, 34), (54, 34), (12, 58), (46, 58)):
        _mug(pen, WHITE, (x, y, x + 24, y + 22))
        pen.ring((x, y - 5, x + 24, y + 6), BLUE, 2)


def _saffron_bowl(pen: Pen) -> None:
    pen.ring((16, 6, 84, 80), YELLOW, 37, 0, 180)
    pen.block((40, 76, 60, 82), "#c2952a", 2)
    pen.oval((16, 36, 84, 52), "#f0cf72")


def _harbour_plate(pen: Pen) -> None:
    pen.oval((14, 20, 86, 84), NAVY)
    pen.oval((26, 30, 74, 74), "#355579")
    pen.ring((18, 24, 82, 80), "#6f8db0", 1)


def _oak_tea_tray(pen: Pen) -> None:
    pen.block((10, 42, 90, 78), OAK, 6)
    pen.block((15, 47, 85, 73), "#d0a470", 4)
    for y in (53, 60, 67):
        pen.line(OAK, 0.8, 18, y, 82, y)
    for x in (12, 84):
        pen.block((x, 54, x + 4, 66), "#8a6238", 2)


def _linen_tea_towel(pen: Pen) -> None:
    pen.block((8, 18, 92, 22), OAK, 2)
    pen.block((26, 20, 74, 80), CREAM)
    for y in (62, 68, 74):
        pen.block((26, y, 74, y + 3), RED)
    pen.line("#d8cdb2", 1, 42, 22, 40, 60)
    pen.line("#d8cdb2", 1, 60, 22, 62, 60)


def _wool_tea_cosy(pen: Pen) -> None:
    pen.oval((20, 30, 80, 110), ORANGE)
    pen.block((0, 82, 100, 100), SHELF)
    pen.block((20, 72, 80, 82), "#bb5f27", 3)
    pen.oval((43, 18, 57, 33), RED)
    for x in (32, 44, 56, 68):
        pen.line("#bb5f27", 1, x, 44, x, 72)


def _dusk_lamp(pen: Pen) -> None:
    pen.oval((34, 76, 66, 84), BRASS)
    pen.block((48, 48, 52, 80), BRASS)
    pen.shape("#f7dfa0", 34, 14, 66, 14, 78, 50, 22, 50)
    pen.shape("#fbeecb", 40, 18, 50, 18, 48, 46, 34, 46)


def _beeswax_candle(pen: Pen) -> None:
    pen.block((42, 38, 58, 82), YELLOW, 2)
    pen.line(IRON, 1, 50, 38, 50, 32)
    pen.shape(FLAME, 50, 14, 56, 27, 50, 34, 44, 27)
    pen.oval((44, 23, 56, 34), FLAME)
    pen.oval((34, 78, 66, 86), BRASS)


def _glass_lantern(pen: Pen) -> None:
    pen.ring((40, 8, 60, 28), IRON, 2)
    pen.shape(IRON, 50, 18, 72, 34, 28, 34)
    pen.block((30, 34, 70, 78), "#dfeaf0")
    pen.block((45, 56, 55, 76), CREAM)
    pen.oval((46, 44, 54, 57), FLAME)
    for x in (28, 68):
        pen.block((x, 34, x + 4, 80), IRON)
    pen.block((26, 77, 74, 83), IRON, 1)


def _pot(pen: Pen, top: float = 56) -> None:
    pen.shape(TERRACOTTA, 34, top + 4, 66, top + 4, 61, 83, 39, 83)
    pen.block((31, top, 69, top + 8), "#a9573a", 1)


def _boston_fern(pen: Pen) -> None:
    for angle in range(195, 350, 14):
        reach = 36 if angle in range(230, 320) else 40
        for step in range(1, 13):
            along = reach * step / 12
            x = 50 + along * math.cos(math.radians(angle))
            y = 58 + along * math.sin(math.radians(angle)) + (step / 12) ** 2 * 16
            size = 4.2 - step / 5
            pen.oval((x - size, y - size * 0.6, x + size, y + size * 0.6), LEAF if step % 2 else GREEN)
    _pot(pen)


def _snake_plant(pen: Pen) -> None:
    for x, top, lean in ((36, 26, -8), (43, 14, -3), (50, 8, 1), (57, 18, 6), (62, 30, 11)):
        pen.shape("#cfc565", x - 4, 60, x + 4, 60, x + lean, top)
        pen.shape(GREEN, x - 2.6, 60, x + 2.6, 60, x + lean, top + 5)
    _pot(pen)


def _little_cactus(pen: Pen) -> None:
    pen.oval((36, 28, 64, 70), GREEN)
    for x in (42, 50, 58):
        pen.line("#9fc08a", 1, x, 34, x, 58)
    pen.oval((45, 22, 55, 31), "#e58aa8")
    _pot(pen, 58)


def _terracotta_pot(pen: Pen) -> None:
    pen.oval((26, 76, 74, 87), "#a9573a")
    pen.shape(TERRACOTTA, 28, 36, 72, 36, 64, 82, 36, 82)
    pen.block((24, 30, 76, 42), "#a9573a", 2)


def _copper_watering_can(pen: Pen) -> None:
    pen.ring((58, 34, 92, 78), COPPER, 4, -110, 100)
    pen.line(COPPER, 4, 40, 72, 24, 52, 12, 30)
    pen.shape(COPPER, 36, 44, 70, 44, 74, 83, 32, 83)
    pen.oval((36, 39, 70, 49), "#8f4c2a")


def _tin(pen: Pen, colour: str, first: str, second: str) -> None:
    pen.block((28, 26, 72, 83), colour, 3)
    pen.block((30, 18, 70, 28), IRON, 2)
    pen.block((30, 40, 70, 70), CREAM, 2)
    pen.words(50, 50, first, IRON, 7)
    pen.words(50, 61, second, IRON, 7)


def _gift_card(pen: Pen) -> None:
    pen.block((14, 34, 86, 78), CREAM, 4)
    pen.block((14, 34, 86, 44), GREEN, 3)
    pen.words(50, 56, "Fern & Kettle", IRON, 8)
    pen.words(50, 68, "Gift card, 50 euros", RED, 6.5)


DRAWINGS: Mapping[str, Callable[[Pen], None]] = {
    "moss-teapot": _moss_teapot,
    "heron-kettle": _heron_kettle,
    "pebble-mug": _pebble_mug,
    "tide-cup-set": _tide_cup_set,
    "saffron-bowl": _saffron_bowl,
    "harbour-plate": _harbour_plate,
    "oak-tea-tray": _oak_tea_tray,
    "linen-tea-towel": _linen_tea_towel,
    "wool-tea-cosy": _wool_tea_cosy,
    "dusk-lamp": _dusk_lamp,
    "beeswax-candle": _beeswax_candle,
    "glass-lantern": _glass_lantern,
    "boston-fern": _boston_fern,
    "snake-plant": _snake_plant,
    "little-cactus": _little_cactus,
    "terracotta-pot": _terracotta_pot,
    "copper-watering-can": _copper_watering_can,
    "quay-breakfast-tea": lambda pen: _tin(pen, RED, "Quay", "Breakfast"),
    "evening-chamomile-tea": lambda pen: _tin(pen, YELLOW, "Evening", "Chamomile"),
    "gift-card": _gift_card,
}
