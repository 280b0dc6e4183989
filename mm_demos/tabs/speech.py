"""Speech: a recording, many files or a live microphone to a transcript that can be read, heard, corrected and exported."""

from __future__ import annotations

from typing import Any

import gradio as gr

from mm_demos import samples, ui
from mm_demos.models import catalog
from mm_demos.tabs import find
from mm_demos.ui import live_speech, render
from mm_demos.ui import speech_events as events
from mm_demos.ui import transcript_view as view
from mm_demos.ui import transcripts as talk
from mm_demos.ui.transcripts import Batch

QUIET: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
TEMPERATURES = [("Automatic: retry when a segment fails", "auto"), *((f"{t / 10:.1f}", f"{t / 10:.1f}") for t in range(0, 11, 2))]
# Gradio moves the player but does not start it.
PLAY = "() => document.querySelector('.mm-player button[aria-label^=Play]')?.click()"
JFK = "And so my fellow Americans, ask not what your country can do for you, ask what you can do for your country."


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
            with gr.Tab("Live") as live_tab:
                mic = live_speech.microphone()
                live_status = gr.HTML(render.line("idle", "Press Record and speak"), elem_classes="mm-plain mm-statusbox")
        options, live_options = _options()
        reference = gr.Textbox(
            "", label="What was really said (optional)", info="Gives the word error rate", lines=2, max_lines=6
        )
        page.examples([[str(samples.path("jfk.flac")), JFK], [str(samples.path("dog-bark.ogg")), ""]], [audio, reference])
    with page.results():
        several = gr.Dataframe(
            elem_classes="mm-segments",
            column_widths=["26%", "13%", "11%", "50%"],
            headers=["file", "spoken", "length", "text"],
            label="Files: click one to read it",
            visible=False,
            max_height=260,
            wrap=True,
        )
        card = gr.HTML(events.EMPTY, elem_classes="mm-plain mm-result")
        player = gr.Audio(
            label="Listen: click a row below to hear it",
            interactive=False,
            visible=False,
            buttons=["download"],
            elem_classes="mm-player",
        )
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
            elem_classes=["mm-segments", "mm-times"],
        )
        downloads = page.exports(*talk.EXPORTS)
        state, session = gr.State(Batch(())), gr.State(None)
        frame.sending.row("speech", gives={"transcript": state}, takes={"sound": audio})
    shown = [several, card, table, state]
    run: dict[str, Any] = {"outputs": shown, "show": events.show, "exports": downloads}
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
        event.success(events.player, [state, audio, files], player, **QUIET)
    several.select(events.choose, state, shown[1:], **QUIET).then(events.player, [state, audio, files], player, **QUIET)
    for actions in (one, many):
        if actions.clear is not None:
            actions.clear.click(events.hide, outputs=[several, player, table], **QUIET)
    table.select(events.seek, state, player, **QUIET).then(None, js=PLAY)
    table.input(events.correct, [state, table, reference], [state, card, *downloads.values()], **QUIET)
    live_tab.select(live_speech.lengthen, outputs=mic, **QUIET)
    begun = mic.start_recording(live_speech.begin, live_options, [session, card, live_status], **QUIET)
    begun.then(events.hide, outputs=[several, player, table], **QUIET)
    begun.then(
        live_speech.follow(frame.lane),
        [session, reference],
        [*shown, live_status, *downloads.values()],
        show_progress="hidden",
        api_visibility="private",
        concurrency_id="live",
        concurrency_limit=4,
    )
    mic.stream(
        live_speech.gather,
        [mic, session],
        stream_every=live_speech.PIECE_SECONDS,
        api_visibility="private",
        show_progress="hidden",
        concurrency_limit=8,
    )
    mic.stop_recording(live_speech.end, session, **QUIET)
