"""The Predict panel: the trained model's label for a text, a picture and a sound, and what the visitor says to it."""

from __future__ import annotations

import tempfile
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from mm_demos import ui
from mm_demos.errors import InvalidInputError
from mm_demos.fusion.types import Prediction, Row
from mm_demos.progress import Progress
from mm_demos.results import LabelScore
from mm_demos.ui import render, studio_feedback, studio_models
from mm_demos.ui.events import Export
from mm_demos.ui.files import csv_text, json_text
from mm_demos.ui.studio import MODALITY_NAMES, Asked, Model

QUIET: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
EXPORTS = (
    Export("CSV", "prediction.csv", lambda asked: _table(asked.prediction)),
    Export("JSON", "prediction.json", lambda asked: json_text(asked.prediction)),
)


def build(page: ui.Page, visit: gr.State, model: gr.State, add_feedback: gr.Checkbox) -> gr.Textbox:
    """Make the panel; gives the box for a path, which only the user of this machine may see.

    `add_feedback` of the Train panel appears with the first feedback.
    """
    with page.inputs():
        about = gr.HTML(studio_models.about(None), elem_classes="mm-plain mm-result")
        text = gr.Textbox("", label="Text", placeholder="What is to be classified; leave empty what you do not have", lines=3)
        with gr.Row():
            image = ui.image_input(height=220, min_width=240)
            audio = ui.microphone("Sound", min_width=240)
        actions = page.actions("Predict")
        with gr.Accordion("Use another model", open=False):
            file = gr.File(file_types=[".zip"], label="A model as ZIP", height=140, elem_classes="mm-st-load")
            path = gr.Textbox(
                "",
                label="Or its folder on this machine",
                placeholder="/home/me/models/intents – then Enter",
                max_lines=1,
                visible=False,
            )
            line = gr.HTML("", elem_classes="mm-plain")
    with page.results():
        verdict = ui.result_area(
            "The label will appear here", "With the score of every class, and what each input brought to it."
        )
        shares = gr.HTML("", elem_classes="mm-plain mm-result")
        asked = gr.State(None)
        files = page.exports(*EXPORTS)
        said = studio_feedback.make(visit, model, asked, add_feedback)
    event = page.connect(
        ask,
        actions=actions,
        inputs=[model, text, image, audio],
        outputs=[verdict, shares, asked],
        show=show,
        api_name=None,
        check=refuse,
        exports=files,
        keep=[model],
    )
    event.success(studio_feedback.ready, [visit, asked, model], said.fresh, **QUIET)
    fresh: dict[str, Any] = {"fn": told, "inputs": model, "outputs": [about, asked], **QUIET}
    model.change(**fresh)  # after a training; what an event outside the queue does to a state is not told
    file.upload(studio_models.load_zip, [visit, file], [visit, model, line], **QUIET).success(**fresh)
    path.submit(studio_models.load_path, [visit, path], [model, line], **QUIET).success(**fresh)
    page.endpoint(
        predict_once,
        inputs=[file, text, image, audio],
        api_name="predict",
        lane=page.frame.lane,
        check=refuse_once,
        snippet={"model": "file:model.zip", "text": "the lights flicker"},
    )
    return path


def told(model: Model | None) -> tuple[str, None]:
    """The card about a model that is new, and nothing asked of it yet."""
    return studio_models.about(model), None


def refuse(model: Model | None, text: str | None, image: str | None, audio: str | None) -> None:
    """Refuse a prediction without a model or an input before it queues."""
    if model is None:
        raise InvalidInputError("There is no model yet: train one under Train, or load one under “Use another model”.")
    _refuse_nothing(text, image, audio)


def refuse_once(model: str | None, text: str | None, image: str | None, audio: str | None) -> None:
    """The same for a program, which gives the model as a file."""
    if not model:
        raise InvalidInputError("Give the model as the ZIP that a training gave.")
    _refuse_nothing(text, image, audio)


def _refuse_nothing(text: str | None, image: str | None, audio: str | None) -> None:
    if not (text or "").strip() and not image and not audio:
        raise InvalidInputError("Give a text, a picture or a sound to classify; any one of them is enough.")


def ask(model: Model, text: str, image: str | None, audio: str | None, *, progress: Progress | None = None) -> Asked:
    """Ask the visit's model."""
    if not Path(model.folder).is_dir():
        raise InvalidInputError("This model is not here any more: train it again, or load its ZIP.")
    prediction = _predicted(Path(model.folder), text, image, audio, progress)
    return Asked(prediction, text or "", image or "", audio or "", model.name)


def predict_once(
    model: str, text: str = "", image: str | None = None, audio: str | None = None, *, progress: Progress | None = None
) -> Prediction:
    """Ask a model that a training saved for the label of any of a text, a picture and a sound.

    Args:
        model: the ZIP that `train` gave.
        text: what to classify, or nothing.
        image: a picture file, or nothing.
        audio: a recording, or nothing.
        progress: told about loads and steps.
    """
    with tempfile.TemporaryDirectory(prefix="mm-demos-model-") as folder:
        return _predicted(studio_models.unpacked(model, Path(folder)), text, image, audio, progress)


def _predicted(folder: Path, text: str | None, image: str | None, audio: str | None, progress: Progress | None) -> Prediction:
    from mm_demos.tasks.studio_predict import predict

    row = Row(1, "", (text or "").strip() or None, Path(image) if image else None, Path(audio) if audio else None)
    return predict(folder, [row], progress=progress)[0]


def show(asked: Asked) -> tuple[Any, ...]:
    """The label with the bars of all, and each input's share."""
    prediction = asked.prediction
    best = prediction.scores[0]
    notices = "".join(render.notice(text, "warn") for text in prediction.notices)
    lead = (
        f'<div class="mm-verdict"><p class="mm-lead" translate="no">{escape(prediction.label)}</p>'
        f'<span class="mm-value">{best.score:.0%}</span></div>'
    )
    card = f'<div class="mm-card">{lead}{render.bars(prediction.scores)}</div>'
    return f'<div class="mm-stack">{notices}{card}</div>', _shares(prediction), asked


def _shares(prediction: Prediction) -> str:
    if not prediction.contributions:
        return ""
    ranked = sorted(prediction.contributions.items(), key=lambda item: -item[1])
    scores = [LabelScore(MODALITY_NAMES.get(name, name), share) for name, share in ranked if share > 0]
    title = f"What speaks for “{prediction.label}”"
    note = "The share of each input: how much the score falls when it is taken away."
    return f'<div class="mm-card">{render.bars(scores, title=title, ours=True)}<p class="mm-basis">{note}</p></div>'


def _table(prediction: Prediction) -> str:
    return csv_text(("label", "score"), ((item.label, item.score) for item in prediction.scores))
