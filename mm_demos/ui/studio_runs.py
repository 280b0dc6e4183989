"""Training and prediction as the studio's pages and endpoints run them."""

from __future__ import annotations

import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mm_demos.errors import InvalidInputError
from mm_demos.fusion.types import MODALITIES, Columns, Epoch, Modality, Strategy, Studio, TrainOptions
from mm_demos.progress import Progress
from mm_demos.ui.studio import (
    FINISH_FILE,
    MODEL_FOLDER,
    Source,
    Training,
    Visit,
    columns_of,
    new_visit,
    strategies_of,
)
from mm_demos.ui.studio_data import shown_row
from mm_demos.ui.studio_result import MAX_MISTAKES

GAP = 0.35  # seconds between two pictures of the curves; more often only costs network and paint
DEFAULTS = TrainOptions()


@dataclass(frozen=True, slots=True)
class Choices:
    """How to train, as chosen on the page.

    Args:
        preset: "A" … "E", or empty for the visitor's own choice.
        encoders: modality → names; empty takes the defaults.
        augment: altered copies of each training row.
        search_trials: of Optuna, for each strategy; 0 for none.
        search_minutes: of Optuna in all; 0 for none.
    """

    strategies: tuple[Strategy, ...]
    preset: str = ""
    encoders: Mapping[Modality, tuple[str, ...]] = field(default_factory=dict)
    augment: int = 0
    options: TrainOptions = DEFAULTS
    search_trials: int = 0
    search_minutes: float = 0.0
    feedback: bool = False


def choices_of(  # noqa: PLR0917 (in the order of the components)
    strategies: list[str] | None,
    preset: str | None,
    text_encoders: list[str] | None,
    image_encoders: list[str] | None,
    audio_encoders: list[str] | None,
    epochs: float | None,
    seed: float | None,
    augment: float | None,
    class_weights: bool | None,
    label_smoothing: float | None,
    modality_dropout: float | None,
    search: str | None,
    amount: float | None,
    feedback: bool | None = False,
) -> Choices:
    """The components' values; what is empty stands at its default.

    Raises:
        InvalidInputError: a strategy that there is not, or a number out of its range.
    """
    given: dict[str, Any] = {
        "epochs": _whole(epochs, "epochs", 1, 1000),
        "seed": _whole(seed, "seed", 0, 2**31 - 1),
        "class_weights": class_weights,
        "label_smoothing": label_smoothing,
        "modality_dropout": modality_dropout,
    }
    options = TrainOptions(**{name: value for name, value in given.items() if value is not None})
    named = (text_encoders, image_encoders, audio_encoders)
    encoders = {modality: tuple(names) for modality, names in zip(MODALITIES, named, strict=True) if names}
    sought = amount or 0.0
    return Choices(
        strategies=strategies_of(strategies),
        preset=preset or "",
        encoders=encoders,
        augment=_whole(augment, "altered copies", 0, 16) or 0,
        options=options,
        search_trials=(_whole(sought, "trials", 1, 500) or 1) if search == "trials" else 0,
        search_minutes=sought if search == "minutes" else 0.0,
        feedback=bool(feedback),
    )


def _whole(value: float | None, name: str, least: int, most: int) -> int | None:
    if value is not None and not least <= value <= most:
        raise InvalidInputError(f"{value:g} {name} cannot be: give a number from {least:,} to {most:,}.")
    return None if value is None else int(value)


def refuse_training(_visit: Visit | None, source: Source | None, *values: Any) -> None:
    """Refuse a training without a table, columns or strategies before it queues."""
    if source is None:
        raise InvalidInputError("Drop a table first, or press “Use the sample set”.")
    columns_of(*values[:5])
    choices_of(*values[5:])


def train_here(visit: Visit | None, source: Source, *values: Any, progress: Progress | None = None) -> Iterator[Training]:
    """Train on the page: curves while it runs, the studio's result at the end."""
    visit = visit or new_visit()
    columns, choices = columns_of(*values[:5]), choices_of(*values[5:])
    finish = visit.folder / FINISH_FILE
    finish.unlink(missing_ok=True)
    folder = visit.folder / f"{MODEL_FOLDER}-{secrets.token_hex(4)}"
    before = Training(visit, choices.strategies, began=True)
    yield before
    try:
        for training in _trained(before, source.path, columns, choices, folder, finish.exists, progress or Progress()):
            yield training
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def finish_early(visit: Visit | None) -> None:
    """Ask the training of this visit to end with the best so far."""
    if visit is not None:
        (visit.folder / FINISH_FILE).touch()


def _trained(
    start: Training,
    table: str,
    columns: Columns,
    choices: Choices,
    folder: Path,
    finish: Callable[[], bool],
    progress: Progress,
) -> Iterator[Training]:
    epochs: list[Epoch] = []
    ended = threading.Event()
    gave: list[Training] = []
    failed: list[BaseException] = []
    began = time.monotonic()

    def work() -> None:
        try:
            gave.append(_finished(start, run(start.visit, table, columns, choices, folder, finish, progress, epochs.append)))
        except BaseException as error:
            failed.append(error)
        ended.set()

    thread = threading.Thread(target=work, daemon=True, name="studio")
    thread.start()
    seen, first = 0, began
    try:
        while not ended.wait(GAP):
            if len(epochs) > seen:
                first = first if seen else time.monotonic()
                seen = len(epochs)
                yield Training(start.visit, start.strategies, tuple(epochs[:seen]), time.monotonic() - first)
    finally:
        if not ended.is_set():
            progress.stop()
        thread.join()
    if failed:
        raise failed[0]
    yield gave[0]


def _finished(start: Training, studio: Studio) -> Training:
    mistakes = tuple(shown_row(mistake.row) for mistake in studio.mistakes[:MAX_MISTAKES])
    return Training(start.visit, start.strategies, studio.curves, 0.0, studio, mistakes)


def run(
    visit: Visit,
    table: str,
    columns: Columns,
    choices: Choices,
    folder: Path,
    finish: Callable[[], bool],
    progress: Progress,
    on_epoch: Callable[[Epoch], None],
) -> Studio:
    """One call of the task."""
    from mm_demos.tasks import studio

    return studio.train(
        table,
        columns=columns,
        fusion=choices.strategies,
        encoders=choices.encoders,
        preset=choices.preset,
        augment=choices.augment,
        options=choices.options,
        search_trials=choices.search_trials,
        search_minutes=choices.search_minutes,
        out=folder,
        seed=choices.options.seed,
        progress=progress,
        on_epoch=on_epoch,
        finish_early=finish,
    )
