"""Photos in one colour each, with captions that say which: what the fake models see can be right and wrong on purpose."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from PIL import Image

COLOURS = {"red": (220, 40, 40), "green": (40, 160, 60), "blue": (40, 70, 210), "yellow": (240, 220, 50)}


def jpeg(rgb: tuple[int, int, int], size: tuple[int, int] = (64, 64)) -> bytes:
    """A picture of one colour."""
    file = io.BytesIO()
    Image.new("RGB", size, rgb).save(file, "JPEG", quality=95)
    return file.getvalue()


def captions(colour: str) -> list[str]:
    return [f"a {colour} picture", f"A {colour} shirt on a man .", f"{colour} all over"]


def write_tar(path: Path, entries: Iterable[tuple[str, bytes, Any]], prefix: str = "") -> Path:
    """A webdataset tar of pictures with their descriptions."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for key, picture, facts in entries:
            for name, content in ((f"{key}.jpg", picture), (f"{key}.json", json.dumps(facts).encode())):
                member = tarfile.TarInfo(prefix + name)
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    return path


def colour_set(folder: Path) -> Path:
    """A captioned photo of each colour, in a tar as `flickr8k-*.tar` are made."""
    entries = [
        (f"{i}_{name}", jpeg(rgb), {"file": f"{i}.jpg", "captions": captions(name)})
        for i, (name, rgb) in enumerate(COLOURS.items())
    ]
    write_tar(folder / "vision" / "flickr8k-08.tar", entries)
    return folder
