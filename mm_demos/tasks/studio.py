"""The classification studio: look at a table, train on it, predict with what was trained."""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from mm_demos import samples
from mm_demos.errors import InvalidInputError
from mm_demos.fusion import presets, report, standings
from mm_demos.fusion.checks import checked
from mm_demos.fusion.columns import guess_columns
from mm_demos.fusion.feedback import FeedbackStore, same_content
from mm_demos.fusion.model_folder import CONFIG, WEIGHTS, save_model
from mm_demos.fusion.split import split_rows
from mm_demos.fusion.table import Table, opened
from mm_demos.fusion.types import (
    Columns,
    DataSet,
    Epoch,
    Features,
    Mistake,
    Modality,
    Outcome,
    Part,
    Row,
    Strategy,
    Studio,
    TrainOptions,
)
from mm_demos.media.files import shown
from mm_demos.progress import Progress
from mm_demos.results import as_dict
from mm_demos.tasks.receipts import record
from mm_demos.tasks.studio_plan import Plan, planned
from mm_demos.tasks.studio_predict import predict

if TYPE_CHECKING:
    from mm_demos.tasks.receipts import Run

__all__ = ["inspect", "predict", "sample_set", "train"]

Fusion = Literal["all"] | Sequence[Strategy]
Split = Mapping[Part, tuple[int, ...]]
PARTS: tuple[Part, ...] = get_args(Part)
REPORT_HTML, REPORT_JSON, MISTAKES = "report.html", "report.json", "mistakes"
MODEL_FILES = frozenset({CONFIG, WEIGHTS, REPORT_HTML, REPORT_JSON, MISTAKES})


def sample_set() -> Path:
    """The three-modality table that ships: 300 notes of a caretaker, in a ZIP."""
    return samples.studio_set()


def inspect(
    table: str | Path | Table, *, columns: Columns | None = None, confined: bool = False, progress: Progress | None = None
) -> DataSet:
    """What a training would see of a table: rows, classes, and findings about the rest; media of a ZIP are gone afterwards.

    Args:
        columns: guessed when not given.
        confined: refuse media outside the table's folder.

    Raises:
        InvalidInputError: nothing in it can be trained on.
    """
    progress = progress or Progress()
    with _open(table, confined, progress) as opened_table:
        return checked(opened_table, columns or guess_columns(opened_table), progress=progress)


def train(
    table: str | Path | Table,
    *,
    columns: Columns | None = None,
    fusion: Fusion = "all",
    encoders: Mapping[Modality, Sequence[str]] | None = None,
    preset: str = "",
    augment: int = 0,
    options: TrainOptions | None = None,
    search_trials: int = 0,
    search_minutes: float = 0.0,
    out: str | Path | None = None,
    seed: int | None = None,
    feedback: str | Path | None = None,
    confined: bool = False,
    progress: Progress | None = None,
    on_epoch: Callable[[Epoch], None] | None = None,
    finish_early: Callable[[], bool] | None = None,
) -> Studio:
    """Train fusion strategies on a table and measure them on rows kept apart; the best on the validation rows is saved.

    Args:
        table: CSV, TSV, JSON, JSONL, Parquet, a ZIP with one of them and its media, or a saved Hugging Face data set.
        columns: guessed when not given.
        fusion: "all", or some of `STRATEGIES`.
        encoders: modality → names, and no other modality takes part; all with default ones when not given.
        preset: "A" to "E"; it decides strategies, encoders and options, the seed excepted.
        augment: altered copies of each training row.
        search_trials: of a search for hyper-parameters, for each strategy; 0 for none.
        search_minutes: bound of that search in all; 0 for none.
        out: folder for the model, the report as HTML and JSON, and copies of the media of the worst errors.
        seed: of everything random; that of `options` when not given.
        feedback: folder of a `FeedbackStore`, whose corrected rows join the training part.
        confined: refuse media outside the table's folder.
        on_epoch: receives every epoch as it ends.
        finish_early: asked now and then; once True, what is best so far is measured and kept.

    Raises:
        InvalidInputError: the table, a column, an encoder or an option cannot be used, or `out` holds other files.
        StoppedError: `progress.stop()` was called; nothing is left behind.
    """
    plan = planned(
        fusion=fusion,
        encoders=encoders,
        preset=presets.preset(preset) if preset else None,
        augment=augment,
        options=options or TrainOptions(),
        search_trials=search_trials,
        search_minutes=search_minutes,
        seed=seed,
    )
    progress = progress or Progress()
    target = None if out is None else _free_folder(Path(out))
    with _open(table, confined, progress) as opened_table, record("train", progress=progress, **plan.noted()) as run:
        data = checked(opened_table, columns or guess_columns(opened_table), progress=progress)
        with tempfile.TemporaryDirectory(prefix="mm-demos-model-") as scratch:
            training = _Training(data, plan.for_data(data), run, Path(scratch) / "model", progress)
            studio = training.run(feedback, on_epoch or _ignore, finish_early or _never)
            return studio if target is None else _kept(studio, Path(scratch) / "model", target)


