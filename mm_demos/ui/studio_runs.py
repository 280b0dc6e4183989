"""A training as the studio's page runs it: in a thread of its own, so that its curves are shown while it goes on."""

from __future__ import annotations

import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mm_demos.errors import InvalidInputError
from mm_demos.fusion.types import STRATEGIES, Columns, Epoch, Strategy, Studio
from mm_demos.progress import Progress
from mm_demos.ui.studio import FINISH_FILE, MODEL_FOLDER, Source, Training, Visit, columns_of, new_visit
from mm_demos.ui.studio_data import shown_row
from mm_demos.ui.studio_options import Choices, choices_of
from mm_demos.ui.studio_result import MAX_MISTAKES

GAP = 0.35  # seconds between two pictures of the curves; more often only costs network and paint


@dataclass(frozen=True, slots=True)
class Job:
    """One training: the table, what its columns hold, how to train, where the model goes, and when to end early."""

    source: Source
    columns: Columns
    choices: Choices
    folder: Path
    finish: Callable[[], bool]
    feedback: Path | None = None


def refuse_training(_visit: Visit | None, source: Source | None, *values: Any) -> None:
    """Refuse a training without a table, columns or strategies before it queues."""
    if source is None:
        raise InvalidInputError("Drop a table first, or press “Use the sample set”.")
    _refuse_unused(columns_of(*values[:5]), choices_of(*values[5:]))


def _refuse_unused(columns: Columns, choices: Choices) -> None:
    if not any(getattr(columns, name) for name in choices.encoders):
        raise InvalidInputError("No encoder is chosen for any column of the table: choose one under “Presets and encoders”.")


def likely(columns: Columns, choices: Choices) -> tuple[Strategy, ...]:
    """The strategies that will be trained: those chosen, without modalities that the table or the encoders lack."""
    used = {name for name in choices.encoders if getattr(columns, name)}
    singles = tuple(name for name in choices.strategies if name.removeprefix("single-") in used)
    fused = tuple(name for name in choices.strategies if not name.startswith("single-"))
    return (*singles, *fused) if len(used) > 1 or not singles else singles


def train_here(visit: Visit | None, source: Source, *values: Any, progress: Progress | None = None) -> Iterator[Training]:
    """Train on the page: curves while it runs, the studio's result at the end."""
    visit = visit or new_visit()
    choices = choices_of(*values[5:])
    finish = visit.folder / FINISH_FILE
    finish.unlink(missing_ok=True)
    folder = visit.folder / f"{MODEL_FOLDER}-{secrets.token_hex(4)}"
    columns = columns_of(*values[:5])
    job = Job(source, columns, choices, folder, finish.exists, visit.feedback.folder if choices.feedback else None)
    yield from trained(job, Training(visit, likely(columns, choices), began=True), progress or Progress())
    for old in visit.folder.glob(f"{MODEL_FOLDER}-*"):
        if old != folder:
            shutil.rmtree(old, ignore_errors=True)


def finish_early(visit: Visit | None) -> None:
    """Ask the training of this visit to end with the best so far."""
    if visit is not None:
        visit.folder.mkdir(parents=True, exist_ok=True)
        (visit.folder / FINISH_FILE).touch()


def trained(job: Job, start: Training, progress: Progress) -> Iterator[Training]:
    """The training from its first moment to its result; closing the iterator stops it, and nothing of it stays."""
    epochs: list[Epoch] = []
    thread = _Thread(lambda: _finished(start, run(job, progress, epochs.append)))
    yield start
    thread.start()
    began, seen = time.monotonic(), 0
    try:
        while not thread.ended.wait(GAP):
            if len(epochs) > seen:
                began = began if seen else time.monotonic()
                seen = len(epochs)
                yield replace(start, epochs=tuple(epochs[:seen]), seconds=time.monotonic() - began, began=False)
        yield thread.result()
    except BaseException:
        progress.stop()
        thread.join()
        shutil.rmtree(job.folder, ignore_errors=True)
        raise


class _Thread(threading.Thread):
    """Work beside the one who waits for it, with its result or its error."""

    def __init__(self, work: Callable[[], Training]) -> None:
        super().__init__(daemon=True, name="studio")
        self.ended = threading.Event()
        self._work = work
        self._gave: Training | None = None
        self._failed: BaseException | None = None

    def run(self) -> None:
        try:
            self._gave = self._work()
        except BaseException as error:
            self._failed = error
        self.ended.set()

    def result(self) -> Training:
        """What the work gave; raises what it raised."""
        if self._failed is not None or self._gave is None:
            raise self._failed or RuntimeError("The training gave nothing.")
        return self._gave


def _finished(start: Training, studio: Studio) -> Training:
    mistakes = tuple(shown_row(mistake.row) for mistake in studio.mistakes[:MAX_MISTAKES])
    return replace(start, epochs=studio.curves, studio=studio, mistakes=mistakes, began=False)


def run(job: Job, progress: Progress, on_epoch: Callable[[Epoch], None]) -> Studio:
    """One call of the task."""
    from mm_demos.tasks import studio

    choices = job.choices
    return studio.train(
        job.source.path,
        columns=job.columns,
        fusion="all" if choices.strategies == STRATEGIES else choices.strategies,
        encoders={name: names for name, names in choices.encoders.items() if getattr(job.columns, name)},
        augment=choices.augment,
        options=choices.options,
        search_trials=choices.search_trials,
        search_minutes=choices.search_minutes,
        out=job.folder,
        seed=choices.options.seed,
        progress=progress,
        on_epoch=on_epoch,
        finish_early=job.finish,
        feedback=job.feedback,
        confined=job.source.confined,
    )
