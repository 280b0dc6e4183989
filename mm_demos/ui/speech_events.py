"""What happens on the Speech page after a run: files are chosen, rows are heard, texts are corrected."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import gradio as gr

from mm_demos.errors import DemoError
from mm_demos.ui import render
from mm_demos.ui import transcript_view as view
from mm_demos.ui import transcripts as talk
from mm_demos.ui.events import error_of
from mm_demos.ui.handler import fault_of
from mm_demos.ui.transcripts import Batch

EMPTY = render.empty(
    "The transcript will appear here", "Segment by segment, with times, how sure each word is, and what may be invented."
)


def show(result: talk.Checked | Batch) -> tuple[Any, ...]:
    """Values for the table of files, the card, the table of segments, and the session's state."""
    batch = talk.batch_of(result)
    lines = view.rows(batch.current)
    several = gr.update(value=view.files_table(batch), visible=len(batch.items) > 1)
    return (
        several,
        view.card(batch.current) or EMPTY,
        gr.update(value=lines, visible=bool(lines)),
        batch,
    )


def player(batch: Batch, audio: str | None, files: list[str] | None) -> Iterator[Any]:
    """The recording of the transcript on show, with its captions."""
    path = files[batch.chosen] if files and (len(batch.items) > 1 or not audio) else audio
    if not path or batch.current is None:
        yield gr.update(visible=False)
        return
    with tempfile.TemporaryDirectory() as folder:  # Gradio has its own copy when the yield returns
        yield gr.Audio(talk.playable(path, folder), subtitles=view.subtitles(batch.current), visible=True)


def choose(batch: Batch, event: gr.SelectData) -> tuple[Any, ...]:
    """Show the file that was clicked."""
    return show(replace(batch, chosen=event.index[0]))[1:]


def seek(batch: Batch, event: gr.SelectData) -> Any:
    """Move the player to the segment that was clicked."""
    current = batch.current
    if current is None or event.index[0] >= len(current.segments):
        return gr.skip()
    return gr.update(playback_position=current.segments[event.index[0]].start)


def correct(batch: Batch, rows: list[list[Any]], reference: str) -> Iterator[tuple[Any, ...]]:
    """Take over what the visitor typed into the table: state, card, and the files to download."""
    try:
        changed = talk.corrected(batch, [str(row[2] or "") for row in rows], reference)
    except DemoError as error:
        raise error_of(fault_of(error)) from error
    with tempfile.TemporaryDirectory() as folder:
        yield changed, view.card(changed.current), *downloads(changed, folder)


def downloads(batch: Batch, folder: str) -> list[Any]:
    """The files of a batch, written into `folder`, for the download buttons."""
    return [gr.update(value=export.save(batch, folder), interactive=batch.current is not None) for export in talk.EXPORTS]


def hide() -> tuple[Any, ...]:
    """What Clear does to the table of files, the player and the table of segments."""
    return gr.update(value=None, visible=False), gr.update(value=None, visible=False), gr.update(value=None, visible=False)
