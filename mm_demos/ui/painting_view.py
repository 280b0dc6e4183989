"""Pictures under way and finished ones as a grid, and those painted earlier in the visit as a strip."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from html import escape
from pathlib import Path

import gradio as gr

from mm_demos.media.thumbnails import data_uri
from mm_demos.results import GeneratedImage, Generation
from mm_demos.ui import render

SCRIPT = Path(__file__).with_name("painting.js")
EMPTY = render.empty("Pictures will appear here", "You see each one come out of the noise, step by step.")
# Lists, because Gradio sends only what changed in them: a finished picture travels once, not with every step of the next one,
# and a sketch not with every step until the next sketch.
GRID = (
    '${value && value.length ? value[0] + `<div class="mm-pt-grid" data-n="${value.filter((part) => part.startsWith("<figure"))'
    '.length}">${value.slice(1).join("")}</div>` : `%s`}'
)
STRIP = (
    '${value && value.length ? `<section class="mm-pt-earlier" aria-label="Painted in this visit">'
    '<h3>Painted in this visit</h3><ol>${value.join("")}</ol></section>` : ""}'
)
PICK = """element.addEventListener("click", (event) => {
  const button = event.target.closest("[data-number]");
  if (!button || element.closest(".mm-columns")?.querySelector('.mm-status[data-state="running"]')) return;
  trigger("select", { number: Number(button.dataset.number) });
});"""
THUMBNAIL_SIDE = 128  # pixels; shown at half of it, for dense screens
NAME_CHARS = 48
ICONS = {
    "save": ("Download PNG", "M12 4v11M7.5 11l4.5 4.5L16.5 11M5 20h14"),
    "settings": ("Use these settings", "M4 7h9M17 7h3M4 17h3M11 17h9M15 4.5v5M9 14.5v5"),
    "start": ("Start from this one", "M5 5h9M5 5v14h14v-9M8 15.5l3-3.5 2 2 1.5-1.5 2.5 3M18.5 3v6M15.5 6h6"),
}


def grid() -> gr.HTML:
    """The component that shows what `cards` gives."""
    return gr.HTML(
        [], html_template=GRID % EMPTY, elem_classes="mm-plain mm-result", js_on_load=SCRIPT.read_text(encoding="utf-8")
    )


def strip() -> gr.HTML:
    """The component that shows what `earlier` gives."""
    return gr.HTML([], html_template=STRIP, elem_classes="mm-plain", js_on_load=PICK)


def cards(made: Generation) -> list[str]:
    """Notices, the finished pictures, the one under way in two parts, and a place for each that waits; nothing of nothing."""
    under_way = [] if made.done else _under_way(made)
    shown = [*_finished(made), *under_way]
    return ["".join(render.notice(text) for text in made.notices), *shown] if shown else []


def _finished(made: Generation) -> Iterator[str]:
    scores = [image.score for image in made.images if image.score is not None]
    best = max(scores, default=0.0)
    for number, image in enumerate(made.images):
        first = number == 0 and made.done and len(scores) > 1
        yield _card(made, image, best, first)


def _card(made: Generation, image: GeneratedImage, best: float, first: bool) -> str:
    prompt = escape(made.prompt)
    score = _score(image.score, best) if image.score is not None else ""
    return (
        f'<figure class="mm-pt-card{" mm-best" if first else ""}" data-seed="{image.seed}" '
        f'data-told="seed {image.seed} · {image.width} × {image.height}">'
        f'<button type="button" class="mm-pt-open" aria-label="Enlarge the picture with seed {image.seed}">'
        f'<img src="{png_uri(image.png)}" alt="{prompt}" translate="no" width="{image.width}" height="{image.height}"></button>'
        f'<figcaption><span class="mm-pt-facts">{"<b>best</b>" if first else ""}seed {image.seed}'
        f"<span> · {image.width} × {image.height}</span></span>{score}"
        f"{_tools(file_name(made.prompt, image.seed))}</figcaption></figure>"
    )


def _score(score: float, best: float) -> str:
    share = min(1.0, max(0.0, score / best)) if best > 0 else 0.0
    return (
        f'<span class="mm-value" title="How well it fits the prompt (cosine)">{round(score, 2) + 0.0:.2f}</span>'
        f'<span class="mm-track" title="beside the best"><span style="width:{share:.2%}"></span></span>'
    )


def _tools(name: str) -> str:
    buttons = "".join(
        f'<button type="button" data-act="{act}" title="{label}" aria-label="{label}"{_named(act, name)}>'
        f'<svg viewBox="0 0 24 24" aria-hidden="true"><path d="{icon}"/></svg><span>{label}</span></button>'
        for act, (label, icon) in ICONS.items()
    )
    return f'<span class="mm-pt-tools">{buttons}</span>'


def _named(act: str, name: str) -> str:
    return f' data-name="{escape(name)}"' if act == "save" else ""


def _under_way(made: Generation) -> list[str]:
    waiting = made.total - len(made.images) - 1
    if waiting < 0:
        return []
    share = min(1.0, made.step / made.steps) if made.steps else 0.0
    seen = f'<img src="{png_uri(made.preview)}" alt="Under way: “{escape(made.prompt)}”">' if made.preview else ""
    told = f"step {made.step} of {made.steps}" if made.steps else "starting"
    paper = f'<figure class="mm-pt-card mm-pt-now"><div class="mm-pt-paper">{seen}</div>'
    caption = (
        f'<figcaption><span class="mm-pt-facts">picture {len(made.images) + 1} of {made.total}</span>'
        f'<span class="mm-value">{told}</span>'
        f'<span class="mm-track"><span style="width:{share:.2%}"></span></span></figcaption></figure>'
    )
    wait = '<figure class="mm-pt-card mm-pt-wait" aria-hidden="true"><div class="mm-pt-paper"></div></figure>'
    return [paper, caption, *([wait] * waiting)]


def earlier(history: Sequence[Generation]) -> list[str]:
    """A button for each earlier run, newest first."""
    return [_seen(number, made) for number, made in enumerate(history)]


def _seen(number: int, made: Generation) -> str:
    count = f"<i>{len(made.images)}</i>" if len(made.images) > 1 else ""
    prompt = escape(made.prompt)
    return (
        f'<li><button type="button" data-number="{number}" title="“{prompt}”" aria-label="Show again: “{prompt}”">'
        f'<img src="{_thumbnail(made.images[0])}" alt="" loading="lazy">{count}</button></li>'
    )


def _thumbnail(image: GeneratedImage) -> str:
    if max(image.width, image.height) <= THUMBNAIL_SIDE:
        return png_uri(image.png)
    import PIL.Image

    with PIL.Image.open(io.BytesIO(image.png)) as picture:
        return data_uri(picture.convert("RGB"), THUMBNAIL_SIDE)


@lru_cache(maxsize=32)  # finished pictures are shown again at every step of the next one
def png_uri(content: bytes) -> str:
    """The bytes of a PNG file in a form that a page or a program can hold."""
    return f"data:image/png;base64,{base64.b64encode(content).decode('ascii')}"


def file_name(prompt: str, seed: int) -> str:
    """What a picture is called when it is downloaded: words of its prompt and its seed."""
    words = re.sub(r"[^\w]+", "-", prompt.lower())[:NAME_CHARS].strip("-_")
    return f"{words or 'picture'}-{seed}.png"
