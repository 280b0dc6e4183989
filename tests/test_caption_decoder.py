"""The decoder's search, on weights drawn at random and on a decoder whose wishes are known."""

from __future__ import annotations

import numpy as np
import pytest

from mm_demos.errors import InvalidInputError
from mm_demos.models import attention
from mm_demos.models.caption_decoder import EOS, UNKNOWN, CaptionDecoder, State

WIDTH, WORDS, PLACES = 12, 11, 9
NAMES = ["<pad>", "<start>", "<end>", "<unknown>", *(f"word{i}" for i in range(WORDS - 4))]


def decoder(seed: int = 0) -> CaptionDecoder:
    rng = np.random.default_rng(seed)
    shapes = {"order": (PLACES + 1, WIDTH), "words.weight": (WORDS, WIDTH), "bias": (WORDS,), "place": (82, WIDTH)}
    shapes |= {
        "input.mean": (5,),
        "input.spread": (5,),
        "cells.weight": (WIDTH, 5),
        "cells.bias": (WIDTH,),
        "whole.weight": (WIDTH, 5),
        "whole.bias": (WIDTH,),
    }
    for norm in ("memory_norm", "last_norm", *(f"blocks.{b}.norm{n}" for b in range(2) for n in (1, 2, 3))):
        shapes |= {f"{norm}.weight": (WIDTH,), f"{norm}.bias": (WIDTH,)}
    for block in range(2):
        for name, out, into in (
            ("qkv", 36, 12),
            ("out1", 12, 12),
            ("query", 12, 12),
            ("memory", 24, 12),
            ("out2", 12, 12),
            ("fc1", 20, 12),
            ("fc2", 12, 20),
        ):
            shapes |= {f"blocks.{block}.{name}.weight": (out, into), f"blocks.{block}.{name}.bias": (out,)}
    weights = {name: rng.normal(0, 0.6, shape).astype(np.float32) for name, shape in shapes.items()}
    weights["input.spread"] = np.abs(weights["input.spread"]) + 0.5
    return CaptionDecoder(weights, NAMES)


def features(seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1, (81, 5)).astype(np.float32)


def log_prob_of(model: CaptionDecoder, tokens: list[int], picture: np.ndarray) -> float:
    """Sum of the steps' log-probabilities, one word at a time."""
    seen, state, total, last = model.look(picture), State([], np.zeros((1, 0, 81), np.float32)), 0.0, 1
    for token in tokens:
        log_probs, state = model.step(np.array([last]), state, seen)
        total, last = total + float(log_probs[0, token]), token
    return total


def test_a_drafts_log_probability_is_that_of_its_words() -> None:
    model, picture = decoder(), features()
    for draft in model.beam(picture, width=3, n=3):
        tokens = [NAMES.index(word) for word in draft.words]
        assert draft.log_prob == pytest.approx(log_prob_of(model, [*tokens, EOS], picture), abs=1e-3)


def test_a_wide_beam_finds_what_enumeration_finds() -> None:
    model, picture = decoder(4), features()
    free = [EOS, *range(UNKNOWN + 1, WORDS)]
    one_word = [[word] for word in free if word != EOS]
    short = {
        tuple(row): log_prob_of(model, [*row, EOS], picture)
        for row in [*one_word, *([a, b] for [a] in one_word for [b] in one_word)]
    }
    found = {draft.words: draft.log_prob for draft in model.beam(picture, width=60, n=60, length_power=0.0)}
    best = max(short, key=lambda row: short[row])
    assert max(found.values()) >= short[best] - 1e-3
    words = tuple(NAMES[token] for token in best)
    assert found.get(words, short[best]) == pytest.approx(short[best], abs=1e-3)


def test_evidence_is_a_share_of_the_grid_for_every_word() -> None:
    draft = decoder().beam(features(), n=1)[0]
    assert draft.evidence.shape == (len(draft.words), 9, 9)
    assert draft.evidence.sum((1, 2)) == pytest.approx(np.ones(len(draft.words)), abs=1e-5)


def test_a_prefix_is_kept_even_with_words_never_seen() -> None:
    for draft in (
        *decoder().beam(features(), prefix="Word1 zebra", n=2),
        *decoder().sample(features(), prefix="Word1 zebra", n=2, seed=0),
    ):
        assert draft.words[:2] == ("Word1", "zebra")
        assert draft.text.startswith("Word1 zebra")


def test_a_prefix_without_room_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="6 words"):
        decoder().beam(features(), prefix="a b c d e f")


def test_sampling_repeats_with_its_seed_and_cools_to_greedy() -> None:
    model, picture = decoder(), features()
    assert [d.words for d in model.sample(picture, n=3, seed=5)] == [d.words for d in model.sample(picture, n=3, seed=5)]
    cold = model.sample(picture, n=1, seed=5, temperature=0.001, top_p=1.0)[0]
    assert cold.words == model.beam(picture, width=1, n=1, length_power=0.0)[0].words


def test_gelu_follows_the_normal_distribution() -> None:
    import math

    x = np.linspace(-6, 6, 241, dtype=np.float32)
    exact = [v * 0.5 * (1 + math.erf(v / math.sqrt(2))) for v in x.tolist()]
    assert attention.gelu(x) == pytest.approx(np.array(exact), abs=2e-6)
