"""Which trained model the Predict panel asks: the one just trained, or one from a ZIP or a folder."""

from __future__ import annotations

import secrets
import shutil
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from mm_demos.errors import DemoError, InvalidInputError
from mm_demos.fusion.archive import unpack
from mm_demos.fusion.charts import strategy_name
from mm_demos.fusion.types import Studio
from mm_demos.media.files import existing_file, shown
from mm_demos.progress import Progress
from mm_demos.ui import render, sound_notes
from mm_demos.ui.studio import LOADED_FOLDER, Model, Visit, new_visit
from mm_demos.ui.studio_result import best_of

NO_MODEL = "Train a model under Train, or load one from a ZIP, and it answers here."
MAX_NAMED = 8  # classes named in the line about a model


def of_training(studio: Studio) -> Model | None:
    """The model that a training saved."""
    if studio.folder is None:
        return None
    measures = best_of(studio).measures
    facts = (
        ("fusion", strategy_name(studio.best)),
        ("accuracy", f"{measures.accuracy.value:.1%}"),
        ("inputs", ", ".join(studio.data.modalities)),
        ("classes", str(len(studio.data.labels))),
    )
    return Model(str(studio.folder), "The model you just trained", facts, studio.data.labels)


def in_folder(folder: Path, name: str) -> Model:
    """A saved model, looked into and found good.

    Raises:
        InvalidInputError: there is none, or it needs other encoders.
    """
    from mm_demos.fusion.model_folder import load_model

    loaded = load_model(folder)
    facts = (
        ("fusion", strategy_name(loaded.strategy)),
        ("inputs", ", ".join(loaded.modalities)),
        ("classes", str(len(loaded.labels))),
    )
    return Model(str(folder), name, facts, tuple(loaded.labels))


def unpacked(path: str, root: Path) -> Path:
    """The folder of the model that is in a ZIP, below `root`.

    Raises:
        InvalidInputError: no ZIP, not a safe one, or no model in it.
    """
    file = existing_file(path, "model")
    folder = root / f"{LOADED_FOLDER}-{secrets.token_hex(4)}"
    folder.mkdir(parents=True)
    try:
        unpack(file, folder, Progress())
        inner = [folder, *(child for child in folder.iterdir() if child.is_dir())]
        found = next((place for place in inner if any(place.glob("*.safetensors"))), None)
        if found is None:
            raise InvalidInputError(f"There is no model in {shown(file.name)}: give the ZIP that a training gave.")
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return found


def load_zip(visit: Visit | None, path: str | None) -> tuple[Any, ...]:
    """Visit, model and a line: the model of an uploaded ZIP becomes the visit's own."""
    visit = visit or new_visit()
    if not path:
        return visit, gr.skip(), ""
    before = set(visit.folder.glob(f"{LOADED_FOLDER}-*"))
    try:
        name = shown(Path(path).name)
        model = in_folder(unpacked(path, visit.folder), name)
    except DemoError as error:
        _forget(set(visit.folder.glob(f"{LOADED_FOLDER}-*")) - before)
        return visit, gr.skip(), sound_notes.line(str(error), failed=True)
    _forget(before)
    return visit, model, sound_notes.line(f"{name} is loaded.")


def _forget(folders: set[Path]) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def load_path(visit: Visit | None, path: str | None) -> tuple[Any, str]:
    """Model and a line, for a folder or ZIP of the user's own machine."""
    try:
        if visit is None or not visit.own:
            raise InvalidInputError("Only the user of this machine can name a folder of it: load a ZIP.")
        named = Path((path or "").strip()).expanduser()
        folder = unpacked(str(named), visit.folder) if named.is_file() else named
        return in_folder(folder, shown(named.name)), sound_notes.line(f"{shown(named.name)} is loaded.")
    except DemoError as error:
        return gr.skip(), sound_notes.line(str(error), failed=True)


def about(model: Model | None) -> str:
    """The card above the inputs: which model answers, and what it can say."""
    if model is None:
        return f'<div class="mm-st-model mm-st-nomodel"><b>No model yet</b><p class="mm-small">{NO_MODEL}</p></div>'
    more = len(model.labels) - MAX_NAMED
    labels = ", ".join(model.labels[:MAX_NAMED]) + (f" and {more} more" if more > 0 else "")
    return (
        f'<div class="mm-st-model"><b translate="no">{escape(model.name)}</b>{render.chips(model.facts)}'
        f"{sound_notes.line(f'It tells apart: {labels}.')}</div>"
    )
