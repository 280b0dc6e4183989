"""Classification: into labels of the visitor's own at once, or with a model trained on the visitor's own table."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import gradio as gr

from mm_demos import ui
from mm_demos.tabs import find
from mm_demos.ui import studio, studio_api, studio_predict, studio_train, zero_shot

QUIET: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
TRAIN = "Train on your own table of text, pictures and sound, and see which way of joining them works best."
PREDICT = "Ask the model you trained, see what each input brought to its answer, and tell it when it was wrong."


def build(frame: ui.Frame) -> None:
    """Make the tab."""
    spec = find("classification")
    # What a visit leaves goes with it; the folder is known to the Train and the Predict panel.
    visit = gr.State(None, delete_callback=studio.leave)
    model = gr.State(None)
    with gr.Tabs(elem_classes="mm-modes mm-st-panels", overflow_behavior="wrap"):
        with gr.Tab("Zero-shot"):
            zero_shot.build(frame.page(spec))
        with gr.Tab("Train"):
            page = frame.page(replace(spec, summary=TRAIN, roles=()))
            trainer = studio_train.build(page, visit, model)
            studio_api.connect(page, trainer)
        with gr.Tab("Predict"):
            page = frame.page(replace(spec, summary=PREDICT, roles=()))
            path = studio_predict.build(page, visit, model, trainer.options.feedback)
    frame.blocks.load(enter, None, [visit, trainer.path, path], **QUIET)


def enter(request: gr.Request) -> tuple[studio.Visit, Any, Any]:
    """The visitor's folder, and whether paths of this machine may be named."""
    visit = studio.enter(request)
    return visit, gr.update(visible=visit.own), gr.update(visible=visit.own)
