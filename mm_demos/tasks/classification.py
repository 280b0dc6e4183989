"""Text, picture and sound, alone or together, into labels of the user's own (zero-shot)."""

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
from mm_demos.results import Classification, LabelScore, Option, Receipt, Transcription
from mm_demos.tasks.joining import Fused, Fusion, check_fusion, check_weights, fuse
from mm_demos.tasks.labels import clean_labels, clean_templates
from mm_demos.tasks.receipts import Run, record

if TYPE_CHECKING:
    from PIL.Image import Image

MODALITIES = ("text", "image", "audio")
# Fitted by maximum likelihood on WordNet definitions of ImageNet's classes, each among 20 class names.
TEXT_LOGIT_SCALE = 15.0
BARE = ("{}",)
# On held-out photos of twelve everyday things mm-mini-clip is right 0.82 with this, 0.57 with the bare word.
PICTURE_TEMPLATES = ("there is a {}.",)
PIECE_CHARS = 900  # about 200 tokens: a longer text is embedded in pieces, so that its end counts too


@dataclass(slots=True)
class _Given:
    """What the user gave, ready for the models; a modality that cannot be used is None and has its sentence in `notices`."""

    text: str | None = None
    image: Image | None = None
    spoken: str | None = None
    transcript: str = ""
    notices: list[str] = field(default_factory=list)


def classify(
    *,
    labels: Sequence[str],
    text: str | None = None,
    image: str | Path | bytes | Image | None = None,
    audio: str | Path | FloatArray | None = None,
    templates: Sequence[str] = (),
    weights: Mapping[str, float] | None = None,
    fusion: Fusion = "weighted-average",
    threshold: float = 0.0,
    transcribe_with: str | None = None,
    progress: Progress | None = None,
) -> Classification:
    """Choose among `labels` for any of a text, a picture and a recording; a recording counts by the words spoken in it.

    Args:
        labels: 2 to 1000; repetitions are dropped.
        text: what to classify.
        image: a path, the bytes of a file, or an open picture.
        audio: a file, or a waveform (n_samples,) float32 at 16 kHz.
        templates: sentences with `{}` for the label, e.g. "a photo of a {}"; their embeddings are averaged. Without any,
            the label itself for texts and "there is a {}." for pictures.
        weights: modality ("text", "image", "audio") → weight from 0 up; 1 where none is given.
        fusion: how the modalities' probabilities are joined, see `mm_demos.tasks.joining.fuse`.
        threshold: below this best score, in [0, 1], the result abstains.
        transcribe_with: a speech model; the profile's own by default.
        progress: told about loads and steps.

    Raises:
        InvalidInputError: an option out of range, or nothing that can be classified.
        StoppedError: `progress.stop()` was called.
    """
    progress = progress or Progress()
    names = clean_labels(labels)
    prompts = clean_templates(templates)
    shares = check_weights(weights or {}, MODALITIES)
    check_fusion(fusion)
    if not isinstance(threshold, Real) or not 0.0 <= threshold <= 1.0:
        raise InvalidInputError(f"The threshold is {threshold}: choose a number from 0 to 1.")
    _check_some(text, image, audio)
    options: dict[str, Option] = {"labels": " | ".join(names), "templates": " | ".join(prompts)}
    options |= {"fusion": fusion, "threshold": threshold} | {f"weight_{modality}": share for modality, share in shares.items()}
    with record("classify", options=options, progress=progress) as run:
        given = _Given(image=media.load_image(image) if image is not None else None)
        given.text = _clean_text(text, given.notices)
        transcription = _hear(audio, transcribe_with, given, progress) if audio is not None else None
        probs = _score(given, names, prompts, run, progress)
        result = _decide(names, fuse(probs, weights=shares, fusion=fusion), probs, given)
        receipt = _with_models_of(transcription, run.receipt())
    if result.scores[0].score < threshold:
        result = replace(result, label="", abstained=True)
    return replace(result, receipt=receipt)


