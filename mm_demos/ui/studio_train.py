"""The Train panel: a table in, its columns mapped and checked, strategies chosen, curves and a leaderboard out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from mm_demos import ui
from mm_demos.ui import clips, render, studio_data, studio_files, studio_models, studio_result, studio_runs, studio_view
from mm_demos.ui.studio import TABLE_SUFFIXES, Checked, Training
from mm_demos.ui.studio_options import Options
from mm_demos.ui.studio_options import make as make_options

QUIET: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
QUEUE = "training"  # of its own: a training takes minutes, in which other pages go on
DATA, CURVES, BOARD = "data", "curves", "board"

# A table that could be opened is checked by the button, which can be seen only then.
PRESS_CHECK_JS = """() => setTimeout(() => {
  [...document.querySelectorAll("button.mm-st-check")].find((button) => button.offsetParent !== null)?.click();
}, 120)"""
FINISHING_JS = """() => {
  const running = [...document.querySelectorAll('.mm-status[data-state="running"] .mm-message')];
  const line = running.find((node) => node.offsetParent !== null);
  if (line) line.textContent = "Finishing with the best so far";
}"""


@dataclass(frozen=True, slots=True)
class Panel:
    """The components that other panels and endpoints need."""

    visit: gr.State
    model: gr.State
    table: gr.File
    path: gr.Textbox
    columns: list[gr.Dropdown]
    options: Options
    done: gr.events.Dependency


@dataclass(frozen=True, slots=True)
class _Table:
    """What chooses the table and maps its columns."""

    file: gr.File
    path: gr.Textbox
    sample: gr.Button
    source: gr.State
    line: gr.HTML
    mapping: gr.Column
    columns: list[gr.Dropdown]
    check: gr.Button


@dataclass(frozen=True, slots=True)
class _Results:
    """The right column: a way to turn its pages, and the pages."""

    tabs: gr.Tabs
    data: gr.HTML
    curves: gr.HTML
    board: gr.HTML
    classes: gr.HTML
    modalities: gr.HTML
    mistakes: gr.HTML

    @property
    def of_training(self) -> list[gr.components.Component]:
        """What a training fills."""
        return [self.curves, self.board, self.classes, self.modalities, self.mistakes]


def build(page: ui.Page, visit: gr.State, model: gr.State) -> Panel:
    """Make the panel; `visit` is the visitor's folder, `model` the one that the Predict panel asks."""
    with page.inputs():
        table = _table()
        actions = page.actions("Train")
        keep = gr.Button("Stop and keep the best so far", size="sm", elem_classes="mm-st-keep")
        options = make_options()
    with page.results():
        results = _results()
        files = page.exports(*studio_files.EXPORTS)
    _connect_table(table, visit)
    trained = gr.State(None)
    chosen: list[gr.components.Component] = [table.source, *table.columns]
    page.connect(
        studio_data.check,
        actions=actions,
        inputs=chosen,
        outputs=[results.data, results.tabs],
        show=show_checked,
        api_name=None,
        check=studio_data.refuse_check,
        triggers=[table.check.click],
        queue=QUEUE,
    )
    done = page.connect(
        studio_runs.train_here,
        actions=actions,
        inputs=[visit, *chosen, *options.values],
        outputs=[visit, model, trained, results.tabs, *results.of_training],
        show=show_training,
        api_name=None,
        check=studio_runs.refuse_training,
        queue=QUEUE,
        keep=[visit, model, results.tabs, *options.values],
    )
    buttons = list(files.values())
    done.success(studio_files.downloads, trained, buttons, **QUIET)
    if actions.clear is not None:
        actions.clear.click(cleared, None, [table.line, table.mapping, table.path, results.data, results.tabs, *buttons], **QUIET)
    keep.click(studio_runs.finish_early, visit, None, **QUIET).then(None, js=FINISHING_JS, api_visibility="private")
    return Panel(visit, model, table.file, table.path, table.columns, options, done)


