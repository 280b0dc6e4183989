"""How to train, as it is chosen on the page: strategies, presets, encoders, figures, search, feedback."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Any

import gradio as gr

from mm_demos.errors import InvalidInputError
from mm_demos.fusion.encoders import default_encoders, encoders_for, summary
from mm_demos.fusion.presets import PRESETS, Preset, preset
from mm_demos.fusion.types import MODALITIES, STRATEGIES, Modality, Strategy, TrainOptions
from mm_demos.ui.studio import MODALITY_NAMES, STRATEGY_NOTES, named

QUIET: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
OWN = ("Your own choice", "")
SEARCHES = [("None", "none"), ("A number of trials", "trials"), ("A number of minutes", "minutes")]
MAX_EPOCHS, MAX_COPIES, MAX_TRIALS, MAX_MINUTES = 500, 8, 200, 120
DEFAULTS = TrainOptions()


@dataclass(frozen=True, slots=True)
class Choices:
    """How to train, as chosen on the page or by a program.

    Args:
        encoders: modality → names; a modality that is not here takes no part.
        augment: altered copies of each training row.
        search_trials: of Optuna, for each strategy; 0 for none.
        search_minutes: of Optuna in all; 0 for none.
        feedback: rows with feedback are added to the training rows.
    """

    strategies: tuple[Strategy, ...]
    encoders: Mapping[Modality, tuple[str, ...]]
    options: TrainOptions = DEFAULTS
    augment: int = 0
    search_trials: int = 0
    search_minutes: float = 0.0
    feedback: bool = False


@dataclass(frozen=True, slots=True)
class Options:
    """The components; `values` in the order of `choices_of`."""

    values: list[gr.components.Component]
    feedback: gr.Checkbox


def make() -> Options:
    """Accordions of options, closed; what they hold trains a good model as it is."""
    with gr.Accordion("Fusion strategies", open=False):
        names = [(f"{named(name)} – {note}", name) for name, note in STRATEGY_NOTES.items()]
        strategies = gr.CheckboxGroup(names, value=list(STRATEGIES), show_label=False, elem_classes="mm-st-list")
    with gr.Accordion("Presets and encoders", open=False):
        titles = [OWN, *((f"{row.name} · {row.title}", row.name) for row in PRESETS)]
        chosen = gr.Dropdown(titles, value="", label="Preset: a system from the literature", filterable=False)
        note = gr.HTML("", elem_classes="mm-plain mm-st-note")
        encoders = [_encoders(modality) for modality in MODALITIES]
    with gr.Accordion("Training", open=False):
        figures, copies = _figures()
    with gr.Accordion("Search for hyper-parameters", open=False):
        search = gr.Radio(SEARCHES, value="none", show_label=False)
        amount = gr.Slider(1, 60, value=10, step=1, label="How many", visible=False)
    feedback = gr.Checkbox(False, label="Add the feedback given under Predict", visible=False, elem_classes="mm-st-feedback")
    search.change(lambda kind: gr.update(visible=kind != "none", label=_unit(kind)), search, amount, **QUIET)
    # A preset sets what can be seen; what is changed afterwards holds.
    chosen.input(apply_preset, chosen, [note, strategies, *encoders, *figures, copies, search, amount], **QUIET)
    return Options([strategies, chosen, *encoders, *figures, copies, search, amount, feedback], feedback)


def _encoders(modality: Modality) -> gr.CheckboxGroup:
    names = [(_told(name), name) for name in encoders_for(modality)]
    title = f"{MODALITY_NAMES[modality]}: encoders, side by side; none leaves it out"
    return gr.CheckboxGroup(names, value=list(default_encoders(modality)), label=title, elem_classes="mm-st-list")


def _told(name: str) -> str:
    return f"{name} – {summary(name)}"


def _figures() -> tuple[list[gr.components.Component], gr.Slider]:
    """Epochs, seed, class weights, label smoothing, modality drop-out; and altered copies."""
    with gr.Row():
        epochs = gr.Slider(1, 200, value=DEFAULTS.epochs, step=1, label="Epochs at most", min_width=140)
        seed = gr.Number(DEFAULTS.seed, label="Seed", precision=0, minimum=0, min_width=140)
    with gr.Row():
        smoothing = gr.Slider(0, 0.4, value=DEFAULTS.label_smoothing, step=0.01, label="Label smoothing", min_width=140)
        dropout = gr.Slider(0, 0.6, value=DEFAULTS.modality_dropout, step=0.05, label="Modality drop-out", min_width=140)
    copies = gr.Slider(0, MAX_COPIES, value=0, step=1, label="Augmentation: altered copies of each training row")
    weights = gr.Checkbox(DEFAULTS.class_weights, label="Rare classes weigh more")
    return [epochs, seed, weights, smoothing, dropout], copies


def _unit(kind: str) -> str:
    return "Minutes in all" if kind == "minutes" else "Trials for each strategy"


def apply_preset(name: str) -> tuple[Any, ...]:
    """A preset's note and its choices; without one only the note goes."""
    if not name:
        return "", *(gr.skip(),) * (1 + len(MODALITIES) + 5 + 3)
    row = preset(name)
    figures = row.options
    return (
        f'<p class="mm-small">{escape(row.note)}</p>',
        list(row.strategies),
        *(list(row.encoders.get(modality, ())) for modality in MODALITIES),
        figures.epochs,
        figures.seed,
        figures.class_weights,
        figures.label_smoothing,
        figures.modality_dropout,
        row.augment,
        "trials" if row.search_trials else "none",
        row.search_trials or 10,
    )


