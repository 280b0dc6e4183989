"""The training of a strategy: fusion that fuses, the same result twice, calibration, missing modalities."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from accelerate import Accelerator

from mm_demos.errors import InvalidInputError
from mm_demos.fusion.lines import Lines, Material
from mm_demos.fusion.networks import LateFusion
from mm_demos.fusion.outcomes import fitted_weights
from mm_demos.fusion.training import Trained, be_deterministic, train
from mm_demos.fusion.types import STRATEGIES, Epoch, Strategy, TrainOptions

QUICK = TrainOptions(epochs=20, batch_size=64, learning_rate=5e-3, hidden=16, patience=8)


def material(vectors: list[np.ndarray], labels: np.ndarray, present: np.ndarray | None = None) -> Material:
    n = len(labels)
    there = np.ones((n, len(vectors))) if present is None else present
    everything = Lines(
        tuple(torch.tensor(vector, dtype=torch.float32) for vector in vectors),
        torch.tensor(there, dtype=torch.float32),
        torch.tensor(labels),
    )
    cuts = {"train": (0, int(0.6 * n)), "validation": (int(0.6 * n), int(0.75 * n)), "test": (int(0.75 * n), n)}
    parts = {part: everything.chosen(torch.arange(*cut)) for part, cut in cuts.items()}
    names = ("text", "image", "audio")
    dims = {name: vector.shape[1] for name, vector in zip(names, vectors, strict=False)}
    return Material(dims, int(labels.max()) + 1, parts["train"], parts)


def exclusive_or(seed: int, n: int = 800, dim: int = 8) -> Material:
    """The label is the XOR of a bit that shows in the first modality and one that shows in the second."""
    random = np.random.default_rng(seed)
    bits = random.integers(0, 2, (2, n))
    directions = random.normal(size=(2, dim))
    vectors = [np.outer(2 * bits[m] - 1, directions[m]) + 0.5 * random.normal(size=(n, dim)) for m in (0, 1)]
    return material(vectors, bits[0] ^ bits[1])


def classes(n: int = 400, n_classes: int = 4, seed: int = 0, strength: float = 0.6) -> Material:
    """The class shows a little in each of three modalities."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, n_classes, n)
    vectors = [random.normal(size=(n_classes, dim))[labels] * strength + random.normal(size=(n, dim)) for dim in (12, 16, 8)]
    return material(vectors, labels)


def trained(strategy: Strategy, given: Material, options: TrainOptions = QUICK, epochs: list[Epoch] | None = None) -> Trained:
    be_deterministic()
    heard = [] if epochs is None else epochs
    return train(strategy, given, options, accelerator=Accelerator(cpu=True), on_epoch=heard.append, finish=lambda: False)


def accuracy(probs: np.ndarray, given: Material) -> float:
    return float((probs.argmax(1) == given.parts["test"].labels.numpy()).mean())


@pytest.mark.parametrize("seed", range(3))
def test_products_and_cross_attention_learn_exclusive_or_and_the_linear_baseline_cannot(seed: int) -> None:
    given, options = exclusive_or(seed), replace(QUICK, seed=seed)
    found = {
        name: accuracy(trained(name, given, options).outcome.probs["test"], given)
        for name in ("bilinear", "cross-attention", "concatenation", "single-text")
    }
    assert found["bilinear"] >= 0.95
    assert found["cross-attention"] >= 0.95
    assert 0.38 <= found["concatenation"] <= 0.62
    assert 0.38 <= found["single-text"] <= 0.62


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_same_seed_gives_the_same_bits(strategy: Strategy) -> None:
    given, options = classes(n=160), replace(QUICK, epochs=3)
    first, again = trained(strategy, given, options), trained(strategy, given, options)
    assert first.outcome.curve == again.outcome.curve
    for name, tensor in first.network.state_dict().items():
        assert torch.equal(tensor, again.network.state_dict()[name])
    other = trained(strategy, given, replace(options, seed=1))
    assert other.outcome.curve != first.outcome.curve


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_an_outcome_is_complete(strategy: Strategy) -> None:
    given, heard = classes(), list[Epoch]()
    outcome = trained(strategy, given, epochs=heard).outcome
    for part, lines in given.parts.items():
        assert outcome.probs[part].shape == (len(lines), 4)
        assert np.allclose(outcome.probs[part].sum(1), 1)
    assert accuracy(outcome.probs["test"], given) > 0.5
    assert set(outcome.without) == {"text", "image", "audio"}
    assert outcome.attention.shape == (100, 3)
    assert np.allclose(outcome.attention.sum(1), 1)
    assert (outcome.attention >= 0).all()
    assert outcome.curve == tuple(heard)
    assert outcome.curve[outcome.best_epoch - 1].best
    assert min(epoch.validation_loss for epoch in heard) == heard[outcome.best_epoch - 1].validation_loss
    assert outcome.parameters > 0