def _with_models_of(transcription: Transcription | None, receipt: Receipt) -> Receipt:
    """The receipt with the models that transcribed; their loads are taken out of the run's seconds, as for the others."""
    heard = transcription.receipt if transcription is not None else None
    if heard is None:
        return receipt
    run_seconds = max(0.0, receipt.run_seconds - heard.load_seconds)
    return replace(receipt, models=(*heard.models, *receipt.models), run_seconds=run_seconds)


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


def _hear(audio: str | Path | FloatArray, model: str | None, given: _Given, progress: Progress) -> Transcription:
    """Transcribe; a recording without trustworthy words becomes a notice instead."""
    from mm_demos.tasks.transcription import transcribe

    transcription = transcribe(audio, model=model, progress=progress)
    given.transcript = transcription.text.strip()
    invented = bool(transcription.segments) and all("silence" in segment.flags for segment in transcription.segments)
    if given.transcript and not invented:
        given.spoken = given.transcript
    else:
        given.notices.append("No speech was found in the recording, so it was left out: only spoken words count here.")
    return transcription


def _score(given: _Given, labels: Sequence[str], templates: Sequence[str], run: Run, progress: Progress) -> dict[str, FloatArray]:
    """Modality → probabilities (n_labels,) for what can be used."""
    probs: dict[str, FloatArray] = {}
    texts = {name: value for name, value in (("text", given.text), ("audio", given.spoken)) if value}
    if not texts and given.image is None:
        raise InvalidInputError(f"Nothing is left to classify. {' '.join(given.notices)}")
    if texts:
        encoder: TextEmbedder = run.lease(catalog.default("text-embedder"))
        classes = _label_embeddings(encoder, labels, templates, progress)
        for name, value in texts.items():
            progress.report(f"Classifying the {name}")
            probs[name] = _softmax(TEXT_LOGIT_SCALE * (classes @ _text_embedding(encoder, value)))
    if given.image is not None:
        embedder: JointEmbedder = run.lease(catalog.default("joint-embedder"))
        classes = _label_embeddings(embedder, labels, templates if templates != BARE else PICTURE_TEMPLATES, progress)
        progress.report("Classifying the picture")
        probs["image"] = _softmax(embedder.logit_scale * (classes @ embedder.embed_images([given.image])[0]))
    return {name: probs[name] for name in MODALITIES if name in probs}


def _label_embeddings(encoder: TextEmbedder, labels: Sequence[str], templates: Sequence[str], progress: Progress) -> FloatArray:
    """Unit vectors (n_labels, dim), each the mean over the templates."""
    total: FloatArray | None = None
    for template in templates:
        progress.report("Embedding the labels")
        embeddings = encoder.embed_texts([template.replace("{}", label) for label in labels])
        total = embeddings if total is None else total + embeddings
    assert total is not None  # noqa: S101  # `clean_templates` gives at least one
    unit: FloatArray = total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)
    return unit


def _text_embedding(encoder: TextEmbedder, text: str) -> FloatArray:
    """Unit vector (dim,) of a text of any length: the mean over its pieces."""
    mean = encoder.embed_texts(_pieces(text)).mean(axis=0)
    unit: FloatArray = mean / max(float(np.linalg.norm(mean)), 1e-12)
    return unit


def _pieces(text: str) -> list[str]:
    """`text` cut at white space into pieces of at most `PIECE_CHARS` characters (more only inside one long word)."""
    pieces = [""]
    for word in text.split():
        if pieces[-1] and len(pieces[-1]) + len(word) >= PIECE_CHARS:
            pieces.append(word)
        else:
            pieces[-1] = f"{pieces[-1]} {word}".strip()
    return pieces


def _softmax(logits: FloatArray) -> FloatArray:
    powers = np.exp(logits - logits.max())
    probs: FloatArray = powers / powers.sum()
    return probs


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
        transcript=given.transcript,
        notices=tuple(given.notices),
    )
