"""Captioning: one picture to ranked captions, or many pictures to a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from mm_demos import samples, ui
from mm_demos.errors import InvalidInputError
from mm_demos.models.protocols import CaptionOptions
from mm_demos.progress import Progress
from mm_demos.results import Captioning, LabelScore
from mm_demos.tabs import find
from mm_demos.tasks.caption_batch import Batch, caption_all
from mm_demos.tasks.captioning import caption
from mm_demos.ui import render
from mm_demos.ui.files import csv_text, json_text

STYLES = [("Short", "short"), ("Detailed", "detailed"), ("Alt text", "alt-text"), ("Playful", "playful")]
LANGUAGES = [("English", "en"), ("中文", "zh"), ("Français", "fr")]  # what a model of half a billion parameters can word
MAX_PICTURES = 100
COLUMNS = ["picture", "caption", "score"]


def caption_one(  # noqa: PLR0917 (an endpoint receives its components' values by position)
    image: str, style: str, language: str, prefix: str, n: float, seed: float, *, progress: Progress | None = None
) -> Captioning:
    """Caption a picture: captions best first with image–text similarity, and the evidence they are built on."""
    return caption(Path(image), options=_options(style, language, prefix, n, seed), progress=progress)


def caption_many(  # noqa: PLR0917
    images: list[str], style: str, language: str, prefix: str, n: float, seed: float, *, progress: Progress | None = None
) -> Iterator[Batch]:
    """Caption many pictures; a picture that cannot be read gets a sentence and the rest go on."""
    return caption_all([Path(path) for path in images], options=_options(style, language, prefix, n, seed), progress=progress)


def _options(style: str, language: str, prefix: str, n: float, seed: float) -> CaptionOptions:
    return CaptionOptions(style=style, language=language, prefix=(prefix or "").strip(), n=int(n or 1), seed=int(seed or 0))  # type: ignore[arg-type]


def _check_one(image: str | None, *_options: Any) -> None:
    if not image:
        raise InvalidInputError("Choose, paste or take a picture first.")


def _check_many(images: Sequence[str] | None, *_options: Any) -> None:
    if not images:
        raise InvalidInputError("Choose the pictures first; you can take many at once.")
    if len(images) > MAX_PICTURES:
        raise InvalidInputError(f"{len(images)} pictures are too many for one run: take at most {MAX_PICTURES} at a time.")


def _show_one(result: Captioning) -> tuple[str, str]:
    best = result.captions[0].text if result.captions else ""
    scores = [LabelScore(item.text, item.score) for item in result.captions]
    ranking = render.bars(scores, title="How well each caption fits (cosine)", percent=False)
    return f'<div class="mm-card"><p class="mm-lead">{escape(best)}</p>{ranking}</div>', _card(render.evidence(result.evidence))


def _card(inner: str) -> str:
    return f'<div class="mm-card">{inner}</div>' if inner else ""


def _table(batch: Batch) -> list[list[Any]]:
    rows: list[list[Any]] = []
    for item in batch.items:
        best = item.captioning.captions[0] if item.captioning and item.captioning.captions else None
        rows.append([item.input, best.text if best else item.error, round(best.score, 3) if best else None])
    return rows


def _lines(result: Captioning) -> str:
    return "".join(f"{item.text}\n" for item in result.captions)


def build(frame: ui.Frame) -> None:
    """Make the tab."""
    page = frame.page(find("captioning"))
    with page.inputs():
        with gr.Tabs(elem_classes="mm-modes"):
            with gr.Tab("One picture") as one_tab:
                image = ui.image_input()
                one = page.actions("Caption")
            with gr.Tab("Many pictures") as many_tab:
                images = gr.File(file_count="multiple", file_types=["image"], label="Pictures", height=220)
                many = page.actions("Caption all")
        with gr.Row():
            style = gr.Radio(STYLES, value="short", label="Style", min_width=260, scale=3)
            language = gr.Dropdown(LANGUAGES, value="en", label="Language", min_width=120, scale=1)
        with gr.Accordion("More options", open=False):
            prefix = gr.Textbox("", label="Begin with", placeholder="A photo of", max_lines=1)
            n = gr.Slider(1, 8, value=3, step=1, label="How many captions")
            seed = gr.Number(0, label="Seed", precision=0, minimum=0)
        with gr.Column() as examples:
            page.examples([[str(samples.path(name))] for name in ("cat.jpg", "coffee.jpg", "rocket.jpg", "sign.png")], [image])
    options = [style, language, prefix, n, seed]
    with page.results():
        with gr.Column() as one_results:
            captions = ui.result_area("Captions will appear here", "Ranked by how well each fits, with what was seen and read.")
            evidence = gr.HTML("", elem_classes="mm-plain mm-result")
            one_files = page.exports(
                ui.Export("TXT", "captions.txt", _lines),
                ui.Export(
                    "CSV", "captions.csv", lambda r: csv_text(["caption", "score"], [(c.text, c.score) for c in r.captions])
                ),
                ui.Export("JSON", "captions.json", json_text),
            )
        with gr.Column(visible=False) as many_results:
            table = gr.Dataframe(
                headers=COLUMNS, label="Captions", interactive=False, wrap=True, column_widths=["26%", "60%", "14%"]
            )
            many_files = page.exports(
                ui.Export("CSV", "captions.csv", lambda r: csv_text(COLUMNS, _table(r))),
                ui.Export("JSON", "captions.json", json_text),
            )
    both = [one_results, many_results, examples]
    for tab, first in ((one_tab, True), (many_tab, False)):
        shown = [gr.update(visible=first), gr.update(visible=not first), gr.update(visible=first)]
        tab.select(lambda shown=shown: shown, outputs=both, queue=False, show_progress="hidden", api_visibility="private")
    page.connect(
        caption_one,
        actions=one,
        inputs=[image, *options],
        outputs=[captions, evidence],
        show=_show_one,
        api_name="caption",
        check=_check_one,
        exports=one_files,
        submit=[prefix],
        snippet={"image": "file:picture.jpg", "style": "short"},
    )
    page.connect(
        caption_many,
        actions=many,
        inputs=[images, *options],
        outputs=[table],
        show=lambda batch: [_table(batch)],
        api_name="caption_many",
        check=_check_many,
        exports=many_files,
        snippet=None,
    )
