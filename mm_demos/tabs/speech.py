"""Speech: a recording, many files or a live microphone to a transcript that can be read, heard, corrected and exported."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import gradio as gr

from mm_demos import samples, ui
from mm_demos.models import catalog
from mm_demos.tabs import find
from mm_demos.ui import live_speech, render
from mm_demos.ui import transcript_view as view
from mm_demos.ui import transcripts as talk
from mm_demos.ui.transcripts import Batch

QUIET: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
TEMPERATURES = [("Automatic: retry when a segment fails", "auto"), *((f"{t / 10:.1f}", f"{t / 10:.1f}") for t in range(0, 11, 2))]
JFK = "And so my fellow Americans, ask not what your country can do for you, ask what you can do for your country."
EMPTY = render.empty(
    "The transcript will appear here", "Segment by segment, with times, how sure each word is, and what may be invented."
)


def _show(result: talk.Checked | Batch) -> tuple[Any, ...]:
    batch = talk.batch_of(result)
    several = gr.update(value=view.files_table(batch), visible=len(batch.items) > 1)
    return several, view.card(batch.current) or EMPTY, gr.update(value=view.rows(batch.current), visible=True), batch


def _player(batch: Batch, audio: str | None, files: list[str] | None) -> Iterator[Any]:
    path = files[batch.chosen] if files and (len(batch.items) > 1 or not audio) else audio
    if not path or batch.current is None:
        yield gr.update(visible=False)
        return
    with tempfile.TemporaryDirectory() as folder:  # Gradio has its own copy when the yield returns
        yield gr.Audio(talk.playable(path, folder), subtitles=view.subtitles(batch.current), visible=True)


def _choose(batch: Batch, event: gr.SelectData) -> tuple[Any, ...]:
    return _show(replace(batch, chosen=event.index[0]))[1:]


def _seek(batch: Batch, event: gr.SelectData) -> Any:
    current = batch.current
    if current is None or event.index[0] >= len(current.segments):
        return gr.skip()
    return gr.update(playback_position=current.segments[event.index[0]].start)


def _correct(batch: Batch, rows: list[list[Any]], reference: str) -> Iterator[tuple[Any, ...]]:
    changed = talk.corrected(batch, [str(row[2] or "") for row in rows], reference)
    with tempfile.TemporaryDirectory() as folder:
        files = [export.save(changed, folder) for export in talk.EXPORTS]
        yield changed, view.card(changed.current), *files


def _options() -> tuple[list[gr.components.Component], list[gr.components.Component]]:
    """The options of every mode, and those that live listening uses: model, language, translate, prompt."""
    names = [row.name for row in catalog.rows(role="speech")]
    with gr.Row():
        language = gr.Dropdown(view.LANGUAGE_CHOICES, value="auto", label="Spoken language", min_width=150, filterable=True)
        model = gr.Dropdown(names, value=catalog.default("speech"), label="Model", min_width=150)
    with gr.Accordion("More options", open=False):
        translate = gr.Checkbox(False, label="Translate to English")
        skip = gr.Checkbox(False, label="Skip stretches without voice (for recordings with long pauses)")
        words = gr.Checkbox(True, label="Time and probability of each word")
        beam = gr.Slider(1, 10, value=5, step=1, label="Beam size", info="Hypotheses kept; 1 is fastest, 5 hears best")
        temperature = gr.Dropdown(TEMPERATURES, value="auto", label="Temperature")
        prompt = gr.Textbox("", label="Words to expect", placeholder="Names and terms: Ada Lovelace, CTranslate2", max_lines=2)
    return [model, language, translate, skip, words, beam, temperature, prompt], [model, language, translate, prompt]


def build(frame: ui.Frame) -> None:
    """Make the tab."""
    page = frame.page(find("speech"))
    with page.inputs():
        with gr.Tabs(elem_classes="mm-modes"):
            with gr.Tab("Recording"):
                audio = ui.microphone("Microphone or audio file")
                one = page.actions("Transcribe")
            with gr.Tab("Files and videos"):
                files = gr.File(file_count="multiple", file_types=["audio", "video"], label="Recordings and videos", height=200)
                many = page.actions("Transcribe all")
            with gr.Tab("Live"):
                mic = gr.Audio(
                    sources=["microphone"], streaming=True, type="numpy", label="Live microphone", elem_classes="mm-audio"
                )
                live_status = gr.HTML(render.line("idle", "Press Record and speak"), elem_classes="mm-plain mm-statusbox")
        options, live_options = _options()
        reference = gr.Textbox(
            "", label="What was really said (optional)", info="Gives the word error rate", lines=2, max_lines=6
        )
        page.examples([[str(samples.path("jfk.flac")), JFK], [str(samples.path("dog-bark.ogg")), ""]], [audio, reference])
    with page.results():
        several = gr.Dataframe(
            elem_classes="mm-segments",
            column_widths=["24%", "12%", "12%", "52%"],
            headers=["file", "language", "length", "text"],
            label="Files: click one to read it",
            visible=False,
            max_height=260,
            wrap=True,
        )
        card = gr.HTML(EMPTY, elem_classes="mm-plain mm-result")
        player = gr.Audio(label="Listen: click a row below to hear it", interactive=False, visible=False, buttons=["download"])
        table = gr.Dataframe(
            headers=view.COLUMNS,
            label="Segments: click to hear, double-click a text to correct it",
            visible=False,
            interactive=True,
            static_columns=[0, 1, 3, 4],
            type="array",
            wrap=True,
            max_height=360,
            column_widths=["11%", "11%", "52%", "11%", "15%"],
            buttons=["copy"],
            elem_classes="mm-segments",
        )
        downloads = page.exports(*talk.EXPORTS)
    state, session = gr.State(Batch(())), gr.State(None)
    shown = [several, card, table, state]
    run: dict[str, Any] = {"outputs": shown, "show": _show, "exports": downloads}
    done = page.connect(
        talk.transcribe_one,
        actions=one,
        inputs=[audio, *options, reference],
        api_name="transcribe",
        check=talk.check_one,
        snippet={"audio": "file:recording.wav", "language": "auto"},
        **run,
    )
    all_done = page.connect(
        talk.transcribe_many, actions=many, inputs=[files, *options], api_name="transcribe_many", check=talk.check_many, **run
    )
    for event in (done, all_done):
        event.success(_player, [state, audio, files], player, **QUIET)
    several.select(_choose, state, shown[1:], **QUIET).then(_player, [state, audio, files], player, **QUIET)
    table.select(_seek, state, player, **QUIET)
    table.input(_correct, [state, table, reference], [state, card, *downloads.values()], **QUIET)
    mic.start_recording(live_speech.begin, live_options, [session, card, live_status], **QUIET)
    device = {"concurrency_id": ui.DEVICE_QUEUE, "concurrency_limit": 1, "api_visibility": "private", "show_progress": "hidden"}
    mic.stream(live_speech.listen(frame.lane), [mic, session], [session, card], stream_every=0.5, **device)
    mic.stop_recording(live_speech.end(frame.lane), [session, reference], [state, live_status], **device).then(
        _show, state, shown, **QUIET
    )
