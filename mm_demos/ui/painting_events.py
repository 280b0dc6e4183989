"""What happens around a run of the Image generation tab: settings read back, a start picture, another model, earlier pictures."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.processing_utils import save_bytes_to_cache
from gradio.utils import get_upload_folder

from mm_demos.errors import DemoError, InvalidInputError
from mm_demos.models.diffusion_rows import register_pipeline
from mm_demos.progress import Progress
from mm_demos.results import GeneratedImage, Generation, as_dict
from mm_demos.tasks.image_settings import PaintSettings, settings_of
from mm_demos.ui import painting as made
from mm_demos.ui import painting_view as view
from mm_demos.ui import render
from mm_demos.ui.handler import TICK, TaskRun
from mm_demos.ui.sound_library import is_own

FIELDS = 13  # of the form that settings fill
TAKEN = "Settings taken over"
SAME = "give the same one"
OWN_SCHEDULER = "The model's own"
STARTS = render.line("done", "The next picture starts from this one", "say what it should become, then press Paint")
AGAIN = render.line("done", "Shown again", "from earlier in this visit")


def start_given(image: str | None) -> tuple[Any, Any]:
    """The strength is there while there is a picture to start from, in an open fold."""
    return gr.update(visible=bool(image)), gr.update(open=True) if image else gr.skip()


def finished(shown: Generation | None) -> Iterator[tuple[Any, ...]]:
    """What a stopped run leaves: its finished pictures, without the one that was under way, and their files."""
    if shown is None:
        yield (gr.skip(),) * (1 + len(made.EXPORTS))
        return
    shown = made.closed(shown)
    cards = view.cards(shown)
    with tempfile.TemporaryDirectory(prefix="mm-demos-") as folder:  # Gradio has its own copies when the yield returns
        yield cards, *_files(shown, folder)


def _files(shown: Generation, folder: str) -> list[Any]:
    if not shown.images:
        return [gr.update(value=None, interactive=False) for _ in made.EXPORTS]
    return [gr.update(value=export.save(shown, folder), interactive=True) for export in made.EXPORTS]


def keep(shown: Generation | None, history: Sequence[Generation]) -> tuple[Any, Any]:
    """The visit's pictures with those of the run that ended."""
    kept = made.remembered(made.closed(shown) if shown is not None else None, history)
    return kept, view.earlier(kept)


def show_again(history: Sequence[Generation], event: gr.EventData) -> Iterator[tuple[Any, ...]]:
    """An earlier run with its files and receipt: values for grid, state, status line, receipt and downloads."""
    number = int(event.number)
    if not 0 <= number < len(history):
        yield (gr.skip(),) * (5 + len(made.EXPORTS))
        return
    shown = history[number]
    label, details = render.receipt_line(shown.receipt), as_dict(shown.receipt) if shown.receipt is not None else None
    with tempfile.TemporaryDirectory(prefix="mm-demos-") as folder:
        yield view.cards(shown), shown, AGAIN, gr.update(label=label), details, *_files(shown, folder)


def wait_for_last_step() -> None:
    """A step that was on its way when Stop was pressed may still arrive."""
    time.sleep(2 * TICK)


def start_from(shown: Generation | None, event: gr.EventData) -> tuple[Any, Any]:
    """A painted picture as the one to start from."""
    image = picked(shown, event.seed)
    return (filed(image), STARTS) if image is not None else (gr.skip(), gr.skip())


def picked(shown: Generation | None, seed: object) -> GeneratedImage | None:
    """The picture of this seed; the first one when there is none of it."""
    images = shown.images if shown is not None else ()
    return next((each for each in images if str(each.seed) == str(seed)), images[0] if images else None)


def filed(image: GeneratedImage) -> str:
    """The picture as a file among the uploads, which are deleted after an hour."""
    return str(save_bytes_to_cache(image.png, "painted.png", cache_dir=get_upload_folder()))


def use_settings(shown: Generation | None, event: gr.EventData) -> tuple[Any, ...]:
    """Everything that painted one picture of the grid, for the form; then what the status line says."""
    image = picked(shown, event.seed)
    if image is None:
        return (gr.skip(),) * (FIELDS + 1)
    painted = settings_of(image.png)
    return *form(painted), render.line("done", TAKEN, "press Paint to paint it again" if not painted.image_sha256 else SAME)


def form(painted: PaintSettings) -> tuple[Any, ...]:
    """Settings as the values of the form: one picture, as it was painted."""
    options = painted.options
    return (
        painted.prompt,
        options.negative_prompt,
        1,
        False,
        painted.model if painted.model in made.names() else gr.skip(),
        options.num_inference_steps,
        0 if options.guidance_scale is None else options.guidance_scale or 1,  # 0 would be the model's own here; 1 is none, too
        options.width,
        options.height,
        options.seed,
        options.scheduler,
        options.strength,
        painted.memory_used or options.memory,
    )


def read_picture(path: str | None) -> tuple[Any, ...]:
    """The settings inside a picture for the form, and a sentence: what was read, or why nothing was."""
    try:
        painted = settings_of(Path(path or ""))
    except InvalidInputError as error:
        return *((gr.skip(),) * FIELDS), render.notice(str(error), "error")
    told = [f"{TAKEN}: press Paint to paint it again."]
    if painted.image_sha256:
        told.append(f"It was painted from a start picture: {SAME}.")
    if painted.model not in made.names():
        told.append(f"Its model {painted.model} is not here, so the one chosen stays.")
    return *form(painted), render.notice(" ".join(told), "info" if len(told) == 1 else "warn")


def choose_model(name: str | None, scheduler: str, request: gr.Request) -> Iterator[tuple[Any, Any, Any]]:
    """The model under its name in the catalog, its schedulers, and what the status line says.

    Whoever sits at this machine may name a folder with a pipeline, or one on the hub; it becomes a row of the catalog.
    """
    known, told = name, gr.skip()
    if name and name not in made.names():
        known = made.default_name()
        for step in TaskRun(lambda progress: _registered(name, request, progress), threading.Lock()).steps():
            known, told = step.result or known, render.status(step)
            if not step.finished:
                yield gr.skip(), gr.skip(), told
    yield gr.update(value=known, choices=made.names()), offer(known, scheduler), told


def offer(name: str | None, scheduler: str) -> Any:
    """The schedulers of a model for the menu; one that was asked for stays as long as it is not known which ones there are."""
    try:
        offered = made.schedulers(name)
    except (DemoError, OSError, ValueError, AttributeError):  # painting says what is wrong with the model
        offered = ()
    choices = [(OWN_SCHEDULER, ""), *((each, each) for each in offered)]
    return gr.update(choices=choices, value=scheduler if not offered or scheduler in offered else "")


def _registered(name: str, request: gr.Request, progress: Progress) -> str:
    """The name in the catalog of a pipeline that the user brought."""
    if not is_own(request):
        raise InvalidInputError(f"There is no painter called {name[:80]!r}: choose one of the list.")
    return register_pipeline(name, progress=progress)
