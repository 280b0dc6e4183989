"""Visual QA: questions about a picture, typed or spoken, to answers that say how sure they are and where they come from."""

from __future__ import annotations

import json
from typing import Any

import gradio as gr

from mm_demos import samples, ui
from mm_demos.models import catalog
from mm_demos.tabs import find
from mm_demos.ui import answer_view as view
from mm_demos.ui import answers, render

KINDS = [("Open", "open"), ("Yes or no", "yes/no"), ("A number", "count"), ("One of a list", "choice")]
EXAMPLES = (
    ("cat.jpg", "What animal is in the picture?", "open", ""),
    ("coffee.jpg", "Is there something to drink?", "yes/no", ""),
    ("sign.png", "What does the sign say?", "open", ""),
    ("rocket.jpg", "What is shown?", "choice", "a rocket, a boat, a bridge, a tree"),
)
QUIET: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
HEARD = render.line("done", "Heard: correct the question if need be, then press Ask")


def _offer(kind: str) -> Any:
    return gr.update(visible=kind == "choice")


def _emptied() -> str:
    """What another picture does to the results of the one before it.

    In the browser, at once: an answer from the server could arrive after the next result and wipe it away.
    """
    return f"() => {json.dumps([view.EMPTY, '', '', '', view.EMPTY_TABLE])}"


def _options() -> list[gr.components.Component]:
    """Kind of answer, choices, model, candidates, threshold, blanked picture."""
    kind = gr.Radio(KINDS, value="open", label="Kind of answer")
    choices = gr.Textbox("", label="Answers to choose from", placeholder="a cat, a dog, a bird", visible=False)
    with gr.Accordion("More options", open=False):
        names = [row.name for row in catalog.rows(role="answerer")]
        model = gr.Dropdown(names, value=catalog.default("answerer"), label="Model")
        top_k = gr.Slider(1, 10, value=5, step=1, label="Candidates shown")
        threshold = gr.Slider(0, 0.95, value=0.3, step=0.05, label="Say “not sure” below this probability")
        blank = gr.Checkbox(False, label="Also ask with the picture blanked, to show what language alone would answer")
    kind.change(_offer, kind, choices, **QUIET)
    return [kind, choices, model, top_k, threshold, blank]


def build(frame: ui.Frame) -> None:
    """Make the tab."""
    page = frame.page(find("visual-qa"))
    with page.inputs():
        image = ui.image_input(height=270)
        with gr.Tabs(elem_classes="mm-modes"):
            with gr.Tab("One question") as one_tab:
                question = gr.Textbox("", label="Question", placeholder="What animal is in the picture?", max_lines=3)
                with gr.Accordion("Ask aloud instead", open=False):
                    recording = ui.microphone("Spoken question")
                one = page.actions("Ask")
            with gr.Tab("Several questions") as many_tab:
                questions = gr.Textbox(
                    "", label="Questions, one per line", placeholder="Is there a cat?\nWhat colour is it?", lines=5, max_lines=12
                )
                many = page.actions("Ask all")
        options = _options()
        kind, choices, *common = options
        with gr.Column() as examples:
            rows = [[str(samples.path(name)), *rest] for name, *rest in EXAMPLES]
            page.examples(rows, [image, question, kind, choices], visible=(0, 1))
    history = gr.JSON(visible=False, label="history")  # a program's own; the page keeps its visitor's in `talk`
    talk = gr.State(None)
    with page.results():
        with gr.Column(elem_classes="mm-one") as one_results:
            verdict = gr.HTML(view.EMPTY, elem_classes="mm-plain mm-result")
            blanked = gr.HTML("", elem_classes="mm-plain mm-result")
            with gr.Column(elem_classes="mm-more"):
                thread = gr.HTML("", elem_classes="mm-plain mm-result")
                with gr.Row(elem_classes="mm-follow"):
                    follow = "Ask a follow-up: and what colour is it?"
                    more = gr.Textbox("", label="Follow-up", placeholder=follow, max_lines=1, container=False, scale=4)
                    ask_more = gr.Button("Ask on", variant="secondary", scale=1, min_width=80)
                    stop_more = gr.Button("Stop", variant="stop", elem_classes="mm-stop", scale=1, min_width=60)
                follow_status = gr.HTML("", elem_classes="mm-plain")
            evidence = gr.HTML("", elem_classes="mm-plain mm-result")
            talk_files = page.exports(*answers.TALK_EXPORTS)
            frame.sending.row("visual-qa", gives={"picture": image}, takes={"picture": image})
        with gr.Column(visible=False) as many_results:
            table = gr.HTML(view.EMPTY_TABLE, elem_classes="mm-plain mm-result")
            table_files = page.exports(*answers.TABLE_EXPORTS)
    for tab, first in ((one_tab, True), (many_tab, False)):
        shown = [gr.update(visible=first), gr.update(visible=not first), gr.update(visible=first)]
        tab.select(lambda shown=shown: shown, outputs=[one_results, many_results, examples], **QUIET)
    image.change(None, outputs=[verdict, blanked, thread, evidence, table], js=_emptied(), api_visibility="private")
    on_talk: dict[str, Any] = {
        "outputs": [verdict, blanked, thread, evidence, more, talk],
        "show": view.show_talk,
        "exports": talk_files,
    }
    page.connect(
        answers.begin,
        api=answers.ask,
        actions=one,
        inputs=[image, question, *options, history],
        api_name="answer",
        check=answers.check_one,
        submit=[question],
        snippet={"image": "file:picture.jpg", "question": "What animal is in the picture?", "kind": "open"},
        **on_talk,
    )
    page.connect(
        answers.follow_up,
        actions=ui.Actions(ask_more, stop_more, None, follow_status),
        inputs=[image, more, *common, talk],
        api_name=None,
        check=answers.check_more,
        submit=[more],
        **on_talk,
    )
    page.connect(
        answers.ask_many,
        actions=many,
        inputs=[image, questions, *options],
        outputs=[table],
        show=view.table,
        api_name="answer_many",
        check=answers.check_many,
        exports=table_files,
        snippet={"image": "file:picture.jpg", "questions": "Is there a cat?\nWhat colour is it?"},
    )
    heard = page.connect(
        answers.listen,
        actions=one,
        inputs=[recording],
        outputs=[question],
        show=lambda result: [result.text],
        api_name=None,
        triggers=[recording.stop_recording, recording.upload],
    )
    heard.success(lambda: HEARD, outputs=one.status, **QUIET)