def test_with_a_modality_removed_accuracy_stays_near_that_of_a_model_trained_without_it() -> None:
    given = classes(n=800, strength=0.8)
    for strategy in ("weighted-average", "gated-attention", "cross-attention", "bilinear", "max-pooling", "late-fusion"):
        without = trained(strategy, given).outcome.without
        for column, name in enumerate(given.dims):
            rest = [vector for place, vector in enumerate(given.fitted.vectors) if place != column]
            assert len(rest) == 2
            blinded = _blinded(given, column)
            never = trained(strategy, blinded).outcome.probs["test"]
            assert accuracy(without[name], given) >= accuracy(never, given) - 0.1, (strategy, name)


def _blinded(given: Material, column: int) -> Material:
    def hide(lines: Lines) -> Lines:
        present = lines.present.clone()
        present[:, column] = 0
        return replace(lines, present=present)

    return replace(given, fitted=hide(given.fitted), parts={part: hide(lines) for part, lines in given.parts.items()})


def test_standardisation_looks_at_present_training_rows_alone() -> None:
    given = classes(n=100)
    given.fitted.present[:30, 1] = 0
    given.fitted.vectors[1][:30] = 1e6
    given.fitted.vectors[0][:, 3] = 7.0
    network = trained("concatenation", given, replace(QUICK, epochs=1)).network
    assert torch.allclose(network.mean_image, given.fitted.vectors[1][30:].mean(0), atol=1e-4)
    assert torch.allclose(network.deviation_image, given.fitted.vectors[1][30:].std(0, correction=0), rtol=1e-4)
    assert network.deviation_text[3] == 1.0
    assert network.mean_text[3] == 7.0


def test_training_ends_when_it_stops_getting_better_and_when_told_to() -> None:
    random = np.random.default_rng(0)
    given = material([random.normal(size=(200, 6))], random.integers(0, 2, 200))
    outcome = trained("single-text", given, replace(QUICK, epochs=200, patience=4)).outcome
    assert outcome.best_epoch <= len(outcome.curve) <= outcome.best_epoch + 4 < 200
    be_deterministic()
    stopped = train("single-text", given, QUICK, accelerator=Accelerator(cpu=True), on_epoch=lambda _: None, finish=lambda: True)
    assert len(stopped.outcome.curve) == 1


def test_a_learning_rate_that_diverges_is_named() -> None:
    given = classes(n=100)
    given.parts["validation"].vectors[0][0, 0] = math.inf
    given.parts["validation"].vectors[0][1, 0] = math.nan
    with pytest.raises(InvalidInputError, match=r"learning rate of 0\.005: choose a lower one"):
        trained("concatenation", given, replace(QUICK, epochs=1))


def test_calibration_brings_confidence_near_accuracy() -> None:
    given = classes(n=1200, strength=0.35)
    options = replace(QUICK, hidden=64, dropout=0.0, modality_dropout=0.0, label_smoothing=0.0, epochs=30, patience=30)
    probs = trained("concatenation", given, options).outcome.probs["test"]
    assert abs(probs.max(1).mean() - accuracy(probs, given)) < 0.1


def test_late_fusion_trusts_the_classifier_that_is_right() -> None:
    told = torch.tensor([[0.9, 0.4], [0.8, 0.5], [0.9, 0.3], [0.7, 0.5]])
    scores = fitted_weights(told, torch.ones(4, 2), torch.ones(4))
    assert scores[0] > scores[1]
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 400)
    clear, noise = 2.0 * np.eye(2)[labels] + random.normal(size=(400, 2)), random.normal(size=(400, 5))
    found = trained("late-fusion", material([clear, noise], labels))
    assert isinstance(found.network, LateFusion)
    assert found.outcome.attention[0, 0] > 0.6


def test_rare_classes_count_for_more_when_weighted() -> None:
    random = np.random.default_rng(0)
    labels = (random.random(1000) < 0.06).astype(np.int64)
    given = material([1.2 * labels[:, None] + random.normal(size=(1000, 3))], labels)
    weighted = trained("single-text", given, replace(QUICK, class_weights=True)).outcome.probs["train"][:, 1].mean()
    plain = trained("single-text", given, replace(QUICK, class_weights=False)).outcome.probs["train"][:, 1].mean()
    assert weighted > plain


def test_no_validation_rows_and_a_class_without_training_rows_are_no_obstacle() -> None:
    given = classes(n=60)
    nothing = given.parts["validation"].chosen(torch.arange(0))
    given = replace(given, n_classes=6, parts={**given.parts, "validation": nothing, "test": nothing})
    outcome = trained("bilinear", given, replace(QUICK, epochs=2)).outcome
    assert outcome.probs["test"].shape == (0, 6)
    assert np.isfinite(outcome.probs["train"]).all()
