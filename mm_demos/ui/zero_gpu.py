"""Runs of a Space on ZeroGPU: each in the child process that has the GPU, with progress, results and faults passed out of it.

Models lie on the GPU before the page is there (`mm_demos.publish.start`); what crosses to this process is pickled,
and of the errors only those of Gradio keep their words, so a fault crosses as part of a step.
"""

from __future__ import annotations

import functools
import inspect
import re
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import gradio as gr

from mm_demos import accelerator, media
from mm_demos.errors import BusyError, InvalidInputError
from mm_demos.progress import Progress
from mm_demos.ui.handler import Step, TaskRun, error_for

Run = Callable[..., Any]

LEAST_SECONDS, MOST_SECONDS = 5, 60  # of the visitor's daily share; a run that ends earlier gives the rest back
START_SECONDS = 4.0  # to move the models and to answer about a picture or a few words
PER_AUDIO_SECOND = 0.08
PER_FILE_SECONDS = 2.0
PER_STEP_SECONDS = 0.12  # of one picture at 512 pixels


def on_gpu(run: Run) -> Run:
    """`run` with its computation in a GPU call; `run` itself anywhere but on ZeroGPU.

    Call it while the page is built: decorated functions have to be there when it is launched.
    """
    if not accelerator.zero_gpu():
        return run

    @accelerator.gpu(booked(run))
    def inside(*values: Any) -> Generator[Step, None, None]:
        yield from TaskRun(lambda progress: run(*values, progress=progress), threading.Lock()).steps()

    @functools.wraps(run)
    def outside(*values: Any, progress: Progress) -> Iterator[Any]:
        steps = inside(*values)
        try:
            for step in steps:
                progress.checkpoint()
                if step.fault is not None:
                    raise error_for(step.fault)
                if step.update is not None:
                    progress.report(step.update.message, step.update.done, step.update.total, step.update.unit)
                if step.result is not None:
                    yield step.result
        except gr.Error as error:  # no share left for today, or no GPU free: the platform says it in words
            raise BusyError(re.sub(r"<[^>]*>", "", str(error.message)).strip() or "ZeroGPU ended this run: try again.") from None
        finally:
            steps.close()

    return outside


def booked(run: Run) -> Callable[..., int]:
    """How many seconds a run on given values shall have, by the length of recordings, the number of files, pictures and steps."""
    names = [name for name in inspect.signature(run).parameters if name != "progress"]

    def seconds(*values: Any) -> int:
        given = dict(zip(names, values, strict=False))
        needed = START_SECONDS + sum(map(_of_value, values))
        steps, count = given.get("steps"), given.get("n")
        if isinstance(steps, int | float):
            needed += steps * PER_STEP_SECONDS * (count if isinstance(count, int | float) else 1)
        return round(min(max(needed, LEAST_SECONDS), MOST_SECONDS))

    return seconds


def _of_value(value: Any) -> float:
    if isinstance(value, str) and "\n" not in value and Path(value).suffix and Path(value).is_file():
        with suppress(InvalidInputError):
            return media.probe_audio(value).duration * PER_AUDIO_SECOND
        return PER_FILE_SECONDS
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return sum(map(_of_value, value))
    return 0.0
