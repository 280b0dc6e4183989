"""Joins mm-mini-clip's trained parts with its base weights: an open_clip folder, and the two ONNX graphs that the suite runs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from mm_demos.models.trunk import GRID_SIDE, LAST_CHANNELS, build_trunk

PARTS = "mm-mini-clip.safetensors"
CONFIG = "open_clip_config.json"
TRUNK = "efficientnet-lite2-9656183e.pth"
IMAGE_SIZE = 260  # pixels
TOKENIZER_FILES = ("config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt")


def read_parts(parts: Path) -> dict[str, Any]:
    """The trained tensors under open_clip's names, in float32."""
    from safetensors.torch import load_file

    return {name: tensor.float() for name, tensor in load_file(parts / PARTS).items()}


def assemble(parts: Path, trunk: Path, text: Path, target: Path) -> Path:
    """Write a folder that `open_clip.create_model_and_transforms("local-dir:…")` loads with its preprocess and tokenizer.

    Args:
        parts: folder with the trained parts and the model config.
        trunk: efficientnet-lite2-9656183e.pth.
        text: folder of all-MiniLM-L6-v2.
        target: written to; about 120 MB.
    """
    from safetensors.torch import load_file, save_file

    target.mkdir(parents=True, exist_ok=True)
    network = build_trunk(trunk).network
    tensors = {
        f"visual.trunk.{name}": tensor for name, tensor in network.state_dict().items() if not name.startswith("classifier")
    }
    bert = load_file(text / "model.safetensors")
    tensors |= {
        f"text.transformer.{name}": tensor
        for name, tensor in bert.items()
        if not name.startswith("pooler") and "position_ids" not in name
    }
    save_file(
        {name: tensor.contiguous() for name, tensor in (tensors | read_parts(parts)).items()},
        target / "open_clip_model.safetensors",
    )
    config = json.loads((parts / CONFIG).read_text(encoding="utf-8"))
    config["model_cfg"]["text_cfg"] |= {"hf_model_name": str(target.resolve()), "hf_tokenizer_name": str(target.resolve())}
    for name in TOKENIZER_FILES:
        shutil.copyfile(text / name, target / name)
    (target / CONFIG).write_text(
        json.dumps(config, indent=2), encoding="utf-8"
    )  # last: without it the folder counts as unfinished
    return target


def picture_head(cells: Any, tensors: dict[str, Any]) -> Any:
    """What open_clip puts on the trunk: average pooling, then timm's `Mlp`; cells (n, n_cells, width) → (n, dim)."""
    from torch.nn import functional

    hidden = functional.gelu(functional.linear(cells.mean(1), tensors["mlp.fc1.weight"], tensors["mlp.fc1.bias"]))
    return functional.linear(hidden, tensors["mlp.fc2.weight"], tensors.get("mlp.fc2.bias"))


def vision_network(parts: Path, trunk: Path) -> Any:
    """Everything the suite asks of a picture, as a torch module.

    pixels (n, 260, 260, 3) uint8 → embeddings (n, dim) L2-normalised, features (n, 81, 1608), logits (n, 1000).
    """
    import torch
    from torch import nn
    from torch.nn import functional

    tensors = {name.removeprefix("visual.head."): t for name, t in read_parts(parts).items() if name.startswith("visual.head.")}

    class Vision(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.trunk = build_trunk(trunk)
            for name, tensor in tensors.items():
                self.register_buffer(name.replace(".", "_"), tensor)

        def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, ...]:
            grid, _ = self.trunk(pixels)
            last = grid[..., :LAST_CHANNELS].transpose(1, 2).unflatten(2, (GRID_SIDE, GRID_SIDE))
            cells = self.trunk.network.bn2(self.trunk.network.conv_head(last))
            cells = cells.flatten(2).transpose(1, 2)
            head = {name: getattr(self, name.replace(".", "_")) for name in tensors}
            embeddings = functional.normalize(picture_head(cells, head), dim=-1)
            logits = self.trunk.network.classifier(cells.mean(1))
            return embeddings, torch.cat([cells, grid[..., LAST_CHANNELS:]], -1), logits

    return Vision().eval()


