"""Image generation: a prompt, typed or spoken, with or without a picture to start from, to pictures that can be painted again."""

from __future__ import annotations

from typing import Any

import gradio as gr

from mm_demos import ui
from mm_demos.models.painting import PaintOptions
from mm_demos.tabs import find
from mm_demos.tasks.image_options import MAX_STEPS
from mm_demos.ui import painting as made
from mm_demos.ui import painting_events as events
from mm_demos.ui import painting_replay, render
from mm_demos.ui import painting_view as view

QUIET: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
STATE_SECONDS = 3600.0  # what a visit painted is forgotten an hour after its page was closed
PROMPTS = (
    *("a red apple", "a smiling cat", "a rocket", "a slice of pizza"),
    *("a snail", "a house with a garden", "a purple heart", "a sailing boat"),
)
NOTE = "The model that comes along draws emoji-like pictures of 64 × 64 pixels: things, animals, food and faces in a few words."
MEMORY = [("Automatic", "auto"), ("Save nothing", "off"), ("In slices", "sliced"), ("Off the accelerator", "offload")]
HEARD = render.line("done", "Heard: correct the prompt if need be, then press Paint")
DEFAULTS = PaintOptions()


def _prompts() -> tuple[gr.Textbox, gr.Textbox, gr.Audio]:
    """Prompt and negative prompt, and a recording that becomes the prompt."""
    prompt = gr.Textbox("", label="Prompt", placeholder="a red apple", lines=2, max_lines=5, elem_classes="mm-pt-prompt")
    with gr.Accordion("Say it instead", open=False):
        recording = ui.microphone("Spoken prompt")
    negative = gr.Textbox("", label="But not", placeholder="text, people", max_lines=2)
    return prompt, negative, recording


def _start() -> tuple[gr.Image, gr.Slider]:
    """The picture to start from, and how much of it is repainted."""
    with gr.Accordion("Start from a picture", open=False) as room:
        image = ui.image_input("Start picture", height=220)
        strength = gr.Slider(
            0.05, 1, value=DEFAULTS.strength, step=0.05, label="Strength", info="At 1 nothing of it remains", visible=False
        )
    image.change(events.start_given, image, [strength, room], **QUIET)
    return image, strength


def _number() -> dict[str, Any]:
    """How many pictures, from which seed, in which order."""
    with gr.Row(elem_classes="mm-pt-row"):
        n = gr.Slider(1, made.MAX_PICTURES, value=1, step=1, label="How many", min_width=150, scale=3)
        seed = gr.Number(0, label="Seed", precision=0, min_width=96, scale=2)
        dice = gr.Button("New seed", size="sm", elem_classes="mm-pt-dice", min_width=60, scale=0)
    rank = gr.Checkbox(False, label="Best first", info="Ranks the pictures by how well they fit the prompt")
    dice.click(made.new_seed, None, seed, **QUIET)
    return {"n": n, "seed": seed, "rank": rank}


def _options() -> dict[str, Any]:
    """Everything that changes how, not what; by name."""
    with gr.Accordion("More options", open=False):
        own = made.is_private()
        model = gr.Dropdown(
            made.names(),
            value=made.default_name(),
            label="Model",
            info="Also a folder with a diffusers pipeline, or its name on the hub" if own else None,
            allow_custom_value=own,
        )
        with gr.Row():
            scheduler = gr.Dropdown(
                [(events.OWN_SCHEDULER, "")], value="", label="Scheduler", allow_custom_value=True, min_width=160
            )
            memory = gr.Dropdown(MEMORY, value="auto", label="Memory", min_width=140)
        with gr.Row():
            steps = gr.Slider(0, MAX_STEPS, value=0, step=1, label="Steps", info="0: the model's own", min_width=160)
            guidance = gr.Number(0, label="Guidance", info="0: the model's own; 1: none", min_width=120)
        with gr.Row():
            width = gr.Number(0, label="Width", info="0: its own", precision=0, min_width=120)
            height = gr.Number(0, label="Height", info="0: its own", precision=0, min_width=120)
    fields = {"model": model, "steps": steps, "guidance": guidance, "width": width, "height": height}
    return fields | {"scheduler": scheduler, "memory": memory}


def build(frame: ui.Frame) -> None:
    """Make the tab."""
    page = frame.page(find("image-generation"))
    with page.inputs():
        prompt, negative, recording = _prompts()
        field = _number()
        actions = page.actions("Paint")
        gr.HTML(f'<p class="mm-small">{NOTE}</p>', elem_classes="mm-plain")
        page.examples([[text] for text in PROMPTS], [prompt])
        image, strength = _start()
        field |= _options()
        with gr.Accordion("Read settings from a picture", open=False):
            drop = gr.File(file_types=["image"], label="A PNG that was painted here", height=110)
            read = gr.HTML("", elem_classes="mm-plain")
    with page.results():
        pictures = view.grid()
        shown, history = gr.State(None, time_to_live=STATE_SECONDS), gr.State((), time_to_live=STATE_SECONDS)
        files = page.exports(*made.EXPORTS)
        frame.sending.row("image-generation", gives={"picture": shown}, takes={"text": prompt, "picture": image})
        strip = view.strip()
    names = ("n", "rank", "model", "steps", "guidance", "width", "height", "seed", "scheduler")
    done = page.connect(
        made.paint_shown,
        actions=actions,
        inputs=[prompt, negative, image, *(field[name] for name in names), strength, field["memory"]],
        outputs=[pictures, shown],
        show=lambda result: (view.cards(result), result),
        api_name="generate",
        api=made.paint,
        check=made.check,
        exports=files,
        submit=[prompt, negative],
        snippet=made.SNIPPET,
    )
    heard = page.connect(
        made.listen,
        actions=actions,
        inputs=[recording],
        outputs=[prompt],
        show=lambda result: [result.text],
        api_name=None,
        triggers=[recording.stop_recording, recording.upload],
    )
    heard.success(lambda: HEARD, outputs=actions.status, **QUIET)
    kept = {"inputs": [shown, history], "outputs": [history, strip]}
    left = {"inputs": shown, "outputs": [pictures, *files.values()]}
    done.success(events.keep, **kept, **QUIET)
    for ended in (done.failure, actions.stop.click(events.wait_for_last_step, **QUIET).then):
        ended(events.finished, **left, **QUIET).then(events.keep, **kept, **QUIET)
    again = [pictures, shown, actions.status, *page.receipt_parts, *files.values()]
    strip.select(events.show_again, history, again, **QUIET)
    form = [prompt, negative, *(field[name] for name in names), strength, field["memory"]]
    drop.upload(events.read_picture, drop, [*form, read], **QUIET)
    pictures.submit(events.use_settings, shown, [*form, actions.status], **QUIET)
    pictures.edit(events.start_from, shown, [image, actions.status], **QUIET)
    model, scheduler = field["model"], field["scheduler"]
    both = [model, scheduler]
    chosen = model.change(events.choose_model, both, [*both, actions.status], **QUIET | {"queue": True})
    actions.stop.click(None, cancels=chosen, **QUIET)
    for ready in (frame.blocks.load, done.success):
        ready(events.offer, both, scheduler, **QUIET)
    painting_replay.connect(page, drop, image)
