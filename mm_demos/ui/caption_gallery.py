"""A batch of captioned pictures as a gallery whose captions can be edited."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from mm_demos.results import Captioning
from mm_demos.tasks.caption_batch import Item
from mm_demos.ui import captions as made
from mm_demos.ui import render
from mm_demos.ui.captions import Gallery, Typed
from mm_demos.ui.handler import TICK

SCRIPT = Path(__file__).with_name("caption_gallery.js")
EMPTY = render.empty("The pictures will appear here", "Each with its caption, which you can edit before you download.")
# A list, because Gradio sends only what was added to it: a batch of a hundred thumbnails travels once, not a hundred times.
TEMPLATE = """${value && value.length ? `<ul class="mm-gallery">${value.join("")}</ul>` : `%s`}"""


def area() -> gr.HTML:
    """The component that shows what `items` gives."""
    script = SCRIPT.read_text(encoding="utf-8")
    return gr.HTML([], html_template=TEMPLATE % EMPTY, elem_classes="mm-plain mm-result", js_on_load=script)


def items(gallery: Gallery) -> list[str]:
    """A card for every picture: thumbnail, caption to edit, similarity; or the sentence that says what went wrong."""
    pairs = zip(gallery.batch.items, gallery.thumbnails, strict=True)
    return [_item(gallery.run, number, item, thumbnail) for number, (item, thumbnail) in enumerate(pairs)]


def _item(run: str, number: int, item: Item, thumbnail: str) -> str:
    name = escape(item.input)
    if item.captioning is None:
        return (
            f'<li class="mm-picture"><span class="mm-blank" aria-hidden="true"></span><div><p class="mm-file">{name}</p>'
            f'<p class="mm-notice mm-error">{escape(item.error)}</p></div></li>'
        )
    best = item.captioning.captions[0] if item.captioning.captions else None
    said = escape(best.text if best else "")
    score = f'<span class="mm-value" title="How well it fits (cosine)">{best.score:.2f}</span>' if best else ""
    return (
        f'<li class="mm-picture"><img src="{thumbnail}" alt="{said}" translate="no" loading="lazy"><div>'
        f'<p class="mm-file">{name}<span class="mm-edited">edited</span>{score}</p>'
        f'<textarea rows="2" data-run="{run}" data-row="{number}" maxlength="{made.MAX_EDIT_CHARS}" '
        f'aria-label="Caption of {name}">{said}</textarea>{_others(item.captioning)}</div></li>'
    )


def _others(captioning: Captioning) -> str:
    """The captions to choose from, when there are several."""
    if len(captioning.captions) < 2:
        return ""
    choices = "".join(
        f'<button type="button" class="mm-other" translate="no">{escape(caption.text)}'
        f'<span class="mm-value">{caption.score:.2f}</span></button>'
        for caption in captioning.captions
    )
    return f"<details><summary>{len(captioning.captions)} captions to choose from</summary>{choices}</details>"


def show(gallery: Gallery) -> tuple[list[str], Gallery]:
    """Values for the gallery and the session's state."""
    return items(gallery), gallery


def edit(gallery: Gallery, event: gr.EventData) -> Iterator[tuple[Any, ...]]:
    """Take over what the visitor typed: the changes, and the files to download."""
    changes = made.typed(str(event.run), dict(event.texts))
    for files in downloads(gallery, changes):
        yield changes, *files


def downloads(gallery: Gallery, changes: Typed) -> Iterator[tuple[Any, ...]]:
    """The files of the gallery for the download buttons, also of a run that was stopped."""
    if not gallery.batch.items:
        yield (gr.skip(),) * len(made.MANY_EXPORTS)
        return
    result = made.edited(gallery, changes)
    with tempfile.TemporaryDirectory(prefix="mm-demos-") as folder:  # Gradio has its own copies when the yield returns
        yield tuple(gr.update(value=export.save(result, folder), interactive=True) for export in made.MANY_EXPORTS)


def wait_for_last_step() -> None:
    """What a step that was on its way when Stop was pressed brings is part of the files made next."""
    time.sleep(2 * TICK)
