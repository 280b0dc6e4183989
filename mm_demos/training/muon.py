"""Muon (Jordan et al., 2024) for networks with convolutions: torch's own, shown kernels as matrices, and AdamW for the rest."""

from __future__ import annotations

import torch
from torch import nn

SMALLEST = 16  # rows and columns of a matrix worth making orthogonal
RAW = ("conv_in", "conv_out")  # first and last layers keep AdamW, as the method's authors advise


class MuonWithAdamW:
    """Both as one optimizer.

    Args:
        model: its convolutions must be laid out channels last, so that a kernel is a matrix without being copied.
        rate: of the matrices; a step changes them as much as one of AdamW with this rate (Liu et al., 2025).
        rest: rate of AdamW for biases, norms, the first and the last layer.
    """

    def __init__(self, model: nn.Module, rate: float, rest: float) -> None:
        self._seen: list[tuple[nn.Parameter, nn.Parameter]] = []
        others = []
        for name, parameter in model.named_parameters():
            if parameter.ndim > 1 and not name.startswith(RAW) and min(parameter.flatten(1).shape) >= SMALLEST:
                self._seen.append((parameter, nn.Parameter(_matrix(parameter.detach()))))
            else:
                others.append(parameter)
        groups = [
            {"params": [p for p in others if p.ndim > 1], "weight_decay": 0.01},
            {"params": [p for p in others if p.ndim <= 1], "weight_decay": 0.0},
        ]
        views = [view for _, view in self._seen]
        self.muon = torch.optim.Muon(views, lr=rate, weight_decay=0.01, adjust_lr_fn="match_rms_adamw")
        self.adamw = torch.optim.AdamW(groups, lr=rest, betas=(0.9, 0.99))
        self._rates = (rate, rest)

    def step(self, share: float) -> None:
        """Change the parameters by their gradients, at this share of the full rates."""
        for optimizer, rate in zip((self.muon, self.adamw), self._rates, strict=True):
            for group in optimizer.param_groups:
                group["lr"] = rate * share
        for parameter, view in self._seen:
            view.grad = None if parameter.grad is None else _matrix(parameter.grad)
        self.muon.step()
        self.adamw.step()

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for parameter, view in self._seen:
            parameter.grad = view.grad = None
        self.adamw.zero_grad()

    def state_dict(self) -> dict[str, object]:
        """What `load_state_dict` takes."""
        return {"muon": self.muon.state_dict(), "adamw": self.adamw.state_dict()}

    def load_state_dict(self, state: dict[str, dict[str, object]]) -> None:
        """Go on with the momenta of an earlier run."""
        self.muon.load_state_dict(state["muon"])
        self.adamw.load_state_dict(state["adamw"])


def _matrix(weights: torch.Tensor) -> torch.Tensor:
    """A kernel (out, in, rows, columns) as (out, rows · columns · in): a view where it lies channels last."""
    return weights.permute(0, 2, 3, 1).flatten(1) if weights.ndim == 4 else weights
