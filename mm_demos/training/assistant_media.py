"""Make the media of the assistant's cases again: `python -m mm_demos.training.assistant_media [--only KIND]`.

What each file holds stands under `media` in the cases: words to speak, lines on paper, a product of the sample shop, pages.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mm_demos import media
from mm_demos.evaluation.assistant_lines import CASES, read
from mm_demos.models import catalog, loader
from mm_demos.training.shop_drawings import GROUND, drawing
from mm_demos.training.shop_samples import guide
from mm_demos.training.studio_samples import as_opus

if TYPE_CHECKING:
    from PIL.Image import Image

FOLDERS = ("voices", "pictures", "documents")
PAPER, INK, LINE_PX, LETTER_PX, MARGIN_PX = "#fdfcf8", "#222222", 46, 28, 24
COLOURS = 48


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the files; returns the exit code."""
    parser = argparse.ArgumentParser(description="Make the media of the assistant's cases again.")
    parser.add_argument("--only", choices=FOLDERS, help="one kind of media; all of them by default")
    only = parser.parse_args(arguments).only
    for name, plan in plans().items():
        if only in (None, name.partition("/")[0]):
            (CASES / name).parent.mkdir(exist_ok=True)
            (CASES / name).write_bytes(made(plan))
    return 0


def plans() -> dict[str, Mapping[str, Any]]:
    """What each file holds, by its name in the folder of the cases."""
    return {name: plan for file in sorted(CASES.glob("*.jsonl")) for case in read(file) for name, plan in case.media.items()}


def made(plan: Mapping[str, Any]) -> bytes:
    """The content of one file."""
    if "spoken" in plan:
        return voice(plan["spoken"])
    if "pages" in plan:
        return guide(tuple((lines[0], tuple(lines[1:])) for lines in plan["pages"]), "Notes")
    return picture(plan)


def voice(words: str) -> bytes:
    """The words in the voice that ships, without variation, so that they sound the same every time."""
    with loader.shared().lease(catalog.default("speaker")) as speaker:
        waveform, sample_rate = speaker.speak(words, variation=0.0)
    return as_opus(media.from_microphone(sample_rate, waveform))


def picture(plan: Mapping[str, Any]) -> bytes:
    """A product, turned a little as a photo is, a paper with lines, or the paper below the product; as a PNG file."""
    from PIL import Image

    parts = [_product(plan)] if "product" in plan else []
    parts += [_paper(plan["paper"], PAPER if plan.get("unwritten") else INK)] if "paper" in plan else []
    width = max(part.width for part in parts)
    canvas = Image.new("RGB", (width, sum(part.height for part in parts)), PAPER)
    top = 0
    for part in parts:
        canvas.paste(part, ((width - part.width) // 2, top))
        top += part.height
    buffer = io.BytesIO()
    canvas.quantize(COLOURS, dither=Image.Dither.NONE).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _product(plan: Mapping[str, Any]) -> Image:
    """The shop's drawing, turned by `angle` degrees on a `ground`, `cracked` when it says so."""
    from PIL import Image, ImageDraw

    image = Image.open(io.BytesIO(drawing(plan["product"]))).convert("RGB")
    if plan.get("cracked"):
        pen = ImageDraw.Draw(image)
        pen.line([(70, 95), (95, 120), (88, 140), (120, 165), (112, 185)], fill="#1d1d1d", width=4)
        pen.line([(95, 120), (130, 112), (150, 128)], fill="#1d1d1d", width=3)
    ground = plan.get("ground", GROUND)
    return image.rotate(plan.get("angle", 0), Image.Resampling.BICUBIC, fillcolor=ground).resize((288, 288))


def _paper(lines: Sequence[str], ink: str) -> Image:
    """Printed lines, as on a slip that somebody photographed; in the colour of the paper they leave it as large and empty."""
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(LETTER_PX)
    width = max(288, round(max(font.getlength(line) for line in lines)) + 2 * MARGIN_PX)
    image = Image.new("RGB", (width, LINE_PX * len(lines) + 2 * MARGIN_PX), PAPER)
    pen = ImageDraw.Draw(image)
    for i, line in enumerate(lines):
        pen.text((MARGIN_PX, MARGIN_PX + i * LINE_PX), line, fill=ink, font=font)
    return image


if __name__ == "__main__":
    raise SystemExit(main())
