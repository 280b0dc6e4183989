"""Live transcription in the page: what the microphone streams goes to a transcriber kept in the visitor's session."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from mm_demos.errors import DemoError
from mm_demos.tasks.live import LIVE_OPTIONS, LiveText, LiveTranscriber
from mm_demos.ui import render
from mm_demos.ui.handler import fault_of
from mm_demos.ui.transcript_view import live
from mm_demos.ui.transcripts import Batch, batch_of, checked, options_of

NOTHING = LiveText("", "")


def begin(model: str, language: str, translate: bool, prompt: str) -> tuple[LiveTranscriber, str, str]:
    """A fresh transcriber, the empty card and the status line."""
    given = options_of(language, translate, False, True, LIVE_OPTIONS.beam_size, "0", prompt)
    options = replace(LIVE_OPTIONS, language=given.language, task=given.task, initial_prompt=given.initial_prompt)
    return LiveTranscriber(model or None, options), live(NOTHING, 0.0), render.line("running", "Listening")


def listen(lane: threading.Lock) -> Callable[[Any, LiveTranscriber | None], tuple[LiveTranscriber | None, str]]:
    """The event behind each piece of sound."""

    def push(piece: Any, talk: LiveTranscriber | None) -> tuple[LiveTranscriber | None, str]:
        if piece is None or talk is None:
            return talk, live(NOTHING, 0.0)
        try:
            with lane:
                said = talk.push(piece[1], piece[0])
        except DemoError as error:
            return None, live(NOTHING, 0.0, str(error))
        return talk, live(said, talk.seconds)

    return push


def end(lane: threading.Lock) -> Callable[[LiveTranscriber | None, str], tuple[Batch, str]]:
    """The event behind the microphone's stop: the whole talk, and the status line."""

    def finish(talk: LiveTranscriber | None, reference: str) -> tuple[Batch, str]:
        if talk is None:
            return Batch(()), render.line("idle", "Ready")
        try:
            with lane:
                whole = checked(talk.finish(), reference)
        except DemoError as error:
            return Batch(()), render.fault(fault_of(error))
        return batch_of(whole), render.line("done", f"Listened for {render.seconds(whole.duration)}")

    return finish
