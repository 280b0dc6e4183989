"""Answers read aloud while they grow: sentences become sound beside the writing, and the page plays them in order."""

from __future__ import annotations

import base64
import io
import queue
import threading
import wave
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import gradio as gr
import numpy as np

from mm_demos.assistant import prompts
from mm_demos.errors import DemoError
from mm_demos.models.protocols import FloatArray
from mm_demos.progress import Progress
from mm_demos.tasks.speaking import speak

SCRIPT = Path(__file__).with_name("assistant_voice.js")
WAIT_SECONDS = 0.1  # between two looks whether speaking goes on


def area() -> gr.HTML:
    """The component that plays what it is given, a list of data URIs; nothing of it can be seen."""
    script = SCRIPT.read_text(encoding="utf-8")
    return gr.HTML([], html_template="<i></i>", elem_classes="mm-plain mm-as-voice", js_on_load=script)


def wav_uri(waveform: FloatArray, sample_rate: int) -> str:
    """`waveform` (n_samples,) in [-1, 1] as a 16-bit WAV file in a form that a page can hold."""
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes(np.rint(np.clip(waveform, -1.0, 1.0) * 32767.0).astype("<i2").tobytes())
    return f"data:audio/wav;base64,{base64.b64encode(content.getvalue()).decode('ascii')}"


@dataclass(slots=True)
class Voice:
    """Reads a growing answer aloud in a thread of its own, so that the writing never waits for the sound.

    Args:
        progress: of the run; stopping it ends the speaking after the sentence at hand.
        sounds: sentences that are ready, as data URIs.
        fault: one sentence when there is no voice; the writing goes on without it.
    """

    progress: Progress
    sounds: list[str] = field(default_factory=list)
    fault: str = ""
    _texts: queue.SimpleQueue[str | None] = field(default_factory=queue.SimpleQueue)
    _thread: threading.Thread | None = None

    def feed(self, text: str) -> None:
        """Give the whole answer so far."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, daemon=True, name="voice")
            self._thread.start()
        self._texts.put(prompts.unmarked(text))

    def finish(self) -> Iterator[int]:
        """Say that the answer is complete, and yield how many sentences are ready, as they become so.

        Raises:
            StoppedError: the run was stopped.
        """
        self.close()
        told = 0
        while self._thread is not None and self._thread.is_alive():
            self._thread.join(WAIT_SECONDS)
            self.progress.checkpoint()
            if len(self.sounds) > told:
                told = len(self.sounds)
                yield told

    def close(self) -> None:
        """Nothing more will come."""
        self._texts.put(None)

    def _given(self) -> Iterator[str]:
        while (text := self._texts.get()) is not None:
            self.progress.checkpoint()
            yield text

    def _run(self) -> None:
        try:
            for speech in speak(self._given(), progress=self.progress.part()):
                self.sounds.append(wav_uri(speech.waveform, speech.sample_rate))
        except DemoError as error:
            self.fault = "" if self.progress.stopped else str(error)
