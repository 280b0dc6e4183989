"""What every fusion strategy has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from mm_demos.fusion.types import Modality

OUTLIER = 10.0  # deviations from the mean at which a standardised feature is cut off
NEVER = -1e9  # a score that softmax turns into 0


class FusionNetwork(nn.Module, ABC):
    """What all strategies share: standardisation, missing modalities, temperature, and the prior for rows with nothing.

    Args:
        dims: modality → features, in the order of `MODALITIES`.
        n_classes: of the last layer.
        hidden: width of the shared space.
        dropout: in [0, 1).
    """

    def __init__(self, dims: Mapping[Modality, int], n_classes: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.dims = dict(dims)
        self.n_classes = n_classes
        self.hidden = hidden
        self.dropout = dropout
        for modality, dim in self.dims.items():
            self.register_buffer(f"mean_{modality}", torch.zeros(dim))
            self.register_buffer(f"deviation_{modality}", torch.ones(dim))
        self.register_buffer("used", torch.ones(len(self.dims)))
        self.register_buffer("log_prior", torch.zeros(n_classes))
        self.register_buffer("temperature", torch.ones(()))

    def forward(self, present: Tensor, *vectors: Tensor) -> Tensor:
        """Logits (n, n_classes), divided by the temperature; a row without anything to go by gets the logarithm of the prior.

        Args:
            present: (n, n_modalities) float32, 1 where the modality is there.
            vectors: for each modality (n, dim) float32, not standardised.
        """
        known = present * self.used
        logits = self.fuse(self.standardised(known, vectors), known) / self.temperature
        return torch.where(known.sum(1, keepdim=True) > 0, logits, self.log_prior)

    def standardised(self, present: Tensor, vectors: Sequence[Tensor]) -> list[Tensor]:
        """x_m: mean 0 and deviation 1 over the training rows that have m; zeros where it is missing."""
        found = []
        for column, (modality, vector) in enumerate(zip(self.dims, vectors, strict=True)):
            centred = (vector - self.get_buffer(f"mean_{modality}")) / self.get_buffer(f"deviation_{modality}")
            found.append(centred.clamp(-OUTLIER, OUTLIER) * present[:, column : column + 1])
        return found

    @abstractmethod
    def fuse(self, features: Sequence[Tensor], present: Tensor) -> Tensor:
        """Logits (n, n_classes) of standardised features; the strategy itself."""

    def loss(self, present: Tensor, vectors: Sequence[Tensor], labels: Tensor, criterion: nn.Module) -> tuple[Tensor, Tensor]:
        """What training minimises, and the logits that it was computed from."""
        logits = self(present, *vectors)
        return criterion(logits, labels), logits

    def shares(self, present: Tensor, *vectors: Tensor) -> Tensor | None:  # noqa: ARG002 - for strategies that have shares
        """Shares (n, n_modalities) of the modalities in the decision, rows summing to 1; None where the strategy has none."""
        return None

    def projections(self, *, activation: bool = True) -> nn.ModuleDict:
        """P_m with normalisation, activation and drop-out for every modality."""
        return nn.ModuleDict({name: self.projection(dim, activation=activation) for name, dim in self.dims.items()})

    def projection(self, dim: int, *, activation: bool = True) -> nn.Sequential:
        """From `dim` features to the shared space."""
        layers = [nn.Dropout(self.dropout), nn.Linear(dim, self.hidden), nn.LayerNorm(self.hidden)]
        return nn.Sequential(*layers, *([nn.GELU()] if activation else []), nn.Dropout(self.dropout))


def masked_softmax(scores: Tensor, allowed: Tensor) -> Tensor:
    """Softmax over the last axis of what is allowed (1, not 0); zeros where nothing is."""
    return scores.masked_fill(allowed == 0, NEVER).softmax(-1) * allowed
