"""EfficientNet-Lite2 as one ONNX graph that gives the picture's grid features and its ImageNet scores in one pass."""

from __future__ import annotations

from pathlib import Path
from typing import Any

GRID_SIDE = 9  # cells a side at 260 px
GRID_CELLS = GRID_SIDE * GRID_SIDE
LAST_CHANNELS = 352  # the last block's output, before the head's convolution
GRID_CHANNELS = LAST_CHANNELS + 208 + 120  # the last three stages, deepest first


def build_trunk(weights: Path) -> Any:
    """The network as a torch module: pixels (n, 260, 260, 3) uint8 → grid (n, 81, 680), logits (n, 1000).

    The original port's checkpoint lists its tensors in the same order as timm's network, under other names.
    """
    import timm
    import torch
    from torch import nn
    from torch.nn import functional

    network = timm.create_model("tf_efficientnet_lite2", pretrained=False)
    tensors = torch.load(weights, map_location="cpu", weights_only=True)
    network.load_state_dict(dict(zip(network.state_dict(), tensors.values(), strict=True)))

    class Trunk(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network.eval()

        def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            x = (pixels.permute(0, 3, 1, 2).float() - 127) / 128
            x = self.network.bn1(self.network.conv_stem(x))
            for stage in self.network.blocks[:5]:
                x = stage(x)
            early = functional.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False)  # 17 x 17 → 9 x 9
            middle = self.network.blocks[5](x)
            last = self.network.blocks[6](middle)
            logits = self.network.forward_head(self.network.bn2(self.network.conv_head(last)))
            return torch.cat([last, middle, early], 1).flatten(2).transpose(1, 2), logits

    return Trunk()


def export_trunk(weights: Path, path: Path) -> None:
    """Write the network of `weights` (efficientnet-lite2-9656183e.pth) to `path` as ONNX with a free batch size."""
    import torch

    pixels = torch.zeros(2, 260, 260, 3, dtype=torch.uint8)
    axes = {name: {0: "batch"} for name in ("pixels", "grid", "logits")}
    with torch.inference_mode():
        torch.onnx.export(
            build_trunk(weights),
            (pixels,),
            str(path),
            input_names=["pixels"],
            output_names=["grid", "logits"],
            dynamic_axes=axes,
            dynamo=False,
            opset_version=17,
        )
