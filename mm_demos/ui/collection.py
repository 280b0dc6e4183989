"""The pictures a visitor brings to search in: what the page's events do with them; nothing outlives the visit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from mm_demos import samples
from mm_demos.errors import DemoError, InvalidInputError
from mm_demos.media.files import shown
from mm_demos.tasks.picture_index import SUFFIXES, PictureIndex
from mm_demos.tasks.picture_index_file import load_index

MAX_PICTURES = 1000
MAX_BYTES = 2_000_000_000
SAMPLE_SUFFIXES = {".jpg", ".png"}
SAMPLES_LINE = "Searching the built-in samples until you give pictures of your own."


def check_files(files: Sequence[str] | None) -> None:
    """Refuse more pictures than the page reads.

    Raises:
        InvalidInputError: too many, or too large together.
    """
    if files and len(files) > MAX_PICTURES:
        raise InvalidInputError(
            f"{len(files):,} pictures are too many for the page: take at most {MAX_PICTURES:,}, "
            "or search the folder with the command search-pictures."
        )
    if sum(Path(path).stat().st_size for path in files or () if Path(path).is_file()) > MAX_BYTES:
        raise InvalidInputError(f"The pictures have more than {MAX_BYTES // 1_000_000_000} GB together: take fewer at a time.")


def add_folder(files: Sequence[str] | None, folder: Sequence[str] | None) -> tuple[Any, str]:
    """Add the pictures of a folder to those there are; what is no picture is left out and counted."""
    pictures = [path for path in folder or () if Path(path).suffix.lower() in SUFFIXES and not Path(path).name.startswith(".")]
    pictures.sort(key=lambda path: Path(path).name)  # browsers give them in no order
    others = len(folder or ()) - len(pictures)
    if not pictures:
        return gr.skip(), _line("There is no picture in this folder: choose one with JPEG, PNG or WebP files.", True)
    left_out = f"; {others:,} other file{'s were' if others != 1 else ' was'} left out" if others else ""
    return [*(files or ()), *pictures], _line(
        f"{len(pictures):,} picture{'s' if len(pictures) != 1 else ''} added from the folder{left_out}."
    )


def open_index(path: str | None) -> tuple[PictureIndex | None, str]:
    """Load a saved index."""
    try:
        index = load_index(path or "")
    except DemoError as error:
        return None, _line(str(error), True)
    return index, _line(
        f"{len(index):,} picture{'s' if len(index) != 1 else ''} loaded from {shown(Path(path or '').name)} ({index.model})."
    )


def unique_names(paths: Sequence[Path]) -> list[str]:
    """File names for people: those that occur twice get a number."""
    seen: Counter[str] = Counter()
    names = []
    for path in paths:
        name = shown(path.name)
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return names


def sample_pictures() -> list[Path]:
    """The pictures that ship with the project."""
    return [samples.path(name) for name in samples.names() if Path(name).suffix in SAMPLE_SUFFIXES]


def joined(index: PictureIndex, known: PictureIndex | None) -> PictureIndex:
    """`index` and what was known before it, while the reading is not complete."""
    if known is None or (known.model, known.revision) != (index.model, index.revision):
        return index
    here = {picture.digest for picture in index.pictures}
    others = [place for place, picture in enumerate(known.pictures) if picture.digest not in here]
    if not others:
        return index
    pictures = (*index.pictures, *(known.pictures[place] for place in others))
    return replace(index, pictures=pictures, embeddings=np.concatenate([index.embeddings, known.embeddings[others]]))


def _line(sentence: str, failed: bool = False) -> str:
    return f'<p class="mm-small{" mm-wrong" if failed else ""}">{escape(sentence)}</p>'


def start_line() -> str:
    """What stands under the pictures before there are any."""
    return _line(SAMPLES_LINE)
