"""The graph of neighbours of a large library: nearly all of the nearest, kept up to date, never without need."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sound_doubles import contents, indexed, make_recordings

from mm_demos.errors import StoppedError
from mm_demos.progress import Progress
from mm_demos.retrieval import graph, storage
from mm_demos.retrieval.library import Library
from mm_demos.retrieval.search import Clues, find
from mm_demos.retrieval.types import Query
from mm_demos.retrieval.vectors import VectorFile, nearest

DIM, ROWS, K = 48, 3000, 10


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> VectorFile:
    """Vectors of 60 clusters, and a graph over the first 2,800."""
    monkeypatch.setattr(graph, "EXACT_ROWS", 500)
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((60, DIM)).repeat(ROWS // 60, axis=0) + 0.7 * rng.standard_normal((ROWS, DIM))
    file = VectorFile(tmp_path / "said-1.f32", DIM)
    file.append((vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32))
    graph._extend(file, 2800, Progress())
    return file


def recall(file: VectorFile, mask: np.ndarray | None = None) -> float:
    matrix = file.array(ROWS)
    found = 0
    for row in range(0, ROWS, 29):
        query = np.asarray(matrix[row])
        best, scores = graph.nearest_rows(file, matrix, query, K, mask)
        exact, _ = nearest(matrix, query, K, mask)
        np.testing.assert_allclose(scores, matrix[best] @ query, rtol=1e-5)
        assert (np.diff(scores) <= 0).all()
        assert mask is None or mask[best].all()
        found += len(set(best) & set(exact))
    return found / (K * len(range(0, ROWS, 29)))


def test_nearly_all_of_the_nearest_are_found(file: VectorFile) -> None:
    assert file.path.with_suffix(".usearch").is_file()
    assert recall(file) >= 0.98


def test_filters_hold(file: VectorFile) -> None:
    rng = np.random.default_rng(1)
    assert recall(file, rng.random(ROWS) < 0.8) >= 0.98
    assert recall(file, rng.random(ROWS) < 0.1) == 1  # few are left: searched exactly


def test_a_graph_grows_only_when_much_is_missing(file: VectorFile) -> None:
    path = file.path.with_suffix(".usearch")
    before = path.stat().st_mtime_ns
    graph._extend(file, ROWS, Progress())
    assert path.stat().st_mtime_ns == before
    file.append(np.asarray(file.array(ROWS)[:800]))
    stopped = Progress()
    stopped.stop()
    with pytest.raises(StoppedError):
        graph._extend(file, ROWS + 800, stopped)
    assert path.stat().st_mtime_ns == before
    graph._extend(file, ROWS + 800, Progress())
    assert len(graph._open(path, view=True)) == ROWS + 800


def test_indexing_keeps_the_graphs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "recordings"
    make_recordings(folder, 4)
    clues = Clues(tags={"low sound": 1.0})
    with Library.open("mine", root=tmp_path / "libraries", create=True) as library:
        indexed(library, folder)
        assert not list(library.folder.glob("*.usearch"))
        exact = find(library, Query(text="?"), Clues(said=np.asarray(library.matrix("said")[0]), tags=clues.tags))
        monkeypatch.setattr(graph, "EXACT_ROWS", 2)
        indexed(library, folder)
        assert {path.stem for path in library.folder.glob("*.usearch")} == {"said-1", "sound-1"}
        found = find(library, Query(text="?"), Clues(said=np.asarray(library.matrix("said")[0]), tags=clues.tags))
        assert found == exact
        (folder / "tone-000.wav").unlink()
        monkeypatch.setattr(storage, "MAX_DEAD", 0.0)
        indexed(library, folder)
        assert {path.stem for path in library.folder.glob("*.usearch")} == {"said-2", "sound-2"}
        assert contents(library)
