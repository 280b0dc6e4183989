"""Moments that can be heard in the page: the sound itself, its waveform as a drawing, and the player around both."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from html import escape
from pathlib import Path

import gradio as gr
import numpy as np

from mm_demos.errors import DemoError
from mm_demos.media.excerpts import load_excerpt, to_mp3
from mm_demos.models.protocols import SAMPLE_RATE, FloatArray
from mm_demos.ui import render
from mm_demos.ui.transcript_view import clock

SCRIPT = Path(__file__).with_name("clips.js")
BARS = 96  # of a waveform
QUIET_BAR = 0.03  # share of the height that silence still has
SHORTEST_SECONDS = 0.5
NOT_HERE = "The recording is not on this machine: add it to the library to hear it."


@dataclass(frozen=True, slots=True)
class Clip:
    """A stretch of a recording.

    Args:
        file: path of the recording.
        start: seconds from the beginning of the file.
        end: seconds from the beginning of the file.
        mp3: what is heard; empty when the file cannot be read any more.
        bars: loudest sample in [0, 1] of each of `BARS` equal parts, the loudest of all being 1.
        fault: why there is nothing to hear.
    """

    file: str
    start: float
    end: float
    mp3: bytes = b""
    bars: tuple[float, ...] = ()
    fault: str = ""

    @property
    def name(self) -> str:
        """File name for people."""
        return Path(self.file).name

    @property
    def times(self) -> str:
        """Where in the recording it is, for people."""
        return f"{clock(self.start)} – {clock(self.end)}"


def clip_of(file: str, start: float, end: float, *, allowed: bool = True) -> Clip:
    """Cut a moment out of a recording; without `allowed` nothing is opened."""
    if not allowed:
        return Clip(file, start, end, fault=NOT_HERE)
    try:
        waveform = load_excerpt(file, start, max(end, start + SHORTEST_SECONDS))
    except DemoError as error:
        return Clip(file, start, end, fault=str(error))
    return Clip(file, start, start + waveform.size / SAMPLE_RATE, to_mp3(waveform), bars_of(waveform))


def bars_of(waveform: FloatArray) -> tuple[float, ...]:
    """Heights of a drawn waveform, see `Clip.bars`."""
    edges = np.linspace(0, waveform.size, BARS + 1).astype(int)[:-1]
    peaks = np.maximum.reduceat(np.abs(waveform), np.minimum(edges, waveform.size - 1))
    return tuple(float(peak) for peak in peaks / max(float(peaks.max()), 1e-6))


def area(title: str = "", text: str = "") -> gr.HTML:
    """A component whose clips can be played; `title` and `text` say what will appear, without them it hides until then."""
    classes = "mm-plain mm-result" if title else "mm-plain mm-result mm-maybe"
    empty = render.empty(title, text) if title else ""
    return gr.HTML(empty, elem_classes=classes, js_on_load=SCRIPT.read_text(encoding="utf-8"))


def player(clip: Clip, *, play_from: float | None = None, autoplay: bool = False) -> str:
    """Play button, waveform and position; `play_from` in seconds from the beginning of the file."""
    if not clip.mp3:
        return f'<p class="mm-small mm-wrong">{escape(clip.fault)}</p>'
    at = min(max(0.0, (clip.start if play_from is None else play_from) - clip.start), max(0.0, clip.end - clip.start - 0.1))
    length = max(clip.end - clip.start, 0.1)
    source = f'src="data:audio/mpeg;base64,{base64.b64encode(clip.mp3).decode("ascii")}"'
    name = f"{escape(clip.name)}, {clip.times}"
    return (
        f'<div class="mm-player-row" style="--at:{at / length:.2%}" data-start="{clip.start:.2f}">'
        f'<button type="button" class="mm-hear" aria-label="Play {name}"></button>'
        f'<div class="mm-wave">{_drawing(clip.bars)}'
        f'<input type="range" min="0" max="{length:.2f}" step="0.01" value="{at:.2f}" aria-label="Position in {name}"></div>'
        f'<span class="mm-clock mm-value">{clock(clip.start + at)}</span>'
        f'<audio preload="auto" data-at="{at:.2f}"{" data-autoplay" if autoplay else ""} {source}></audio>'
        "</div>"
    )


def _drawing(bars: tuple[float, ...]) -> str:
    """Two copies of the waveform: the upper one is cut at the position."""
    path = "".join(
        f"M{index + 0.5:g} {50 - 48 * max(height, QUIET_BAR):.1f}V{50 + 48 * max(height, QUIET_BAR):.1f}"
        for index, height in enumerate(bars)
    )
    drawing = f'<svg viewBox="0 0 {len(bars)} 100" preserveAspectRatio="none" aria-hidden="true"><path d="{path}"/></svg>'
    return f'{drawing}<div class="mm-heard">{drawing}</div>'
