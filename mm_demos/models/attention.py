"""The few layers of a small transformer, in NumPy: a decoder of eight million numbers needs no framework to run."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
Weights = Mapping[str, FloatArray]


def read_weights(path: Path) -> dict[str, FloatArray]:
    """Tensors of a safetensors file in float32."""
    from safetensors.numpy import load_file

    return {name: tensor.astype(np.float32) for name, tensor in load_file(path).items()}


@cache
def _pools() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def one_thread() -> AbstractContextManager[Any]:
    """One thread for NumPy's products: in ones as small as these, two wait for each other longer than they compute."""
    limit: AbstractContextManager[Any] = _pools().limit(limits=1, user_api="blas")
    return limit


def linear(x: FloatArray, weights: Weights, name: str) -> FloatArray:
    """`x` (…, n_in) times the layer's weight, plus its bias where it has one."""
    out: FloatArray = x @ weights[f"{name}.weight"].T
    if f"{name}.bias" in weights:
        out += weights[f"{name}.bias"]
    return out


def layer_norm(x: FloatArray, weights: Weights, name: str) -> FloatArray:
    """Zero mean and unit variance over the last axis, then scaled and shifted (Ba et al., 2016)."""
    centred = x - x.mean(-1, keepdims=True)
    spread = np.sqrt(np.mean(centred * centred, -1, keepdims=True) + np.float32(1e-5))
    out: FloatArray = centred / spread * weights[f"{name}.weight"] + weights[f"{name}.bias"]
    return out


def gelu(x: FloatArray) -> FloatArray:
    """x·Φ(x), with Φ from Abramowitz and Stegun's formula 7.1.26: within 1.5e-7."""
    size = np.abs(x) * np.float32(2**-0.5)
    t = 1 / (1 + np.float32(0.3275911) * size)
    tail = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    error = np.sign(x) * (1 - tail * np.exp(-size * size))
    out: FloatArray = np.asarray(x * (1 + error) / 2, dtype=np.float32)
    return out


def softmax(x: FloatArray) -> FloatArray:
    """Probabilities along the last axis."""
    powers = np.exp(x - x.max(-1, keepdims=True))
    out: FloatArray = powers / powers.sum(-1, keepdims=True)
    return out


def split_heads(x: FloatArray, heads: int) -> FloatArray:
    """(n, length, width) → (n, heads, length, width / heads)."""
    return x.reshape(x.shape[0], x.shape[1], heads, -1).transpose(0, 2, 1, 3)


def attend(
    query: FloatArray, key: FloatArray, value: FloatArray, hidden: FloatArray | None = None
) -> tuple[FloatArray, FloatArray]:
    """Scaled dot-product attention (Vaswani et al., 2017) over split heads.

    Args:
        query: (n, heads, n_queries, dim).
        key: (n or 1, heads, n_keys, dim), and so `value`.
        hidden: added to the scores; large and negative where a query must not look.

    Returns:
        The result (n, n_queries, heads · dim) and where each head looked (n, heads, n_queries, n_keys).
    """
    scores = query @ key.swapaxes(2, 3) * np.float32(key.shape[-1] ** -0.5)
    if hidden is not None:
        scores = scores + hidden
    looked = softmax(scores)
    mixed = looked @ value
    return mixed.transpose(0, 2, 1, 3).reshape(mixed.shape[0], mixed.shape[2], -1), looked
