"""ONNX graphs made from a model's weights: prepared once, kept by content, run by ONNX Runtime."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mm_demos.errors import MissingDependencyError
from mm_demos.machine import child_search_path
from mm_demos.media.files import sha256_of
from mm_demos.models.onnx_export import EXPORTER_VERSION
from mm_demos.progress import Progress

if TYPE_CHECKING:
    import numpy as np

    from mm_demos.models.loader import LoadRequest
    from mm_demos.models.protocols import FloatArray


# What ONNX Runtime raises for a file that was cut short or overwritten, depending on where the damage is.
DAMAGED = frozenset({"InvalidProtobuf", "InvalidGraph", "InvalidArgument", "NoSuchFile", "Fail"})


def open_graph(request: LoadRequest, checkpoint: str, architecture: str = "") -> Graph:
    """The graph of `prepared_graph`, open; a damaged one is written anew, for nothing else would ever mend it.

    Raises:
        MissingDependencyError, StoppedError: as `prepared_graph` does.
    """
    path = prepared_graph(request, checkpoint, architecture)
    try:
        return Graph(path, threads=request.threads)
    except Exception as error:
        if type(error).__name__ not in DAMAGED:
            raise
    path.unlink(missing_ok=True)
    return Graph(prepared_graph(request, checkpoint, architecture), threads=request.threads)


def prepared_graph(request: LoadRequest, checkpoint: str, architecture: str = "") -> Path:
    """The graph of `request.spec`, written by a child process on the first load and found again afterwards.

    Its name carries the sha256 of the file `checkpoint` and the exporter's version, so other weights never meet an old graph;
    a graph made from several files is named after all of them.

    Args:
        request: the load.
        checkpoint: file in the model's folder that the exporter is given.
        architecture: one of `onnx_export.EXPORTERS` that reads all files of the folder; by default the model's own name, for a
            model whose graph is made from `checkpoint` alone.

    Raises:
        MissingDependencyError: the child process failed; its last words are in the message.
        StoppedError: the visitor stopped while a child was at work, of this process or of another.
    """
    from mm_demos.models.transfers import held

    weights = request.folder / checkpoint
    named = {file.name: file.sha256 for file in request.spec.files}
    sha256 = request.spec.digest if architecture else named.get(checkpoint) or sha256_of(weights)
    architecture = architecture or request.spec.name
    request.derived_folder.mkdir(parents=True, exist_ok=True)
    graph = request.derived_folder / f"{architecture}-{sha256[:16]}-v{EXPORTER_VERSION}.onnx"
    if not graph.exists():
        with held(Path(f"{graph}.lock"), request.progress, f"Preparing {architecture} for this machine (once)"):
            if not graph.exists():  # another process may have written it while this one waited
                _export(architecture, weights, graph, request.progress)
    return graph


def _export(name: str, weights: Path, graph: Path, progress: Progress) -> None:
    child = subprocess.Popen(
        [sys.executable, "-m", "mm_demos.models.onnx_export", name, str(weights), str(graph)],
        env={**os.environ, "PYTHONPATH": child_search_path(), "HF_HUB_OFFLINE": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        errors = _wait(child, name, progress)
    finally:
        child.kill()
        child.wait()
    if child.returncode != 0 or not graph.exists():
        reason = errors.strip().splitlines()[-1] if errors.strip() else f"exit status {child.returncode}"
        raise MissingDependencyError(f"{name} could not be prepared for this machine: {reason}")


def _wait(child: subprocess.Popen[str], name: str, progress: Progress) -> str:
    """Report until the child ends and return what it wrote to standard error."""
    while True:
        progress.report(f"Preparing {name} for this machine (once)")
        try:
            return child.communicate(timeout=0.25)[1]
        except subprocess.TimeoutExpired:
            continue


class Graph:
    """A graph in ONNX Runtime on the CPU.

    Args:
        path: the `.onnx` file.
        threads: intra-op threads.
    """

    def __init__(self, path: Path, *, threads: int) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # An arena keeps its high-water mark for the life of the session; plain allocations go back after every run.
        options.enable_cpu_mem_arena = False
        options.enable_mem_pattern = False
        # Idle threads sleep: a spinning pool takes the cores from the other models of the suite.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._only_wanted: Any = onnxruntime.RunOptions()
        self._only_wanted.only_execute_path_to_fetches = True
        self._session: Any = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def run(self, **inputs: np.ndarray) -> FloatArray:
        """The graph's first output for the named inputs."""
        output: FloatArray = self._session.run(None, inputs)[0]
        return output

    def outputs(self, *names: str, **inputs: np.ndarray) -> list[FloatArray]:
        """The named outputs for the named inputs; what only others need is not computed."""
        found: list[FloatArray] = self._session.run(list(names), inputs, self._only_wanted)
        return found

    def close(self) -> None:
        """Give the session and its memory back; the graph cannot run afterwards."""
        self._session = None
