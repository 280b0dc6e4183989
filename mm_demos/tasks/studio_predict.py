"""Predictions of a model that the studio trained."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mm_demos import media
from mm_demos.errors import InvalidInputError
from mm_demos.fusion.types import Features, Prediction, Row
from mm_demos.progress import Progress
from mm_demos.tasks.receipts import record

if TYPE_CHECKING:
    from mm_demos.fusion.predictor import StudioModel
    from mm_demos.tasks.receipts import Run

KEYS = ("text", "image", "audio")


def predict(
    model: str | Path | StudioModel, rows: Sequence[Row | Mapping[str, str | Path | None]], *, progress: Progress | None = None
) -> list[Prediction]:
    """What a trained model says of rows, in their order; what a row lacks is left out, as long as something remains.

    Args:
        model: the folder that `train` wrote, or the model as `load_model` gives it.
        rows: mappings with "text", "image" and "audio", or `Row`s; other columns of a mapping are not looked at.

    Raises:
        InvalidInputError: a row has nothing to go by or a file cannot be read, or the folder holds no model of this installation.
        StoppedError: `progress.stop()` was called.
    """
    from mm_demos.fusion.model_folder import load_model

    progress = progress or Progress()
    loaded = load_model(Path(model), progress=progress) if isinstance(model, str | Path) else model
    if isinstance(rows, str | bytes | Mapping) or not isinstance(rows, Sequence):
        raise InvalidInputError("A list of rows is needed here: put the row into brackets, also when it is only one.")
    if not rows:
        return []
    given = [_row(number, row) for number, row in enumerate(rows, start=1)]
    with record("predict", options={"n": len(given), "strategy": loaded.strategy}, progress=progress) as run:
        predictions = loaded.predict(features_for(loaded, given, run, progress))
        receipt = run.receipt()
        return [dataclasses.replace(prediction, receipt=receipt) for prediction in predictions]


def features_for(model: StudioModel, rows: Sequence[Row], run: Run, progress: Progress, labels: Sequence[str] = ()) -> Features:
    """Features of rows by the encoders that the model was trained with."""
    from mm_demos.fusion.features import extract

    names = {modality: [each.name for each in encoders] for modality, encoders in model.encoders.items()}
    return extract(rows, labels, encoders=names, lease=run.lease, progress=progress)


def _row(number: int, row: Row | Mapping[str, str | Path | None]) -> Row:
    if isinstance(row, Row):
        return row
    if not isinstance(row, Mapping):
        raise InvalidInputError(f'Row {number} is {type(row).__name__}, not a mapping: write it as {{"text": "…"}}.')
    text, image, audio = (row.get(key) or None for key in KEYS)
    if not (text or image or audio):
        raise InvalidInputError(f"Row {number} has nothing to classify: give text, image or audio.")
    cleaned = None if text is None else media.clean_text(str(text))
    return Row(number, "", cleaned, image and Path(image), audio and Path(audio))
