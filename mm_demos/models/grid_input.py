"""What the captioner and the answerer look at: the grid's features at unit scale, as 82 tokens."""

from __future__ import annotations

import numpy as np

from mm_demos.models.attention import FloatArray, Weights, layer_norm, linear

FEATURES = 1280 + 208 + 120  # channels of a cell: the trunk's last convolution, then the two stages before its last block


def memory_tokens(features: FloatArray, weights: Weights) -> FloatArray:
    """One picture's features (81, 1608) as tokens (1, 82, width): the whole picture, then its cells row by row."""
    scaled = np.clip((features - weights["input.mean"]) / weights["input.spread"], -5, 5)
    whole = linear(scaled.mean(0, keepdims=True), weights, "whole")
    tokens = np.concatenate([whole, linear(scaled, weights, "cells")]) + weights["place"]
    return layer_norm(tokens, weights, "memory_norm")[None]
