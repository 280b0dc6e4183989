"""Libraries for programs: the endpoint `index_sounds` makes one as a file, which `search_sounds` takes; the server keeps none."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from mm_demos.errors import InvalidInputError
from mm_demos.progress import Progress
from mm_demos.results import Receipt
from mm_demos.retrieval.exchange import export_library, import_library
from mm_demos.retrieval.library import Library
from mm_demos.retrieval.types import FileFault, IndexSummary
from mm_demos.retrieval.windows import DEFAULT_CUT, Cut
from mm_demos.settings import settings
from mm_demos.tasks.retrieval import index_while_reading
from mm_demos.ui import sound_library
from mm_demos.ui.files import offered
from mm_demos.ui.page import Page

NAME = "library"


@dataclass(frozen=True, slots=True)
class IndexedFile:
    """A library that was made.

    Args:
        files: recordings in it.
        windows: searchable windows.
        hours: of recordings.
        faults: recordings that cannot be read, each with its reason.
        library: the library as a file to download, without the recordings themselves.
    """

    files: int
    windows: int
    hours: float
    faults: tuple[FileFault, ...]
    library: Mapping[str, Any]
    receipt: Receipt | None = None


def index(
    recordings: Sequence[str],
    window_seconds: float = DEFAULT_CUT.seconds,
    overlap: float = DEFAULT_CUT.overlap,
    *,
    folder: Path,
    progress: Progress | None = None,
) -> IndexedFile:
    """Read recordings once, what is said and how it sounds, into a library file that `search_sounds` searches at once.

    Args:
        recordings: audio or video files.
        window_seconds: length of a searchable window, 2 to 30.
        overlap: share of a window that the next one repeats, 0 to 0.9.
        folder: where the file is written.
        progress: told about loads and recordings.
    """
    summary: IndexSummary | None = None
    with Library.open(NAME, root=folder, create=True) as library:
        limit = settings().max_audio_seconds
        cut = Cut(window_seconds, overlap)
        for step in index_while_reading(list(recordings), library=library, windows=cut, progress=progress, max_seconds=limit):
            summary = step if isinstance(step, IndexSummary) else summary
        if summary is None or not summary.total_files:
            reasons = " ".join(fault.sentence for fault in summary.faults) if summary is not None else ""
            raise InvalidInputError(f"None of the recordings can be read. {reasons}".strip())
        file = folder / f"{NAME}{sound_library.SAVED_SUFFIX}"
        export_library(library, file)
    made = {"path": str(file)}
    return IndexedFile(summary.total_files, summary.total_windows, summary.hours, summary.faults, made, summary.receipt)


def check(recordings: Sequence[str] | None, *_cut: float) -> None:
    """Refuse what cannot be indexed before it queues."""
    if not recordings:
        raise InvalidInputError("Give the recordings or videos that are to be searched.")
    if len(recordings) > sound_library.MAX_FILES:
        raise InvalidInputError(f"{len(recordings):,} recordings are too many at once: take at most {sound_library.MAX_FILES:,}.")


@contextmanager
def given(file: str) -> Iterator[Library]:
    """The library in a file that a program gave, as long as it is searched."""
    with tempfile.TemporaryDirectory(prefix="mm-demos-") as root, import_library(file, NAME, root=Path(root)) as library:
        yield library


def connect(page: Page, recordings: gr.File, cut: Sequence[gr.components.Component]) -> None:
    """Make the endpoint; its arguments are the tab's own components."""
    result = gr.JSON(visible=False, label="result")
    page.endpoint(
        index,
        does=partial(_offered, result),
        inputs=[recordings, *cut],
        api_name="index_sounds",
        lane=page.frame.lane,
        check=check,
        snippet={"recordings": "file:recording.wav"},
        output=result,
    )


def _offered(result: gr.JSON, *values: Any, progress: Progress) -> IndexedFile:
    with tempfile.TemporaryDirectory(prefix="mm-demos-") as folder:
        made = index(*values, folder=Path(folder), progress=progress)
        return replace(made, library=offered(result, str(made.library["path"])))
