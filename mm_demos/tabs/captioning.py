"""Captioning: one picture to ranked captions and where their words looked, or many pictures to a gallery that can be edited."""

from __future__ import annotations

from typing import Any

import gradio as gr

from mm_demos import samples, ui
from mm_demos.models import catalog
from mm_demos.models.protocols import CaptionOptions
from mm_demos.tabs import find
from mm_demos.tasks.caption_batch import Batch
from mm_demos.ui import caption_gallery as gallery
from mm_demos.ui import captions as made
from mm_demos.ui import heat_map, render

QUIET: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
STYLES = [("Short", "short"), ("Detailed", "detailed"), ("Alt text", "alt-text"), ("Playful", "playful")]
LANGUAGES = [("English", "en"), ("中文", "zh"), ("Français", "fr")]  # what a model of half a billion parameters can word
METHODS = [("Beam search", "beam"), ("Sampling", "sampling")]
DEFAULTS = CaptionOptions()


def _options() -> list[gr.components.Component]:
    """Style, language, prefix, n, seed, method, beams, temperature, length, model: the order of the endpoints' parameters."""
    with gr.Row():
        style = gr.Radio(STYLES, value="short", label="Style", min_width=260, scale=3)
        language = gr.Dropdown(LANGUAGES, value="en", label="Language", min_width=120, scale=1)
    with gr.Accordion("More options", open=False):
        prefix = gr.Textbox("", label="Begin with", placeholder="A photo of", max_lines=1)
        n = gr.Slider(1, 8, value=DEFAULTS.n, step=1, label="How many captions")
        method = gr.Radio(METHODS, value=DEFAULTS.method, label="Words are chosen by")
        with gr.Row():
            beams = gr.Slider(1, 8, value=DEFAULTS.beams, step=1, label="Beams", info="For the search", min_width=140)
            temperature = gr.Slider(
                0, 2, value=DEFAULTS.temperature, step=0.05, label="Temperature", info="For sampling and wording", min_width=140
            )
        with gr.Row():
            length = gr.Slider(5, 80, value=DEFAULTS.max_new_tokens, step=1, label="Length at most", min_width=140)
            seed = gr.Number(0, label="Seed", precision=0, minimum=0, min_width=140)
        names = [row.name for row in catalog.rows(role="captioner")]
        model = gr.Dropdown(names, value=catalog.default("captioner"), label="Model")
    return [style, language, prefix, n, seed, method, beams, temperature, length, model]


def build(frame: ui.Frame) -> None:
    """Make the tab."""
    page = frame.page(find("captioning"))
    with page.inputs():
        with gr.Tabs(elem_classes="mm-modes"):
            with gr.Tab("One picture") as one_tab:
                image = ui.image_input()
                one = page.actions("Caption")
            with gr.Tab("Many pictures") as many_tab:
                images = gr.File(file_count="multiple", file_types=["image"], label="Pictures", height=200)
                folder = gr.UploadButton("Choose a folder", file_count="directory", size="sm", elem_classes="mm-folder")
                many = page.actions("Caption all")
        options = _options()
        with gr.Column() as examples:
            page.examples([[str(samples.path(name))] for name in ("cat.jpg", "coffee.jpg", "rocket.jpg", "sign.png")], [image])
    with page.results():
        with gr.Column() as one_results:
            captions = heat_map.area()
            evidence = gr.HTML("", elem_classes="mm-plain mm-result")
            one_files = page.exports(*made.ONE_EXPORTS)
            frame.sending.row("captioning", gives={"caption": None, "picture": image}, takes={"picture": image})
        with gr.Column(visible=False) as many_results:
            pictures = gallery.area()
            many_files = page.exports(*made.MANY_EXPORTS)
    state, changes = gr.State(made.Gallery(Batch(()))), gr.State(made.Typed())
    both = [one_results, many_results, examples]
    for tab, first in ((one_tab, True), (many_tab, False)):
        shown = [gr.update(visible=first), gr.update(visible=not first), gr.update(visible=first)]
        tab.select(lambda shown=shown: shown, outputs=both, **QUIET)
    folder.upload(made.pictures_in, folder, images, **QUIET)
    page.connect(
        made.picture_one,
        actions=one,
        inputs=[image, *options],
        outputs=[captions, evidence],
        show=lambda result: (heat_map.page(result.captioning.captions, result.picture), _seen(result)),
        api_name="caption",
        api=made.caption_one,
        check=made.check_one,
        exports=one_files,
        submit=[options[2]],
        snippet={"image": "file:picture.jpg", "style": "short"},
    )
    done = page.connect(
        made.picture_many,
        actions=many,
        inputs=[images, *options],
        outputs=[pictures, state],
        show=gallery.show,
        api_name="caption_many",
        api=made.caption_many,
        check=made.check_many,
        exports=many_files,
    )
    files = {"inputs": [state, changes], "outputs": list(many_files.values())}
    done.success(gallery.downloads, **files, **QUIET)
    stopped = many.stop.click(gallery.wait_for_last_step, **QUIET)
    stopped.then(gallery.downloads, **files, **QUIET)
    pictures.edit(gallery.edit, state, [changes, *many_files.values()], trigger_mode="always_last", **QUIET)


def _seen(result: made.Pictured) -> str:
    inner = render.evidence(result.captioning.evidence)
    return f'<div class="mm-card">{inner}</div>' if inner else ""
