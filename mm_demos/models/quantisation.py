"""Linear layers with weights of 8 or 4 bits, on torch's own CPU kernels.

One token at a time, a layer's speed is that of reading its weights: half or a quarter of the bytes of bfloat16, and it is
that much faster. Inputs and outputs keep the dtype of the model; the product is computed in bfloat16, for which the kernels
are written.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

INT8_ROWS = 4  # up to here the packed kernel is faster than a product with the unpacked weights
INT4_ROWS = 16  # rows the kernel is given at once; with more, the time of a row grows
INT4_GROUP = 32  # weights that share a scale
INT4_OUTPUTS = 16  # the kernel wants multiples of it
KEPT_WIDE = ("wo",)  # T5 casts inputs to the dtype of this layer's weight unless that is int8, and packed nibbles are uint8


class Int8Linear(nn.Module):
    """A linear layer whose weight is (n_out, n_in) int8 with one scale an output."""

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self.in_features, self.out_features = layer.in_features, layer.out_features
        weight = layer.weight.detach().float()
        scales = (weight.abs().amax(1) / 127).clamp_min(1e-12)
        self.register_buffer("weight", (weight / scales[:, None]).round_().clamp_(-127, 127).to(torch.int8))
        self.register_buffer("scales", scales.to(torch.bfloat16))
        self.register_buffer("bias", None if layer.bias is None else layer.bias.detach())

    def forward(self, inputs: Tensor) -> Tensor:
        """(…, n_in) to (…, n_out) in the dtype of `inputs`."""
        rows = inputs.reshape(-1, self.in_features).to(torch.bfloat16)
        if len(rows) <= INT8_ROWS:
            outputs = torch._weight_int8pack_mm(rows, self.weight, self.scales)
        else:
            outputs = nn.functional.linear(rows, self.weight.to(torch.bfloat16)) * self.scales
        return _finished(outputs, inputs, self.bias)


class Int4Linear(nn.Module):
    """A linear layer whose weights are numbers in [0, 15] with a scale and an offset for every `INT4_GROUP` inputs."""

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self.in_features, self.out_features = layer.in_features, layer.out_features
        groups = layer.weight.detach().float().view(self.out_features, -1, INT4_GROUP)
        least, most = groups.amin(2), groups.amax(2)
        scales = ((most - least) / 15).clamp_min(1e-12)
        numbers = ((groups - least[..., None]) / scales[..., None]).round_().clamp_(0, 15).to(torch.int32)
        packed = torch._convert_weight_to_int4pack_for_cpu(numbers.view(self.out_features, -1), 1)
        self.register_buffer("weight", packed)
        # The kernel's weight is (number - 8) · scale + offset.
        self.register_buffer("scales", torch.stack([scales, least + 8 * scales], -1).transpose(0, 1).bfloat16().contiguous())
        self.register_buffer("bias", None if layer.bias is None else layer.bias.detach())

    def forward(self, inputs: Tensor) -> Tensor:
        """(…, n_in) to (…, n_out) in the dtype of `inputs`."""
        rows = inputs.reshape(-1, self.in_features).to(torch.bfloat16)
        pieces = [
            torch._weight_int4pack_mm_for_cpu(piece, self.weight, INT4_GROUP, self.scales) for piece in rows.split(INT4_ROWS)
        ]
        return _finished(torch.cat(pieces) if len(pieces) > 1 else pieces[0], inputs, self.bias)


def quantise(model: nn.Module, kind: Literal["int8", "int4"]) -> int:
    """Replace the linear layers of `model` in place, on the CPU; returns how many.

    Layers that share their weight with an embedding stay, and the layer that gives the words keeps 8 bits, where errors of
    4 bits would show first. Each layer goes as soon as it is packed, so that the peak is little more than the whole model.
    """
    embedded = {id(module.weight) for module in model.modules() if isinstance(module, nn.Embedding)}
    head = getattr(model, "get_output_embeddings", lambda: None)()
    parents = [module for module in model.modules() if any(type(child) is nn.Linear for child in module.children())]
    replaced = 0
    for parent in parents:
        for name, layer in list(parent.named_children()):
            if type(layer) is not nn.Linear or id(layer.weight) in embedded:
                continue
            fits = layer.in_features % INT4_GROUP == 0 and layer.out_features % INT4_OUTPUTS == 0
            packed = Int4Linear if kind == "int4" and fits and layer is not head and name not in KEPT_WIDE else Int8Linear
            setattr(parent, name, packed(layer))
            replaced += 1
    return replaced


def _finished(outputs: Tensor, inputs: Tensor, bias: Tensor | None) -> Tensor:
    outputs = outputs.to(inputs.dtype).view(*inputs.shape[:-1], -1)
    return outputs if bias is None else outputs + bias
