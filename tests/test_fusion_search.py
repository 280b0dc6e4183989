"""The search for hyper-parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import numpy as np
import pytest

from mm_demos.errors import InvalidInputError
from mm_demos.fusion.networks import build
from mm_demos.fusion.search import Budget, search
from mm_demos.fusion.training import Trained
from mm_demos.fusion.types import Epoch, Outcome, TrainOptions

Tried = list[TrainOptions]


def trainer(tried: Tried, loss: Callable[[TrainOptions], float]) -> Callable[[TrainOptions, Callable[[Epoch], None]], Trained]:
    """Pretends to train: the loss is a function of the options."""

    def trial(options: TrainOptions, on_epoch: Callable[[Epoch], None]) -> Trained:
        tried.append(options)
        value = loss(options)
        epoch = Epoch("bilinear", 1, 1, value, value, 0.5, 0.5, True)
        on_epoch(epoch)
        outcome = Outcome("bilinear", {}, {}, np.zeros((0, 1)), (epoch,), 1, value, 1, 0.0, options)
        return Trained(build("bilinear", {"text": 2}, 2, hidden=2), outcome)

    return trial


def run(budget: Budget, loss: Callable[[TrainOptions], float], *, stop_after: int = 999, seed: int = 0) -> tuple[Trained, Tried]:
    tried: Tried = []
    heard: list[Epoch] = []
    started: list[int] = []
    found = search(
        TrainOptions(seed=seed),
        budget,
        trial=trainer(tried, loss),
        on_trial=started.append,
        on_epoch=heard.append,
        finish=lambda: len(tried) >= stop_after,
    )
    assert heard == list(found.outcome.curve)
    assert started == list(range(1, len(started) + 1))
    return found, tried


def far_off(options: TrainOptions) -> float:
    return abs(np.log10(options.learning_rate) + 2.5) + abs(options.dropout - 0.4) + abs(options.hidden - 64) / 64


def test_the_options_as_given_come_first_and_the_best_of_all_is_kept() -> None:
    found, tried = run(Budget(trials=25), far_off)
    assert tried[0] == TrainOptions()
    assert len(tried) == 25
    assert found.outcome.validation_loss == min(map(far_off, tried)) < far_off(TrainOptions())
    assert all(1e-4 <= options.learning_rate <= 1e-2 and 0 <= options.modality_dropout <= 0.4 for options in tried)
    assert len({options.hidden for options in tried}) > 1


def test_the_same_seed_tries_the_same() -> None:
    assert run(Budget(trials=8), far_off)[1] == run(Budget(trials=8), far_off)[1]
    assert run(Budget(trials=8), far_off)[1] != run(Budget(trials=8), far_off, seed=1)[1]


def test_a_budget_of_time_makes_one_trial_at_least() -> None:
    assert len(run(Budget(minutes=1e-9), far_off)[1]) == 1


def test_it_ends_when_told_to() -> None:
    assert len(run(Budget(trials=50), far_off, stop_after=3)[1]) == 3


def test_options_that_do_not_converge_are_passed_over() -> None:
    def loss(options: TrainOptions) -> float:
        if options.learning_rate > 9e-4:
            raise InvalidInputError("no")
        return far_off(options)

    found, tried = run(Budget(trials=12), loss)
    assert tried[0].learning_rate == pytest.approx(TrainOptions().learning_rate)
    assert found.outcome.options.learning_rate <= 9e-4


def test_options_outside_the_usual_ranges_are_tried_too() -> None:
    tried: Tried = []
    given = TrainOptions(hidden=48, weight_decay=0.0, learning_rate=0.05)
    search(
        given,
        Budget(trials=1),
        trial=trainer(tried, far_off),
        on_trial=lambda _: None,
        on_epoch=lambda _: None,
        finish=cast("Callable[[], bool]", lambda: False),
    )
    assert (tried[0].hidden, tried[0].learning_rate) == (48, pytest.approx(0.05))
    assert tried[0].weight_decay <= 1e-4