def text_network(parts: Path, text: Path) -> Any:
    """Everything the suite asks of a text, as a torch module.

    input_ids, attention_mask (n, n_tokens) int64 → embeddings (n, dim) L2-normalised, and states (n, n_tokens, 384): the last
    hidden states of MiniLM as published, which the question answerer reads.
    """
    import copy

    import torch
    from torch import nn
    from torch.nn import functional
    from transformers import BertModel

    bert = BertModel.from_pretrained(text, local_files_only=True, add_pooling_layer=False, attn_implementation="eager")
    tensors = read_parts(parts)
    prefixes = [f"text.transformer.encoder.layer.{i}." for i in range(len(bert.encoder.layer))]
    shared = next(i for i, prefix in enumerate(prefixes) if any(name.startswith(prefix) for name in tensors))
    tuned = copy.deepcopy(bert.encoder.layer[shared:])
    for layer, prefix in zip(tuned, prefixes[shared:], strict=True):
        layer.load_state_dict({name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)})

    class Text(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.bert, self.tuned = bert, tuned
            self.register_buffer("first", tensors["text.proj.0.weight"])
            self.register_buffer("second", tensors["text.proj.2.weight"])

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            kept = attention_mask[..., None].float()
            hidden_from = (1 - attention_mask[:, None, None, :].float()) * -1e4
            x = self.bert.embeddings(input_ids)
            for layer in self.bert.encoder.layer[:shared]:
                x = layer(x, hidden_from)
            published, own = x, x
            for layer in self.bert.encoder.layer[shared:]:
                published = layer(published, hidden_from)
            for layer in self.tuned:
                own = layer(own, hidden_from)
            mean = (own * kept).sum(1) / kept.sum(1)
            embeddings = functional.linear(functional.gelu(functional.linear(mean, self.first)), self.second)
            return functional.normalize(embeddings, dim=-1), published

    return Text().eval()


def export_vision(parts: Path, trunk: Path, path: Path) -> None:
    """Write the graph of `vision_network`."""
    import torch

    noise = torch.arange(2 * IMAGE_SIZE * IMAGE_SIZE * 3).remainder(251).to(torch.uint8).view(2, IMAGE_SIZE, IMAGE_SIZE, 3)
    _write(vision_network(parts, trunk), (noise,), {"pixels": {0: "n"}}, ["embeddings", "features", "logits"], path)


def export_text(parts: Path, text: Path, path: Path) -> None:
    """Write the graph of `text_network`."""
    import torch

    ids = torch.full((2, 7), 1000)
    axes = {name: {0: "n", 1: "n_tokens"} for name in ("input_ids", "attention_mask", "states")}
    outputs = ["embeddings", "states"]
    _write(text_network(parts, text), (ids, torch.ones_like(ids)), axes | {"embeddings": {0: "n"}}, outputs, path)


def _write(network: Any, inputs: tuple[Any, ...], axes: dict[str, dict[int, str]], outputs: list[str], path: Path) -> None:
    """Export the network and refuse a graph whose outputs differ from its own."""
    import numpy as np
    import onnxruntime
    import torch

    names = [name for name in axes if name not in outputs]
    with torch.inference_mode():
        expected = [output.numpy() for output in network.eval()(*inputs)]
        torch.onnx.export(
            network,
            inputs,
            str(path),
            input_names=names,
            output_names=outputs,
            dynamic_axes=axes | {name: axes.get(name, {0: "n"}) for name in outputs},
            dynamo=False,
            opset_version=17,
        )
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    found = session.run(outputs, {name: value.numpy() for name, value in zip(names, inputs, strict=True)})
    worst = max(float(np.abs(f - e).max() / max(1.0, np.abs(e).max())) for f, e in zip(found, expected, strict=True))
    if worst > 1e-3:
        raise ValueError(f"the exported graph differs from the network by {worst:.2g}")
