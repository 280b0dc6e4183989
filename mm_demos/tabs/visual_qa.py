"""Visual QA: a question about a picture, typed or spoken, to an answer that says how sure it is."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from mm_demos import samples, ui
from mm_demos.errors import InvalidInputError
from mm_demos.models.protocols import AnswerOptions
from mm_demos.progress import Progress
from mm_demos.results import Answer, Transcription
from mm_demos.tabs import find
from mm_demos.ui import render
from mm_demos.ui.files import csv_text, json_text

KINDS = [("Open", "open"), ("Yes or no", "yes/no"), ("A number", "count"), ("One of a list", "choice")]
EXAMPLES = (
    ("cat.jpg", "What animal is in the picture?", "open", ""),
    ("coffee.jpg", "Is there something to drink?", "yes/no", ""),
    ("sign.png", "What does the sign say?", "open", ""),
    ("rocket.jpg", "What is shown?", "choice", "a rocket, a boat, a bridge, a tree"),
)


def answer_question(  # noqa: PLR0917 (an endpoint receives its components' values by position)
    image: str,
    question: str,
    kind: str,
    choices: str,
    top_k: float,
    threshold: float,
    check_without_image: bool,
    *,
    progress: Progress | None = None,
) -> Answer:
    """Answer a question about a picture, with alternatives, evidence and, on request, the answer without the picture."""
    from mm_demos.tasks.visual_qa import answer

    options = AnswerOptions(kind=kind, choices=_choices(choices) if kind == "choice" else (), top_k=int(top_k or 5))  # type: ignore[arg-type]
    blank, threshold = bool(check_without_image), float(threshold or 0.0)
    return answer(Path(image), question, options=options, threshold=threshold, check_without_image=blank, progress=progress)


def listen(recording: str, *, progress: Progress | None = None) -> Transcription:
    """Turn a spoken question into text."""
    from mm_demos.tasks.transcription import transcribe

    if not recording:
        raise InvalidInputError("The recording is empty: press the microphone, speak, then press stop.")
    return transcribe(Path(recording), progress=progress)


def _choices(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.strip() for part in (text or "").replace("\n", ",").split(",") if part.strip()))


def _check(image: str | None, question: str | None, kind: str, choices: str | None, *_rest: Any) -> None:
    if not image:
        raise InvalidInputError("Choose, paste or take a picture first.")
    if not (question or "").strip():
        raise InvalidInputError("Type a question about the picture, or speak it.")
    if kind == "choice" and len(_choices(choices or "")) < 2:
        raise InvalidInputError("Give at least two answers to choose from, with commas between them.")


def _show(result: Answer) -> tuple[str, str, str]:
    text = f"“{escape(result.text)}”" if result.unsure else escape(result.text)
    verdict = f"Not sure – perhaps {text}" if result.unsure else text
    card = (
        f'<div class="mm-card"><div class="mm-verdict"><p class="mm-lead">{verdict}</p>'
        f'<span class="mm-value">{result.confidence:.0%}</span></div>{render.bars(result.alternatives, title="Candidates")}</div>'
    )
    evidence = render.evidence(result.evidence)
    return card, _blanked(result), f'<div class="mm-card">{evidence}</div>' if evidence else ""


def _blanked(result: Answer) -> str:
    blind = result.without_image
    if blind is None:
        return ""
    same = blind.text.strip().lower() == result.text.strip().lower()
    judged = "The picture changed nothing: this may be a habit of language." if same else "So the answer rests on the picture."
    said = f"Without the picture the answer is “{blind.text}” ({blind.confidence:.0%}). {judged}"
    return render.notice(said, "warn" if same else "info")


def _offer(kind: str) -> Any:
    return gr.update(visible=kind == "choice")


def _table(result: Answer) -> str:
    return csv_text(["answer", "probability"], [(item.label, item.score) for item in result.alternatives])


def build(frame: ui.Frame) -> None:
    """Make the tab."""
    page = frame.page(find("visual-qa"))
    with page.inputs():
        image = ui.image_input(height=270)
        question = gr.Textbox("", label="Question", placeholder="What animal is in the picture?", max_lines=3)
        with gr.Accordion("Ask aloud instead", open=False):
            recording = ui.microphone("Spoken question")
        actions = page.actions("Ask")
        kind = gr.Radio(KINDS, value="open", label="Kind of answer")
        choices = gr.Textbox("", label="Answers to choose from", placeholder="a cat, a dog, a bird", visible=False)
        with gr.Accordion("More options", open=False):
            top_k = gr.Slider(1, 10, value=5, step=1, label="Candidates shown")
            threshold = gr.Slider(0, 0.95, value=0.3, step=0.05, label="Say “not sure” below this probability")
            blank = gr.Checkbox(False, label="Also ask with the picture blanked, to show what language alone would answer")
        rows = [[str(samples.path(name)), *rest] for name, *rest in EXAMPLES]
        page.examples(rows, [image, question, kind, choices], visible=(0, 1))
    with page.results():
        verdict = ui.result_area(
            "The answer will appear here", "With how sure it is, the other candidates, and what was seen and read."
        )
        blanked = gr.HTML("", elem_classes="mm-plain mm-result")
        evidence = gr.HTML("", elem_classes="mm-plain mm-result")
        files = page.exports(ui.Export("CSV", "answer.csv", _table), ui.Export("JSON", "answer.json", json_text))
    kind.change(_offer, kind, choices, queue=False, show_progress="hidden", api_visibility="private")
    page.connect(
        answer_question,
        actions=actions,
        inputs=[image, question, kind, choices, top_k, threshold, blank],
        outputs=[verdict, blanked, evidence],
        show=_show,
        api_name="answer",
        check=_check,
        exports=files,
        submit=[question, choices],
        snippet={"image": "file:picture.jpg", "question": "What animal is in the picture?", "kind": "open"},
    )
    page.connect(
        listen,
        actions=actions,
        inputs=[recording],
        outputs=[question],
        show=lambda heard: [heard.text],
        api_name=None,
        triggers=[recording.stop_recording, recording.upload],
    )
