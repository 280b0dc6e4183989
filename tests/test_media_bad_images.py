"""Bad pictures: each is decoded or refused with one sentence, quickly and in bounded memory."""

from __future__ import annotations

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from peaks import Peak, is_one_sentence
from PIL import Image

from mm_demos.errors import InvalidInputError
from mm_demos.media import load_image

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
TAKEN, REFUSED, EITHER = "taken", "refused", "either"


def picture(width: int = 64, height: int = 48) -> Image.Image:
    """Noise, so that compressed files are long enough to be cut."""
    return Image.fromarray(np.random.default_rng(7).integers(0, 256, (height, width, 3), dtype=np.uint8))


def encoded(format_name: str, image: Image.Image | None = None, **options: object) -> bytes:
    stream = io.BytesIO()
    (image or picture()).save(stream, format_name, **options)
    return stream.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, rows: bytes = b"", extra: bytes = b"") -> bytes:
    """A 1-bit grey PNG whose header says what it is told to."""
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return PNG_MAGIC + chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b"")


def blank_png(width: int, height: int) -> bytes:
    return png(width, height, bytes((width + 7) // 8 + 1) * height)


def gif(width: int, height: int, frames: int = 1) -> bytes:
    """A GIF of 8 × 8 pixel frames; the codes are eight bits wide, so none needs packing."""
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, 8, 8, 0) + b"\x07\x42\x80" + bytes(64) + b"\x81\0"
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0x91, 0, 0) + bytes(12) + frame * frames + b"\x3b"


def tiff(width: int, height: int) -> bytes:
    entries = [(256, width), (257, height), (258, 1), (259, 1), (262, 1), (273, 8), (277, 1), (278, height), (279, 8)]
    fields = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries)
    return b"II*\0" + struct.pack("<I", 16) + bytes(8) + struct.pack("<H", len(entries)) + fields + bytes(4)


def webp(width: int, height: int) -> bytes:
    body = b"VP8X" + struct.pack("<I", 10) + bytes(4) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def bmp(width: int, height: int) -> bytes:
    return b"BM" + struct.pack("<IIIIiiHHIIiiII", 54, 0, 54, 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)


def jpeg(width: int, height: int) -> bytes:
    data = bytearray(encoded("JPEG"))
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", height, width)
    return bytes(data)


def animated_png() -> bytes:
    frames = [picture(16, 16).rotate(90 * turn) for turn in range(200)]
    return encoded("PNG", frames[0], save_all=True, append_images=frames[1:])


def archive() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        file.writestr("cat.jpg", b"cat")
    return stream.getvalue()


def noise(seed: int, start: bytes = b"", size: int = 4096) -> bytes:
    return start + random.Random(seed).randbytes(size)


