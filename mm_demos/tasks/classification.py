"""Text, picture and recording, alone or together, into labels of the user's own (zero-shot)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mm_demos import media
from mm_demos.errors import InvalidInputError
from mm_demos.models import catalog
from mm_demos.models.protocols import FloatArray, JointEmbedder, TextEmbedder
from mm_demos.progress import Progress
from mm_demos.results import Classification, LabelScore, Option, Receipt
from mm_demos.tasks.hearing import Hearing, listen
from mm_demos.tasks.joining import Fused, Fusion, check_fusion, check_weights, fuse
from mm_demos.tasks.labels import Labels, LabelSet, clean_templates, read_labels
from mm_demos.tasks.matching import (
    SPEECH_LOGIT_SCALE,
    TEMPLATES,
    TEXT_LOGIT_SCALE,
    label_embeddings,
    softmax,
    text_embedding,
)
from mm_demos.tasks.receipts import Run, record

if TYPE_CHECKING:
    from PIL.Image import Image

MODALITIES = ("text", "image", "speech", "sound")
ALL_ZERO = "Both weights of the recording are 0: raise one, or give another input."
RECORDING = ("speech", "sound")  # the two that a recording gives; the weight "audio" is a factor on both


@dataclass(slots=True)
class _Given:
    """What the user gave, ready for the models; what cannot be used is None and has its sentence in `notices`."""

    text: str | None = None
    image: Image | None = None
    heard: Hearing = field(default_factory=Hearing)
    notices: list[str] = field(default_factory=list)


def classify(
    *,
    labels: Labels,
    text: str | None = None,
    image: str | Path | bytes | Image | None = None,
    audio: str | Path | FloatArray | None = None,
    templates: Sequence[str] = (),
    weights: Mapping[str, float] | None = None,
    fusion: Fusion = "weighted-average",
    threshold: float = 0.0,
    transcribe_with: str | None = None,
    hear_with: str | None = None,
    progress: Progress | None = None,
) -> Classification:
    """Choose among `labels` for any of a text, a picture and a recording, which counts by what is said and by how it sounds.

    What cannot be used (silence, no speech, no label that names a sound) is left out, and a notice says so.

    Args:
        labels: 2 to 1000, in a list or as label → description, e.g. {"cat": "a small furry pet", "dog": ""}; repetitions are
            dropped.
        text: what to classify.
        image: a path, the bytes of a file, or an open picture.
        audio: a file, or a waveform (n_samples,) float32 at 16 kHz.
        templates: sentences with `{}` for the label, e.g. "a photo of a {}"; their embeddings are averaged; without any,
            `mm_demos.tasks.matching.TEMPLATES`.
        weights: modality ("text", "image", "speech", "sound") → weight from 0 up; 1 where none is given. "audio" is a factor on
            "speech" and "sound". What has the weight 0 in a recording is not listened for.
        fusion: how the modalities' probabilities are joined, see `mm_demos.tasks.joining.fuse`.
        threshold: below this best score, in [0, 1], the result abstains.
        transcribe_with: a speech model; the profile's own by default.
        hear_with: a sound model; the profile's own by default. One with sounds and sentences in one space takes any labels.
        progress: told about loads and steps.

    Raises:
        InvalidInputError: an option out of range, or nothing that can be classified.
        StoppedError: `progress.stop()` was called.
    """
    progress = progress or Progress()
    choices, prompts = read_labels(labels), clean_templates(templates) or TEMPLATES
    shares = check_weights(weights or {}, MODALITIES, groups={"audio": RECORDING})
    check_fusion(fusion)
    if not isinstance(threshold, Real) or not 0.0 <= threshold <= 1.0:
        raise InvalidInputError(f"The threshold is {threshold}: choose a number from 0 to 1.")
    _check_some(text, image, audio)
    options = _options(choices, prompts) | {"fusion": fusion, "threshold": threshold}
    options |= {f"weight_{name}": share for name, share in shares.items()}
    with record("classify", options=options, progress=progress) as run:
        given = _Given(image=media.load_image(image) if image is not None else None)
        given.text = _clean_text(text, given.notices)
        if audio is not None:
            given.heard = listen(
                audio,
                labels=choices,
                weights=shares,
                model=transcribe_with,
                hear_with=hear_with,
                run=run,
                progress=progress,
            )
            given.notices += given.heard.notices
        probs = _score(given, choices, prompts, run, progress)
        result = _decide(choices.names, fuse(probs, weights=shares, fusion=fusion), probs, given)
        receipt = _with_models_of(given.heard.receipt, run.receipt())
    if result.scores[0].score < threshold:
        result = replace(result, label="", abstained=True)
    return replace(result, receipt=receipt)


def _options(labels: LabelSet, templates: Sequence[str]) -> dict[str, Option]:
    """Labels, descriptions and templates for the receipt."""
    told = {"descriptions": " | ".join(labels.descriptions)} if labels.described else {}
    return {"labels": " | ".join(labels.names), **told, "templates": " | ".join(templates)}


def _with_models_of(heard: Receipt | None, receipt: Receipt) -> Receipt:
    """The receipt with the models that transcribed; their loads are taken out of the run's seconds, as for the others."""
    if heard is None:
        return receipt
    run_seconds = max(0.0, receipt.run_seconds - heard.load_seconds)
    known = {use.name for use in heard.models}
    return replace(
        receipt, models=(*heard.models, *(use for use in receipt.models if use.name not in known)), run_seconds=run_seconds
    )


