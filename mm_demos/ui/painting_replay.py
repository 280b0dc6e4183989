"""The endpoint `replay`: a picture painted again from the settings inside its own file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from mm_demos.errors import InvalidInputError
from mm_demos.progress import Progress
from mm_demos.tasks.image_generation import replay
from mm_demos.tasks.image_settings import settings_of
from mm_demos.ui.page import Page
from mm_demos.ui.painting import Delivery, delivered, names


def paint_again(picture: str, image: str | None = None, *, progress: Progress | None = None) -> Delivery:
    """Paint a picture again from the settings inside its own PNG: the same pixels on the same machine.

    Args:
        picture: a PNG that `generate` made.
        image: the start picture, where there was one.
        progress: told about loads and steps.
    """
    return delivered(replay(Path(picture), image=Path(image) if image else None, progress=progress))


def check(picture: str | None, *_rest: Any) -> None:
    """Refuse before the queue a picture that says nothing of how it was painted, or names another machine's painter."""
    if not picture:
        raise InvalidInputError("Give the PNG of a picture that was painted here.")
    painted = settings_of(Path(picture))
    if painted.model not in names():
        raise InvalidInputError(f"It was painted by {painted.model[:80]!r}, which is not here: only {', '.join(names())} can.")


def connect(page: Page, picture: gr.File, image: gr.Image) -> None:
    """Make the endpoint; its arguments are the tab's file of settings and its start picture."""
    page.endpoint(
        paint_again,
        inputs=[picture, image],
        api_name="replay",
        lane=page.frame.lane,
        check=check,
        snippet={"picture": "file:picture.png"},
    )
