"""What the captioner and the answerer look at: the grid's features at unit scale, as 82 tokens."""

from __future__ import annotations

import numpy as np

from mm_demos.models.attention import FloatArray, Weights, layer_norm, linear

FEATURES = 1280 + 208 + 120  # channels of a cell: the trunk's last convolution, then the two stages before its last block


def whole_picture(features: FloatArray, weights: Weights) -> FloatArray:
    """One picture's features (81, 1608), averaged and projected: (1, width)."""
    return linear(_scaled(features, weights).mean(0, keepdims=True), weights, "whole")


def memory_tokens(features: FloatArray, weights: Weights) -> FloatArray:
    """One picture's features (81, 1608) as tokens (1, 82, width): the whole picture, then its cells row by row."""
    cells = linear(_scaled(features, weights), weights, "cells")
    tokens = np.concatenate([whole_picture(features, weights), cells]) + weights["place"]
    return layer_norm(tokens, weights, "memory_norm")[None]


def _scaled(features: FloatArray, weights: Weights) -> FloatArray:
    scaled: FloatArray = np.clip((features - weights["input.mean"]) / weights["input.spread"], -5, 5)
    return scaled