def _check_some(text: str | None, image: object, audio: object) -> None:
    if image is None and audio is None and not (text is not None and media.clean_text(text).strip()):
        raise InvalidInputError("There is nothing to classify: give a text, a picture or a recording.")


def _clean_text(text: str | None, notices: list[str]) -> str | None:
    if text is None:
        return None
    cleaned = media.clean_text(text).strip()
    if not cleaned:
        notices.append("The text is empty, so it was left out.")
    return cleaned or None


def _score(given: _Given, labels: LabelSet, templates: Sequence[str], run: Run, progress: Progress) -> dict[str, FloatArray]:
    """Modality → probabilities (n_labels,) for what can be used."""
    probs: dict[str, FloatArray] = {}
    texts = {
        name: (value, scale)
        for name, value, scale in (("text", given.text, TEXT_LOGIT_SCALE), ("speech", given.heard.spoken, SPEECH_LOGIT_SCALE))
        if value
    }
    if texts:
        encoder: TextEmbedder = run.lease(catalog.default("text-embedder"))
        classes = label_embeddings(encoder, labels, templates, progress)
        for name, (value, scale) in texts.items():
            progress.report(f"Classifying the {name}")
            probs[name] = softmax(scale * (classes @ text_embedding(encoder, value)))
    if given.image is not None:
        embedder: JointEmbedder = run.lease(catalog.default("joint-embedder"))
        classes = label_embeddings(embedder, labels, templates, progress)
        progress.report("Classifying the picture")
        probs["image"] = softmax(embedder.logit_scale * (classes @ embedder.embed_images([given.image])[0]))
    if given.heard.sound is not None:
        probs["sound"] = given.heard.sound.probs
    if not probs:
        raise InvalidInputError(" ".join(["Nothing is left to classify.", *(given.notices or [ALL_ZERO])]))
    return {name: probs[name] for name in MODALITIES if name in probs}


def _decide(labels: Sequence[str], fused: Fused, probs: Mapping[str, FloatArray], given: _Given) -> Classification:
    order = np.argsort(-fused.probs, kind="stable")

    def scores(row: FloatArray) -> tuple[LabelScore, ...]:
        return tuple(LabelScore(labels[i], float(row[i])) for i in order)

    return Classification(
        label=labels[order[0]],
        scores=scores(fused.probs),
        per_modality={name: scores(row) for name, row in probs.items()},
        weights=fused.shares,
        contributions=fused.contributions(int(order[0])),
        transcript=given.heard.transcript,
        notices=tuple(given.notices),
    )
