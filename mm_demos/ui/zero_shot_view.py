"""A decision among a visitor's labels as HTML and CSV: the verdict, what each input says, and what that is built on."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from mm_demos.results import Classification, LabelScore
from mm_demos.ui import render
from mm_demos.ui.files import csv_text

NAMES = {"text": "Text", "image": "Picture", "speech": "Speech", "sound": "Sound"}
ALONE = {"text": "The text alone", "image": "The picture alone", "speech": "What is said, alone", "sound": "How it sounds, alone"}
SHOWN, SHOWN_ALONE = 10, 5  # labels with bars; the downloads have all
# What a result may be built on: inputs of which one took part, a model that did, and what to say then.
BASES = (
    ({"text", "speech"}, "all-MiniLM-L6-v2", "Words are compared with the labels as sentence embeddings (all-MiniLM-L6-v2)."),
    (
        {"image"},
        "mini-clip-and-conse",
        "Pictures are matched by mm-mini-clip, which learnt from 6,000 captioned photos, and through the 1,000 ImageNet classes "
        "(EfficientNet-Lite2, ConSE): things, animals and food work best, shades of mood do not.",
    ),
    (
        {"sound"},
        "whisper-sound-head",
        "Of sounds, ten everyday ones are known (whisper-sound-head); they count for labels that mean one of them.",
    ),
)


def show(result: Classification) -> tuple[str, str]:
    """The verdict with the score of every label, and what each input says."""
    best = result.scores[0]
    label = escape(best.label)
    verdict = f"Not sure – perhaps “{label}”" if result.abstained else f'<span translate="no">{label}</span>'
    cutoff = float((result.receipt.options.get("threshold") if result.receipt else 0.0) or 0.0)
    notices = "".join(render.notice(notice, "warn") for notice in result.notices)
    title = "All together" if len(result.per_modality) > 1 else ALONE[next(iter(result.per_modality))]
    bars = render.bars(result.scores, title=title, top=SHOWN, cutoff=cutoff)
    more = len(result.scores) - SHOWN
    rest = f'<p class="mm-basis">{more} more labels are in the downloads.</p>' if more > 0 else ""
    lead = f'<div class="mm-verdict"><p class="mm-lead">{verdict}</p><span class="mm-value">{best.score:.0%}</span></div>'
    parts = f'<div class="mm-evidence">{"".join(_parts(result))}<p class="mm-basis">{escape(basis(result))}</p></div>'
    return (
        f'<div class="mm-evidence">{notices}<div class="mm-card">{lead}{bars}{rest}</div></div>',
        f'<div class="mm-card">{parts}</div>',
    )


def _parts(result: Classification) -> Iterator[str]:
    """What each input added to the decision, and what it says by itself."""
    if len(result.per_modality) > 1:
        shares = [LabelScore(NAMES[name], share) for name, share in result.contributions.items()]
        shares.sort(key=lambda item: -item.score)
        yield f"<div>{render.bars(shares, ours=True, title=f'What speaks for “{result.scores[0].label}”')}</div>"
        for name, scores in result.per_modality.items():
            ranked = sorted(scores, key=lambda item: -item.score)
            yield f"<div>{render.bars(ranked, title=ALONE[name], top=SHOWN_ALONE)}</div>"
    if result.transcript:
        yield f'<div><h3>Heard</h3><ul class="mm-lines"><li><q translate="no">{escape(result.transcript)}</q></li></ul></div>'


def basis(result: Classification) -> str:
    """What took part, what did not, and which models it was built on."""
    used = [NAMES[name].lower() for name in NAMES if name in result.per_modality]
    missing = [NAMES[name].lower() for name in NAMES if name not in result.per_modality]
    models = {use.name for use in result.receipt.models} if result.receipt else set()
    built_on = [sentence for inputs, model, sentence in BASES if inputs & set(result.per_modality) and model in models]
    without = f"; {_listed(missing)} had no part in it" if missing else ""
    return " ".join([f"Decided by {_listed(used)}{without}.", *built_on])


def _listed(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]


def table(result: Classification) -> str:
    """Every label with its score and each input's own."""
    columns = {name: {item.label: item.score for item in scores} for name, scores in result.per_modality.items()}
    rows = [(item.label, item.score, *(column[item.label] for column in columns.values())) for item in result.scores]
    return csv_text(["label", "score", *columns], rows)
