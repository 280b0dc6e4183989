"""What a visitor says about a prediction: right or wrong, the right label; a table to take along and to train with."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from mm_demos.errors import DemoError, InvalidInputError
from mm_demos.fusion.feedback import COLUMNS, Feedback
from mm_demos.ui import sound_notes
from mm_demos.ui.files import csv_text
from mm_demos.ui.studio import Asked, Model, Visit

QUIET: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
MAX_SHOWN = 8
MAX_TEXT = 90  # characters
FILE_NAME = "feedback.csv"


@dataclass(frozen=True, slots=True)
class Said:
    """The components below a prediction; `fresh` are those that a new prediction resets."""

    box: gr.Column
    correction: gr.Row
    label: gr.Dropdown
    line: gr.HTML

    @property
    def fresh(self) -> list[Any]:
        """Box, correction, list of labels, line."""
        return [self.box, self.correction, self.label, self.line]


def make(visit: gr.State, model: gr.State, asked: gr.State, add_feedback: gr.Checkbox) -> Said:
    """Two buttons, the right label, and the table of all that was said."""
    with gr.Column(visible=False, elem_classes="mm-st-said") as box:
        gr.HTML("<h3>Is this right?</h3>", elem_classes="mm-plain mm-st-title")
        with gr.Row(elem_classes="mm-adders"):
            right = gr.Button("Yes, right", size="sm", min_width=100)
            wrong = gr.Button("No, wrong", size="sm", min_width=100)
        with gr.Row(visible=False, elem_classes="mm-st-last") as correction:
            label = gr.Dropdown([], label="The right label", allow_custom_value=True, min_width=160, scale=3)
            note = gr.Button("Note it", size="sm", min_width=90, scale=1)
        line = gr.HTML("", elem_classes="mm-plain")
    table = gr.HTML("", elem_classes="mm-plain mm-result mm-maybe")
    file = gr.DownloadButton("Feedback as CSV", size="sm", visible=False, elem_classes="mm-st-get")
    told = [line, correction, table, file, add_feedback]
    right.click(say_right, [visit, asked, model], told, **QUIET)
    wrong.click(lambda: gr.update(visible=True), None, correction, **QUIET)
    note.click(say_wrong, [visit, asked, model, label], told, **QUIET)
    return Said(box, correction, label, line)


def ready(visit: Visit | None, asked: Asked | None, model: Model | None) -> tuple[Any, ...]:
    """A new prediction can be spoken about; the labels to choose from are those that it was not."""
    if visit is None or asked is None or model is None:
        return gr.update(visible=False), gr.update(visible=False), gr.skip(), ""
    others = [label for label in model.labels if label != asked.prediction.label]
    return gr.update(visible=True), gr.update(visible=False), gr.update(choices=others, value=None), ""


def say_right(visit: Visit | None, asked: Asked | None, model: Model | None) -> Iterator[tuple[Any, ...]]:
    """The prediction was right."""
    yield from _noted(visit, asked, model, right=True, label="")


def say_wrong(visit: Visit | None, asked: Asked | None, model: Model | None, label: str | None) -> Iterator[tuple[Any, ...]]:
    """The prediction was wrong; `label` is the right one, if the visitor knows it."""
    yield from _noted(visit, asked, model, right=False, label=label or "")


def _noted(
    visit: Visit | None, asked: Asked | None, model: Model | None, *, right: bool, label: str
) -> Iterator[tuple[Any, ...]]:
    """Line, correction, table, file and the check box of the Train panel."""
    try:
        if visit is None or asked is None or model is None:
            raise InvalidInputError("Classify something first.")
        media = {"text": asked.text or None, "image": asked.image or None, "audio": asked.audio or None}
        predicted = asked.prediction.label
        visit.feedback.add(predicted=predicted, right=right, label=label.strip(), model=asked.model, **media)
        said, usable = visit.feedback.all(), len(visit.feedback.rows())
    except DemoError as error:
        yield sound_notes.line(str(error), failed=True), *(gr.skip(),) * 4
        return
    with tempfile.TemporaryDirectory(prefix="mm-demos-") as folder:  # Gradio has its own copy when the yield returns
        target = Path(folder) / FILE_NAME
        target.write_text(as_csv(said), encoding="utf-8")
        title = f"Add the feedback given under Predict ({usable} row{'s' if usable != 1 else ''})"
        told = "Noted: the next training can learn from it." if usable else "Noted."
        file = gr.update(value=str(target), visible=True)
        yield sound_notes.line(told), gr.update(visible=False), table(said), file, gr.update(visible=usable > 0, label=title)


def as_csv(said: tuple[Feedback, ...]) -> str:
    """Everything said, with the media by the name of their copies: where they lie is nobody's business."""
    rows = []
    for item in said:
        media = (item.row.image.name if item.row.image else "", item.row.audio.name if item.row.audio else "")
        verdict = "yes" if item.right else "no"
        rows.append((item.row.text or "", *media, item.row.label, item.predicted, verdict, item.model, item.time))
    return csv_text(COLUMNS, rows)


def table(said: tuple[Feedback, ...]) -> str:
    """The last things said, the newest first."""
    if not said:
        return ""
    rows = "".join(map(_row, reversed(said[-MAX_SHOWN:])))
    head = "<tr><th>What</th><th>It said</th><th>Right label</th></tr>"
    right = sum(item.right for item in said)
    return (
        f'<div class="mm-card"><h3>Feedback: {right:,} of {len(said):,} right</h3>'
        f'<table class="mm-ranks"><thead>{head}</thead><tbody>{rows}</tbody></table></div>'
    )


def _row(item: Feedback) -> str:
    parts = [name for name, value in (("picture", item.row.image), ("sound", item.row.audio)) if value]
    text = item.row.text or ""
    what = text[:MAX_TEXT] + ("…" if len(text) > MAX_TEXT else "") or " and ".join(parts)
    kinds = f"<small>with {' and '.join(parts)}</small>" if text and parts else ""
    label = escape(item.row.label) or "not known"
    return (
        f'<tr class="{"mm-hit-row" if item.right else ""}"><td>{escape(what)}{kinds}</td>'
        f'<td>{escape(item.predicted)}</td><td class="mm-value">{label}</td></tr>'
    )
