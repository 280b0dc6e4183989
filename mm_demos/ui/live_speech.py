"""Live transcription in the page: one event gathers what the microphone streams, another one transcribes it.

Gradio keeps only the newest piece of a stream while an event is busy, so the event that receives the sound must not compute.
"""

from __future__ import annotations

import inspect
import queue
import tempfile
import threading
from abc import ABCMeta
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import gradio as gr
import numpy as np
from numpy.typing import NDArray

from mm_demos.errors import DemoError
from mm_demos.tasks.live import LIVE_OPTIONS, LiveText, LiveTranscriber
from mm_demos.ui import render, speech_events, transcripts
from mm_demos.ui.handler import fault_of
from mm_demos.ui.transcript_view import live
from mm_demos.ui.transcripts import batch_of, checked, options_of

Sound = tuple[int, NDArray[Any]]
PIECE_SECONDS = 1.0  # of sound that the browser sends at a time
GAP = 0.5  # seconds between two looks at the queue; a closed page is noticed this late
PATIENCE = 60  # looks without sound after which a forgotten session ends


@dataclass(frozen=True, slots=True)
class Session:
    """One visitor's talk: pieces of sound that wait, and whether the microphone is off."""

    talk: LiveTranscriber
    pieces: queue.SimpleQueue[Sound] = field(default_factory=queue.SimpleQueue)
    ended: threading.Event = field(default_factory=threading.Event)

    def take(self) -> Sound | None:
        """All sound that waits, joined; None when nothing came for `GAP` seconds."""
        try:
            rate, samples = self.pieces.get(timeout=GAP)
        except queue.Empty:
            return None
        waiting = [samples]
        while not self.pieces.empty():
            waiting.append(self.pieces.get()[1])
        return rate, np.concatenate(waiting)


def _init(self: gr.Audio, *, stream_every: float = PIECE_SECONDS, **options: Any) -> None:
    gr.Audio.__init__(self, **options)
    self.stream_every = stream_every


# Gradio's page sets the length of a microphone's pieces to 0.1 s when the component appears, whatever the event asks for, and at
# that rate a busy machine loses some. A property of the component can be set again later; its class must know it by name.
_parameters = inspect.signature(gr.Audio.__init__).parameters
_own = inspect.Parameter("stream_every", inspect.Parameter.KEYWORD_ONLY, default=PIECE_SECONDS)
_init.__signature__ = inspect.Signature([*_parameters.values(), _own])  # type: ignore[attr-defined]
_Microphone = ABCMeta.__new__(type(gr.Audio), "Audio", (gr.Audio,), {"__init__": _init, "__module__": __name__})


def microphone() -> gr.Audio:
    """A microphone that streams; let `lengthen` run once it is on screen."""
    return _Microphone(sources=["microphone"], streaming=True, type="numpy", label="Live microphone", elem_classes="mm-audio")


def lengthen() -> Any:
    """An update that makes the microphone's pieces `PIECE_SECONDS` long."""
    return gr.update(stream_every=PIECE_SECONDS)


def begin(model: str, language: str, translate: bool, prompt: str) -> tuple[Session, str, str]:
    """A fresh session, the empty card and the status line."""
    given = options_of(language, translate, False, True, LIVE_OPTIONS.beam_size, "0", prompt)
    options = replace(LIVE_OPTIONS, language=given.language, task=given.task, initial_prompt=given.initial_prompt)
    return Session(LiveTranscriber(model or None, options)), live(LiveText("", ""), 0.0), render.line("running", "Listening")


def gather(piece: Sound | None, session: Session | None) -> None:
    """Put a piece of sound into the session's queue."""
    if piece is not None and session is not None and not session.ended.is_set():
        session.pieces.put(piece)


def end(session: Session | None) -> None:
    """The microphone is off."""
    if session is not None:
        session.ended.set()


def follow(lane: threading.Lock) -> Callable[[Session | None, str], Iterator[tuple[Any, ...]]]:
    """The event that transcribes until the microphone is off.

    Args:
        lane: held while the model computes, as by every other task of the page.
    """

    def event(session: Session | None, reference: str) -> Iterator[tuple[Any, ...]]:
        """Yield the page's outputs of `speech_events.show`, the status line, and the downloads."""
        kept = (gr.skip(),) * len(transcripts.EXPORTS)
        if session is None:
            return
        try:
            for card in _listen(session, lane):
                yield gr.skip(), card, gr.skip(), gr.skip(), gr.skip(), *kept
            with lane:
                batch = batch_of(checked(session.talk.finish(), reference))
        except DemoError as error:
            yield gr.skip(), speech_events.EMPTY, gr.skip(), gr.skip(), render.fault(fault_of(error)), *kept
            return
        with tempfile.TemporaryDirectory() as folder:
            status = render.line("done", f"Listened for {render.seconds(session.talk.seconds)}")
            yield *speech_events.show(batch), status, *speech_events.downloads(batch, folder)

    return event


def _listen(session: Session, lane: threading.Lock) -> Iterator[str]:
    """The card after each piece of sound; ends when the microphone is off and nothing waits."""
    quiet = 0
    while quiet < PATIENCE:
        sound = session.take()
        if sound is None and session.ended.is_set():
            return
        quiet = quiet + 1 if sound is None else 0
        if sound is not None:
            with lane:
                session.talk.push(sound[1], sound[0])
        yield live(session.talk.text, session.talk.seconds)