class _Training:
    """One training, from the checked table to the measured strategies."""

    def __init__(self, data: DataSet, plan: Plan, run: Run, folder: Path, progress: Progress) -> None:
        self.data, self.plan, self.folder, self.progress = data, plan, folder, progress
        self._run = run

    def run(self, feedback: str | Path | None, on_epoch: Callable[[Epoch], None], finish: Callable[[], bool]) -> Studio:
        from mm_demos.fusion.process import run_training

        plan, labels = self.plan, self.data.labels
        split: Split = split_rows(self.data, seed=plan.options.seed)
        rows, split, notices = self._with_feedback(feedback, split)
        features = self._features(rows, split)
        curves: list[Epoch] = []

        def note(epoch: Epoch) -> None:
            curves.append(epoch)
            on_epoch(epoch)

        outcomes = run_training(
            features,
            split,
            labels,
            strategies=plan.strategies,
            options=plan.options,
            search_trials=plan.search_trials,
            search_minutes=plan.search_minutes,
            folder=self.folder,
            progress=self.progress,
            on_epoch=note,
            finish_early=finish,
        )
        studio = self._measured(outcomes, features, rows, split)
        return dataclasses.replace(
            studio, curves=tuple(curves), notices=(*plan.notices, *notices), stopped=finish(), receipt=self._run.receipt()
        )

    def _with_feedback(self, folder: str | Path | None, split: Split) -> tuple[tuple[Row, ...], Split, tuple[str, ...]]:
        """The rows with those of users' feedback among the training rows, except what validation and test rows hold already."""
        if folder is None:
            return self.data.rows, split, ()
        said = FeedbackStore(Path(folder)).rows(self.data.labels)
        held_out = [self.data.rows[place] for part in ("validation", "test") for place in split[part]]
        same = same_content(said, held_out)
        added = [row for place, row in enumerate(said) if place not in same]
        first = len(self.data.rows)
        last = max((row.number for row in self.data.rows), default=0)
        rows = (*self.data.rows, *(dataclasses.replace(row, number=last + n) for n, row in enumerate(added, start=1)))
        train = (*split["train"], *range(first, len(rows)))
        notice = f"Rows of feedback added to the training rows: {len(added)}."
        if same:
            notice += f" Left out, because the model is measured on them: {len(same)}."
        return rows, {**split, "train": train}, (notice,)

    def _features(self, rows: Sequence[Row], split: Split) -> Features:
        from mm_demos.fusion.features import extract

        return extract(
            rows,
            self.data.labels,
            encoders=self.plan.encoders,
            lease=self._run.lease,
            augment=self.plan.augment,
            augment_rows=split["train"],
            seed=self.plan.options.seed,
            progress=self.progress,
        )

    def _measured(self, outcomes: Sequence[Outcome], features: Features, rows: Sequence[Row], split: Split) -> Studio:
        labels, modalities = self.data.labels, tuple(features.vectors)
        truth = {part: features.labels[list(split[part])] for part in PARTS}  # lines of rows as they are come first, in order
        board = standings.standings(
            outcomes, train_truth=truth["train"], truth=truth["test"], labels=labels, seed=self.plan.options.seed
        )
        best = standings.by_validation(outcomes)[0]
        tested = [rows[place] for place in split["test"]]
        metrics = next(as_dict(line.measures) for line in board if line.strategy == best.strategy)
        save_model(self.folder, outcome=best, metrics=metrics, data_sha256=self.data.sha256)
        return Studio(
            data=self.data,
            split={part: len(split[part]) for part in PARTS},
            standings=board,
            best=best.strategy,
            curves=(),
            mistakes=standings.mistakes(best, tested, truth=truth["test"], labels=labels, modalities=modalities),
            folder=None,
            attention=standings.shares(best, modalities),
        )


