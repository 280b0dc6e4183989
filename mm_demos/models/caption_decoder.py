"""Captions from a picture's grid: the trained decoder in NumPy, with beam search, sampling, prefixes and per-word evidence."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mm_demos.errors import InvalidInputError
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
from mm_demos.models.grid_input import memory_tokens

PAD, BOS, EOS, UNKNOWN = range(4)
HEADS = 6
WORD = re.compile(r"[^\W_]+(?:[-'’][^\W_]+)*")  # of a prefix; those never seen in training are kept as typed


@dataclass(frozen=True, slots=True)
class Draft:
    """One caption as the decoder wrote it.

    Args:
        words: those of the prefix as typed, then lower-case words; without punctuation. What the prefix says before its last
            colon or full stop is no part of them.
        log_prob: natural logarithm of its probability given the picture and the prefix, end mark included.
        evidence: (n_words, 9, 9), where each word looked: shares summing to 1 over the grid.
        prefix: what the caption was to begin with.
    """

    words: tuple[str, ...]
    log_prob: float
    evidence: FloatArray
    prefix: str = ""

    @property
    def text(self) -> str:
        """As a sentence: the prefix as typed or else a capital letter, and a full stop."""
        lead, begun = parted(self.prefix)
        line = " ".join([*filter(None, [begun]), *self.words[len(WORD.findall(begun)) :]])
        if not begun and not lead.endswith(":"):
            line = line[:1].upper() + line[1:]
        line = f"{lead} {line}".strip()
        return line if line.endswith((".", "!", "?")) else f"{line}." if line else ""

    def without_prefix(self) -> Draft:
        """The same caption as if all of its words were the decoder's own."""
        return replace(self, prefix="")


@dataclass
class State:
    """What the decoder keeps of the captions under way: keys and values of each block, and where each word looked."""

    past: list[tuple[FloatArray, FloatArray]]
    looked: FloatArray

    def choose(self, rows: np.ndarray) -> State:
        """The captions `rows`, in that order."""
        return State([(key[rows], value[rows]) for key, value in self.past], self.looked[rows])


