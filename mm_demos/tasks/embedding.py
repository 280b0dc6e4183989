"""Pictures and sentences to unit vectors in one space."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mm_demos import media
from mm_demos.errors import InvalidInputError
from mm_demos.models import catalog
from mm_demos.models.protocols import FloatArray, JointEmbedder, TextEmbedder
from mm_demos.progress import Progress
from mm_demos.tasks.receipts import record

if TYPE_CHECKING:
    from PIL.Image import Image

IMAGE_CHUNK, TEXT_CHUNK = 16, 128  # inputs between two checks for a stop


def embed_images(
    images: Sequence[str | Path | bytes | Image], *, model: str | None = None, progress: Progress | None = None
) -> FloatArray:
    """Embeddings (n_images, dim) float32, L2-normalised; `embed_texts` of the same model lives in the same space.

    Args:
        images: paths, bytes of files, or open pictures.
        model: a joint embedder; the profile's own by default.
        progress: counts pictures.

    Raises:
        InvalidInputError: an input is not a picture.
    """
    progress = progress or Progress()
    _check_list(images, "picture")
    with record("embed_images", options={"n": len(images)}, progress=progress) as run:
        embedder: JointEmbedder = run.lease(catalog.chosen(model, "joint-embedder"))
        rows = []
        for start in range(0, len(images), IMAGE_CHUNK):
            progress.report("Embedding pictures", start, len(images), "pictures")
            rows.append(embedder.embed_images([media.load_image(source) for source in images[start : start + IMAGE_CHUNK]]))
        return np.concatenate(rows) if rows else embedder.embed_texts([])


def embed_texts(texts: Sequence[str], *, model: str | None = None, progress: Progress | None = None) -> FloatArray:
    """Embeddings (n_texts, dim) float32, L2-normalised.

    Args:
        texts: sentences or short paragraphs; what exceeds the model's longest input is cut off.
        model: a joint or a text embedder; the profile's joint embedder by default, so that pictures can be compared.
        progress: counts texts.

    Raises:
        InvalidInputError: an input is not a text, or too long.
    """
    progress = progress or Progress()
    _check_list(texts, "text")
    cleaned = [media.clean_text(text) for text in texts]
    with record("embed_texts", options={"n": len(texts)}, progress=progress) as run:
        embedder: TextEmbedder = run.lease(catalog.chosen(model, "joint-embedder", "text-embedder"))
        rows = []
        for start in range(0, len(cleaned), TEXT_CHUNK):
            progress.report("Embedding texts", start, len(cleaned), "texts")
            rows.append(embedder.embed_texts(cleaned[start : start + TEXT_CHUNK]))
        return np.concatenate(rows) if rows else embedder.embed_texts([])


def _check_list(inputs: object, what: str) -> None:
    """Refuse a single input, whose letters would be taken one by one."""
    if isinstance(inputs, str | bytes) or not isinstance(inputs, Sequence):
        raise InvalidInputError(f"A list is needed here: put the {what} into brackets, also when it is only one.")