@contextmanager
def _open(table: str | Path | Table, confined: bool, progress: Progress) -> Iterator[Table]:
    """A table that is open already stays open."""
    if isinstance(table, Table):
        yield table
        return
    with opened(table, confined=confined, progress=progress) as opened_table:
        yield opened_table


def _free_folder(folder: Path) -> Path:
    """A folder a model may be written to: new, empty, or holding an older model and nothing else.

    Raises:
        InvalidInputError: it holds something else, or nothing can be written there.
    """
    try:
        there = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
        if folder.exists() and not (folder.is_dir() and (not there or CONFIG in there)):
            raise InvalidInputError(f"{folder} is there already and is no model: give a new folder.")
        if others := sorted(there - MODEL_FILES):
            raise InvalidInputError(f"{folder} holds {others[0]}, which is no part of a model: give a new folder.")
        if "\0" in str(folder):
            raise ValueError("no name can hold a zero byte")
        with tempfile.TemporaryFile(dir=next(path for path in (folder, *folder.absolute().parents) if path.exists())):
            return folder
    except (OSError, ValueError) as error:
        raise _unwritable(folder, error) from None


def _unwritable(folder: Path, error: OSError | ValueError) -> InvalidInputError:
    reason = getattr(error, "strerror", None) or str(error)
    return InvalidInputError(f"The model cannot be written to {shown(str(folder))} ({reason}): give another folder.")


def _kept(studio: Studio, made: Path, target: Path) -> Studio:
    """Move the model to its folder, with the report and the media of the worst errors, while these are still there."""
    places = {path: f"{number}{path.suffix.lower()}" for number, path in enumerate(_media(studio.mistakes), start=1)}
    try:
        (made / REPORT_HTML).write_text(report.html(studio), encoding="utf-8")
        (made / REPORT_JSON).write_text(report.as_json(studio), encoding="utf-8")
        (made / MISTAKES).mkdir()
        for path, name in places.items():
            shutil.copyfile(path, made / MISTAKES / name)
        target.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(target / MISTAKES, ignore_errors=True)
        for name in sorted(MODEL_FILES):  # the folder itself stays: it may be a link, or where a disk is mounted
            shutil.move(made / name, target / name)
    except OSError as error:
        raise _unwritable(target, error) from error
    copies = {path: target / MISTAKES / name for path, name in places.items()}
    mistakes = tuple(dataclasses.replace(mistake, row=_moved(mistake.row, copies)) for mistake in studio.mistakes)
    return dataclasses.replace(studio, folder=target, mistakes=mistakes)


def _media(mistakes: Sequence[Mistake]) -> list[Path]:
    paths = [path for mistake in mistakes for path in (mistake.row.image, mistake.row.audio) if path is not None]
    return list(dict.fromkeys(paths))


def _moved(row: Row, copies: Mapping[Path, Path]) -> Row:
    return dataclasses.replace(row, image=row.image and copies.get(row.image), audio=row.audio and copies.get(row.audio))


def _ignore(_: Epoch) -> None:
    return


def _never() -> bool:
    return False
