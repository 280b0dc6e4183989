"""The sheet of a hundred: every painted picture over the words that asked for it, marked right or wrong."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont
    from PIL.ImageFont import ImageFont as BitmapFont

    from mm_demos.evaluation.image_generation_report import Painted

    Letters = FreeTypeFont | BitmapFont

COLUMNS = 10
CELL, PICTURE, MARGIN = (146, 190), 124, 6  # pixels
LETTERS, LINE, WRAP = 12, 14, 24  # size, pitch, characters a line
RIGHT, WRONG, INK = "#1a7f37", "#c62828", "#1f2328"
COLOURS = 256  # of the palette, which keeps the file small


def sheet(rows: Sequence[Painted], pictures: Sequence[Image]) -> Image:
    """Ten pictures a row, each with its prompt; under a wrong one stands what it was taken for."""
    from PIL import Image, ImageDraw, ImageFont

    lines = -(-len(rows) // COLUMNS)
    paper = Image.new("RGB", (COLUMNS * CELL[0], lines * CELL[1]), "white")
    draw, letters = ImageDraw.Draw(paper), ImageFont.load_default(LETTERS)
    for number, (row, picture) in enumerate(zip(rows, pictures, strict=True)):
        left, top = number % COLUMNS * CELL[0], number // COLUMNS * CELL[1]
        _cell(draw, letters, row, (left, top))
        shown = picture.convert("RGB").resize((PICTURE, PICTURE), Image.Resampling.BICUBIC)
        paper.paste(shown, (left + (CELL[0] - PICTURE) // 2, top + MARGIN))
    return paper


def _cell(draw: ImageDraw, letters: Letters, row: Painted, corner: tuple[int, int]) -> None:
    """Frame and words."""
    left = corner[0]
    colour = RIGHT if row.right else WRONG
    edge, top = left + (CELL[0] - PICTURE) // 2, corner[1] + MARGIN
    draw.rectangle((edge - 2, top - 2, edge + PICTURE + 1, top + PICTURE + 1), outline=colour, width=2)
    verdict = "recognised" if row.right else textwrap.shorten(f"seen as {row.among_20}", WRAP, placeholder=" …")
    lines = [(line, INK) for line in textwrap.wrap(row.prompt, WRAP, max_lines=3, placeholder=" …")]
    lines.append((verdict, colour))
    for number, (line, ink) in enumerate(lines):
        draw.text((left + CELL[0] / 2, top + PICTURE + MARGIN + number * LINE), line, ink, letters, anchor="ma")


def write(rows: Sequence[Painted], pictures: Sequence[Image], path: Path) -> None:
    """The sheet as a PNG of few colours."""
    from PIL import Image

    file = BytesIO()
    sheet(rows, pictures).quantize(COLOURS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(file, "PNG", optimize=True)
    path.write_bytes(file.getvalue())
