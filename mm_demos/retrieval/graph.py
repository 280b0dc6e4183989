"""Approximate search above a million vectors: a graph of neighbours (Malkov and Yashunin, 2018) by USearch, beside the vectors.

What was added since the graph was made is searched exactly, and all that is found is scored with the vectors themselves.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from mm_demos import accelerator
from mm_demos.errors import MissingDependencyError
from mm_demos.models.protocols import FloatArray
from mm_demos.progress import Progress
from mm_demos.retrieval.storage import Store
from mm_demos.retrieval.vectors import Mask, Rows, VectorFile, nearest

EXACT_ROWS = 1_000_000  # one pass over so many takes about 0.2 s
KINDS = ("said", "sound")  # those worth a graph: rows of hundreds of numbers
MAX_BEHIND = 0.1  # share of the rows that may be missing from the graph
CHUNK = 16_384  # vectors between two checks for a stop
CANDIDATES_PER_HIT, MIN_CANDIDATES = 4, 256
MIN_ALLOWED = 0.5  # share of the rows that filters must leave for the graph to be of use
SUFFIX = ".usearch"


def keep_graphs(store: Store, progress: Progress) -> None:
    """Bring the graphs of a large library up to date, inside `writing()`; a small one needs none.

    Raises:
        StoppedError: `progress.stop()` was called; the graphs stay as they were.
        MissingDependencyError: USearch is not installed.
    """
    files = {kind: store.vectors(kind) for kind in KINDS}
    for path in store.folder.glob(f"*{SUFFIX}*"):
        if path not in {_path(file) for file, _ in files.values()}:
            path.unlink(missing_ok=True)
    for file, rows in files.values():
        if rows > EXACT_ROWS:
            _extend(file, rows, progress)


def nearest_rows(file: VectorFile, matrix: FloatArray, vector: FloatArray, k: int, mask: Mask | None) -> tuple[Rows, FloatArray]:
    """As `nearest`, through the graph where there is one and the filters leave most rows; exact otherwise."""
    path = _path(file)
    if len(matrix) <= EXACT_ROWS or not path.exists() or (mask is not None and mask.mean() < MIN_ALLOWED):
        return nearest(matrix, vector, k, mask)
    graph = _open(path, view=True)
    wanted = max(MIN_CANDIDATES, CANDIDATES_PER_HIT * k)
    near = np.asarray(graph.search(vector, wanted).keys, np.int64)
    known = len(graph)
    fresh, _ = nearest(matrix[known:], vector, k, None if mask is None else mask[known:])
    rows = np.concatenate([near[near < len(matrix)], fresh + known])
    if mask is not None:
        rows = rows[mask[rows]]
    best, scores = nearest(np.asarray(matrix[rows]), vector, k)
    return rows[best], scores


def _extend(file: VectorFile, rows: int, progress: Progress) -> None:
    path = _path(file)
    graph = _open(path, view=False) if path.exists() else _new(file.dim)
    if rows - len(graph) <= MAX_BEHIND * rows:
        return
    matrix = file.array(rows)
    for start in range(len(graph), rows, CHUNK):
        progress.report("Preparing the library for quick searches", start, rows, "windows")
        keys = np.arange(start, min(rows, start + CHUNK), dtype=np.uint64)
        graph.add(keys, np.asarray(matrix[start : start + CHUNK]), threads=accelerator.threads())
    partial = path.with_name(f"{path.name}.partial")
    graph.save(str(partial))
    with partial.open("rb+") as saved:
        os.fsync(saved.fileno())
    os.replace(partial, path)


def _path(file: VectorFile) -> Path:
    return file.path.with_suffix(SUFFIX)


def _new(dim: int) -> Any:
    try:
        from usearch.index import Index
    except ImportError:
        raise MissingDependencyError("Libraries of more than a million windows need usearch: pip install usearch.") from None
    return Index(ndim=dim, metric="ip", dtype="f16")


def _open(path: Path, *, view: bool) -> Any:
    from usearch.index import Index

    return Index.restore(str(path), view=view)
