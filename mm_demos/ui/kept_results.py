"""Results as JSON, with pictures beside it: so that what an example row gave can lie in a folder and be shown without a model.

Only dataclasses of this package, numbers, text, arrays and pictures are written, and only those are made when it is read back.
"""

from __future__ import annotations

import base64
import dataclasses
import importlib
import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mm_demos.errors import InvalidInputError
from mm_demos.samples import FOLDER as SAMPLES

if TYPE_CHECKING:
    from PIL.Image import Image

KIND = "$"  # key of an object that stands for more than itself
PACKAGE = "mm_demos."
EXACT_PIXELS = 128 * 128  # pictures up to this many are kept exactly, larger ones as JPEG: they are only looked at


def write(result: Any, path: Path) -> None:
    """Write a result to `path`, and its pictures beside it, named after it.

    Raises:
        InvalidInputError: it holds what cannot be written, or the path of a file of this machine.
    """
    pictures: list[Path] = []
    text = json.dumps(_encoded(result, path, pictures), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def read(path: Path) -> Any:
    """The result that `write` wrote.

    Raises:
        InvalidInputError: the file is missing, damaged, or of another version of the package.
    """
    try:
        return _decoded(json.loads(path.read_text(encoding="utf-8")), path.parent)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, ImportError) as error:
        raise InvalidInputError(f"{path.name} holds no result of this version: build the Space's examples again.") from error


def _encoded(value: Any, path: Path, pictures: list[Path]) -> Any:
    def inner(item: Any) -> Any:
        return _encoded(item, path, pictures)

    found: Any = value
    if value is None or isinstance(value, bool | int | float):
        pass
    elif isinstance(value, str | os.PathLike):
        found = _text(value)
    elif isinstance(value, tuple):
        found = {KIND: "tuple", "items": [inner(item) for item in value]}
    elif isinstance(value, list):
        found = [inner(item) for item in value]
    elif isinstance(value, Mapping):
        found = {KIND: "map", "items": [[inner(key), inner(item)] for key, item in value.items()]}
    elif dataclasses.is_dataclass(value) and not isinstance(value, type) and type(value).__module__.startswith(PACKAGE):
        kept = {field.name: inner(getattr(value, field.name)) for field in dataclasses.fields(value) if field.init}
        found = {KIND: f"{type(value).__module__}:{type(value).__qualname__}", "fields": kept}
    else:
        found = _numbers(value) or _picture(value, path, pictures)
    return found


def _numbers(value: Any) -> Any:
    """Bytes, an array or a number of NumPy's; None for anything else."""
    import numpy as np

    if isinstance(value, bytes):
        return {KIND: "bytes", "data": base64.b64encode(value).decode()}
    if isinstance(value, np.generic):
        return {KIND: "number", "value": value.item()}
    if isinstance(value, np.ndarray) and value.dtype.kind in "fiub":
        raw = np.ascontiguousarray(value)
        return {KIND: "array", "dtype": raw.dtype.str, "shape": raw.shape, "data": base64.b64encode(raw.tobytes()).decode()}
    return None


def _text(value: str | os.PathLike[str]) -> Any:
    """Text, or the path of a sample by its name: where the package lies differs from machine to machine."""
    text = os.fspath(value)
    inside = text.startswith(f"{SAMPLES}{os.sep}")
    if inside:
        return {KIND: "sample" if isinstance(value, str) else "sample path", "name": Path(text).relative_to(SAMPLES).as_posix()}
    if not isinstance(value, str) or (text.startswith(os.sep) and Path(text).exists()):
        raise InvalidInputError("This result names a file of this machine, so it cannot be kept for others.")
    return text


def _picture(value: Any, path: Path, pictures: list[Path]) -> dict[str, str]:
    from PIL.Image import Image

    if not isinstance(value, Image):
        raise InvalidInputError(f"A result with a {type(value).__name__} in it cannot be kept.")
    exact = value.width * value.height <= EXACT_PIXELS
    file = path.with_name(f"{path.stem}-{len(pictures)}.{'png' if exact else 'jpg'}")
    pictures.append(file)
    packed = io.BytesIO()
    if exact:
        value.save(packed, "PNG", optimize=True)
    else:
        value.convert("RGB").save(packed, "JPEG", quality=88)
    file.write_bytes(packed.getvalue())
    return {KIND: "picture", "file": file.name}


def _decoded(value: Any, folder: Path) -> Any:
    if isinstance(value, list):
        return [_decoded(item, folder) for item in value]
    if not isinstance(value, dict):
        return value
    found: Any
    match value[KIND]:
        case "tuple":
            found = tuple(_decoded(item, folder) for item in value["items"])
        case "map":
            found = {_decoded(key, folder): _decoded(item, folder) for key, item in value["items"]}
        case "bytes":
            found = base64.b64decode(value["data"], validate=True)
        case "number":
            found = value["value"]
        case "array":
            import numpy as np

            found = np.frombuffer(base64.b64decode(value["data"]), np.dtype(value["dtype"])).reshape(value["shape"]).copy()
        case "sample":
            found = str(SAMPLES / value["name"])
        case "sample path":
            found = SAMPLES / value["name"]
        case "picture":
            found = _opened(folder / Path(value["file"]).name)
        case name:
            found = _made(name, {key: _decoded(item, folder) for key, item in value["fields"].items()})
    return found


def _opened(path: Path) -> Image:
    from PIL import Image

    with Image.open(path) as picture:
        picture.load()
        return picture.copy()


def _made(name: str, fields: dict[str, Any]) -> Any:
    module, _, qualified = name.partition(":")
    kind = getattr(importlib.import_module(module), qualified) if module.startswith(PACKAGE) else None
    if not isinstance(kind, type) or not dataclasses.is_dataclass(kind):
        raise ValueError(f"{name} is no result")
    return kind(**fields)
