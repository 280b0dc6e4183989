"""A small page with two endpoints, for tests of what stands around a page."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import gradio as gr

from mm_demos import tabs, ui
from mm_demos.errors import InvalidInputError
from mm_demos.models import loader
from mm_demos.progress import Progress
from mm_demos.results import ModelUse, Receipt
from mm_demos.serving.launch import launch
from mm_demos.ui import render

MODEL = "fake-speech"
SPEC = tabs.TabSpec("doorbell", "Doorbell", "🔔", "M0 0h1", "For tests.", "doorbell_tab", ("ring", "knock"), ("speech",))


@dataclass(frozen=True, slots=True)
class Sound:
    """The result of the test's own task."""

    text: str
    receipt: Receipt | None = None


def ring(text: str, *, progress: Progress | None = None) -> Sound:
    """Give the text back in capitals."""
    if text == "refuse":
        raise InvalidInputError("The text is not liked: write another.")
    if text == "load":
        with loader.shared().lease(MODEL, progress=progress):
            pass
    return Sound(text.upper(), Receipt("ring", (ModelUse(MODEL, "", "fake", "cpu", "float32", 0.0),), {}, None, 0.1, 1, "0"))


def knock(text: str, *, progress: Progress | None = None) -> Sound:
    """Give the text back twice."""
    return Sound(text * 2)


def _build(frame: ui.Frame) -> None:
    page = frame.page(SPEC)
    with page.inputs():
        text = gr.Textbox("", label="Text")
        actions = page.actions("Ring")
    with page.results():
        out = ui.result_area("Nothing yet", "The text will appear here.")
    page.connect(
        ring,
        actions=actions,
        inputs=[text],
        outputs=[out],
        show=lambda result: [render.notice(result.text)],
        api_name="ring",
    )
    page.endpoint(knock, inputs=[text], api_name="knock")


@contextmanager
def served(port: int) -> Iterator[gr.Blocks]:
    """The page, at an address of this machine, under the settings of this moment."""
    module = types.ModuleType(SPEC.module)
    module.build = _build  # type: ignore[attr-defined]
    sys.modules[SPEC.module] = module
    blocks = launch([SPEC], host="127.0.0.1", port=port, block=False)
    try:
        yield blocks
    finally:
        blocks.close()
        del sys.modules[SPEC.module]


def function(blocks: gr.Blocks, name: str) -> int:
    """The number under which Gradio runs a public endpoint."""
    return next(number for number, fn in blocks.fns.items() if fn.api_name == name)
