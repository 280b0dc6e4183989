"""An index of pictures as one file: safetensors, with the names as JSON in its metadata; nothing in it is ever executed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mm_demos.errors import DemoError, InvalidInputError
from mm_demos.media.files import existing_file, shown
from mm_demos.models import catalog
from mm_demos.models.catalog import revision_of
from mm_demos.models.protocols import FloatArray
from mm_demos.tasks.picture_index import MAX_PICTURES, IndexedPicture, PictureIndex

FORMAT = "mm-demos picture index 1"
MAX_BYTES = 1_000_000_000
MAX_NAME_CHARS = 1000
UNIT_TOLERANCE = 1e-2


class _Entry(BaseModel):
    """A picture as it stands in the file."""

    model_config = ConfigDict(strict=True, extra="ignore")
    name: str = Field(max_length=MAX_NAME_CHARS)
    digest: str = Field(pattern=r"^[0-9a-f]{64}$")


class _About(BaseModel):
    """What stands in the file beside the numbers."""

    model_config = ConfigDict(strict=True, extra="ignore")
    format: str
    model: str
    revision: str
    pictures: list[_Entry] = Field(max_length=MAX_PICTURES)


@dataclass(frozen=True, slots=True)
class _Parts:
    """Metadata and arrays of the file: `ends[i]` is where thumbnail i ends in `thumbnails`."""

    about: _About
    embeddings: FloatArray
    thumbnails: NDArray[np.uint8]
    ends: NDArray[np.int64]


def index_bytes(index: PictureIndex) -> bytes:
    """The index as the bytes of a file; the same index gives the same bytes."""
    from safetensors.numpy import save

    about = {
        "format": FORMAT,
        "model": index.model,
        "revision": index.revision,
        "pictures": [{"name": picture.name[-MAX_NAME_CHARS:], "digest": picture.digest} for picture in index.pictures],
    }
    sizes = [len(picture.thumbnail) for picture in index.pictures]
    arrays = {
        "embeddings": np.ascontiguousarray(index.embeddings, np.float32),
        "thumbnails": np.frombuffer(b"".join(picture.thumbnail for picture in index.pictures), np.uint8),
        "thumbnail_ends": np.cumsum(sizes, dtype=np.int64),
    }
    content: bytes = save(arrays, {"about": json.dumps(about, ensure_ascii=True)})
    return content


def load_index(path: str | Path) -> PictureIndex:
    """An index from a file made by `index_bytes`.

    Raises:
        InvalidInputError: not such a file, damaged, or made with a model that is not here.
    """
    file = existing_file(path, "picture index")
    if file.stat().st_size > MAX_BYTES:
        raise InvalidInputError(f"{shown(file.name)} is larger than any picture index: choose the file saved as “Index”.")
    try:
        parts = _read(file)
    except (ValidationError, ValueError, KeyError, TypeError, OSError, RecursionError):
        raise InvalidInputError(
            f"{shown(file.name)} is not a picture index, or damaged: choose the file saved as “Index”."
        ) from None
    _check_model(parts.about, shown(file.name))
    starts = np.concatenate([np.zeros(1, np.int64), parts.ends[:-1]])
    pictures = tuple(
        IndexedPicture(_printable(entry.name), entry.digest, parts.thumbnails[start:end].tobytes())
        for entry, start, end in zip(parts.about.pictures, starts, parts.ends, strict=True)
    )
    return PictureIndex(pictures, parts.embeddings, parts.about.model, parts.about.revision)


def _printable(name: str) -> str:
    """A name of any length in one line: unlike in a sentence, it must still lead to the file."""
    return "".join(char if char.isprintable() else "?" for char in name)


def _read(file: Path) -> _Parts:
    """Metadata and arrays, checked against each other."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="numpy") as opened:
            about = _About.model_validate_json((opened.metadata() or {})["about"])
            arrays: dict[str, Any] = {name: opened.get_tensor(name) for name in ("embeddings", "thumbnails", "thumbnail_ends")}
    except SafetensorError as error:
        raise ValueError(str(error)) from None
    parts = _Parts(about, arrays["embeddings"], arrays["thumbnails"], arrays["thumbnail_ends"])
    n = len(about.pictures)
    sound = (
        about.format == FORMAT
        and n > 0
        and parts.embeddings.dtype == np.float32
        and parts.embeddings.ndim == 2
        and len(parts.embeddings) == n
        and bool(np.isfinite(parts.embeddings).all())
        and bool(np.allclose(np.linalg.norm(parts.embeddings, axis=1), 1, atol=UNIT_TOLERANCE))
        and parts.thumbnails.dtype == np.uint8
        and parts.thumbnails.ndim == 1
        and parts.ends.dtype == np.int64
        and parts.ends.shape == (n,)
        and bool((np.diff(parts.ends, prepend=0) >= 0).all())
        and int(parts.ends[-1]) == parts.thumbnails.size
        and len({entry.digest for entry in about.pictures}) == n
    )
    if not sound:
        raise ValueError("numbers and names do not fit together")
    return parts


def _check_model(about: _About, name: str) -> None:
    try:
        fits = revision_of(catalog.chosen(about.model, "joint-embedder")) == about.revision
    except DemoError:
        raise InvalidInputError(
            f"{name} was made with the model {shown(about.model)}, which is not here: read the pictures again."
        ) from None
    if not fits:
        raise InvalidInputError(f"{name} was made with other weights of {about.model}: read the pictures again.")
