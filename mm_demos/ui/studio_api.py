"""Training for programs: a table in, the leaderboard and the model's ZIP out; nothing of it is kept for a later call."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gradio as gr

from mm_demos.errors import InvalidInputError
from mm_demos.fusion.columns import guess_columns
from mm_demos.fusion.table import opened
from mm_demos.fusion.types import Columns, Part, Standing
from mm_demos.progress import Progress
from mm_demos.results import Receipt
from mm_demos.ui import studio_files, studio_runs
from mm_demos.ui.endpoints import define
from mm_demos.ui.events import api_event, api_signature, validator_of
from mm_demos.ui.files import offered
from mm_demos.ui.page import Page
from mm_demos.ui.studio import Source, Training, Visit
from mm_demos.ui.studio_options import choices_of
from mm_demos.ui.studio_train import QUEUE, Panel


@dataclass(frozen=True, slots=True)
class Answer:
    """What a program gets.

    Args:
        best: strategy of the model, chosen on the validation rows.
        split: part → rows.
        model: the model's ZIP as a file to download; a Python client gets its path.
    """

    leaderboard: tuple[Standing, ...]
    best: str
    labels: tuple[str, ...]
    split: Mapping[Part, int]
    notices: tuple[str, ...]
    model: Mapping[str, Any]
    receipt: Receipt | None = None


def train(  # noqa: PLR0917 (an endpoint receives its components' values by position)
    table: str,
    text: str | None = None,
    image: str | None = None,
    audio: str | None = None,
    label: str | None = None,
    group: str | None = None,
    strategies: list[str] | None = None,
    preset: str | None = None,
    text_encoders: list[str] | None = None,
    image_encoders: list[str] | None = None,
    audio_encoders: list[str] | None = None,
    epochs: float | None = None,
    seed: float | None = None,
    class_weights: bool | None = None,
    label_smoothing: float | None = None,
    modality_dropout: float | None = None,
    augment: float | None = None,
    search: str | None = None,
    search_amount: float | None = None,
    *,
    folder: Path,
    progress: Progress | None = None,
) -> Iterator[Answer]:
    """Train fusion models on a table (CSV, JSONL, Parquet, or a ZIP with its media): the leaderboard, best first, and the model.

    Columns that are not named are guessed; a preset decides everything but the seed.

    Args:
        table: CSV, JSONL or Parquet, or a ZIP with such a table and its media.
        text: column of the texts.
        image: column of the pictures.
        audio: column of the recordings.
        label: column of the labels.
        group: column whose equal values stay in one part of the split.
        strategies: fusion strategies to train.
        preset: a system from the literature, A to E; empty for choices of your own.
        text_encoders: side by side; none leaves texts out.
        image_encoders: likewise for pictures.
        audio_encoders: likewise for recordings.
        epochs: at most.
        seed: of split and training.
        class_weights: rare classes weigh more.
        label_smoothing: 0 to 0.4.
        modality_dropout: 0 to 0.6.
        augment: altered copies of each training row.
        search: for hyper-parameters by a number of trials or of minutes, or none.
        search_amount: how many.
        folder: where the model is written.
        progress: told about steps.
    """
    own = (strategies, None, text_encoders, image_encoders, audio_encoders, epochs, seed, class_weights)
    more = (label_smoothing, modality_dropout, augment, search, search_amount)
    # A preset decides everything but the seed: what else arrives may only be what the page's components stand at.
    choices = choices_of(chosen=preset, seed=seed) if preset else choices_of(*own, *more)
    columns = _columns(table, Columns(text or "", image or "", audio or "", label or "", group or ""))
    job = studio_runs.Job(Source(table, Path(table).name), columns, choices, folder / "model", lambda: False)
    start = Training(Visit(str(folder)), choices.strategies)
    for training in studio_runs.trained(job, start, progress or Progress()):
        if training.studio is not None:
            yield _answer(training, folder)


def _columns(table: str, given: Columns) -> Columns:
    """Columns as a program named them; without a label all are guessed."""
    if given.label and (given.text or given.image or given.audio):
        return given
    with opened(table, confined=True) as found:
        guess = guess_columns(found)
    return replace(guess, **{name: value for name in Columns.__slots__ if (value := getattr(given, name))})


def _answer(training: Training, folder: Path) -> Answer:
    studio = studio_files.studio_of(training)
    file = folder / "model.zip"
    file.write_bytes(studio_files.model_zip(training))
    return Answer(
        studio.standings, studio.best, studio.data.labels, dict(studio.split), studio.notices, {"path": str(file)}, studio.receipt
    )


def refuse(table: str | None, *values: Any) -> None:
    """Refuse a training without a table or with options that there are not, before it queues."""
    if not table:
        raise InvalidInputError("Give a table: CSV, JSONL, Parquet, or a ZIP with such a table and its media.")
    choices_of(*values[5:])


def connect(page: Page, panel: Panel) -> None:
    """The endpoint `train`; its parameters are the panel's components."""
    lane = threading.Lock()
    signature = api_signature(train)
    signature = signature.replace(parameters=[item for name, item in signature.parameters.items() if name != "folder"])

    result = gr.JSON(visible=False, label="result")

    def run(*values: Any, progress: Progress) -> Iterator[Answer]:
        with tempfile.TemporaryDirectory(prefix="mm-demos-train-") as folder:
            for answer in train(*values, folder=Path(folder), progress=progress):
                yield replace(answer, model=offered(result, str(answer.model["path"])))

    event = api_event(run, lane)
    define(event, train, signature)
    gr.Button(visible=False).click(
        event,
        inputs=[panel.table, *panel.columns, *panel.options.values[:-1]],
        outputs=result,
        api_name="train",
        validator=validator_of(refuse, signature),
        concurrency_id=QUEUE,
        concurrency_limit=1,
    )
    page.add_snippet("train", signature, {"table": "file:table.zip", "label": "label"})
