"""What a training will do, worked out from a preset or from what was asked for, and fitted to the table."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypedDict

from mm_demos.errors import InvalidInputError
from mm_demos.fusion.encoders import default_encoders, encoder
from mm_demos.fusion.option_ranges import check_options
from mm_demos.fusion.presets import Preset
from mm_demos.fusion.types import MODALITIES, STRATEGIES, DataSet, Modality, Strategy, TrainOptions
from mm_demos.results import Option

MAX_TRIALS, MAX_MINUTES = 1000, 1440.0
SINGLE = "single-"


class Noted(TypedDict):
    """What a receipt keeps of a plan."""

    options: Mapping[str, Option]
    seed: int


@dataclass(frozen=True, slots=True)
class Plan:
    """How to train.

    Args:
        encoders: modality → names, and no other modality takes part; empty: default ones of whatever the table has.
        explicit: the strategies were asked for by name.
        preset: its letter, or empty.
    """

    strategies: tuple[Strategy, ...]
    encoders: Mapping[Modality, tuple[str, ...]]
    options: TrainOptions
    augment: int = 0
    search_trials: int = 0
    search_minutes: float = 0.0
    explicit: bool = False
    preset: str = ""
    notices: tuple[str, ...] = ()

    def noted(self) -> Noted:
        """For the receipt."""
        options: dict[str, Option] = {
            "strategies": ", ".join(self.strategies),
            "preset": self.preset,
            "augment": self.augment,
            "search_trials": self.search_trials,
            "search_minutes": self.search_minutes,
            **{f"{modality}_encoders": ", ".join(names) for modality, names in self.encoders.items()},
            **{key: value for key, value in dataclasses.asdict(self.options).items() if key != "seed"},
        }
        return {"options": options, "seed": self.options.seed}

    def for_data(self, data: DataSet) -> Plan:
        """The plan for what a table has; what it lacks is said in a notice.

        Raises:
            InvalidInputError: the table has nothing that the plan can use.
        """
        wanted = tuple(self.encoders) or data.modalities
        used = tuple(modality for modality in wanted if modality in data.modalities)
        if not used:
            has, needs = ", ".join(data.modalities), ", ".join(wanted)
            raise InvalidInputError(f"The table has {has}, and {needs} is what should be trained on: choose other columns.")
        fitting = tuple(name for name in self.strategies if _fits(name, used, explicit=self.explicit))
        if not fitting:
            raise InvalidInputError(
                f"None of {', '.join(self.strategies)} fits a table of {', '.join(used)}: choose another one."
            )
        notices = tuple(f"The table has no {name}: it was trained without." for name in wanted if name not in used)
        left_out = [name for name in self.strategies if name not in fitting and self.explicit]
        if left_out:
            notices += (f"Left out, because the table lacks the modality: {', '.join(left_out)}.",)
        encoders = {name: tuple(self.encoders.get(name) or default_encoders(name)) for name in used}
        return dataclasses.replace(self, strategies=fitting, encoders=encoders, notices=(*self.notices, *notices))


def planned(
    *,
    fusion: Literal["all"] | Sequence[Strategy],
    encoders: Mapping[Modality, Sequence[str]] | None,
    preset: Preset | None,
    augment: int,
    options: TrainOptions,
    search_trials: int,
    search_minutes: float,
    seed: int | None,
) -> Plan:
    """A plan before the table is known; a preset decides everything but the seed.

    Raises:
        InvalidInputError: there is no such strategy or encoder, or a number is out of its range.
    """
    chosen = options.seed if seed is None else seed
    if preset is not None:
        options = dataclasses.replace(preset.options, seed=chosen)
        check_options(options, preset.search_trials, 0)
        return Plan(
            preset.strategies, preset.encoders, options, preset.augment, preset.search_trials, explicit=True, preset=preset.name
        )
    if not (0 <= search_trials <= MAX_TRIALS and 0 <= search_minutes <= MAX_MINUTES):
        raise InvalidInputError(f"A search has up to {MAX_TRIALS:,} trials and {MAX_MINUTES:,.0f} minutes: choose less.")
    options = dataclasses.replace(options, seed=chosen)
    check_options(options, search_trials, search_minutes)  # here already: the features may take many minutes
    names = {modality: _known(modality, given) for modality, given in (encoders or {}).items() if given}
    return Plan(
        _strategies(fusion),
        {modality: names[modality] for modality in MODALITIES if modality in names},
        options,
        augment,
        search_trials,
        search_minutes,
        explicit=fusion != "all",
    )


def _strategies(fusion: Literal["all"] | Sequence[Strategy]) -> tuple[Strategy, ...]:
    """In the project's order, each once."""
    asked = [fusion] if isinstance(fusion, str) and fusion != "all" else fusion
    if asked == "all":
        return STRATEGIES
    unknown = [name for name in asked if name not in STRATEGIES]
    if unknown or not asked:
        named = f"There is no fusion strategy {str(unknown[0])[:60]!r}" if unknown else "No fusion strategy is named"
        raise InvalidInputError(f"{named}: choose among {', '.join(STRATEGIES)}.")
    return tuple(name for name in STRATEGIES if name in asked)


def _known(modality: Modality, names: Sequence[str]) -> tuple[str, ...]:
    if modality not in MODALITIES:
        raise InvalidInputError(f"There is no modality {modality[:20]!r}: use {', '.join(MODALITIES)}.")
    names = [names] if isinstance(names, str) else names
    for name in names:
        if encoder(name).modality != modality:
            raise InvalidInputError(
                f"The encoder {name} is for {encoder(name).modality}, not for {modality}: choose another one."
            )
    return tuple(dict.fromkeys(names))


def _fits(strategy: Strategy, used: Sequence[Modality], *, explicit: bool) -> bool:
    """Single-modality strategies need theirs; of one modality there is nothing to fuse unless it is asked for."""
    if strategy.startswith(SINGLE):
        return strategy.removeprefix(SINGLE) in used
    return len(used) > 1 or explicit
