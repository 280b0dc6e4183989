"""Settings inside a painted picture: what is needed to paint it again, as text chunks of the PNG, and how they are read back.

Two chunks (PNG specification, section 11.3.3.4, iTXt): "mm-demos" holds JSON, "parameters" a readable text in the form that other
programs show.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mm_demos.errors import InvalidInputError
from mm_demos.media.files import existing_file
from mm_demos.models.painting import PaintOptions
from mm_demos.results import Receipt
from mm_demos.settings import settings
from mm_demos.tasks.image_options import MAX_PROMPT_CHARS, MEMORY, check_options
from mm_demos.tasks.options import fitted

if TYPE_CHECKING:
    from PIL.Image import Image

KEYWORD, READABLE = "mm-demos", "parameters"
FORMAT = 1  # of the JSON; higher ones are from a later version
SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_CHUNK_BYTES = 64_000  # of settings; a prompt and a negative prompt in any script fit twice
NONE_INSIDE = "This picture has no settings inside: choose a PNG that was painted here and not changed since."
DAMAGED = "The settings inside this picture are damaged: choose the file as it was painted."


@dataclass(frozen=True, slots=True)
class PaintSettings:
    """All that one picture was painted with.

    Args:
        prompt: as it was painted.
        model: catalog name.
        options: complete, with the seed.
        model_revision: tells the state of the model's weights.
        image_sha256: of the start picture's RGB bytes, row by row; empty without one.
        pixels_sha256: of the picture's own; empty where it is not known.
        n: pictures, with the seeds from `options.seed` on.
        rank: whether they are to be ordered by their fit.
        memory_used: the saving mode that "auto" came to; empty where it is not known.
        version: of mm_demos.
    """

    prompt: str
    model: str
    options: PaintOptions
    model_revision: str = ""
    image_sha256: str = ""
    pixels_sha256: str = ""
    n: int = 1
    rank: bool = False
    memory_used: str = ""
    version: str = ""


def png_of(image: Image, painted: PaintSettings) -> bytes:
    """The picture as a PNG file with its settings inside."""
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_itxt(READABLE, readable(painted))
    info.add_itxt(KEYWORD, json.dumps({"format": FORMAT, **asdict(painted)}, ensure_ascii=False))
    file = BytesIO()
    image.save(file, "PNG", pnginfo=info)
    return file.getvalue()


def readable(painted: PaintSettings) -> str:
    """Prompt, negative prompt and one line of settings, as other programs write and show them."""
    options = painted.options
    pairs = {
        "Steps": options.num_inference_steps,
        "Sampler": options.scheduler,
        "CFG scale": f"{options.guidance_scale or 0:g}",
        "Seed": options.seed,
        "Size": f"{options.width}x{options.height}",
        "Model": painted.model,
    }
    if painted.image_sha256:
        pairs["Denoising strength"] = f"{options.strength:g}"
    pairs["Version"] = f"mm-demos {painted.version}"
    lines = [painted.prompt, *([f"Negative prompt: {options.negative_prompt}"] if options.negative_prompt else [])]
    return "\n".join([*lines, ", ".join(f"{name}: {value}" for name, value in pairs.items())])


def settings_of(png: str | Path | bytes) -> PaintSettings:
    """What a picture of this suite was painted with, read from its PNG file; the pixels are not decoded.

    Raises:
        InvalidInputError: not a PNG, no settings inside, or settings that are damaged or out of range.
    """
    texts = dict(_texts(_bytes(png)))
    if KEYWORD not in texts:
        raise InvalidInputError(NONE_INSIDE)
    try:
        found = json.loads(texts[KEYWORD])
    except (ValueError, RecursionError):
        raise InvalidInputError(DAMAGED) from None
    if not isinstance(found, dict) or not isinstance(found.get("format"), int):
        raise InvalidInputError(DAMAGED)
    if found["format"] > FORMAT:
        raise InvalidInputError("The settings inside this picture are from a later version of mm_demos: update it to read them.")
    options = found.get("options")
    return _checked(found, options if isinstance(options, dict) else {})


def settings_of_receipt(receipt: Receipt | Mapping[str, Any]) -> PaintSettings:
    """What the pictures of a receipt were painted with; `as_dict`'s form is taken too.

    Raises:
        InvalidInputError: a receipt of something else, or one that was changed.
    """
    task, options = (
        (receipt.task, receipt.options) if isinstance(receipt, Receipt) else (receipt.get("task"), receipt.get("options"))
    )
    if task != "generate" or not isinstance(options, Mapping):
        raise InvalidInputError("This is not the receipt of painted pictures: give one of image generation.")
    return _checked(options, options)


def _checked(found: Mapping[str, Any], options: Mapping[str, Any]) -> PaintSettings:
    """Settings from what stood in a file, with every value of its type and in its range."""
    known = {field.name: options[field.name] for field in fields(PaintOptions) if field.name in options}
    values = {field.name: found[field.name] for field in fields(PaintSettings) if field.name in found and field.name != "options"}
    if not {"prompt", "model"} <= values.keys():
        raise InvalidInputError(DAMAGED)
    painted = fitted(PaintSettings(options=fitted(PaintOptions(**known), PaintOptions), **values), PaintSettings)
    check_options(painted.options, painted.n)
    if painted.memory_used not in {"", *MEMORY}:
        raise InvalidInputError(f"There is no memory mode {painted.memory_used[:40]!r}: the settings were changed by hand.")
    if not painted.prompt.strip() or len(painted.prompt) > MAX_PROMPT_CHARS or len(painted.model) > 500:
        raise InvalidInputError(DAMAGED)
    return painted


def _bytes(png: str | Path | bytes) -> bytes:
    """The file, when it may be a PNG of ours."""
    limit = settings().max_upload_mb * 1_000_000
    if not isinstance(png, bytes):
        path = existing_file(png, "picture")
        if path.stat().st_size > limit:
            raise InvalidInputError(f"The file is larger than the {settings().max_upload_mb} MB that are read: choose another.")
        png = path.read_bytes()
    if not png.startswith(SIGNATURE):
        raise InvalidInputError("Settings can be read from PNG files only: choose the file as it was painted.")
    return png


def _texts(png: bytes) -> Iterator[tuple[str, str]]:
    """Keywords and texts of the iTXt chunks that hold settings.

    Raises:
        InvalidInputError: a chunk is cut off, too long, or not what its checksum says.
    """
    position = len(SIGNATURE)
    while position + 12 <= len(png):
        length = int.from_bytes(png[position : position + 4])
        kind, data = png[position + 4 : position + 8], png[position + 8 : position + 8 + length]
        if kind == b"iTXt" and data.startswith(KEYWORD.encode() + b"\0"):
            checksum = int.from_bytes(png[position + 8 + length : position + 12 + length])
            if len(data) < length or length > MAX_CHUNK_BYTES or zlib.crc32(kind + data) != checksum:
                raise InvalidInputError(DAMAGED)
            yield _text(data)
        position += 12 + length


def _text(data: bytes) -> tuple[str, str]:
    """One iTXt chunk: keyword, compression flag and method, language, translated keyword, text."""
    keyword, _, rest = data.partition(b"\0")
    parts = rest[2:].split(b"\0", 2)
    if len(parts) < 3:
        raise InvalidInputError(DAMAGED)
    try:
        text = _inflated(parts[2]) if rest[:1] == b"\1" else parts[2]
        return keyword.decode(), text.decode()
    except (zlib.error, UnicodeDecodeError):
        raise InvalidInputError(DAMAGED) from None


def _inflated(data: bytes) -> bytes:
    """At most the length that settings may have: a few bytes may unpack to gigabytes."""
    unpacked = zlib.decompressobj()
    text = unpacked.decompress(data, MAX_CHUNK_BYTES)
    if unpacked.unconsumed_tail:
        raise InvalidInputError(DAMAGED)
    return text
