"""The zero-shot panel: text, a picture and speech, alone or together, into any labels the visitor types."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from mm_demos import samples, ui
from mm_demos.errors import InvalidInputError
from mm_demos.progress import Progress
from mm_demos.results import Classification, LabelScore
from mm_demos.tasks.labels import clean_labels, clean_templates, split_labels
from mm_demos.ui import render
from mm_demos.ui.files import csv_text, json_text

NAMES = {"text": "Text", "image": "Picture", "audio": "Speech"}
FUSIONS = [("Weighted average", "weighted-average"), ("Maximum", "maximum"), ("By confidence", "attention")]
TEMPLATES = ["{}", "a photo of a {}", "this is about {}", "the topic is {}"]
EXAMPLES = (
    ("cat, dog, horse, sheep", "", "cat.jpg", None),
    ("praise, complaint, question", "The parcel came two weeks late and the box was torn.", None, None),
    ("politics, sports, cooking, music", "", None, "jfk.flac"),
    ("breakfast, space travel, gardening", "Three, two, one, lift-off!", "rocket.jpg", None),
)
BASIS = (
    "Pictures are matched through the 1,000 ImageNet classes (EfficientNet-Lite2, ConSE), text and spoken words through sentence "
    "embeddings (all-MiniLM-L6-v2). Things, animals and food work best; people, actions and moods are outside those classes."
)


def classify_inputs(  # noqa: PLR0917 (an endpoint receives its components' values by position)
    labels: str,
    text: str,
    image: str | None,
    audio: str | None,
    template: str,
    fusion: str,
    threshold: float,
    weight_text: float,
    weight_image: float,
    weight_audio: float,
    *,
    progress: Progress | None = None,
) -> Classification:
    """Choose among your own labels for any of a text, a picture and a recording of speech, with each one's share."""
    from mm_demos.tasks.classification import classify

    return classify(
        labels=split_labels(labels or ""),
        text=text or None,
        image=Path(image) if image else None,
        audio=Path(audio) if audio else None,
        templates=(template or "").split("\n"),
        weights={"text": weight_text, "image": weight_image, "audio": weight_audio},
        fusion=fusion,  # type: ignore[arg-type]
        threshold=threshold or 0.0,
        progress=progress,
    )


def _check(labels: str | None, text: str | None, image: str | None, audio: str | None, template: str | None, *_rest: Any) -> None:
    clean_labels(split_labels(labels or ""))
    clean_templates((template or "").split("\n"))
    if not (text or "").strip() and not image and not audio:
        raise InvalidInputError("Give a text, a picture or a recording to classify; any one of them is enough.")


def _show(result: Classification) -> tuple[str, str]:
    best = result.scores[0]
    verdict = f"Not sure – perhaps “{escape(best.label)}”" if result.abstained else escape(best.label)
    cutoff = float((result.receipt.options.get("threshold") if result.receipt else 0.0) or 0.0)
    notices = "".join(render.notice(notice, "warn") for notice in result.notices)
    bars = render.bars(result.scores, title="All together", cutoff=cutoff)
    lead = f'<div class="mm-verdict"><p class="mm-lead">{verdict}</p><span class="mm-value">{best.score:.0%}</span></div>'
    parts = f'<div class="mm-evidence">{"".join(_parts(result))}<p class="mm-basis">{escape(BASIS)}</p></div>'
    return f'{notices}<div class="mm-card">{lead}{bars}</div>', f'<div class="mm-card">{parts}</div>'


def _parts(result: Classification) -> Iterator[str]:
    """What each input says by itself, and what it added to the decision."""
    if len(result.per_modality) > 1:
        shares = [LabelScore(NAMES[name], share) for name, share in result.contributions.items()]
        shares.sort(key=lambda item: -item.score)
        yield f"<div>{render.bars(shares, title=f'What speaks for “{result.scores[0].label}”')}</div>"
        for name, scores in result.per_modality.items():
            ranked = sorted(scores, key=lambda item: -item.score)
            yield f"<div>{render.bars(ranked, title=f'{NAMES[name]} alone', top=5)}</div>"
    if result.transcript:
        yield f'<div><h4>Heard</h4><ul class="mm-lines"><li><q>{escape(result.transcript)}</q></li></ul></div>'


def _table(result: Classification) -> str:
    columns = {name: {item.label: item.score for item in scores} for name, scores in result.per_modality.items()}
    rows = [(item.label, item.score, *(column[item.label] for column in columns.values())) for item in result.scores]
    return csv_text(["label", "score", *columns], rows)


def build(page: ui.Page) -> None:
    """Make the panel on a page that has neither inputs nor results yet."""
    with page.inputs():
        labels = gr.Textbox("", label="Labels", placeholder="cat, dog, horse – with commas, or one a line", lines=2, max_lines=8)
        text = gr.Textbox("", label="Text", placeholder="What is to be classified; leave empty to use the others", lines=2)
        with gr.Row():
            image = ui.image_input(height=220, min_width=240)
            audio = ui.microphone("Speech", min_width=240)
        actions = page.actions("Classify")
        with gr.Accordion("More options", open=False):
            fusion = gr.Radio(FUSIONS, value="weighted-average", label="How the inputs are joined")
            with gr.Row():
                weights = [
                    gr.Slider(0, 3, value=1, step=0.1, label=f"Weight: {name.lower()}", min_width=130) for name in NAMES.values()
                ]
            threshold = gr.Slider(0, 0.95, value=0, step=0.05, label="Say “not sure” below this score")
            template = gr.Dropdown(TEMPLATES, value="{}", label="Template, {} is the label", allow_custom_value=True)
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
        files = page.exports(ui.Export("CSV", "scores.csv", _table), ui.Export("JSON", "classification.json", json_text))
    page.connect(
        classify_inputs,
        actions=actions,
        inputs=[labels, text, image, audio, template, fusion, threshold, *weights],
        outputs=[verdict, parts],
        show=_show,
        api_name="classify",
        check=_check,
        exports=files,
        submit=[labels],
        snippet={"labels": "cat, dog, horse", "image": "file:picture.jpg"},
    )
