"""Ranked captions and where each word of the chosen one looked, as HTML that a small script draws without asking the server."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from pathlib import Path

import gradio as gr

from mm_demos.results import Caption
from mm_demos.ui import render

SCRIPT = Path(__file__).with_name("heat_map.js")
FINE = 108  # pixels a side of the drawn map; a multiple of the grid's 9 cells
SCALE = 10_000  # shares travel as whole numbers
WORDED = "This caption was put together from labels or by a language model, so no word of it has a map; others may have one."
ALL_WORDED = "A language model worded these captions, so no word of them has a map: choose Short in English for one."


def area() -> gr.HTML:
    """The component that shows what `page` gives."""
    empty = render.empty("Captions will appear here", "Ranked by how well each fits, with where every word looked.")
    return gr.HTML(empty, elem_classes="mm-plain mm-result", js_on_load=SCRIPT.read_text(encoding="utf-8"))


def page(captions: Sequence[Caption], picture: str) -> str:
    """Two cards: the captions, best first, to choose from; the picture with a map over it for every word.

    Args:
        captions: at least one.
        picture: source of the picture they are about.
    """
    return f'<div class="mm-stack">{_ranking(captions)}{_map(captions, picture)}</div>'


def _ranking(captions: Sequence[Caption]) -> str:
    rows = "".join(_row(number, caption) for number, caption in enumerate(captions))
    return (
        f'<div class="mm-card mm-captions" data-captions="{escape(json.dumps([_data(caption) for caption in captions]))}">'
        f'<div class="mm-chosen"><p class="mm-lead" translate="no">{escape(captions[0].text)}</p>'
        '<button type="button" class="mm-copy" aria-live="polite">Copy</button></div>'
        f'<fieldset class="mm-ranking"><legend>How well each caption fits (cosine)</legend>{rows}</fieldset></div>'
    )


def _row(number: int, caption: Caption) -> str:
    share = min(1.0, max(0.0, caption.score))
    return (
        f'<label class="mm-rank"><input type="radio" name="mm-caption" value="{number}"{" checked" if number == 0 else ""}>'
        f'<span class="mm-label" translate="no">{escape(caption.text)}</span><span class="mm-value">{caption.score:.2f}</span>'
        f'<span class="mm-track"><span style="width:{share:.2%}"></span></span></label>'
    )


def _data(caption: Caption) -> dict[str, object]:
    """What the script needs of a caption: its text, its words as they stand there, and where each looked."""
    looks = [[round(SCALE * share) for share in look] for look in caption.looks]
    return {"text": caption.text, "words": _spelled(caption)[: len(looks)], "looks": looks}


def _spelled(caption: Caption) -> list[str]:
    """The words with the text's capitals and marks, where the text has one piece for every word."""
    pieces = caption.text.split()
    return pieces if len(pieces) == len(caption.words) else list(caption.words)


def _map(captions: Sequence[Caption], picture: str) -> str:
    if not any(caption.looks for caption in captions):
        return f'<div class="mm-card"><p class="mm-basis">{ALL_WORDED}</p></div>'
    return (
        '<div class="mm-card mm-heat"><h3>Where each word looked</h3>'
        f'<div class="mm-heat-picture"><img src="{picture}" alt="“{escape(captions[0].text)}”; '
        'what the chosen word looked at is lit">'
        f'<canvas width="{FINE}" height="{FINE}" aria-hidden="true"></canvas></div>'
        '<div class="mm-heat-tools"><div class="mm-words" role="group" aria-label="Words of the caption"></div>'
        '<div class="mm-steps"><button type="button" class="mm-play">Play</button>'
        '<input type="range" min="0" max="1" step="1" value="0" aria-label="Word of the caption"></div>'
        f'<p class="mm-told" aria-live="polite"></p></div><p class="mm-basis mm-worded" hidden>{WORDED}</p></div>'
    )
