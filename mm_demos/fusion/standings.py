"""From trained strategies to a leaderboard, the rows the best one got wrong, and what it looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mm_demos.fusion.measures import Classes, difference, majority, measure
from mm_demos.fusion.types import Mistake, Modality, Outcome, Row, Standing

MAJORITY = "majority"
MAX_MISTAKES = 24


def by_validation(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Best first, by the loss on validation rows: the test rows have no say in the choice."""
    return sorted(outcomes, key=lambda outcome: outcome.validation_loss)


def standings(
    outcomes: Sequence[Outcome], *, train_truth: Classes, truth: Classes, labels: Sequence[str], seed: int = 0
) -> tuple[Standing, ...]:
    """The leaderboard on the test rows: best validation loss first, the majority guess below all that beat it.

    Args:
        train_truth: class index of each training row.
        truth: class index of each test row, in the order of the split.
        seed: of the bootstrap.
    """
    ranked = by_validation(outcomes)
    lines = [_standing(outcome, ranked[0], truth, labels, seed) for outcome in ranked]
    guess = Standing(MAJORITY, majority(train_truth, truth, labels, seed=seed), 0, 0, 0.0)
    beaten = guess.measures.accuracy.value
    place = max((i for i, line in enumerate(lines, start=1) if line.measures.accuracy.value >= beaten), default=0)
    return (*lines[:place], guess, *lines[place:])


def _standing(outcome: Outcome, best: Outcome, truth: Classes, labels: Sequence[str], seed: int) -> Standing:
    probs = outcome.probs["test"]
    return Standing(
        strategy=outcome.strategy,
        measures=measure(probs, truth, labels, without=outcome.without, seed=seed),
        best_epoch=outcome.best_epoch,
        parameters=outcome.parameters,
        train_seconds=outcome.train_seconds,
        against_best=None if outcome is best else difference(probs, best.probs["test"], truth, seed=seed),
    )


def shares(outcome: Outcome, modalities: Sequence[Modality]) -> tuple[Mapping[str, float], ...]:
    """For each test row, modality → share in the decision."""
    return tuple({name: float(x) for name, x in zip(modalities, row, strict=True)} for row in outcome.attention)


def mistakes(
    outcome: Outcome,
    rows: Sequence[Row],
    *,
    truth: Classes,
    labels: Sequence[str],
    modalities: Sequence[Modality],
    limit: int = MAX_MISTAKES,
) -> tuple[Mistake, ...]:
    """Test rows that a strategy got wrong, most confident first.

    Args:
        rows: the test rows, in the order of the split; likewise `truth`.
    """
    probs = outcome.probs["test"]
    predicted, sure = probs.argmax(axis=1), probs.max(axis=1)
    wrong = [int(i) for i in np.argsort(-sure, kind="stable") if predicted[i] != truth[i]]
    looks = shares(outcome, modalities)
    return tuple(
        Mistake(rows[i], labels[int(truth[i])], labels[int(predicted[i])], float(sure[i]), looks[i] if looks else {})
        for i in wrong[:limit]
    )
