"""Audio–text retrieval: moments of recordings found by words, voice, sound or picture; sentences for a recording; evaluation."""

from __future__ import annotations

from typing import Any

import gradio as gr

from mm_demos import samples, ui
from mm_demos.tabs import find
from mm_demos.ui import clips, hits, sound_index, sound_library, sound_pairs, sound_panel
from mm_demos.ui import sound_search as events
from mm_demos.ui.sound_panel import QUIET

WORDS = ("a dog barking", "what you can do for your country", "a chicken crowing in the morning", "waves on a beach")
SENTENCES = "A campfire at night.\nSomebody is sawing wood.\nThe president speaks to the nation.\nIt is raining hard."


def build(frame: ui.Frame) -> None:
    """Make the tab."""
    page = frame.page(find("retrieval"))
    with page.inputs():
        with gr.Column() as where:
            panel = sound_panel.make(page)
        with gr.Tabs(elem_classes="mm-modes mm-tight"):
            with gr.Tab("Words") as words_tab:
                words = gr.Textbox("", label="What to listen for", placeholder="a dog barks, or words that are said", max_lines=2)
                by_words = page.actions("Search")
                page.examples([[text] for text in WORDS], [words])
            with gr.Tab("Voice or sound") as sound_tab:
                audio = ui.microphone("Say it, or give a sound like it")
                by_sound = page.actions("Search")
                page.examples([[str(samples.path(name))] for name in ("cock-crow.ogg", "light-rain.ogg")], [audio])
            with gr.Tab("Picture") as picture_tab:
                image = ui.image_input(height=220)
                by_picture = page.actions("Search")
            with gr.Tab("Sentences") as sentences_tab:
                described, ranking = _sentences(page)
            with gr.Tab("Evaluate") as evaluate_tab:
                pairs = sound_pairs.table()
                evaluating = page.actions("Evaluate")
        with gr.Column() as how:
            mode = gr.Radio(events.MODES, value="both", label="Compare by")
            with gr.Accordion("More options", open=False) as more:
                options = [mode, *sound_panel.filters()]
    with page.results():
        with gr.Column() as found_results:
            found = clips.area("Moments will appear here", "Best first, each with its sound, starting where it fits.")
            found_files = page.exports(*hits.EXPORTS)
            frame.sending.row("retrieval", gives={"match": None}, takes={"text": words})
            heard = clips.area()
            sound_map = clips.area()
        with gr.Column(visible=False) as ranked_results:
            ranked = ui.result_area("Sentences will appear here", "Ranked by what is said and by how it sounds.")
            ranked_files = page.exports(*events.DESCRIBED_EXPORTS)
        with gr.Column(visible=False) as evaluated_results:
            evaluated = ui.result_area("Scores will appear here", "Recall and mean reciprocal rank, beside what chance gives.")
            evaluated_files = page.exports(*sound_pairs.EXPORTS)
    sound_panel.connect(page, panel, options[1:])
    run: dict[str, Any] = {"outputs": [found, heard, sound_map], "exports": found_files, "keep": panel.chosen}
    for search, actions, asked, check, submit in (
        (events.search_words, by_words, words, events.check_words, [words]),
        (events.search_recording, by_sound, audio, events.check_recording, []),
        (events.search_picture, by_picture, image, events.check_picture, []),
    ):
        page.connect(
            search,
            actions=actions,
            inputs=[*panel.chosen, asked, *options],
            check=check,
            submit=submit,
            show=hits.show_found,
            api_name=None,
            **run,
        ).success(sound_panel.refresh, panel.chosen, [panel.line, *options[3:5]], **QUIET)
    _endpoints(page, panel, [words, audio, image], options)
    page.connect(
        events.describe,
        actions=ranking,
        inputs=described,
        outputs=[ranked],
        show=events.show_described,
        api_name="describe_sound",
        check=events.check_describe,
        exports=ranked_files,
        snippet={"audio": "file:recording.wav", "sentences": "a dog\na speech"},
    )
    page.connect(
        sound_pairs.evaluate,
        actions=evaluating,
        inputs=[*panel.chosen, pairs, mode],
        outputs=[evaluated],
        show=sound_pairs.show,
        api_name=None,
        check=sound_pairs.check_evaluate,
        keep=[*panel.chosen, mode],
        exports=evaluated_files,
    )
    sound_map.click(events.hear, panel.chosen, heard, **QUIET)
    panel.library.change(lambda: "", outputs=heard, **QUIET)
    columns = [where, how, more, found_results, ranked_results, evaluated_results]
    for tabs, shown in (
        ([words_tab, sound_tab, picture_tab], (True, True, True, True, False, False)),
        ([sentences_tab], (False, False, False, False, True, False)),
        ([evaluate_tab], (True, True, False, False, False, True)),
    ):
        _show(tabs, columns, shown)


def _endpoints(
    page: ui.Page, panel: sound_panel.Panel, asked: list[gr.components.Component], options: list[gr.components.Component]
) -> None:
    """Searching and indexing for programs, which bring recordings or a library along."""
    mode, negative, top_k, _, _, loudness = options  # the page's lists of languages and sounds are those of one library
    language, tag = (gr.Textbox("", visible=False, label=label) for label in ("language", "tag"))
    library = gr.File(file_types=[sound_library.SAVED_SUFFIX], visible=False, label="library")
    page.endpoint(
        events.search_once,
        inputs=[panel.files, *asked, mode, negative, top_k, language, tag, loudness, library],
        api_name="search_sounds",
        lane=page.frame.lane,
        check=events.check_once,
        snippet={"words": "a dog barking", "mode": "both"},
    )
    sound_index.connect(page, panel.files, panel.cut)


def _sentences(page: ui.Page) -> tuple[list[gr.components.Component], ui.Actions]:
    """A recording, and the sentences that may fit it."""
    recording = ui.microphone("Recording")
    sentences = gr.Textbox("", label="Sentences", placeholder="One a line", lines=4, max_lines=10)
    table = gr.File(file_types=[".csv", ".tsv", ".txt"], label="Or a CSV or TXT file", height=140)
    ranking = page.actions("Rank")
    page.examples([[str(samples.path("fire.ogg")), SENTENCES]], [recording, sentences], visible=(0, 1))
    return [recording, sentences, table], ranking


def _show(tabs: list[gr.Tab], parts: list[Any], shown: tuple[bool, ...]) -> None:
    """What is seen of the page in one way of using it."""
    for tab in tabs:
        tab.select(lambda: [gr.update(visible=each) for each in shown], outputs=parts, **QUIET)