def _table() -> _Table:
    file = gr.File(
        file_types=list(TABLE_SUFFIXES),
        label="Table: CSV, JSONL, Parquet, or a ZIP with its media",
        height=150,
        elem_classes="mm-st-drop",
    )
    with gr.Row(elem_classes="mm-adders"):
        sample = gr.Button("Use the sample set", size="sm", min_width=150, elem_classes="mm-st-sample")
    path = gr.Textbox(
        "",
        label="Or a table or folder on this machine",
        placeholder="/home/me/data/table.csv – then Enter",
        max_lines=1,
        visible=False,
        elem_classes="mm-st-path",
    )
    line = gr.HTML("", elem_classes="mm-plain")
    source = gr.State(None)
    with gr.Column(visible=False, elem_classes="mm-st-mapping") as mapping:
        gr.HTML("<h3>What the columns hold</h3>", elem_classes="mm-plain mm-st-title")
        with gr.Row():
            label, text, image = map(_column, ("Label", "Text", "Picture"))
        with gr.Row(elem_classes="mm-st-last"):
            audio, group = map(_column, ("Sound", "Group"))
            check = gr.Button("Check again", size="sm", min_width=110, elem_classes="mm-st-check")
    return _Table(file, path, sample, source, line, mapping, [text, image, audio, label, group], check)


def _column(label: str) -> gr.Dropdown:
    # Programs name a column that no visitor chose from the list.
    return gr.Dropdown([studio_data.NONE], value="", label=label, min_width=110, allow_custom_value=True)


def _connect_table(table: _Table, visit: gr.State) -> None:
    looked = [table.source, table.line, table.mapping, *table.columns]
    for event in (
        table.file.upload(studio_data.look_at_upload, [visit, table.file], looked, **QUIET),
        table.sample.click(studio_data.look_at_sample, None, [table.file, *looked], **QUIET),
        table.path.submit(studio_data.look_at_path, [visit, table.path], looked, **QUIET),
    ):
        event.success(None, js=PRESS_CHECK_JS, api_visibility="private")
    table.file.clear(studio_data.look_at_upload, [visit, table.file], looked, **QUIET)


def _results() -> _Results:
    with gr.Tabs(elem_classes="mm-modes mm-tight mm-st-pages", selected=DATA, overflow_behavior="wrap") as tabs:
        with gr.Tab("Data", id=DATA):
            data = clips.area(
                "Your table will appear here", "Drop one on the left, or press “Use the sample set”: it is checked at once."
            )
        with gr.Tab("Curves", id=CURVES):
            curves = ui.result_area("Curves will appear here", "Loss and accuracy of every strategy, while it trains.")
        with gr.Tab("Leaderboard", id=BOARD):
            board = ui.result_area(
                "The leaderboard will appear here", "Every strategy with its interval, beside single modalities and a guess."
            )
        with gr.Tab("Classes"):
            classes = ui.result_area(
                "Classes will appear here", "What is taken for what, and whether confidence can be believed."
            )
        with gr.Tab("Inputs"):
            modalities = ui.result_area("Inputs will appear here", "What text, picture and sound each bring to the decision.")
        with gr.Tab("Mistakes"):
            mistakes = clips.area("Mistakes will appear here", "The worst errors on test rows, with their pictures and sounds.")
    return _Results(tabs, data, curves, board, classes, modalities, mistakes)


def show_checked(result: Checked) -> tuple[Any, ...]:
    """The check's page, turned to."""
    return studio_view.show_checked(result), gr.update(selected=DATA)


def show_training(training: Training) -> tuple[Any, ...]:
    """Visit, model, the page turned to, and the pages."""
    if training.studio is None:
        turned = gr.update(selected=CURVES) if training.began else gr.skip()
        return training.visit, gr.skip(), None, turned, studio_view.show_live(training), *(gr.skip(),) * 4
    studio = training.studio
    return (
        training.visit,
        studio_models.of_training(studio),
        training,
        gr.update(selected=BOARD),
        studio_view.all_curves(studio.curves, studio.best),
        studio_result.leaderboard(studio),
        studio_result.classes(studio),
        studio_result.modalities(studio),
        studio_result.mistakes(training),
    )


def cleared() -> tuple[Any, ...]:
    """No line, no mapping, no path, no data; the first page."""
    empty = render.empty(
        "Your table will appear here", "Drop one on the left, or press “Use the sample set”: it is checked at once."
    )
    off = (gr.update(value=None, interactive=False),) * len(studio_files.EXPORTS)
    return "", gr.update(visible=False), "", empty, gr.update(selected=DATA), *off
