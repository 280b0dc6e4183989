"""Answers to questions about a picture: the trained classifier over its answer vocabulary, in NumPy."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mm_demos.models.attention import (
    FloatArray,
    Weights,
    attend,
    gelu,
    layer_norm,
    linear,
    one_thread,
    read_weights,
    softmax,
    split_heads,
)
from mm_demos.models.grid_input import memory_tokens, whole_picture

HEADS = 4
NUMBERS = ("one", "two", "three", "four", "five", "six")


@dataclass(frozen=True, slots=True)
class Answered:
    """Calibrated probabilities over the answers, best first, and where the question looked: (9, 9), summing to 1."""

    answers: tuple[tuple[str, float], ...]
    evidence: FloatArray


class AnswerHead:
    """A question's words look at the picture's grid, and the answer is chosen from a list.

    Args:
        weights: tensors by name; `temperature` divides the logits, which calibrates the probabilities (Guo et al., 2017).
        answers: the answer vocabulary.
    """

    def __init__(self, weights: Weights, answers: Sequence[str]) -> None:
        self._weights = weights
        self.answers = tuple(answers)
        self._blocks = sum(name.endswith(".fc1.weight") for name in weights)

    @classmethod
    def open(cls, folder: Path) -> AnswerHead:
        """From `answerer.safetensors` and `answers.json`."""
        return cls(
            read_weights(folder / "answerer.safetensors"), json.loads((folder / "answers.json").read_text(encoding="utf-8"))
        )

    def mean_features(self) -> FloatArray:
        """What a picture of nothing in particular looks like: (81, n_features), the training photos' mean in every cell."""
        mean = self._weights["input.mean"]
        return np.broadcast_to(mean, (len(self._weights["place"]) - 1, len(mean)))

    def logits(self, features: FloatArray, states: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Logits (n_answers,), and where the words looked (9, 9).

        Args:
            features: the picture's (81, 1608).
            states: the question's last hidden states in MiniLM (n_tokens, 384), marks included.
        """
        with one_thread():
            return self._logits(features, states)

    def _logits(self, features: FloatArray, states: FloatArray) -> tuple[FloatArray, FloatArray]:
        w = self._weights
        memory = memory_tokens(features, w)
        x = linear(states[None], w, "question")
        looks = []
        for i in range(self._blocks):
            query, key, value = np.split(linear(layer_norm(x, w, f"blocks.{i}.norm1"), w, f"blocks.{i}.qkv"), 3, -1)
            x = x + linear(attend(*(split_heads(part, HEADS) for part in (query, key, value)))[0], w, f"blocks.{i}.out1")
            asked = split_heads(linear(layer_norm(x, w, f"blocks.{i}.norm2"), w, f"blocks.{i}.query"), HEADS)
            seen = (split_heads(part, HEADS) for part in np.split(linear(memory, w, f"blocks.{i}.memory"), 2, -1))
            mixed, looked = attend(asked, *seen)
            looks.append(looked[0, :, :, 1:].mean((0, 1)))
            x = x + linear(mixed, w, f"blocks.{i}.out2")
            x = x + linear(gelu(linear(layer_norm(x, w, f"blocks.{i}.norm3"), w, f"blocks.{i}.fc1")), w, f"blocks.{i}.fc2")
        place = np.mean(looks, 0)
        pooled = layer_norm(x, w, "last_norm").mean(1)
        logits = linear(pooled, w, "answer")[0] + self._fused(features, states) @ w["fused.weight"].T
        return logits, (place / place.sum()).reshape(9, 9)

    def _fused(self, features: FloatArray, states: FloatArray) -> FloatArray:
        """The whole picture times the whole question (width,): low-rank bilinear pooling (Kim et al., 2017)."""
        w = self._weights
        asked = layer_norm(states.mean(0, keepdims=True), w, "gate_norm")
        gate = linear(gelu(linear(asked, w, "gate1")), w, "gate2")
        fused: FloatArray = (np.tanh(whole_picture(features, w)) * gate)[0]
        return fused

    def answer(self, features: FloatArray, states: FloatArray, *, among: Sequence[str] = ()) -> Answered:
        """Probabilities over the vocabulary, or over those of `among` that it holds, best first."""
        logits, evidence = self.logits(features, states)
        allowed = [i for i, name in enumerate(self.answers) if not among or name in among]
        probs = softmax(logits[allowed] / np.float32(self._weights["temperature"]))
        order = np.argsort(probs)[::-1]
        return Answered(tuple((self.answers[allowed[i]], float(probs[i])) for i in order), evidence)
