"""Text read aloud: the panel of the Assistant tab and the endpoint `speak`."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr
import numpy as np

from mm_demos import ui
from mm_demos.errors import InvalidInputError
from mm_demos.models import catalog
from mm_demos.progress import Progress
from mm_demos.results import Receipt
from mm_demos.tasks.speaking import FASTEST, SLOWEST, checked, speak
from mm_demos.ui import render
from mm_demos.ui.assistant_voice import wav_uri
from mm_demos.ui.events import Export
from mm_demos.ui.files import json_text

MAX_CHARS = 2000  # about two minutes; the result travels whole
PAUSE_SECONDS = 0.25  # between two sentences, as on the command line


@dataclass(frozen=True, slots=True)
class SpokenSentence:
    """A sentence and when it is said, in seconds."""

    start: float
    end: float
    text: str


@dataclass(frozen=True, slots=True)
class Spoken:
    """A text as speech.

    Args:
        audio: a 16-bit WAV file as a data URI.
        duration: in seconds.
        sentences: in order, with a quarter of a second between them.
    """

    audio: str
    duration: float
    sentences: tuple[SpokenSentence, ...]
    receipt: Receipt | None = None


def read(
    text: str, speed: float = 1.0, variation: float = 1.0, model: str = "", *, progress: Progress | None = None
) -> Iterator[Spoken]:
    """Read a text aloud: a WAV file in `audio` as a data URI, and when each sentence is said.

    Args:
        text: at most 2,000 characters.
        speed: 0.5 to 2.
        variation: of melody and rhythm, 0 to 1; at 0 the same text always sounds the same.
        model: of the catalog.
        progress: told about loads and sentences.
    """
    pieces: list[np.ndarray[Any, np.dtype[np.float32]]] = []
    sentences: list[SpokenSentence] = []
    receipt, rate, samples = None, 1, 0
    for speech in speak(text, model=model or None, speed=speed, variation=variation, progress=progress):
        receipt, rate = speech.receipt, speech.sample_rate
        pause = np.zeros(round(PAUSE_SECONDS * rate) if pieces else 0, np.float32)
        begins = samples + pause.size
        samples = begins + speech.waveform.size
        pieces += [pause, speech.waveform]
        sentences.append(SpokenSentence(round(begins / rate, 3), round(samples / rate, 3), speech.text))
    if not pieces:
        raise InvalidInputError("There is nothing to read aloud: write a sentence.")
    yield Spoken(wav_uri(np.concatenate(pieces), rate), samples / rate, tuple(sentences), receipt)


def check(text: str | None, *_options: Any) -> None:
    """Refuse what cannot be read aloud before it queues."""
    if len(text or "") > MAX_CHARS:
        raise InvalidInputError(f"Give at most {MAX_CHARS:,} characters; the command speak reads longer texts.")
    checked(text or "")


def build(page: ui.Page) -> None:
    """Make the panel, inside a fold of its own."""
    text = gr.Textbox("", label="Text", placeholder="Good morning.", lines=3, max_lines=8)
    with gr.Row():
        speed = gr.Slider(SLOWEST, FASTEST, value=1, step=0.05, label="Speed", min_width=120)
        variation = gr.Slider(0, 1, value=1, step=0.1, label="Variation", info="0 always sounds the same", min_width=120)
    model = gr.Dropdown([row.name for row in catalog.rows(role="speaker")], value=catalog.default("speaker"), label="Voice")
    actions = page.actions("Read aloud")
    player = gr.HTML("", elem_classes="mm-plain mm-result")
    files = page.exports(Export("WAV", "speech.wav", _wav), Export("JSON", "speech.json", json_text))
    page.connect(
        read,
        actions=actions,
        inputs=[text, speed, variation, model],
        outputs=[player],
        show=lambda spoken: [_player(spoken)],
        api_name="speak",
        check=check,
        exports=files,
        snippet={"text": "Good morning."},
    )


def _wav(spoken: Spoken) -> bytes:
    return base64.b64decode(spoken.audio.partition(",")[2])


def _player(spoken: Spoken) -> str:
    said = "".join(f"<li>{escape(each.text)}</li>" for each in spoken.sentences)
    length = render.seconds(spoken.duration)
    return (
        f'<div class="mm-card"><audio controls src="{spoken.audio}" aria-label="Read aloud"></audio>'
        f'<p class="mm-basis">{length}</p><ol translate="no">{said}</ol></div>'
    )
