"""Which rows are trained on, which choose among models, and which are kept to measure: 8 : 1 : 1."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

from mm_demos.errors import InvalidInputError
from mm_demos.fusion.types import DataSet, Part, Row

STEP = 10  # of ten units, one is for validation and one for the test
MAX_UNIT_SHARE = 0.15  # of the rows; rows that belong together and are more stay in the training part

Unit = tuple[int, ...]


def split_rows(data: DataSet, *, seed: int) -> dict[Part, tuple[int, ...]]:
    """Indices of `data.rows` by part, ascending; every row is in one part, and rows of one group or content are in the same.

    Units (rows that belong together) are put in line by class, in random order within each, and every tenth is drawn from a
    random start: systematic sampling, so that a class of n rows that stand alone gives floor(n / 10) or ceil(n / 10) of them
    to each of the two small parts. Every class has rows to train on.

    Raises:
        InvalidInputError: the rows are too few, or belong together so much, that there is no split.
    """
    units = _units(data)
    chance = random.Random(seed)  # noqa: S311 - a draw that can be repeated
    drawn = _in_line(_candidates(units, len(data.rows)), data.rows, chance)
    step = min(STEP, len(drawn))
    starts = list(range(step))
    chance.shuffle(starts)
    for start in starts:
        test = set(drawn[start::step])
        validation = set(drawn[(start + step // 2) % step :: step]) - test
        _give_back(units, data.rows, test, validation)
        if test and validation:
            train = set(units) - test - validation
            return {"train": _rows(train), "validation": _rows(validation), "test": _rows(test)}
    raise InvalidInputError(
        f"{len(data.rows)} rows that form {len(units)} independent {'unit' if len(units) == 1 else 'units'} cannot be split into "
        "training, validation and test: add rows, or choose another group column."
    )


def tied(keys: Sequence[Sequence[str]]) -> tuple[int, ...]:
    """For each row the smallest row it is connected to by a shared key, directly or through others.

    Args:
        keys: for each row what it may share with others.
    """
    root = list(range(len(keys)))
    first: dict[str, int] = {}

    def top(row: int) -> int:
        while root[row] != row:
            root[row] = root[root[row]]
            row = root[row]
        return row

    for row, shared in enumerate(keys):
        for key in shared:
            one, other = sorted((top(row), top(first.setdefault(key, row))))
            root[other] = one
    return tuple(map(top, range(len(keys))))


def _units(data: DataSet) -> list[Unit]:
    ties = data.ties or range(len(data.rows))
    keys = [
        (f"tie {tie}", f"group {row.group}") if row.group else (f"tie {tie}",) for tie, row in zip(ties, data.rows, strict=True)
    ]
    units: dict[int, list[int]] = {}
    for index, unit in enumerate(tied(keys)):
        units.setdefault(unit, []).append(index)
    return [tuple(unit) for unit in units.values()]


def _candidates(units: list[Unit], n_rows: int) -> list[Unit]:
    """Units that may leave the training part: small ones, or where there are fewer than two, the two smallest."""
    small = [unit for unit in units if len(unit) <= max(1.0, MAX_UNIT_SHARE * n_rows)]
    return small if len(small) > 1 else sorted(units, key=len)[:2]


def _in_line(units: list[Unit], rows: Sequence[Row], chance: random.Random) -> list[Unit]:
    """By most frequent label, then by size, shuffled within."""
    mixed = list(units)
    chance.shuffle(mixed)

    def place(unit: Unit) -> tuple[str, int]:
        counts = Counter(rows[index].label for index in unit)
        return min(counts, key=lambda label: (-counts[label], label)), len(unit)

    return sorted(mixed, key=place)


def _give_back(units: list[Unit], rows: Sequence[Row], test: set[Unit], validation: set[Unit]) -> None:
    """Move a unit of each class that has no training rows to the training part, the smallest one first."""
    trained = {rows[index].label for unit in units if unit not in test and unit not in validation for index in unit}
    for unit in sorted(test | validation, key=lambda unit: (len(unit), unit)):
        labels = {rows[index].label for index in unit}
        if not labels <= trained:
            test.discard(unit)
            validation.discard(unit)
            trained |= labels


def _rows(units: set[Unit]) -> tuple[int, ...]:
    return tuple(sorted(index for unit in units for index in unit))
