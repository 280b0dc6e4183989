"""What a training leaves to take along: the model, the report, the figures."""

from __future__ import annotations

import io
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from mm_demos.errors import InvalidInputError
from mm_demos.fusion.types import Studio
from mm_demos.tasks.studio import REPORT_HTML, REPORT_JSON
from mm_demos.ui.events import Export
from mm_demos.ui.files import csv_text
from mm_demos.ui.studio import Training

FIGURES = ("strategy", "accuracy", "low", "high", "f1_macro", "roc_auc", "ece", "parameters", "best_epoch", "train_seconds")


def studio_of(training: Training) -> Studio:
    """The result of a training that has ended.

    Raises:
        InvalidInputError: it has not.
    """
    if training.studio is None:
        raise InvalidInputError("There is nothing to download before the training has ended.")
    return training.studio


def model_zip(training: Training) -> bytes:
    """The model's folder as a ZIP, which the Predict panel, the command line and programs load."""
    return zipped(folder_of(training))


def folder_of(training: Training) -> Path:
    """Where the model of a training that has ended lies, with its report.

    Raises:
        InvalidInputError: it is not there any more.
    """
    folder = studio_of(training).folder
    if folder is None or not folder.is_dir():
        raise InvalidInputError("This model is not here any more: train it again.")
    return folder


def zipped(folder: Path) -> bytes:
    """The files of a model's folder as a ZIP, without the media of its mistakes; the same files give the same bytes."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(path for path in folder.iterdir() if path.is_file()):
            member = zipfile.ZipInfo(f"model/{path.relative_to(folder).as_posix()}")
            member.external_attr = 0o644 << 16
            archive.writestr(member, path.read_bytes(), zipfile.ZIP_DEFLATED)
    return content.getvalue()


def leaderboard_csv(training: Training) -> str:
    """A row for every strategy."""
    lines = []
    for line in studio_of(training).standings:
        measures = line.measures
        accuracy = (measures.accuracy.value, measures.accuracy.low, measures.accuracy.high)
        auc = "" if measures.roc_auc is None else measures.roc_auc
        figures = (line.parameters, line.best_epoch, line.train_seconds)
        lines.append((line.strategy, *accuracy, measures.f1_macro, auc, measures.ece, *figures))
    return csv_text(FIGURES, lines)


EXPORTS = (
    Export("Model", "model.zip", model_zip),
    Export("Report", "report.html", lambda training: (folder_of(training) / REPORT_HTML).read_bytes()),
    Export("JSON", "report.json", lambda training: (folder_of(training) / REPORT_JSON).read_bytes()),
    Export("CSV", "leaderboard.csv", leaderboard_csv),
)


def downloads(training: Training | None) -> Iterator[tuple[Any, ...]]:
    """The files of a training for the download buttons."""
    if training is None or training.studio is None:
        yield (gr.update(value=None, interactive=False),) * len(EXPORTS)
        return
    with tempfile.TemporaryDirectory(prefix="mm-demos-") as folder:  # Gradio has its own copies when the yield returns
        yield tuple(gr.update(value=export.save(training, folder), interactive=True) for export in EXPORTS)