def with_orientation(value: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = value
    return encoded("JPEG", exif=exif)


def sixteen_bit() -> bytes:
    return encoded("PNG", Image.fromarray(np.linspace(0, 65535, 64 * 48).astype(np.uint16).reshape(48, 64)))


SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><script>alert(1)</script></svg>'
Case = tuple[str, Callable[[], bytes], str]

BOMBS: list[Case] = [
    ("bomb.png", lambda: blank_png(13300, 13300), REFUSED),
    ("header.png", lambda: png(65535, 65535), REFUSED),
    ("overflow.png", lambda: png(2**31 - 1, 2**31 - 1), REFUSED),
    ("thread.png", lambda: blank_png(1, 60000), REFUSED),
    ("strip.png", lambda: blank_png(60000, 9), REFUSED),
    ("zero.png", lambda: png(0, 0), REFUSED),
    ("dot.png", lambda: blank_png(1, 1), REFUSED),
    ("text.png", lambda: png(16, 16, bytes(48), chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(80_000_000), 1))), EITHER),
    ("frames.gif", lambda: gif(64, 64, 5000), TAKEN),
    ("header.gif", lambda: gif(65535, 65535), REFUSED),
    ("header.tiff", lambda: tiff(60000, 60000), REFUSED),
    ("header.webp", lambda: webp(16383, 16383), REFUSED),
    ("header.bmp", lambda: bmp(30000, 30000), REFUSED),
    ("header.jpg", lambda: jpeg(65500, 65500), REFUSED),
    ("near.jpg", lambda: jpeg(5000, 4990), EITHER),
    ("animated.png", animated_png, TAKEN),
    ("icon.ico", lambda: encoded("ICO"), REFUSED),
    ("wavelet.jp2", lambda: encoded("JPEG2000"), REFUSED),
]
TRUNCATIONS: list[Case] = [
    (f"cut{percent}.{kind.lower()}", lambda kind=kind, percent=percent: cut(kind, percent), REFUSED)
    for kind in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
    for percent in (10, 50, 90)
]
EXTENSIONS: list[Case] = [
    ("png-named.jpg", lambda: encoded("PNG"), TAKEN),
    ("jpeg-named.txt", lambda: encoded("JPEG"), TAKEN),
    ("nameless", lambda: encoded("GIF"), TAKEN),
    ("gif-named.webp", lambda: encoded("GIF"), TAKEN),
    ("text-named.png", lambda: b"not a picture\n" * 9, REFUSED),
    ("wave-named.jpg", lambda: b"RIFF\x24\0\0\0WAVEfmt " + bytes(20), REFUSED),
    ("archive-named.png", archive, REFUSED),
    ("document-named.jpg", lambda: b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", REFUSED),
    ("heic-named.jpg", lambda: b"\0\0\0\x18ftypheic" + bytes(32), REFUSED),
    ("empty.png", lambda: b"", REFUSED),
]
MODES: list[Case] = [
    ("cmyk.jpg", lambda: encoded("JPEG", picture().convert("CMYK")), TAKEN),
    ("sixteen.png", sixteen_bit, TAKEN),
    ("grey-alpha.png", lambda: encoded("PNG", picture().convert("LA")), TAKEN),
    ("palette.png", lambda: encoded("PNG", picture().convert("P"), transparency=0), TAKEN),
    ("bilevel.tiff", lambda: encoded("TIFF", picture().convert("1"), compression="group4"), TAKEN),
    ("float.tiff", lambda: encoded("TIFF", picture().convert("F")), TAKEN),
    ("lab.tiff", lambda: encoded("TIFF", Image.new("LAB", (32, 32))), TAKEN),
    ("turned-9.jpg", lambda: with_orientation(9), TAKEN),
    *((f"turned-{value}.jpg", lambda value=value: with_orientation(value), TAKEN) for value in range(1, 9)),
]
MARKUP: list[Case] = [
    ("plain.svg", lambda: SVG, REFUSED),
    ("declared.svg", lambda: b'<?xml version="1.0"?>\n' + SVG, REFUSED),
    ("svg-named.png", lambda: SVG, REFUSED),
    ("page-named.jpg", lambda: b"<!DOCTYPE html><title>404</title>", REFUSED),
    ("data-named.gif", lambda: b'{"error": "not found"}', REFUSED),
]
STARTS = (
    b"",
    b"",
    PNG_MAGIC,
    b"\xff\xd8\xff\xe0\0\x10JFIF\0",
    b"GIF89a",
    b"BM",
    b"II*\0",
    b"RIFF\0\x10\0\0WEBPVP8 ",
    b"MM\0*",
    b"\xff\xd8",
)
RANDOM: list[Case] = [(f"random{seed}", lambda seed=seed: noise(seed, STARTS[seed]), REFUSED) for seed in range(len(STARTS))]
CASES = BOMBS + TRUNCATIONS + EXTENSIONS + MODES + MARKUP + RANDOM


def cut(kind: str, percent: int) -> bytes:
    data = encoded(kind)
    return data[: len(data) * percent // 100]


@pytest.mark.parametrize(("name", "build", "expected"), CASES, ids=[case[0] for case in CASES])
def test_answer_or_one_sentence(tmp_path: Path, name: str, build: Callable[[], bytes], expected: str) -> None:
    path = tmp_path / name
    path.write_bytes(build())
    outcome = TAKEN
    with Peak() as peak:
        try:
            image = load_image(path)
            assert image.mode == "RGB"
        except InvalidInputError as error:
            outcome = REFUSED
            assert is_one_sentence(str(error))
    assert expected in (outcome, EITHER)
    assert peak.seconds < 2
    assert peak.grown_bytes < 200e6


@pytest.mark.parametrize("source", ["", "nowhere.png", ".", "/dev/zero", "https://example.org/cat.jpg", "a\0b.png", "x" * 5000])
def test_a_path_that_is_no_file(source: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        load_image(source)
    assert is_one_sentence(str(caught.value))


def test_bytes_and_open_pictures_meet_the_same_limits() -> None:
    for source in (
        b"",
        blank_png(13300, 13300),
        Image.new("RGB", (6000, 6000)),
        Image.new("RGB", (0, 0)),
        Image.new("L", (1, 1)),
    ):
        with pytest.raises(InvalidInputError):
            load_image(source)
    assert load_image(encoded("PNG")).size == (64, 48)
