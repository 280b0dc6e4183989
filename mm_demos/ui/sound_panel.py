"""The part of the retrieval page that chooses, makes, saves and deletes libraries."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from mm_demos.retrieval.types import QUIETEST_DBFS
from mm_demos.retrieval.windows import DEFAULT_CUT
from mm_demos.tasks.picture_index import SUFFIXES as PICTURE_SUFFIXES
from mm_demos.ui import hits, sound_library, sound_notes
from mm_demos.ui.page import Actions, Page
from mm_demos.ui.sound_library import BUILT_IN, FIRST_NAME, Indexed, Place

QUIET: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
STATE_SECONDS = 3600  # as long as uploads stay on the disk
ASK_JS = """(place, library) => {
  if (!confirm(`Delete the library “${library}”? Recordings in folders of your own stay.`)) throw new Error("kept");
  return [place, library];
}"""
OTHER_SUFFIXES = {*PICTURE_SUFFIXES, ".txt", ".csv", ".json", ".pdf", ".html", ".ini", ".log", ".db", ".md"}


@dataclass(frozen=True, slots=True)
class Panel:
    """The components of the panel that other events need."""

    place: gr.State
    library: gr.Dropdown
    line: gr.HTML
    name: gr.Textbox
    files: gr.File
    folder: gr.Textbox
    cut: list[gr.components.Component]
    add_folder: gr.UploadButton
    index: Actions
    progress: gr.HTML
    delete: gr.Button
    save: gr.Button
    load: gr.UploadButton
    saved: gr.File

    @property
    def chosen(self) -> list[gr.components.Component]:
        """What says which library is searched."""
        return [self.place, self.library]


def make(page: Page) -> Panel:
    """The list of libraries, and below it what adds recordings to one."""
    place = gr.State(None, time_to_live=STATE_SECONDS, delete_callback=sound_library.leave)
    with gr.Column(elem_classes="mm-collection"):
        library = gr.Dropdown([BUILT_IN], value=BUILT_IN, label="Library", filterable=False)
        line = gr.HTML("", elem_classes="mm-plain")
    with gr.Accordion("Your own recordings", open=False, elem_classes="mm-own"):
        name = gr.Textbox(FIRST_NAME, label="Name of the library", max_lines=1)
        files = gr.File(file_count="multiple", file_types=["audio", "video"], label="Recordings and videos", height=140)
        folder = gr.Textbox(
            "", label="Or a folder on this machine", placeholder="/home/me/recordings", max_lines=1, visible=False
        )
        with gr.Row(elem_classes="mm-adders"):
            add_folder = gr.UploadButton("Upload a folder", file_count="directory", size="sm", min_width=110)
            load = gr.UploadButton("Open a saved library", file_types=[sound_library.SAVED_SUFFIX], size="sm", min_width=110)
        with gr.Accordion("How a new library is cut", open=False):
            cut = [
                gr.Slider(2, 30, value=DEFAULT_CUT.seconds, step=1, label="Length of a window (seconds)"),
                gr.Slider(0, 0.9, value=DEFAULT_CUT.overlap, step=0.1, label="Share of it that the next window repeats"),
            ]
        index = page.actions("Add to the library")
        progress = gr.HTML("", elem_classes="mm-plain mm-indexing")
        with gr.Row(elem_classes="mm-adders"):
            save = gr.Button("Save the library as a file", size="sm", min_width=110)
            delete = gr.Button("Delete the library", size="sm", min_width=110)
        saved = gr.File(label="The library as a file", visible=False, interactive=False)
    return Panel(place, library, line, name, files, folder, cut, add_folder, index, progress, delete, save, load, saved)


def filters() -> list[gr.components.Component]:
    """The options of a search but what is compared: negative text, how many, language, sound, loudness."""
    negative = gr.Textbox("", label="But not", placeholder="rain", max_lines=1)
    top_k = gr.Slider(1, 50, value=8, step=1, label="How many results")
    with gr.Row():
        language = gr.Dropdown([("Any language", "")], value="", label="Language", min_width=130)
        tag = gr.Dropdown([("Any sound", "")], value="", label="Sound", min_width=130)
    loudness = gr.Slider(
        QUIETEST_DBFS, 0, value=QUIETEST_DBFS, step=1, label="At least this loud (dB of full scale; -120 keeps all)"
    )
    return [negative, top_k, language, tag, loudness]


def connect(page: Page, panel: Panel, options: list[gr.components.Component]) -> None:
    """The panel's events; `options` are those of `filters`."""
    language, tag = options[2], options[3]
    told = [panel.line, language, tag]
    page.frame.blocks.load(enter, outputs=[panel.place, panel.library, panel.folder, *told], **QUIET)
    panel.library.change(choose, [panel.place, panel.library], [*told, panel.name], **QUIET)
    panel.add_folder.upload(add_folder, [panel.files, panel.add_folder], [panel.files, panel.progress], **QUIET)
    page.connect(
        sound_library.add,
        actions=panel.index,
        inputs=[panel.place, panel.name, panel.files, panel.folder, *panel.cut],
        outputs=[panel.place, panel.progress],
        show=show_indexed,
        api_name=None,
        check=sound_library.check_add,
        keep=[panel.place],
    ).success(after_indexing, [panel.place, panel.name], [panel.library, *told, panel.files], **QUIET)
    stopped = panel.index.stop.click(None, **QUIET)
    stopped.then(after_stop, [panel.place, panel.library], [panel.library, *told], **QUIET)
    panel.delete.click(delete, [panel.place, panel.library], [panel.progress, panel.library], js=ASK_JS, **QUIET)
    panel.save.click(sound_library.save, [panel.place, panel.library], [panel.saved, panel.progress], **QUIET)
    panel.load.upload(load, [panel.place, panel.load, panel.name], [panel.place, panel.library, panel.progress], **QUIET)


