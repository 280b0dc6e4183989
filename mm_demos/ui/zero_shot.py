"""The zero-shot panel: text, a picture and a recording, alone or together, into any labels the visitor types."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from mm_demos import samples, ui
from mm_demos.errors import InvalidInputError
from mm_demos.progress import Progress
from mm_demos.results import Classification
from mm_demos.tasks.labels import clean_templates, read_labels
from mm_demos.tasks.matching import OFFERED_TEMPLATES, TEMPLATES
from mm_demos.ui import zero_shot_view as view
from mm_demos.ui.files import json_text

FUSIONS = [("Weighted average", "weighted-average"), ("Maximum", "maximum"), ("By confidence", "attention")]
DESCRIBED = "delivery: the parcel is late or lost\nproduct: broken or not as described\npraise: the customer is happy"
EXAMPLES = (
    ("cat, dog, horse, sheep", "", "cat.jpg", None),
    (DESCRIBED, "It came two weeks after the day you promised.", None, None),
    ("politics, sports, cooking, music", "", None, "jfk.flac"),
    ("dog, rooster, rain, helicopter", "", None, "dog-near.ogg"),
    ("seaside, farm, airport", "A day out with the children.", None, "sea-waves.ogg"),
    ("breakfast, space travel, gardening", "Three, two, one, lift-off!", "rocket.jpg", None),
)


def classify_inputs(  # noqa: PLR0917 (an endpoint receives its components' values by position)
    labels: str,
    text: str = "",
    image: str | None = None,
    audio: str | None = None,
    template: str | Sequence[str] = (),
    fusion: str = "weighted-average",
    threshold: float = 0.0,
    weight_text: float = 1.0,
    weight_image: float = 1.0,
    weight_audio: float = 1.0,
    weight_speech: float = 1.0,
    weight_sound: float = 1.0,
    *,
    progress: Progress | None = None,
) -> Classification:
    """Choose among your own labels for any of a text, a picture and a recording, with each one's share in the decision.

    Args:
        labels: 2 to 1000, with commas or one a line; on lines of their own a description may follow after a colon, as in
            "cat: a small furry pet". A JSON list or a JSON object of descriptions is understood too.
        text: what to classify; empty to use the others.
        image: a picture, or nothing.
        audio: a recording, or nothing; it counts by what is said and by how it sounds.
        template: sentences with {} for the label, as a list or one a line; their embeddings are averaged, and without any there
            are three that do well.
        fusion: "weighted-average", "maximum" or "attention" (each input weighs as much as it is sure).
        threshold: from 0 to 1; with a best score below it the label is empty and "abstained" is true.
        weight_text: from 0 up.
        weight_image: from 0 up.
        weight_audio: factor on both weights of the recording; 0 leaves it out.
        weight_speech: of what is said, from 0 up.
        weight_sound: of how it sounds, from 0 up.
        progress: told about loads and steps.
    """
    from mm_demos.tasks.classification import classify

    weights = {"text": weight_text, "image": weight_image, "audio": weight_audio, "speech": weight_speech, "sound": weight_sound}
    return classify(
        labels=labels or "",
        text=text or None,
        image=Path(image) if image else None,
        audio=Path(audio) if audio else None,
        templates=template or (),
        weights=weights,
        fusion=fusion,  # type: ignore[arg-type]
        threshold=threshold or 0.0,
        progress=progress,
    )


def _check(
    labels: str | None, text: str | None, image: str | None, audio: str | None, template: str | Sequence[str] | None, *_rest: Any
) -> None:
    read_labels(labels or "")
    clean_templates(template or ())
    if not (text or "").strip() and not image and not audio:
        raise InvalidInputError("Give a text, a picture or a recording to classify; any one of them is enough.")


def build(page: ui.Page) -> None:
    """Make the panel on a page that has neither inputs nor results yet."""
    with page.inputs():
        labels = gr.Textbox(
            "",
            label="Labels",
            placeholder="cat, dog, horse – with commas, or one a line\ncat: a line may add what the label means",
            lines=2,
            max_lines=8,
        )
        text = gr.Textbox("", label="Text", placeholder="What is to be classified; leave empty to use the others", lines=2)
        with gr.Row():
            image = ui.image_input(height=220, min_width=240)
            audio = ui.microphone("Speech or sound", min_width=240, editable=False)
        actions = page.actions("Classify")
        options = _options()
        rows = [
            [names, words, str(samples.path(picture)) if picture else None, str(samples.path(sound)) if sound else None]
            for names, words, picture, sound in EXAMPLES
        ]
        page.examples(rows, [labels, text, image, audio], visible=(0, 1, 2, 3))
    with page.results():
        verdict = ui.result_area(
            "The label will appear here", "With the score of every label, and what each input says by itself."
        )
        parts = gr.HTML("", elem_classes="mm-plain mm-result")
        files = page.exports(ui.Export("CSV", "scores.csv", view.table), ui.Export("JSON", "classification.json", json_text))
        page.frame.sending.row("classification", gives={"picture": image}, takes={"text": text, "picture": image, "sound": audio})
    page.connect(
        classify_inputs,
        actions=actions,
        inputs=[labels, text, image, audio, *options],
        outputs=[verdict, parts],
        show=view.show,
        api_name="classify",
        check=_check,
        exports=files,
        submit=[labels],
        snippet={"labels": "cat, dog, horse", "image": "file:picture.jpg"},
    )


def _options() -> list[gr.components.Component]:
    """How the inputs are read and joined, in the order of the endpoint's parameters."""
    with gr.Accordion("More options", open=False):
        fusion = gr.Radio(FUSIONS, value="weighted-average", label="How the inputs are joined")
        with gr.Row():
            text, image = _weight("text"), _weight("image")
        with gr.Row():
            speech, sound = _weight("speech"), _weight("sound")
        recording = gr.Slider(0, 3, value=1, step=0.1, label="Weight: recording", visible=False)  # for programs
        threshold = gr.Slider(0, 0.95, value=0, step=0.05, label="Say “not sure” below this score")
        templates = gr.Dropdown(
            list(OFFERED_TEMPLATES),
            value=list(TEMPLATES),
            label="Templates, averaged",
            info="{} is the label; the three chosen were measured to do well for pictures, texts and speech.",
            multiselect=True,
            allow_custom_value=True,
        )
    return [templates, fusion, threshold, text, image, recording, speech, sound]


def _weight(modality: str) -> gr.Slider:
    return gr.Slider(0, 3, value=1, step=0.1, label=f"Weight: {view.NAMES[modality].lower()}", min_width=130)
