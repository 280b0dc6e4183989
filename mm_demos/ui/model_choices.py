"""How the chosen model is loaded: number format, packing, place and compilation, and what each was measured to do here."""

from __future__ import annotations

from html import escape

import gradio as gr

from mm_demos import accelerator
from mm_demos.errors import DemoError
from mm_demos.models.choices import DTYPES, OFFLOADS, QUANTISATIONS, ModelChoices
from mm_demos.settings import settings
from mm_demos.tasks import model_choices
from mm_demos.tasks.model_choices import Choosing, Measured
from mm_demos.tasks.model_states import ModelState
from mm_demos.ui import render
from mm_demos.ui.page import DEVICE_QUEUE, Actions, Page

HEADERS = ("Loaded", "Load", "Memory", "Speed")
NO_CHOICE = "Its engine loads it in one way only."
UNMEASURED = "Not measured here yet: Apply and measure loads it as it is and as you choose, and shows both."


def build(page: Page, chosen: gr.Dropdown) -> None:
    """Make the panel for the model in `chosen`; call it inside `inputs()`."""
    with gr.Accordion("How it is loaded", open=False, elem_classes="mm-loading"):
        table = gr.HTML(elem_classes="mm-plain mm-result")
        with gr.Row():
            dtype = gr.Dropdown(list(DTYPES), value="auto", label="Numbers", min_width=120)
            quantisation = gr.Dropdown(list(QUANTISATIONS), value="none", label="Pack weights", min_width=120)
            offload = gr.Dropdown(list(OFFLOADS), value="none", label="Layers wait on", min_width=120)
        compiled = gr.Checkbox(False, label="Compile", info="torch.compile: a slow first run, rarely made up for on a CPU.")
        with gr.Row(elem_classes="mm-actions"):
            apply = gr.Button("Apply and measure", scale=3, min_width=190)
            stop = gr.Button("Stop", variant="stop", scale=1, min_width=70, elem_classes="mm-stop")
        status = gr.HTML(render.line("idle", "Ready"), elem_classes="mm-plain mm-statusbox")
    controls = [dtype, quantisation, offload, compiled]
    page.connect(
        model_choices.choose,
        actions=Actions(apply, stop, None, status),
        inputs=[chosen, *controls],
        outputs=[table],
        show=lambda state: (table_html(state),),
        api_name="models_choose",
        snippet={"model": "whisper-base", "dtype": "float32"},
        queue=DEVICE_QUEUE,
    )
    for event in (chosen.change, page.frame.blocks.load):
        event(
            _state,
            chosen,
            [table, *controls],
            queue=False,
            show_progress="hidden",
            api_visibility="private",
        )


def costs(item: ModelState) -> list[tuple[str, str]]:
    """What a load would take and what there is: download and disk where files are missing, and memory."""
    memory = render.size(item.memory_bytes)
    if item.resident:
        return [("memory", memory)]
    needs = [("memory", f"{memory} of {render.size(accelerator.available_bytes())} free")]
    if item.download_bytes:
        disk = render.size(accelerator.free_disk_bytes(settings().cache_dir))
        needs.insert(0, ("download", f"{render.size(item.download_bytes)} to a disk with {disk} free"))
    return needs


def _state(model: str) -> tuple[object, ...]:
    """The table and the controls of a model, as it is loaded or will be."""
    try:
        state = model_choices.choosing(model)
    except DemoError as error:
        now = ModelChoices()
        off = tuple(
            gr.update(value=value, interactive=False) for value in (now.dtype, now.quantisation, now.offload, now.compile)
        )
        return render.notice(str(error), "warn"), *off
    now, can = state.chosen, state.offered
    fields = ((can.dtypes, now.dtype), (can.quantisations, now.quantisation), (can.offloads, now.offload))
    updates = (gr.update(choices=list(values), value=value, interactive=len(values) > 1) for values, value in fields)
    return table_html(state), *updates, gr.update(value=now.compile, interactive=can.compile)


def table_html(state: Choosing) -> str:
    """What was measured for each choice, the present one marked, with the change against the first."""
    if not state.offered.any:
        return render.notice(NO_CHOICE)
    if not state.measured:
        return render.notice(UNMEASURED)
    head = "".join(f"<th>{name}</th>" for name in HEADERS)
    rows = "".join(_row(each, state.measured[0], each == state.now) for each in state.measured)
    return f'<table class="mm-measured"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'


def _row(each: Measured, first: Measured, current: bool) -> str:
    speed = f"{each.speed:.3g}<small>{escape(each.unit)}</small>" if each.unit else "–"
    memory = render.size(each.memory_bytes)
    if each != first:
        speed += _against(each.speed, first.speed)
        memory += _against(each.memory_bytes, first.memory_bytes)
    dot = '<span class="mm-dot mm-on" title="as it is loaded now"></span>' if current else ""
    name = f"{dot}{escape(each.choices)}<small>{escape(each.dtype)} · {escape(each.engine)}</small>"
    cells = (name, render.seconds(each.load_seconds), memory, speed)
    return f'<tr class="{"mm-measured-now" if current else ""}">{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'


def _against(value: float, first: float) -> str:
    return f"<small>{value / first:.2f} ×</small>" if value and first else ""