def enter(request: gr.Request) -> tuple[Any, ...]:
    """A visitor's place, the libraries there, and whether folders of this machine may be named."""
    place = sound_library.enter(request)
    return place, gr.update(choices=sound_library.names(place)), gr.update(visible=place.own), *about(place, BUILT_IN)


def about(place: Place | None, name: str) -> tuple[Any, Any, Any]:
    """The line about a library, and its languages and sounds to filter by."""
    line, info = sound_library.about(place, name)
    languages, labels = (info.languages, info.labels) if info is not None else ((), ())
    return (
        line,
        gr.update(choices=hits.language_choices(languages), value=""),
        gr.update(choices=[("Any sound", ""), *((label, label) for label in sorted(labels))], value=""),
    )


def refresh(place: Place | None, name: str) -> tuple[Any, Any, Any]:
    """After a search: the built-in library is known from the first one on; what is chosen stays."""
    line, language, tag = about(place, name)
    del language["value"], tag["value"]
    return line, language, tag


def choose(place: Place | None, name: str) -> tuple[Any, ...]:
    """What changes when another library is chosen; recordings are added to the one chosen."""
    return *about(place, name), gr.skip() if name == BUILT_IN else name


def add_folder(files: list[str] | None, folder: list[str] | None) -> tuple[Any, str]:
    """Add the recordings of a folder to those there are; what is surely none is left out and counted."""
    given = [Path(path) for path in folder or ()]
    taken = [path for path in given if path.suffix.lower() not in OTHER_SUFFIXES and not path.name.startswith(".")]
    if not taken:
        return gr.skip(), sound_notes.line("There is no recording in this folder: choose another one.", failed=True)
    others = len(given) - len(taken)
    left_out = f"; {others:,} other file{'s were' if others != 1 else ' was'} left out" if others else ""
    paths = [*(files or ()), *map(str, sorted(taken, key=lambda path: path.name))]
    return paths, sound_notes.line(f"{len(taken):,} file{'s' if len(taken) != 1 else ''} taken from the folder{left_out}.")


def show_indexed(indexed: Indexed) -> tuple[Place, str]:
    """What the page keeps, and how far indexing is."""
    return indexed.place, sound_notes.summary(indexed.step)


def after_indexing(place: Place, name: str) -> tuple[Any, ...]:
    """Choose the library that was made, and empty the list of uploads."""
    return gr.update(choices=sound_library.names(place), value=name), *about(place, name), None


def after_stop(place: Place | None, name: str) -> tuple[Any, ...]:
    """A run that was stopped has kept what was done."""
    return gr.update(choices=sound_library.names(place)), *about(place, name)


def delete(place: Place | None, name: str) -> tuple[str, Any]:
    """Delete the library chosen, and choose the built-in one."""
    line = sound_library.delete(place, name)
    return line, gr.update(choices=sound_library.names(place), value=BUILT_IN)


def load(place: Place | None, path: str, name: str) -> tuple[Place, Any, str]:
    """Choose the library that was in the file."""
    place, chosen, line = sound_library.load(place, path, name)
    return place, gr.update(choices=sound_library.names(place), value=chosen), line
