"""The fusion strategies: their formulas, and what becomes of a missing modality."""

from __future__ import annotations

from typing import get_args

import pytest
import torch
from torch import Tensor, nn

from mm_demos.fusion.network import FusionNetwork
from mm_demos.fusion.networks import Bilinear, Concatenation, LateFusion, WeightedAverage, build
from mm_demos.fusion.types import STRATEGIES, Modality, Strategy

DIMS: dict[Modality, int] = {"text": 5, "image": 7, "audio": 3}
MODALITIES = get_args(Modality)


def network(strategy: Strategy, hidden: int = 8) -> FusionNetwork:
    torch.manual_seed(1)
    made = build(strategy, DIMS, 4, hidden=hidden, dropout=0.5).eval()
    for modality, dim in DIMS.items():
        made.get_buffer(f"mean_{modality}").copy_(torch.randn(dim))
        made.get_buffer(f"deviation_{modality}").copy_(1 + torch.rand(dim))
    for name, parameter in made.named_parameters():
        if "beta" in name or "scores" in name:
            nn.init.normal_(parameter)
    made.log_prior.copy_(torch.tensor([0.1, 0.2, 0.3, 0.4]).log())
    return made


def rows(n: int = 6) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(2)
    return tuple(torch.randn(n, dim, generator=generator) for dim in DIMS.values())


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_what_is_missing_has_no_say_and_what_is_there_has(strategy: Strategy) -> None:
    made, vectors = network(strategy), rows()
    for column, modality in enumerate(MODALITIES):
        other = [vector + 100 * (place == column) for place, vector in enumerate(vectors)]
        present = torch.ones(6, 3)
        full = made(present, *vectors)
        present[:, column] = 0
        assert torch.equal(made(present, *vectors), made(present, *other))
        uses = not strategy.startswith("single-") or strategy == f"single-{modality}"
        assert torch.equal(full, made(present, *vectors)) != uses


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_row_with_nothing_has_the_prior_and_no_row_depends_on_its_neighbours(strategy: Strategy) -> None:
    made, vectors = network(strategy), rows()
    present = torch.ones(6, 3)
    present[2] = 0
    logits = made(present, *vectors)
    assert torch.allclose(logits[2].softmax(0), torch.tensor([0.1, 0.2, 0.3, 0.4]))
    alone = made(present[4:5], *(vector[4:5] for vector in vectors))
    assert torch.allclose(logits[4:5], alone, atol=1e-5)
    assert torch.isfinite(logits).all()


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("hidden", [2, 7])
def test_any_width_and_a_single_modality_will_do(strategy: Strategy, hidden: int) -> None:
    dims: dict[Modality, int] = {strategy.removeprefix("single-"): 5} if strategy.startswith("single-") else {"audio": 5}
    made = build(strategy, dims, 3, hidden=hidden).eval()
    assert made(torch.ones(2, 1), torch.randn(2, 5)).shape == (2, 3)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_shares_sum_to_one(strategy: Strategy) -> None:
    present = torch.tensor([[1.0, 1, 1], [0, 1, 1], [1, 0, 0]])
    shares = network(strategy).shares(present, *rows(3))
    if strategy in {"concatenation", "cross-attention", "bilinear"}:
        assert shares is None
    else:
        assert shares is not None
        assert torch.allclose(shares.sum(1), torch.ones(3))


def test_concatenation_is_linear_in_the_standardised_features() -> None:
    made, vectors = network("concatenation"), rows()
    assert isinstance(made, Concatenation)
    scaled = [(x - made.get_buffer(f"mean_{m}")) / made.get_buffer(f"deviation_{m}") for m, x in zip(DIMS, vectors, strict=True)]
    assert torch.allclose(
        made(torch.ones(6, 3), *vectors), torch.cat(scaled, 1) @ made.classify.weight.T + made.classify.bias, atol=1e-5
    )


def test_bilinear_is_the_formula_with_all_eight_coefficients() -> None:
    made, vectors = network("bilinear"), rows()
    assert isinstance(made, Bilinear)
    x = made.standardised(torch.ones(6, 3), vectors)
    t, i, a = (made.project[name](feature) for name, feature in zip(DIMS, x, strict=True))
    b = made.beta
    y = b[0] + b[1] * t + b[2] * i + b[3] * a + b[4] * t * i + b[5] * t * a + b[6] * i * a + b[7] * t * i * a
    assert torch.allclose(made(torch.ones(6, 3), *vectors), made.classify(made.norm(y)), atol=1e-5)


def test_the_weighted_average_shares_the_weight_of_what_is_missing() -> None:
    made, vectors = network("weighted-average"), rows()
    assert isinstance(made, WeightedAverage)
    present = torch.tensor([[1.0, 0, 1]]).expand(6, 3)
    z = made.projected(made.standardised(present, vectors))
    weights = made.scores[[0, 2]].softmax(0)
    joined = weights[0] * z[:, 0] + weights[1] * z[:, 2]
    assert torch.allclose(made(present, *vectors), made.classify(joined), atol=1e-5)


def test_late_fusion_mixes_probabilities() -> None:
    made, vectors = network("late-fusion"), rows()
    assert isinstance(made, LateFusion)
    made.scores.copy_(torch.tensor([0.5, -1.0, 2.0]))
    separate = made.separate(made.standardised(torch.ones(6, 3), vectors))
    expected = sum(weight * logits.softmax(1) for weight, logits in zip(made.scores.softmax(0), separate, strict=True))
    assert torch.allclose(made(torch.ones(6, 3), *vectors).softmax(1), expected, atol=1e-5)


def test_the_temperature_divides_the_logits() -> None:
    made, vectors = network("max-pooling"), rows()
    before = made(torch.ones(6, 3), *vectors)
    made.temperature.fill_(2.0)
    assert torch.allclose(made(torch.ones(6, 3), *vectors), before / 2)
