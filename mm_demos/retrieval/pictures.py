"""Recordings that fit a picture: what is said in them, and the names of their sounds, in the space of a joint embedder.

The sentences' vectors in that space are made when a picture is first asked with, and kept beside the library.
"""

from __future__ import annotations

import numpy as np

from mm_demos.models.protocols import FloatArray, JointEmbedder
from mm_demos.progress import Progress
from mm_demos.retrieval.library import Library
from mm_demos.retrieval.search import Scores
from mm_demos.retrieval.types import Query
from mm_demos.retrieval.vectors import VectorFile, nearest

CHUNK = 128  # sentences between two checks for a stop
WAIT_SECONDS = 600.0  # for another process that makes the same vectors
TEMPLATES = ("a photo of {}", "{}")
# What a picture shows that makes none of the sounds; it takes its share of the probability.
SILENT_THINGS = ("a room", "food on a table", "a building", "a person", "a sign with words", "a landscape", "a car", "an object")
ANY_PICTURE = ("a photo", "a picture of something", "somebody is talking")


def said_like(
    library: Library, query: Query, vector: FloatArray, embedder: JointEmbedder, *, revision: str, depth: int, progress: Progress
) -> Scores:
    """Windows whose words fit a picture best, with their cosines.

    Args:
        vector: (dim,) of the picture, L2-normalised.
        embedder: the model that made it.
        revision: of its weights.
    """
    matrix = _sentences(library, embedder, revision, vector.size, progress)
    with library.snapshot():
        mask = library.allowed("said", query)
        if mask is not None and len(mask) != len(matrix):  # written to meanwhile
            mask, matrix = mask[: len(matrix)], matrix[: len(mask)]
        rows, scores = nearest(matrix, vector, depth, mask)
        ids = library.ids("said", rows.tolist())
    found = zip(rows.tolist(), scores.tolist(), strict=True)
    return {ids[row]: score for row, score in found if row in ids and np.isfinite(score)}


def shown_sounds(labels: tuple[str, ...], vector: FloatArray, embedder: JointEmbedder) -> dict[str, float]:
    """How probably a picture shows what makes each sound; what the sum lacks to 1 is that it shows something else."""
    names = [*labels, *SILENT_THINGS]
    texts = [template.format(name) for template in TEMPLATES for name in names]
    vectors = embedder.embed_texts(texts).reshape(len(TEMPLATES), len(names), -1).mean(axis=0)
    logits = embedder.logit_scale * (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)) @ vector
    powers = np.exp(logits - logits.max())
    return dict(zip(labels, (powers / powers.sum()).tolist(), strict=False))


def any_picture(vector: FloatArray, embedder: JointEmbedder) -> float:
    """Cosine of a picture with sentences that fit any; one that fits no better is not about it."""
    return float((embedder.embed_texts(ANY_PICTURE) @ vector).max())


def _sentences(library: Library, embedder: JointEmbedder, revision: str, dim: int, progress: Progress) -> FloatArray:
    """Vectors (rows, dim) of what is said, row for row as in the library's own."""
    from filelock import FileLock

    with FileLock(library.folder / "pictures.lock", timeout=WAIT_SECONDS):
        said, rows = library.vectors("said")
        file = VectorFile(library.folder / f"pictures-{revision}-{said.path.stem}.cache", dim)
        for old in library.folder.glob("pictures-*.cache"):
            if old != file.path:
                old.unlink(missing_ok=True)
        file.truncate(file.rows_on_disk)
        for start in range(file.rows_on_disk, rows, CHUNK):
            progress.report("Preparing the library for pictures", start, rows, "sentences")
            texts = library.texts(start, min(rows, start + CHUNK))
            file.append(embedder.embed_texts([text or "." for text in texts]))
        return file.array(rows)
