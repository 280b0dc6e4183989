"""Rows as tensors: what networks are trained on and measured with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from mm_demos.fusion.types import Modality, Part


@dataclass(frozen=True, slots=True)
class Lines:
    """Rows as tensors.

    Args:
        vectors: for each modality (n, dim) float32.
        present: (n, n_modalities) float32.
        labels: (n,) int64.
    """

    vectors: tuple[Tensor, ...]
    present: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def chosen(self, rows: Tensor) -> Lines:
        """Some of the rows."""
        return Lines(tuple(vector[rows] for vector in self.vectors), self.present[rows], self.labels[rows])

    def on(self, device: torch.device) -> Lines:
        """The same rows on a device."""
        return Lines(tuple(vector.to(device) for vector in self.vectors), self.present.to(device), self.labels.to(device))


@dataclass(frozen=True, slots=True)
class Material:
    """What every strategy of a run is trained on.

    Args:
        fitted: training rows, augmented ones too.
        parts: one line for each row of a part, in the order of the split.
    """

    dims: Mapping[Modality, int]
    n_classes: int
    fitted: Lines
    parts: Mapping[Part, Lines]