def choices_of(  # noqa: PLR0917 (in the order of the components)
    strategies: Sequence[str] | None = None,
    chosen: str | None = None,
    text_encoders: Sequence[str] | None = None,
    image_encoders: Sequence[str] | None = None,
    audio_encoders: Sequence[str] | None = None,
    epochs: float | None = None,
    seed: float | None = None,
    class_weights: bool | None = None,
    label_smoothing: float | None = None,
    modality_dropout: float | None = None,
    augment: float | None = None,
    search: str | None = None,
    amount: float | None = None,
    feedback: bool | None = False,
) -> Choices:
    """The components' values; what a program leaves out stands as the preset has it, or at its default.

    Raises:
        InvalidInputError: a strategy, encoder or preset that there is not, or a number out of its range.
    """
    base = preset(chosen) if chosen else Preset("", "", "", STRATEGIES, {m: default_encoders(m) for m in MODALITIES})
    given: dict[str, Any] = {
        "epochs": _whole(epochs, "epochs", 1, MAX_EPOCHS),
        "seed": _whole(seed, "as a seed", 0, 2**31 - 1),
        "class_weights": class_weights,
        "label_smoothing": _share(label_smoothing, "label smoothing"),
        "modality_dropout": _share(modality_dropout, "modality drop-out"),
    }
    options = replace(base.options, **{name: value for name, value in given.items() if value is not None})
    copies = _whole(augment, "altered copies", 0, MAX_COPIES)
    trials, minutes = _search(search, amount, base)
    return Choices(
        strategies=_strategies(strategies, base),
        encoders=_chosen_encoders((text_encoders, image_encoders, audio_encoders), base),
        options=options,
        augment=base.augment if copies is None else copies,
        search_trials=trials,
        search_minutes=minutes,
        feedback=bool(feedback),
    )


def _strategies(names: Sequence[str] | None, base: Preset) -> tuple[Strategy, ...]:
    names = base.strategies if names is None else names
    unknown = next((name for name in names if name not in STRATEGIES), None)
    if unknown is not None:
        raise InvalidInputError(f"There is no fusion strategy {unknown[:40]!r}: choose among {', '.join(STRATEGIES)}.")
    if not names:
        raise InvalidInputError("Choose at least one fusion strategy to train.")
    return tuple(name for name in STRATEGIES if name in names)


def _chosen_encoders(named: Sequence[Sequence[str] | None], base: Preset) -> dict[Modality, tuple[str, ...]]:
    chosen = {
        modality: tuple(base.encoders.get(modality, ()) if names is None else names)
        for modality, names in zip(MODALITIES, named, strict=True)
    }
    for modality, names in chosen.items():
        wrong = next((name for name in names if name not in encoders_for(modality)), None)
        if wrong is not None:
            known = ", ".join(encoders_for(modality))
            raise InvalidInputError(f"{str(wrong)[:40]!r} is no encoder of {modality}: choose among {known}.")
    kept = {modality: names for modality, names in chosen.items() if names}
    if not kept:
        raise InvalidInputError("Choose an encoder for at least one of text, picture and sound.")
    return kept


def _search(kind: str | None, amount: float | None, base: Preset) -> tuple[int, float]:
    if kind is None:
        return base.search_trials, 0.0
    if kind == "minutes":
        return 0, float(_whole(10 if amount is None else amount, "minutes", 1, MAX_MINUTES) or 0)
    return (_whole(10 if amount is None else amount, "trials", 1, MAX_TRIALS) or 0, 0.0) if kind == "trials" else (0, 0.0)


def _whole(value: float | None, name: str, least: int, most: int) -> int | None:
    if value is not None and not least <= value <= most:
        raise InvalidInputError(f"{value:g} {name} cannot be: give a number from {least:,} to {most:,}.")
    return None if value is None else int(value)


def _share(value: float | None, name: str) -> float | None:
    if value is not None and not 0 <= value < 1:
        raise InvalidInputError(f"{value:g} cannot be the {name}: give a number from 0 to less than 1.")
    return value
