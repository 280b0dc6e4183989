"""The table of a training on the page: opened, its columns guessed, checked, and some of its rows to look at."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from mm_demos import media
from mm_demos.errors import DemoError, InvalidInputError
from mm_demos.fusion.checks import checked
from mm_demos.fusion.columns import guess_columns
from mm_demos.fusion.table import opened
from mm_demos.fusion.types import DataSet, Row
from mm_demos.media.files import shown
from mm_demos.progress import Progress
from mm_demos.ui import sound_notes
from mm_demos.ui.captions import data_uri
from mm_demos.ui.clips import clip_of, player
from mm_demos.ui.studio import Checked, Shown, Source, Visit, columns_of, sample_set

PREVIEW_ROWS = 6
THUMBNAIL_SIDE = 240  # pixels; shown at half of it or less, for dense screens
PREVIEW_SECONDS = 8.0  # of a sound that can be heard in the page
MAX_TEXT = 400  # characters of a row's text that are shown
NONE = ("–", "")


def look_at_upload(visit: Visit | None, path: str | None, looks: int) -> tuple[Any, ...]:
    """The table that was dropped: its columns, guessed, for the drop-down lists."""
    return _looked(visit, Source(path, shown(Path(path).name)) if path else None, looks)


def look_at_sample(visit: Visit | None, looks: int) -> tuple[Any, ...]:
    """The sample set; what was dropped is put away."""
    return None, *_looked(visit, Source(str(sample_set()), "The sample set"), looks)


def look_at_path(visit: Visit | None, path: str, looks: int) -> tuple[Any, ...]:
    """A table or a folder of this machine, for the user's own page."""
    if visit is None or not visit.own:
        return _failed("Only the user of this machine can name a folder of it: drop a ZIP of the table and its media.", looks)
    named = (path or "").strip()
    return _looked(visit, Source(named, shown(Path(named).name)) if named else None, looks)


def _looked(visit: Visit | None, source: Source | None, looks: int) -> tuple[Any, ...]:
    """Source, line, mapping shown or not, the five columns, and the number of looks, whose change starts the check."""
    if source is None:
        return _failed("", looks)
    try:
        with opened(source.path) as table:
            guess = guess_columns(table)
            names = list(table.columns)
            line = f"{source.name} · {len(table.records):,} rows · columns {', '.join(map(shown, names[:8]))}"
    except DemoError as error:
        return _failed(str(error), looks)
    choices = [NONE, *((name, name) for name in names)]
    picked = (guess.text, guess.image, guess.audio, guess.label, guess.group)
    lists = tuple(gr.update(choices=choices, value=value) for value in picked)
    return source, sound_notes.line(line), gr.update(visible=True), *lists, looks + 1


def _failed(sentence: str, looks: int) -> tuple[Any, ...]:
    lists = (gr.update(choices=[NONE], value=""),) * 5
    return None, sound_notes.line(sentence, failed=True) if sentence else "", gr.update(visible=False), *lists, looks


def refuse_check(source: Source | None, *names: str | None) -> None:
    """Refuse a check without a table or without the columns it needs, before it queues."""
    if source is None:
        raise InvalidInputError("Drop a table first, or press “Use the sample set”.")
    columns_of(*names)


def check(source: Source, *names: str | None, progress: Progress | None = None) -> Checked:
    """Look for what would spoil a training, and make some rows ready to be seen."""
    with opened(source.path) as table:
        data = checked(table, columns_of(*names), progress=progress or Progress())
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
