"""The search for hyper-parameters with Optuna's tree-structured Parzen estimator (Bergstra et al., 2011)."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import optuna

from mm_demos.errors import InvalidInputError
from mm_demos.fusion.training import Trained
from mm_demos.fusion.types import Epoch, TrainOptions

HIDDEN = (32, 64, 128, 256)
LEAST_DECAY = 1e-4  # 0 has no place on a logarithmic scale


@dataclass(frozen=True, slots=True)
class Budget:
    """How long to search for one strategy: until either is used up; 0 sets no limit of that kind, both 0 mean no search."""

    trials: int = 0
    minutes: float = 0.0


def search(
    options: TrainOptions,
    budget: Budget,
    *,
    trial: Callable[[TrainOptions, Callable[[Epoch], None]], Trained],
    on_trial: Callable[[int], None],
    on_epoch: Callable[[Epoch], None],
    finish: Callable[[], bool],
) -> Trained:
    """The training with the lowest validation loss among those tried; the options as given are the first trial.

    With a budget in trials the same seed tries the same options; with one in minutes it depends on the machine's speed.

    Args:
        trial: trains with the given options and reports its epochs.
        on_trial: receives the number of each trial, from 1, as it starts.
        on_epoch: receives the epochs of the best trial, at the end.
        finish: asked after every trial; True ends the search with what is best so far.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=options.seed))
    study.enqueue_trial(
        {
            "learning_rate": options.learning_rate,
            "hidden": options.hidden,
            "dropout": options.dropout,
            "modality_dropout": options.modality_dropout,
            "weight_decay": options.weight_decay or LEAST_DECAY,
        },
        skip_if_exists=True,
    )
    start, number, best = time.monotonic(), 0, None
    while not _used_up(budget, number, time.monotonic() - start):
        number += 1
        on_trial(number)
        asked = study.ask()
        try:
            found = trial(_suggested(asked, options), lambda _: None)
        except InvalidInputError:  # this learning rate does not converge; the next one may
            study.tell(asked, state=optuna.trial.TrialState.FAIL)
        else:
            study.tell(asked, found.outcome.validation_loss)
            if best is None or found.outcome.validation_loss < best.outcome.validation_loss:
                best = found
        if finish():
            break
    if best is None:
        return trial(options, on_epoch)
    for epoch in best.outcome.curve:
        on_epoch(epoch)
    return best


def _used_up(budget: Budget, trials: int, seconds: float) -> bool:
    """At least one trial is made, however short the time."""
    return trials > 0 and (trials >= (budget.trials or math.inf) or seconds >= (60 * budget.minutes or math.inf))


def _suggested(trial: optuna.Trial, options: TrainOptions) -> TrainOptions:
    """The ranges, widened where the options as given lie outside."""
    return replace(
        options,
        learning_rate=trial.suggest_float(
            "learning_rate", min(1e-4, options.learning_rate), max(1e-2, options.learning_rate), log=True
        ),
        hidden=trial.suggest_categorical("hidden", sorted({*HIDDEN, options.hidden})),
        dropout=trial.suggest_float("dropout", 0.0, max(0.6, options.dropout)),
        modality_dropout=trial.suggest_float("modality_dropout", 0.0, max(0.4, options.modality_dropout)),
        weight_decay=trial.suggest_float(
            "weight_decay", min(LEAST_DECAY, options.weight_decay or LEAST_DECAY), max(0.3, options.weight_decay), log=True
        ),
    )
