"""ONNX graphs in OpenVINO, which uses the bfloat16 matrix units (AMX) that ONNX Runtime leaves idle for convolutions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from mm_demos.models.protocols import FloatArray


class OpenVinoGraph:
    """A graph in OpenVINO on the CPU, in bfloat16 where the processor computes in it, with what `onnx_graph.Graph` offers.

    Args:
        path: the `.onnx` file.
        threads: how many compute.
    """

    def __init__(self, path: Path, *, threads: int) -> None:
        import openvino

        options = {"INFERENCE_PRECISION_HINT": "bf16", "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1}
        self._model: Any = openvino.Core().compile_model(str(path), "CPU", options)

    def outputs(self, *names: str, **inputs: np.ndarray) -> list[FloatArray]:
        """The named outputs, float32, for the named inputs."""
        # A request of its own for each call: threads may share the graph, and a kept request keeps its largest batch's memory.
        found = self._model.create_infer_request().infer(inputs)
        by_name = {name: port for port in self._model.outputs for name in port.get_names()}
        return [found[by_name[name]].copy() for name in names]

    def close(self) -> None:
        """Give the graph and its memory back; it cannot run afterwards."""
        self._model = None
