"""Models: what there is, what it costs, what is in memory; download, load, eject and pin; add your own."""

from __future__ import annotations

import platform
from collections.abc import Callable
from html import escape
from importlib import metadata

import gradio as gr

from mm_demos import accelerator, ui
from mm_demos.models import catalog, loader
from mm_demos.settings import settings
from mm_demos.tabs import find
from mm_demos.tasks import model_states
from mm_demos.tasks.model_states import Catalog
from mm_demos.ui import model_adding, model_choices, model_table, render
from mm_demos.ui.files import json_text

LIBRARIES = (
    "gradio",
    "faster-whisper",
    "ctranslate2",
    "onnxruntime",
    "rapidocr-onnxruntime",
    "xllamacpp",
    "torch",
    "transformers",
)
QUEUE = "models"
ENDPOINTS: dict[Callable[..., Catalog], str] = {
    model_states.listing: "models_list",
    model_states.load: "models_load",
    model_states.download: "models_download",
    model_states.eject: "models_eject",
    model_states.pin: "models_pin",
}


def _machine() -> str:
    versions = []
    for name in LIBRARIES:
        try:
            versions.append((name, metadata.version(name)))
        except metadata.PackageNotFoundError:
            versions.append((name, "not installed"))
    shared = loader.shared()
    facts = [("profile", settings().profile), ("budget", render.size(shared.budget_bytes)), ("python", platform.python_version())]
    return (
        f'<div class="mm-card"><h3>This machine</h3><p>{escape(accelerator.device_summary())}</p>{render.chips(facts)}'
        f"<h3>Libraries</h3>{render.chips(versions)}</div>"
    )


def _choose(name: str) -> str:
    return model_table.card_html(model_states.listing(name))


def _shown(states: Catalog) -> tuple[str, str, str]:
    return model_table.table_html(states), model_table.card_html(states), _machine()


def _pick(event: gr.EventData) -> tuple[str, str]:
    name = str(event.model)
    return name, _choose(name)


def build(frame: ui.Frame) -> None:
    """Make the tab."""
    page = frame.page(find("models"))
    names = [row.name for row in catalog.rows()]
    table = gr.HTML(elem_classes="mm-plain mm-result mm-models", js_on_load=model_table.select_js())
    with page.inputs():
        chosen = gr.Dropdown(names, value=names[0], label="Model", info="Or click its row above.")
        with gr.Row(elem_classes="mm-actions mm-wrap"):
            buttons = {
                run: gr.Button(label, variant=variant, min_width=70, elem_classes="mm-run" if run is model_states.load else "")
                for run, label, variant in (
                    (model_states.load, "Load", "primary"),
                    (model_states.download, "Download", "secondary"),
                    (model_states.eject, "Eject", "secondary"),
                    (model_states.pin, "Pin", "secondary"),
                    (model_states.listing, "Refresh", "secondary"),
                )
            }
            stop = gr.Button("Stop", variant="stop", min_width=70, elem_classes="mm-stop")
        status = gr.HTML(render.line("idle", "Ready"), elem_classes="mm-plain mm-statusbox")
        model_choices.build(page, chosen)
        adding = gr.Column()
        machine = gr.HTML(elem_classes="mm-plain mm-result")
    with page.results(receipt=False):
        card = gr.HTML(elem_classes="mm-plain mm-result")
        files = page.exports(ui.Export("Catalog as JSON", "models.json", json_text))
    with adding:
        model_adding.build(page, chosen, [table, card, machine], _shown)
    table.select(_pick, outputs=[chosen, card], queue=False, show_progress="hidden", api_visibility="private")
    chosen.input(_choose, chosen, card, queue=False, show_progress="hidden", api_visibility="private")
    for run, button in buttons.items():
        page.connect(
            run,
            actions=ui.Actions(button, stop, None, status),
            inputs=[chosen],
            outputs=[table, card, machine],
            show=_shown,
            api_name=ENDPOINTS[run],
            exports=files,
            triggers=[button.click, frame.blocks.load] if run is model_states.listing else (),
            snippet={"model": "whisper-base"} if run is model_states.load else None,
            queue=ui.DEVICE_QUEUE if run is model_states.load else QUEUE,
        )
