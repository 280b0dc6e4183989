"""The pictures' graph in OpenVINO says what it says in ONNX Runtime, whatever the processor computes in."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from mm_demos import accelerator, media, samples
from mm_demos.models import catalog, weights
from mm_demos.models.loader import Loader
from mm_demos.models.mini_clip import pixels
from mm_demos.models.onnx_graph import Graph
from mm_demos.models.openvino_graph import OpenVinoGraph

PICTURES = ("astronaut.jpg", "cat.jpg", "coffee.jpg")


@pytest.fixture(scope="module")
def graph_file() -> Path:
    row = catalog.spec("mm-mini-clip")
    with Loader(budget_bytes=1 << 40, idle_seconds=0).lease(row.name):
        return next(weights.derived_folder(row).glob("mm-mini-clip-vision-*.onnx"))


def squares() -> np.ndarray:
    return pixels([media.load_image(samples.path(name)) for name in PICTURES])


def test_both_engines_agree(graph_file: Path) -> None:
    wanted = ("embeddings", "features", "logits")
    ours = OpenVinoGraph(graph_file, threads=2).outputs(*wanted, pixels=squares())
    theirs = Graph(graph_file, threads=2).outputs(*wanted, pixels=squares())
    assert [part.shape for part in ours] == [part.shape for part in theirs]
    assert {part.dtype for part in ours} == {np.dtype(np.float32)}
    assert (ours[0] * theirs[0]).sum(1).min() > 0.99
    assert (ours[2].argmax(1) == theirs[2].argmax(1)).all()


def test_threads_share_a_graph(graph_file: Path) -> None:
    graph = OpenVinoGraph(graph_file, threads=1)
    alone = [graph.outputs("embeddings", pixels=square[None])[0] for square in squares()]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(lambda square: graph.outputs("embeddings", pixels=square[None])[0], squares()))
    np.testing.assert_array_equal(np.concatenate(alone), np.concatenate(together))


@pytest.mark.parametrize(("flags", "engine"), [(["amx_bf16"], "openvino"), (["avx2"], "onnxruntime")])
def test_the_engine_is_for_processors_that_compute_in_bfloat16(
    flags: list[str], engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accelerator, "cpu_flags", lambda: frozenset(flags))
    loader = Loader(budget_bytes=1 << 40, idle_seconds=0)
    with loader.lease("mm-mini-clip"):
        resident = loader.describe("mm-mini-clip")
    assert resident is not None
    assert resident.engine == engine
