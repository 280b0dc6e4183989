"""What a decoded picture looks like: orientation, depth, transparency, animation."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mm_demos import samples
from mm_demos.media import load_image

RED, GREEN = (255, 0, 0), (0, 255, 0)


def marked(width: int = 40, height: int = 24) -> Image.Image:
    """Red with a green block in the top left corner."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(GREEN, (0, 0, 10, 10))
    return image


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_tag_is_undone(kind: str, orientation: int) -> None:
    stored = {
        1: marked(),
        2: marked().transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        3: marked().transpose(Image.Transpose.ROTATE_180),
        4: marked().transpose(Image.Transpose.FLIP_TOP_BOTTOM),
        5: marked().transpose(Image.Transpose.TRANSPOSE),
        6: marked().transpose(Image.Transpose.ROTATE_90),
        7: marked().transpose(Image.Transpose.TRANSVERSE),
        8: marked().transpose(Image.Transpose.ROTATE_270),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = load_image(encoded(stored, kind, exif=exif))
    assert image.size == (40, 24)
    assert np.abs(np.asarray(image)[4, 4].astype(int) - GREEN).max() < 40
    assert np.abs(np.asarray(image)[20, 36].astype(int) - RED).max() < 40


def test_a_broken_orientation_block_does_not_refuse_the_picture() -> None:
    assert load_image(encoded(marked(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")).size == (40, 24)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_not_clipped(kind: str) -> None:
    ramp = np.tile(np.linspace(0, 65535, 256).astype(np.uint16), (16, 1))
    grey = np.asarray(load_image(encoded(Image.fromarray(ramp), kind)))[0, :, 0].astype(int)
    assert np.abs(grey - np.arange(256)).max() <= 1


def test_floating_point_is_stretched_and_its_gaps_are_black() -> None:
    values = np.tile(np.linspace(-3, 5, 256, dtype=np.float32), (16, 1))
    values[0, 0] = np.nan
    grey = np.asarray(load_image(encoded(Image.fromarray(values), "TIFF")))[1, :, 0].astype(int)
    assert np.abs(grey - np.arange(256)).max() <= 1


def test_inks_become_colours() -> None:
    image = load_image(encoded(marked().convert("CMYK"), "JPEG", quality=95))
    assert np.abs(np.asarray(image)[20, 36].astype(int) - RED).max() < 40


@pytest.mark.parametrize("mode", ["RGBA", "RGBa", "LA", "La"])
def test_transparency_lies_over_white(mode: str) -> None:
    assert np.asarray(load_image(Image.new(mode, (16, 16)))).min() == 255
    half = Image.new("LA" if mode in {"LA", "La"} else "RGBA", (16, 16))
    half.putalpha(128)
    assert np.abs(np.asarray(load_image(half.convert(mode))).astype(int) - 127).max() <= 1


def test_a_transparent_palette_entry_lies_over_white() -> None:
    image = Image.new("P", (16, 16), 3)
    image.putpalette([0, 0, 0] * 256)
    assert np.asarray(load_image(encoded(image, transparency=3))).min() == 255
    assert np.asarray(load_image(encoded(image, "GIF", transparency=3))).min() == 255
    assert np.asarray(load_image(encoded(image, transparency=4))).max() == 0


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_an_animation_gives_its_first_frame(kind: str) -> None:
    rest = [Image.new("RGB", (40, 24), colour) for colour in ("blue", "black")]
    image = load_image(encoded(marked(), kind, save_all=True, append_images=rest))
    assert np.abs(np.asarray(image)[4, 4].astype(int) - GREEN).max() < 40


def test_the_result_is_plain_and_independent(tmp_path: Path) -> None:
    path = tmp_path / "secret.jpg"
    exif = Image.Exif()
    exif[0x9286] = "taken at home"
    marked().save(path, exif=exif, comment=b"private")
    image = load_image(path)
    path.unlink()
    assert image.info == {}
    assert dict(image.getexif()) == {}
    given = marked()
    load_image(given).paste("blue", (0, 0, 40, 24))
    assert given.getpixel((4, 4)) == GREEN


def test_the_samples_are_whole() -> None:
    pictures = [name for name in samples.names() if name.endswith((".jpg", ".png"))]
    assert len(pictures) == 7
    for name in pictures:
        assert min(load_image(samples.path(name)).size) >= 300
    listed = samples.path("cat.jpg").with_name("LICENCES.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in listed for name in samples.names())
    assert sum(samples.path(name).stat().st_size for name in samples.names()) < 1_500_000
