"""Picture search: a visitor's pictures found by words or by a picture, and sentences ranked for a picture."""

from __future__ import annotations

from typing import Any

import gradio as gr

from mm_demos import samples, ui
from mm_demos.tabs import find
from mm_demos.ui import collection, embedding
from mm_demos.ui import picture_events as events
from mm_demos.ui.picture_results import FOUND_EXPORTS, SENTENCE_EXPORTS, show_found, show_sentences

QUIET: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
STATE_SECONDS = 3600  # as long as uploads stay on the disk
WORDS = ("a cat", "a cup of coffee", "flying into space", "something written on a sign")
SENTENCES = "A cat looks at the camera.\nA cup of coffee on a table.\nA rocket takes off.\nAn old temple in the sun."


def build(frame: ui.Frame) -> None:
    """Make the tab."""
    page = frame.page(find("picture-search"))
    loaded, known = gr.State(None, time_to_live=STATE_SECONDS), gr.State(None, time_to_live=STATE_SECONDS)
    with page.inputs():
        with gr.Column(elem_classes="mm-collection") as where:
            files = gr.File(file_count="multiple", file_types=["image"], label="Your pictures", height=150)
            with gr.Row(elem_classes="mm-adders"):
                folder = gr.UploadButton("Add a folder", file_count="directory", size="sm", min_width=110)
                index_file = gr.UploadButton("Open an index", file_types=[".safetensors"], size="sm", min_width=110)
            line = gr.HTML(collection.start_line(), elem_classes="mm-plain")
        with gr.Tabs(elem_classes="mm-modes"):
            with gr.Tab("By words") as words_tab:
                words = gr.Textbox("", label="What they show", placeholder="a dog on a beach", max_lines=2)
                by_words = page.actions("Search")
                page.examples([[text] for text in WORDS], [words])
            with gr.Tab("By a picture") as alike_tab:
                picture = ui.image_input(height=220)
                alike = page.actions("Find similar")
            with gr.Tab("Rank sentences") as rank_tab:
                image = ui.image_input(height=220)
                sentences = gr.Textbox("", label="Sentences", placeholder="One a line", lines=4, max_lines=10)
                table = gr.File(file_types=[".csv", ".tsv", ".txt"], label="Or a CSV or TXT file", height=150)
                ranking = page.actions("Rank")
                page.examples([[str(samples.path("cat.jpg")), SENTENCES]], [image, sentences], visible=(0, 1))
            with gr.Tab("Vectors") as vectors_tab:
                texts, embed = embedding.build(page)
        with gr.Accordion("More options", open=False):
            negative = gr.Textbox("", label="But not", placeholder="people", max_lines=1)
            top_k = gr.Slider(1, 60, value=12, step=1, label="How many results")
            min_score = gr.Slider(0, 0.95, value=0, step=0.01, label="Minimum score (cosine; 0 keeps all)")
    with page.results():
        with gr.Column() as pictures_found:
            gallery = ui.result_area("Pictures will appear here", "Best first, with the cosine between query and picture.")
            found_files = page.exports(*FOUND_EXPORTS)
            frame.sending.row("picture-search", gives={"match": known})
        with gr.Column(visible=False) as sentences_found:
            ranked = ui.result_area("Sentences will appear here", "Ranked by how well each one fits the picture.")
            ranked_files = page.exports(*SENTENCE_EXPORTS)
        with gr.Column(visible=False) as vectors_found:
            embedding.connect(page, texts, embed, files)
    options = [negative, top_k, min_score]
    search: dict[str, Any] = {"outputs": [known, gallery], "show": show_found, "api_name": None, "exports": found_files}
    page.connect(
        events.search_words,
        actions=by_words,
        inputs=[files, loaded, known, words, *options],
        check=events.check_words,
        submit=[words],
        **search,
    )
    page.connect(
        events.search_alike,
        actions=alike,
        inputs=[files, loaded, known, picture, *options],
        check=events.check_alike,
        **search,
    )
    page.endpoint(
        events.search_once,
        inputs=[files, index_file, words, negative, picture, top_k, min_score],
        api_name="search_pictures",
        lane=frame.lane,
        check=events.check_once,
        snippet={"index": "file:pictures.safetensors", "words": "a dog on a beach"},
    )
    page.connect(
        events.rank,
        actions=ranking,
        inputs=[image, sentences, table, top_k, min_score],
        outputs=[ranked],
        show=show_sentences,
        api_name="rank_sentences",
        check=events.check_rank,
        exports=ranked_files,
        snippet={"image": "file:picture.jpg", "sentences": "a cat\na dog"},
    )
    for actions in (by_words, alike):
        actions.clear.click(collection.start_line, outputs=line, **QUIET)  # type: ignore[union-attr]
    folder.upload(collection.add_folder, [files, folder], [files, line], **QUIET)
    index_file.upload(collection.open_index, index_file, [loaded, line], **QUIET)
    _show([words_tab, alike_tab, rank_tab, vectors_tab], [where, pictures_found, sentences_found, vectors_found])


def _show(tabs: list[gr.Tab], columns: list[gr.Column]) -> None:
    """What is seen of the page in each way of using it."""
    searching, ranks, embeds = (True, True, False, False), (False, False, True, False), (True, False, False, True)
    for tab, seen in zip(tabs, (searching, searching, ranks, embeds), strict=True):
        shown = [gr.update(visible=each) for each in seen]
        tab.select(lambda shown=shown: shown, outputs=columns, **QUIET)
