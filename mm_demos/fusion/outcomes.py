"""What is done with a network once its weights are trained: calibration, probabilities, ablation, shares."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mm_demos.fusion.lines import Lines, Material
from mm_demos.fusion.network import FusionNetwork, masked_softmax
from mm_demos.fusion.shares import even, occlusion_shares
from mm_demos.fusion.types import Modality

TEMPERATURES = np.geomspace(0.05, 20.0, 481)


def fitted_weights(told: Tensor, present: Tensor, importance: Tensor) -> Tensor:
    """The scores w (n_modalities,) under which the joined probability of the right class is highest.

    Args:
        told: (n, n_modalities), the probability that each classifier gave to the right class.
        importance: (n,) of the rows.
    """
    scores = torch.zeros(told.shape[1], device=told.device, requires_grad=True)
    solver = torch.optim.LBFGS([scores], max_iter=25, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        solver.zero_grad()
        joined = (masked_softmax(scores.expand_as(present), present) * told).sum(1).clamp(min=1e-9)
        surprise = -(importance * joined.log()).sum() / importance.sum().clamp(min=1e-9)
        total: Tensor = surprise + 0.01 * scores.square().sum()  # a few validation rows must not decide on one classifier alone
        total.backward()
        return total

    solver.step(loss)
    return scores.detach()


def probabilities(network: FusionNetwork, lines: Lines) -> NDArray[np.float64]:
    """Calibrated probabilities (n, n_classes)."""
    with torch.inference_mode():
        probs: NDArray[np.float64] = network(lines.present, *lines.vectors).double().softmax(1).numpy()
    return probs


def calibrate(network: FusionNetwork, lines: Lines, class_weights: Tensor) -> float:
    """Set the temperature (Guo et al., 2017) under which the rows' labels are least surprising; returns the loss with it."""
    network.temperature.fill_(1.0)
    with torch.inference_mode():
        logits = network(lines.present, *lines.vectors).double()
    rows = (lines.present * network.used).sum(1) > 0  # the others have the prior, whatever the temperature
    if bool(rows.any()):
        losses = [float(nn.functional.cross_entropy(logits[rows] / value, lines.labels[rows])) for value in TEMPERATURES]
        network.temperature.fill_(float(TEMPERATURES[int(np.argmin(losses))]))
    with torch.inference_mode():
        logits = network(lines.present, *lines.vectors)
        return float(nn.functional.cross_entropy(logits, lines.labels, weight=class_weights))


def without(network: FusionNetwork, material: Material) -> dict[Modality, NDArray[np.float64]]:
    """Probabilities of the test rows with each modality taken away."""
    found: dict[Modality, NDArray[np.float64]] = {}
    lines = material.parts["test"]
    for column, modality in enumerate(material.dims):
        present = lines.present.clone()
        present[:, column] = 0
        found[modality] = probabilities(network, replace(lines, present=present))
    return found


def shares(network: FusionNetwork, lines: Lines) -> NDArray[np.float64]:
    """Each modality's share (n, n_modalities) in the decision."""
    with torch.inference_mode():
        shares = network.shares(lines.present, *lines.vectors)
    if shares is not None:
        return even(shares.double().numpy() * lines.present.numpy(), lines.present.numpy())
    full = probabilities(network, lines)
    rows, winners = np.arange(len(full)), full.argmax(1)
    lost = []
    for column in range(len(network.dims)):
        present = lines.present.clone()
        present[:, column] = 0
        lost.append((full - probabilities(network, replace(lines, present=present)))[rows, winners])
    return occlusion_shares(np.stack(lost, 1), lines.present.numpy())
