"""What the options of a training may be."""

from __future__ import annotations

import math
from collections.abc import Mapping

from mm_demos.errors import InvalidInputError
from mm_demos.fusion.types import TrainOptions

RANGES: Mapping[str, tuple[float, float, str]] = {  # lowest, highest, in words
    "epochs": (1, 10_000, "from 1 to 10,000"),
    "batch_size": (1, 100_000, "from 1 to 100,000"),
    "learning_rate": (1e-8, 1e3, "from 1e-08 to 1,000"),
    "weight_decay": (0, 1e3, "from 0 to 1,000"),
    "hidden": (2, 4096, "from 2 to 4,096"),
    "dropout": (0, 0.99, "from 0 to 0.99"),
    "modality_dropout": (0, 0.99, "from 0 to 0.99"),
    "label_smoothing": (0, 0.99, "from 0 to 0.99"),
    "patience": (1, 100_000, "from 1 to 100,000"),
    "seed": (0, 2**31 - 1, "from 0 to 2,147,483,647"),
}
WHOLE = frozenset({"epochs", "batch_size", "hidden", "patience", "seed"})


def check_options(options: TrainOptions, search_trials: int, search_minutes: float) -> None:
    """Refuse what cannot be trained with.

    Raises:
        InvalidInputError: names the option and its range.
    """
    for name, (low, high, words) in RANGES.items():
        value = getattr(options, name)
        if name in WHOLE and not isinstance(value, int):
            raise InvalidInputError(f"{name.replace('_', ' ')} cannot be {value!r}: choose a whole number {words}.")
        if not low <= value <= high:  # NaN lies in no range
            raise InvalidInputError(f"{name.replace('_', ' ')} cannot be {value:g}: choose a value {words}.")
    if search_trials < 0 or not 0 <= search_minutes < math.inf:
        raise InvalidInputError("The search for hyper-parameters needs a number of trials or minutes that is 0 or more.")
