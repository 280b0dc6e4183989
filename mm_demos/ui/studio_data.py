"""The table of a training on the page: opened, its columns guessed, checked, and some of its rows to look at."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from mm_demos import media, samples
from mm_demos.errors import DemoError, InvalidInputError
from mm_demos.fusion.checks import checked
from mm_demos.fusion.columns import guess_columns
from mm_demos.fusion.table import opened
from mm_demos.fusion.types import DataSet, Row
from mm_demos.media.files import shown
from mm_demos.media.thumbnails import data_uri
from mm_demos.progress import Progress
from mm_demos.ui import sound_notes
from mm_demos.ui.clips import clip_of, player
from mm_demos.ui.studio import Checked, Shown, Source, Visit, columns_of

PREVIEW_ROWS = 6
THUMBNAIL_SIDE = 240  # pixels; shown at half of it or less, for dense screens
PREVIEW_SECONDS = 8.0  # of a sound that can be heard in the page
MAX_TEXT = 400  # characters of a row's text that are shown
NONE = ("–", "")


def look_at_upload(visit: Visit | None, path: str | None) -> tuple[Any, ...]:
    """The table that was dropped: its columns, guessed, for the drop-down lists."""
    confined = visit is None or not visit.own
    return _looked(Source(path, shown(Path(path).name), confined) if path else None)


def look_at_sample() -> tuple[Any, ...]:
    """The sample set; what was dropped is put away."""
    return None, *_looked(Source(str(samples.studio_set()), "The sample set"))


def look_at_path(visit: Visit | None, path: str) -> tuple[Any, ...]:
    """A table or a folder of this machine, for the user's own page."""
    if visit is None or not visit.own:
        return _failed("Only the user of this machine can name a folder of it: drop a ZIP of the table and its media.")
    named = (path or "").strip()
    return _looked(Source(named, shown(Path(named).name), confined=False) if named else None)


def _looked(source: Source | None) -> tuple[Any, ...]:
    """Source, line, mapping shown or not, the five columns."""
    if source is None:
        return _failed("")
    try:
        with opened(source.path, confined=source.confined) as table:
            guess = guess_columns(table)
            names = list(table.columns)
            line = f"{source.name} · {len(table.records):,} rows · columns {', '.join(map(shown, names[:8]))}"
    except DemoError as error:
        return _failed(str(error))
    choices = [NONE, *((name, name) for name in names)]
    picked = (guess.text, guess.image, guess.audio, guess.label, guess.group)
    lists = tuple(gr.update(choices=choices, value=value) for value in picked)
    return source, sound_notes.line(line), gr.update(visible=True), *lists


def _failed(sentence: str) -> tuple[Any, ...]:
    lists = (gr.update(choices=[NONE], value=""),) * 5
    return None, sound_notes.line(sentence, failed=True) if sentence else "", gr.update(visible=False), *lists


def refuse_check(source: Source | None, *names: str | None) -> None:
    """Refuse a check without a table or without the columns it needs, before it queues."""
    if source is None:
        raise InvalidInputError("Drop a table first, or press “Use the sample set”.")
    columns_of(*names)


def check(source: Source, *names: str | None, progress: Progress | None = None) -> Checked:
    """Look for what would spoil a training, and make some rows ready to be seen."""
    progress = progress or Progress()
    with opened(source.path, confined=source.confined, progress=progress) as table:
        data = checked(table, columns_of(*names), progress=progress)
        return Checked(source, data, tuple(shown_row(row) for row in some_of(data)))


def some_of(data: DataSet, count: int = PREVIEW_ROWS) -> Sequence[Row]:
    """Rows of as many classes as fit, in the table's order."""
    first: dict[str, list[Row]] = {label: [] for label in data.labels}
    for row in data.rows:
        first[row.label].append(row)
    waves = [rows[place] for place in range(count) for rows in first.values() if place < len(rows)]
    return sorted(waves[:count], key=lambda row: row.number)


def shown_row(row: Row, *, label: str = "") -> Shown:
    """A row with its media in a form that a page can hold; what cannot be read is left out, the checks name it."""
    return Shown(row.number, label or row.label, (row.text or "")[:MAX_TEXT], _picture(row.image), _sound(row.audio))


def _picture(path: Path | None) -> str:
    try:
        return data_uri(media.load_image(path), THUMBNAIL_SIDE) if path is not None else ""
    except DemoError:
        return ""


def _sound(path: Path | None) -> str:
    if path is None:
        return ""
    clip = clip_of(str(path), 0.0, PREVIEW_SECONDS)
    return player(clip) if clip.mp3 else f'<p class="mm-small mm-wrong">{escape(clip.fault)}</p>'
