"""Vectors in append-only files, read as memory maps, and the exact search in them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mm_demos.models.protocols import FloatArray

BLOCK_ROWS = 1 << 17  # the scores stay in the cache, and waking the threads costs little beside a block of 200 MB
COPY_ROWS = 1 << 16

Mask = NDArray[np.bool_]
Rows = NDArray[np.int64]


class VectorFile:
    """Rows of `dim` float32 numbers one after the other; how many of them count is known to the database alone.

    Args:
        path: of the file, which may not be there yet.
        dim: numbers in a row; 0 as long as nothing is stored.
    """

    def __init__(self, path: Path, dim: int) -> None:
        self.path = path
        self.dim = dim

    @property
    def rows_on_disk(self) -> int:
        """Whole rows in the file."""
        return self.path.stat().st_size // (4 * self.dim) if self.dim and self.path.exists() else 0

    def append(self, vectors: FloatArray) -> None:
        """Write `vectors` (n, dim) behind the others; they are on the disk, not only on their way, when this returns."""
        if vectors.ndim != 2 or vectors.shape[1] != self.dim:
            raise ValueError(f"{self.path.name} holds rows of {self.dim} numbers, not an array of shape {vectors.shape}")
        fresh = not self.path.exists()
        with self.path.open("ab") as file:
            file.write(np.ascontiguousarray(vectors, "<f4").tobytes())
            file.flush()
            os.fsync(file.fileno())
        if fresh:
            sync_folder(self.path.parent)

    def truncate(self, rows: int) -> None:
        """Cut off what lies behind `rows` rows, e.g. what was written when the process was killed."""
        if self.path.exists() and self.path.stat().st_size > 4 * self.dim * rows:
            os.truncate(self.path, 4 * self.dim * rows)

    def array(self, rows: int) -> FloatArray:
        """The first `rows` rows as a read-only memory map (rows, dim).

        Raises:
            FileNotFoundError, ValueError: the file is not there or shorter.
        """
        if not rows:
            return np.zeros((0, self.dim), np.float32)
        return np.memmap(self.path, "<f4", "r", shape=(rows, self.dim))

    def copy_to(self, other: VectorFile, chosen: Rows, rows: int) -> None:
        """Append the rows `chosen` of the first `rows` to another file, in that order."""
        matrix = self.array(rows)
        for start in range(0, len(chosen), COPY_ROWS):
            other.append(np.asarray(matrix[chosen[start : start + COPY_ROWS]]))


def sync_folder(folder: Path) -> None:
    """Have the names of new files in `folder` on the disk, where the system can do that."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def nearest(matrix: FloatArray, vector: FloatArray, k: int, mask: Mask | None = None) -> tuple[Rows, FloatArray]:
    """The `k` rows with the highest dot product, best first, and their scores; exact, in one pass.

    Args:
        matrix: (n, dim) float32, in memory or mapped.
        vector: (dim,) float32.
        k: how many at most.
        mask: (n,), rows that may be found; None for all.
    """
    rows, scores, bar = np.zeros(0, np.int64), np.zeros(0, np.float32), -np.inf
    for start in range(0, len(matrix), BLOCK_ROWS):
        block = matrix[start : start + BLOCK_ROWS] @ vector
        if mask is not None:
            block[~mask[start : start + BLOCK_ROWS]] = -np.inf
        better = np.flatnonzero(block > bar)
        if not better.size:
            continue
        rows, scores = np.concatenate([rows, better + start]), np.concatenate([scores, block[better]])
        if len(rows) > k:
            kept = np.argpartition(scores, -k)[-k:]
            rows, scores = rows[kept], scores[kept]
            bar = float(scores.min())
    order = np.lexsort((rows, -scores))  # ties in the order they were stored
    return rows[order], scores[order]
