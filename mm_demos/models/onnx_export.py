"""Writes the ONNX graph of a checkpoint, once, in a child process: the page itself never imports torch for it.

Run as `python -m mm_demos.models.onnx_export ARCHITECTURE CHECKPOINT TARGET`.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

EXPORTER_VERSION = "2"  # raise it when a graph written by an older version must not be used any more
EFFICIENTNET_SIZE = 260  # pixels, the resolution EfficientNet-Lite2 was trained for (Tan and Le, 2019)


def efficientnet_lite2(checkpoint: Path) -> torch.nn.Module:
    """EfficientNet-Lite2 from the original PyTorch port's release file, in evaluation mode.

    The release file and timm's network list the same tensors in the same order under different names, so they pair by position;
    a shape that differs is refused by `load_state_dict`.
    """
    import torch

    tensors = torch.load(checkpoint, map_location="cpu", weights_only=True)  # before the slow import: a bad file fails at once
    import timm

    network: torch.nn.Module = timm.create_model("tf_efficientnet_lite2", exportable=True)
    names = list(network.state_dict())
    if len(names) != len(tensors):
        raise ValueError(f"the checkpoint has {len(tensors)} tensors, the network needs {len(names)}")
    network.load_state_dict(dict(zip(names, tensors.values(), strict=True)))
    return network.eval()


def minilm(checkpoint: Path) -> torch.nn.Module:
    """The sentence encoder of the folder that holds `checkpoint`, with mean pooling and normalisation inside.

    Takes `input_ids` and `attention_mask` (n, n_tokens) int64, gives `embeddings` (n, dim), as in Reimers and Gurevych (2019).
    """
    import torch
    from transformers import BertModel

    bert = BertModel.from_pretrained(
        checkpoint.parent, local_files_only=True, add_pooling_layer=False, attn_implementation="eager", dtype=torch.float32
    )

    class SentenceEncoder(torch.nn.Module):  # type: ignore[misc]  # torch is not followed by the type checker
        def __init__(self) -> None:
            super().__init__()
            self.bert = bert

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
            hidden = self.bert(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
            kept = attention_mask.unsqueeze(-1).to(hidden.dtype)
            mean = (hidden * kept).sum(1) / kept.sum(1).clamp(min=1e-9)
            return torch.nn.functional.normalize(mean, dim=1)

    return SentenceEncoder().eval()


def _export_efficientnet_lite2(checkpoint: Path, target: Path) -> None:
    import torch

    pixel_values = torch.zeros(2, 3, EFFICIENTNET_SIZE, EFFICIENTNET_SIZE)
    dynamic = ({0: torch.export.Dim("n")},)
    _write(efficientnet_lite2(checkpoint), {"pixel_values": pixel_values}, "logits", dynamic, target)


def _export_minilm(checkpoint: Path, target: Path) -> None:
    import torch

    input_ids = torch.full((2, 7), 1000)
    axes = {0: torch.export.Dim("n"), 1: torch.export.Dim("n_tokens", min=2, max=512)}
    inputs = {"input_ids": input_ids, "attention_mask": torch.ones_like(input_ids)}
    _write(minilm(checkpoint), inputs, "embeddings", (axes, axes), target)


def _write(network: Any, inputs: Mapping[str, Any], output: str, dynamic: tuple[Any, ...], target: Path) -> None:
    """Export `network`, called with the values of `inputs`, and check what was written."""
    import torch

    torch.onnx.export(
        network,
        tuple(inputs.values()),
        str(target),
        input_names=list(inputs),
        output_names=[output],
        dynamic_shapes=dynamic,
        dynamo=True,
        external_data=False,
        optimize=True,  # folds batch normalisation into the convolutions
        verbose=False,
    )
    _check(network, inputs, target)


def _check(network: Any, inputs: Mapping[str, Any], target: Path) -> None:
    """Refuse a graph whose output differs from the network's own."""
    import numpy as np
    import onnxruntime
    import torch

    with torch.inference_mode():
        expected = network(*inputs.values()).numpy()
    session = onnxruntime.InferenceSession(str(target), providers=["CPUExecutionProvider"])
    found = session.run(None, {name: value.numpy() for name, value in inputs.items()})[0]
    difference = float(np.abs(found - expected).max())
    if difference > 1e-3 * max(1.0, float(np.abs(expected).max())):
        raise ValueError(f"the exported graph differs from the network by {difference:.2g}")


def _export_mini_clip_vision(checkpoint: Path, target: Path) -> None:
    from mm_demos.models.mini_clip_export import TRUNK, export_vision

    export_vision(checkpoint.parent, checkpoint.parent / TRUNK, target)


def _export_mini_clip_text(checkpoint: Path, target: Path) -> None:
    from mm_demos.models.mini_clip_export import export_text

    export_text(checkpoint.parent, checkpoint.parent, target)


EXPORTERS: dict[str, Callable[[Path, Path], None]] = {
    "mm-mini-clip-vision": _export_mini_clip_vision,
    "mm-mini-clip-text": _export_mini_clip_text,
    "efficientnet-lite2": _export_efficientnet_lite2,
    "all-MiniLM-L6-v2": _export_minilm,
}


def main(arguments: list[str] | None = None) -> int:
    """Write the graph under a temporary name and move it into place, so that a reader never sees half a file."""
    parser = argparse.ArgumentParser(prog="python -m mm_demos.models.onnx_export", description=__doc__)
    parser.add_argument("architecture", choices=sorted(EXPORTERS))
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("target", type=Path)
    options = parser.parse_args(arguments)
    unfinished = options.target.with_name(f"{options.target.name}.{os.getpid()}.part")
    try:
        EXPORTERS[options.architecture](options.checkpoint, unfinished)
        unfinished.replace(options.target)
    finally:
        unfinished.unlink(missing_ok=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
