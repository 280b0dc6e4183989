"""Input and output components with the project's defaults."""

from __future__ import annotations

from abc import ABCMeta
from typing import Any

import gradio as gr

from mm_demos.ui import render


def _as_uploaded(self: gr.Image, payload: Any) -> Any:
    """The path of the file as it came.

    Gradio opens every picture here: it fails with a traceback on a broken one and decodes a bomb. The task's own decoder, which
    checks the header first, is to be the only one that looks inside.
    """
    return payload.path if payload is not None and payload.path else gr.Image.preprocess(self, payload)


# Gradio makes a new object of the component's class when properties change, so a class must carry the method; its metaclass is
# passed by because it would write a stub file next to this one.
_Picture = ABCMeta.__new__(type(gr.Image), "Image", (gr.Image,), {"preprocess": _as_uploaded, "__module__": __name__})


def image_input(label: str = "Picture", **options: Any) -> gr.Image:
    """A picture from a file, the clipboard or a camera, handed over as the path of the file as it was uploaded."""
    settings: dict[str, Any] = {"height": 300, "sources": ["upload", "clipboard", "webcam"], "buttons": ["fullscreen"]} | options
    return _Picture(type="filepath", image_mode=None, label=label, **settings)


def microphone(label: str = "Recording", **options: Any) -> gr.Audio:
    """A recording from the microphone or a file, handed over as the path of the file as it was uploaded."""
    settings: dict[str, Any] = {"sources": ["microphone", "upload"]} | options
    return gr.Audio(type="filepath", label=label, elem_classes="mm-audio", **settings)


def result_area(title: str, text: str, **options: Any) -> gr.HTML:
    """An HTML result that says, while it is empty, what will appear."""
    return gr.HTML(render.empty(title, text), elem_classes="mm-plain mm-result", **options)
