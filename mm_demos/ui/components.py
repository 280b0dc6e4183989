"""Input and output components with the project's defaults."""

from __future__ import annotations

from typing import Any

import gradio as gr

from mm_demos.ui import render


def image_input(label: str = "Picture", **options: Any) -> gr.Image:
    """A picture from a file, the clipboard or a camera, handed over as the path of the file as it was uploaded.

    Gradio would open it (and so fail with a traceback on a broken file, or decode a bomb); the task's own decoder, which checks
    the header first, is the only one that looks inside.
    """
    settings: dict[str, Any] = {"height": 300, "sources": ["upload", "clipboard", "webcam"], "buttons": ["fullscreen"]} | options
    image = gr.Image(type="filepath", image_mode=None, label=label, **settings)
    by_gradio = image.preprocess
    image.preprocess = lambda payload: payload.path if payload is not None and payload.path else by_gradio(payload)
    return image


def microphone(label: str = "Recording", **options: Any) -> gr.Audio:
    """A recording from the microphone or a file, handed over as the path of the file as it was uploaded."""
    settings: dict[str, Any] = {"sources": ["microphone", "upload"]} | options
    return gr.Audio(type="filepath", label=label, elem_classes="mm-audio", **settings)


def result_area(title: str, text: str, **options: Any) -> gr.HTML:
    """An HTML result that says, while it is empty, what will appear."""
    return gr.HTML(render.empty(title, text), elem_classes="mm-plain mm-result", **options)
