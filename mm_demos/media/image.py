"""Pictures in, PIL RGB out: formats, limits, orientation, modes."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mm_demos.errors import InvalidInputError
from mm_demos.media.files import existing_file, looks_like_text, shown
from mm_demos.settings import settings

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
MIN_SIDE = 8  # pixels; less shows nothing a model could use
MAX_ASPECT = 50  # text readers enlarge the short side, so a thread-like picture would grow without bound
ORIENTATION = 0x0112  # EXIF tag


def guard_pillow() -> None:
    """Give Pillow the project's pixel limit and turn its bomb warning into an error, in the whole process."""
    import PIL.Image

    PIL.Image.MAX_IMAGE_PIXELS = settings().max_image_pixels
    warnings.filterwarnings("error", category=PIL.Image.DecompressionBombWarning)


def load_image(source: str | Path | bytes | Image) -> Image:
    """An upright RGB picture with its own memory; transparency over white, the first frame of an animation.

    Args:
        source: a path, the bytes of a file, or an open picture.

    Raises:
        InvalidInputError: not a picture of an allowed format, damaged, too large or too small.
    """
    import PIL.Image

    guard_pillow()
    if isinstance(source, PIL.Image.Image):
        return _decode(source, "The picture")
    if isinstance(source, bytes):
        if not source:
            raise InvalidInputError("The picture is empty: choose one that has content.")
        return _open(io.BytesIO(source), "The picture")
    if isinstance(source, np.ndarray):
        raise InvalidInputError("A picture is needed here, not an array: wrap it in PIL.Image.fromarray.")
    path = existing_file(source, "picture")
    try:
        stream = path.open("rb")
    except OSError:
        raise InvalidInputError(f"{shown(path.name)} cannot be read: check its permissions.") from None
    with stream:
        return _open(stream, shown(path.name))


def _open(stream: io.BufferedReader | io.BytesIO, name: str) -> Image:
    import PIL.Image

    head = stream.read(512)
    stream.seek(0)
    try:
        image = PIL.Image.open(stream, formats=FORMATS)
    except (PIL.Image.DecompressionBombError, PIL.Image.DecompressionBombWarning):
        raise InvalidInputError(_too_large(name, "far")) from None
    except Exception:  # parsers of damaged headers raise whatever comes to hand
        raise InvalidInputError(_not_a_picture(name, head)) from None
    with image:
        return _decode(image, name)


def _decode(image: Image, name: str) -> Image:
    """Check the header's size, then decode."""
    _check_size(image.size, name)
    try:
        image.load()
        orientation = _orientation(image)
        image = _to_rgb(image)
    except MemoryError:
        raise InvalidInputError(f"{name} does not fit into memory: make it smaller.") from None
    except Exception:  # as above
        raise InvalidInputError(f"{name} is damaged or incomplete: save or download it again.") from None
    return _upright(image, orientation)


def _check_size(size: tuple[int, int], name: str) -> None:
    width, height = size
    limit = settings().max_image_pixels
    if width * height > limit:
        raise InvalidInputError(_too_large(name, f"{width * height / 1e6:.1f} million pixels, more"))
    if min(size) < MIN_SIDE:
        raise InvalidInputError(f"{name} is {width} × {height} pixels: choose one with at least {MIN_SIDE} pixels on each side.")
    if max(size) > MAX_ASPECT * min(size):
        raise InvalidInputError(f"{name} is a strip of {width} × {height} pixels: crop it to at most {MAX_ASPECT} : 1.")


def _too_large(name: str, how_much: str) -> str:
    limit = settings().max_image_pixels / 1e6
    return f"{name} has {how_much} than {limit:g} million pixels allowed: make it smaller, or raise MM_DEMOS_MAX_IMAGE_PIXELS."


def _not_a_picture(name: str, head: bytes) -> str:
    allowed = "JPEG, PNG, WebP, GIF, BMP or TIFF"
    if b"<svg" in head.lower():
        return f"{name} is an SVG drawing, which is not read: export it as PNG."
    if looks_like_text(head):
        return f"{name} is a text or web page, not a picture: choose a {allowed} file."
    if head[4:8] == b"ftyp" and head[8:12] in (b"heic", b"heix", b"mif1", b"msf1", b"heif", b"avif"):
        return f"{name} is a HEIC or AVIF picture, which is not read: save it as JPEG or PNG."
    return f"{name} is not a picture that can be read: choose a whole {allowed} file."


def _to_rgb(image: Image) -> Image:
    """RGB in 8 bits, without metadata."""
    import PIL.Image

    if image.mode.startswith(("I", "F")):
        rgb = PIL.Image.fromarray(_to_8_bit(np.asarray(image))).convert("RGB")
    elif image.has_transparency_data:
        rgba = (image.convert("LA") if image.mode == "La" else image).convert("RGBA")
        rgb = PIL.Image.new("RGB", image.size, "white")
        rgb.paste(rgba, mask=rgba.getchannel("A"))
    else:
        rgb = image.convert("RGB")
    rgb.info = {}
    return rgb


def _to_8_bit(samples: NDArray[Any]) -> NDArray[np.uint8]:
    """Scale 16-bit, 32-bit or floating samples (height, width) to [0, 255], never clip.

    16-bit integers keep their fixed range; for the others no range is fixed, so theirs is stretched.
    """
    if samples.dtype == np.uint16:
        high_bytes: NDArray[np.uint8] = np.right_shift(samples, 8).astype(np.uint8)
        return high_bytes
    values = np.nan_to_num(samples.astype(np.float32), posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    if samples.dtype.kind in "iu" and low >= 0 and high < 1 << 16:
        low, high = 0.0, 65535.0
    elif low >= 0.0 and high <= 1.0:
        low, high = 0.0, 1.0
    scaled: NDArray[np.uint8] = np.rint((values - low) * (255.0 / max(high - low, 1e-12))).astype(np.uint8)
    return scaled


def _orientation(image: Image) -> int:
    """EXIF orientation, 1 to 8; 1 when there is none or the block cannot be read, which is no reason to refuse a picture."""
    try:
        value = image.getexif().get(ORIENTATION, 1)
    except Exception:  # as above
        return 1
    return value if isinstance(value, int) else 1


def _upright(image: Image, orientation: int) -> Image:
    from PIL.Image import Transpose

    turns = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    return image.transpose(turns[orientation]) if orientation in turns else image