class CaptionDecoder:
    """A transformer decoder over the 9 x 9 grid.

    Args:
        weights: tensors by name.
        vocabulary: the four marks, then the words.
    """

    def __init__(self, weights: Weights, vocabulary: Sequence[str]) -> None:
        self._weights = weights
        self.vocabulary = tuple(vocabulary)
        self._number = {word: i for i, word in enumerate(self.vocabulary)}
        self._blocks = sum(name.endswith(".fc1.weight") for name in weights)
        self.longest = len(weights["order"]) - 1

    @classmethod
    def open(cls, folder: Path) -> CaptionDecoder:
        """From `captioner.safetensors` and `words.json`."""
        return cls(
            read_weights(folder / "captioner.safetensors"), json.loads((folder / "words.json").read_text(encoding="utf-8"))
        )

    def look(self, features: FloatArray) -> list[tuple[FloatArray, FloatArray]]:
        """Keys and values (1, heads, 82, dim) of every block for one picture's features (81, 1608)."""
        with one_thread():
            memory = memory_tokens(features, self._weights)
            pairs = (np.split(linear(memory, self._weights, f"blocks.{i}.memory"), 2, -1) for i in range(self._blocks))
            return [(split_heads(key, HEADS), split_heads(value, HEADS)) for key, value in pairs]

    def knows(self, text: str) -> bool:
        """Whether every word of `text` is in the vocabulary."""
        return all(word.lower() in self._number for word in WORD.findall(text))

    def prefix_tokens(self, prefix: str) -> list[int]:
        """The words of `prefix` as tokens; words never seen in training become the mark for them.

        Raises:
            InvalidInputError: the prefix leaves no room for a caption.
        """
        words = WORD.findall(parted(prefix)[1])
        if len(words) > self.longest - 4:
            raise InvalidInputError(f"The prefix has {len(words)} words; at most {self.longest - 4} leave room for a caption.")
        return [self._number.get(word.lower(), UNKNOWN) for word in words]

    def step(self, tokens: np.ndarray, state: State, seen: list[tuple[FloatArray, FloatArray]]) -> tuple[FloatArray, State]:
        """Log-probabilities (n, n_words) of the next word after `tokens` (n,), and the state with them."""
        with one_thread():
            return self._step(tokens, state, seen)

    def _step(self, tokens: np.ndarray, state: State, seen: list[tuple[FloatArray, FloatArray]]) -> tuple[FloatArray, State]:
        w = self._weights
        at = state.looked.shape[1]
        x = (w["words.weight"][tokens] * np.float32(x_scale(w)) + w["order"][at])[:, None]
        past, looks = [], []
        for i, (seen_key, seen_value) in enumerate(seen):
            query, key, value = np.split(linear(layer_norm(x, w, f"blocks.{i}.norm1"), w, f"blocks.{i}.qkv"), 3, -1)
            key, value = split_heads(key, HEADS), split_heads(value, HEADS)
            if at:
                key, value = (np.concatenate([old, new], 2) for old, new in zip(state.past[i], (key, value), strict=True))
            past.append((key, value))
            x = x + linear(attend(split_heads(query, HEADS), key, value)[0], w, f"blocks.{i}.out1")
            asked = split_heads(linear(layer_norm(x, w, f"blocks.{i}.norm2"), w, f"blocks.{i}.query"), HEADS)
            mixed, looked = attend(asked, seen_key, seen_value)
            x = x + linear(mixed, w, f"blocks.{i}.out2")
            x = x + linear(gelu(linear(layer_norm(x, w, f"blocks.{i}.norm3"), w, f"blocks.{i}.fc1")), w, f"blocks.{i}.fc2")
            looks.append(looked[:, :, 0, 1:].mean(1))  # without the token of the whole picture
        logits = layer_norm(x[:, 0], w, "last_norm") @ w["words.weight"].T + w["bias"]
        logits[:, [PAD, BOS, UNKNOWN]] = -1e9
        shifted = logits - logits.max(-1, keepdims=True)
        log_probs = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
        return log_probs, State(past, np.concatenate([state.looked, np.mean(looks, 0)[:, None]], 1))

    def begin(self, prefix: str, seen: list[tuple[FloatArray, FloatArray]]) -> tuple[FloatArray, State, list[int]]:
        """Log-probabilities of the first free word, the state before it, and the prefix's tokens."""
        tokens = self.prefix_tokens(prefix)
        log_probs, state = self.step(np.array([BOS]), State([], np.zeros((1, 0, 81), np.float32)), seen)
        for token in tokens:
            log_probs, state = self.step(np.array([token]), state, seen)
        log_probs[:, EOS] = -1e9  # a caption has at least one word of its own
        return log_probs, state, tokens

    def beam(
        self, features: FloatArray, *, width: int = 4, n: int = 3, prefix: str = "", length_power: float = 0.7, most: int = 99
    ) -> tuple[Draft, ...]:
        """The `n` likeliest captions by beam search, best first: log-probability over length ** `length_power`.

        Args:
            features: the picture's (81, 1608).
            width: captions under way.
            n: captions wanted.
            prefix: words the captions begin with.
            length_power: 0 prefers short captions.
            most: words a caption may have after the prefix, at most.
        """
        seen = self.look(features)
        log_probs, state, start = self.begin(prefix, seen)
        rows: list[list[int]] = [start]
        totals = np.zeros(1, np.float32)
        finished: list[tuple[float, float, list[int], FloatArray]] = []
        free = min(self.longest - len(start), most + 1)
        for place in range(free):
            scores = totals[:, None] + (log_probs if place < free - 1 else only_end(log_probs))
            best = np.argsort(scores, axis=None)[::-1][: 2 * width]
            parents, words = np.unravel_index(best, scores.shape)
            kept: list[tuple[int, int]] = []
            for parent, word in zip(parents, words, strict=True):
                if word == EOS:
                    total = float(scores[parent, word])
                    finished.append((total / (place + 1) ** length_power, total, rows[parent], state.looked[parent]))
                elif len(kept) < width:
                    kept.append((int(parent), int(word)))
            best_open = max((float(scores[p, w]) for p, w in kept), default=-np.inf)
            enough = sorted((f[0] for f in finished), reverse=True)[: max(n, width)]
            if not kept or (len(enough) >= max(n, width) and best_open / (place + 1) ** length_power < enough[-1]):
                break
            totals = np.array([scores[p, w] for p, w in kept], np.float32)
            rows = [[*rows[p], w] for p, w in kept]
            log_probs, state = self.step(np.array([w for _, w in kept]), state.choose(np.array([p for p, _ in kept])), seen)
        finished.sort(key=lambda row: row[0], reverse=True)
        return tuple(self._draft(tokens, total, looked, prefix) for _, total, tokens, looked in finished[:n])

    def sample(
        self,
        features: FloatArray,
        *,
        n: int,
        seed: int,
        temperature: float = 0.7,
        top_p: float = 0.9,
        prefix: str = "",
        most: int = 99,
    ) -> tuple[Draft, ...]:
        """`n` captions drawn word by word from the nucleus that holds `top_p` (Holtzman et al., 2020); repeatable by `seed`."""
        rng = np.random.default_rng(seed)
        seen = self.look(features)
        log_probs, state, start = self.begin(prefix, seen)
        log_probs, state = np.repeat(log_probs, n, 0), state.choose(np.zeros(n, np.int64))
        rows, totals = [list(start) for _ in range(n)], np.zeros(n, np.float32)
        done = np.zeros(n, bool)
        free = min(self.longest - len(start), most + 1)
        for place in range(free):
            log_probs = log_probs if place < free - 1 else only_end(log_probs)
            words = np.array(
                [
                    EOS if over else nucleus(row / max(temperature, 1e-3), top_p, rng)
                    for row, over in zip(log_probs, done, strict=True)
                ]
            )
            totals += np.where(done, 0, log_probs[np.arange(n), words])  # a finished caption gains nothing
            done |= words == EOS
            if done.all():
                break
            for row, word, over in zip(rows, words, done, strict=True):
                if not over:
                    row.append(int(word))
            log_probs, state = self.step(words, state, seen)
        return tuple(
            self._draft(row, float(total), looked, prefix) for row, total, looked in zip(rows, totals, state.looked, strict=True)
        )

    def _draft(self, tokens: list[int], total: float, looked: FloatArray, prefix: str) -> Draft:
        given = WORD.findall(parted(prefix)[1])
        words = (*given, *(self.vocabulary[token] for token in tokens[len(given) :]))
        shares = looked[: len(words)]
        return Draft(words, total, (shares / shares.sum(-1, keepdims=True)).reshape(-1, 9, 9), prefix)


def parted(prefix: str) -> tuple[str, str]:
    """What a prefix says before its last colon or full stop, and the words after it, which the caption goes on from."""
    lead = re.match(r".*[:.!?](?=\s|$)", prefix, re.DOTALL)
    at = lead.end() if lead else 0
    return prefix[:at].strip(), prefix[at:].strip()


def x_scale(weights: Weights) -> float:
    """Word vectors are multiplied by this before places are added, as in training."""
    return float(weights["words.weight"].shape[1] ** 0.5 * 0.5)


def only_end(log_probs: FloatArray) -> FloatArray:
    """Log-probabilities that leave nothing but the end mark, whose own stays."""
    out = np.full_like(log_probs, -1e9)
    out[:, EOS] = log_probs[:, EOS]
    return out


def nucleus(log_probs: FloatArray, top_p: float, rng: np.random.Generator) -> int:
    """A draw from the smallest set of words that holds `top_p` of the probability."""
    probs = softmax(log_probs)
    order = np.argsort(probs)[::-1]
    kept = order[: int(np.searchsorted(np.cumsum(probs[order]), top_p)) + 1]
    return int(rng.choice(kept, p=probs[kept] / probs[kept].sum()))
