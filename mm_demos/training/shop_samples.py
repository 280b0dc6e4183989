"""Make the sample shop's pictures and its PDF again: `python -m mm_demos.training.shop_samples [--out DIR]`.

The policies, products and orders are written by hand; the same program gives the same bytes.
"""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Sequence
from pathlib import Path

from mm_demos import samples
from mm_demos.training.shop_drawings import DRAWINGS, drawing

WIDTH, HEIGHT, MARGIN = 420, 595, 48  # A5, in points
LINE_CHARS, LEADING = 60, 15
TITLE = "Care guide"
PAGES: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "Looking after ceramics",
        (
            "Pour a little warm water into a cold teapot before the boiling water; sudden heat cracks the glaze.",
            "Brown tea stains go away with one spoon of baking soda in hot water, left for an hour.",
            "Never put our ceramics on a hob or over a candle flame.",
            "Fine lines in the glaze are part of it and no fault.",
        ),
    ),
    (
        "Looking after the kettle and the lamp",
        (
            "To descale the Heron Kettle, boil one part of vinegar and two of water in it, wait 20 minutes and rinse it twice.",
            "If the Heron Kettle switches off too early, there is limescale on its sensor: descale it.",
            "The Dusk Lamp takes an LED bulb with an E14 socket of at most 6 watts.",
            "Pull the plug before changing the bulb.",
        ),
    ),
    (
        "Looking after plants",
        (
            "Water in the morning and pour away what stands in the saucer after half an hour.",
            "Yellow leaves mean too much water; brown tips mean that the air is too dry.",
            "Feed plants every two weeks from March to September, and not in winter.",
            "Repot them in spring, into a pot that is two fingers wider.",
        ),
    ),
    (
        "Looking after wood, copper and linen",
        (
            "Oil the Oak Tea Tray with linseed oil, wait for 20 minutes and wipe off what is left.",
            "Copper turns dark with time; lemon and salt make it shine again.",
            "Wash linen before its first use; it shrinks by about 4 percent.",
            "Do not use fabric softener on linen, because it then dries no dishes.",
        ),
    ),
)


def guide(chapters: Sequence[tuple[str, Sequence[str]]] = PAGES, name: str = TITLE) -> bytes:
    """The care guide, or other chapters, as a PDF: one page for each chapter, with an outline."""
    count = len(chapters)
    page_ids, content_ids = range(4, 4 + count), range(4 + count, 4 + 2 * count)
    title_ids, outline_id = range(4 + 2 * count, 4 + 3 * count), 4 + 3 * count
    kids = " ".join(f"{number} 0 R" for number in page_ids)
    objects = [
        f"<< /Type /Catalog /Pages 2 0 R /Outlines {outline_id} 0 R >>".encode(),
        f"<< /Type /Pages /Kids [{kids}] /Count {count} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for number in content_ids:
        page = f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {WIDTH} {HEIGHT}] /Contents {number} 0 R"
        objects.append(f"{page} /Resources << /Font << /F1 3 0 R >> >> >>".encode())
    for title, lines in chapters:
        content = _content(title, lines)
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content))
    for i, number in enumerate(title_ids):
        places = [f"/Prev {number - 1} 0 R"] * (i > 0) + [f"/Next {number + 1} 0 R"] * (i < count - 1)
        dest = f"/Dest [{page_ids[i]} 0 R /Fit]"
        title = f"/Title ({name}: {chapters[i][0]})"
        objects.append(f"<< {title} /Parent {outline_id} 0 R {' '.join(places)} {dest} >>".encode())
    objects.append(f"<< /Type /Outlines /First {title_ids[0]} 0 R /Last {title_ids[-1]} 0 R /Count {count} >>".encode())
    return _file(objects)


def _content(title: str, lines: Sequence[str]) -> bytes:
    """What draws one page: the chapter's title, and its sentences as paragraphs."""
    steps = ["BT", f"/F1 16 Tf {MARGIN} {HEIGHT - 2 * MARGIN} Td ({title}) Tj", f"/F1 11 Tf {LEADING} TL 0 -{LEADING} Td"]
    for sentence in lines:
        steps.append("T*")
        steps += [f"({line}) Tj T*" for line in textwrap.wrap(sentence, LINE_CHARS)]
    return "\n".join([*steps, "ET"]).encode("cp1252")


def _file(objects: Sequence[bytes]) -> bytes:
    """The objects, numbered from 1, with the table of where each begins."""
    content, places = b"%PDF-1.4\n", []
    for number, each in enumerate(objects, 1):
        places.append(len(content))
        content += b"%d 0 obj\n%s\nendobj\n" % (number, each)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    head = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    trailer = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, len(content))
    return content + head + table + trailer


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the files; returns the exit code."""
    parser = argparse.ArgumentParser(description="Make the sample shop's pictures and its PDF again.")
    parser.add_argument("--out", type=Path, default=samples.FOLDER / "shop", help="folder of the shop")
    folder: Path = parser.parse_args(arguments).out
    (folder / "pictures").mkdir(parents=True, exist_ok=True)
    (folder / "care-guide.pdf").write_bytes(guide())
    for name in DRAWINGS:
        (folder / "pictures" / f"{name}.png").write_bytes(drawing(name))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
