"""How well each of a set of labels fits a text, a picture, spoken words or a sound: calibrated probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mm_demos.models.protocols import FloatArray, SoundTagger, TextEmbedder
from mm_demos.progress import Progress
from mm_demos.tasks.labels import BARE, LabelSet

# Averaged where the user gives none, for every kind of input. They name right (the bare label in brackets): 0.98 (0.99) of
# ImageNet pictures among 20 names, 0.84 (0.82) of held-out photos of everyday things, 0.76 (0.74) of definitions, 0.87 (0.84) of
# captions that do not name their label, 0.94 (0.95) of spoken captions.
TEMPLATES = ("{}", "there is a {}.", "the topic is {}")
OFFERED_TEMPLATES = (*TEMPLATES, "a photo of a {}", "a {}", "it is {}.", "this text is about {}.", "an example of {}")
# Factors on cosines in all-MiniLM-L6-v2, fitted by maximum likelihood (Guo et al., 2017). TEXT: WordNet definitions of ImageNet's
# classes among 20 class names, and captions of photos that do not name their label among twelve everyday words (alone they ask
# for 15 and 20). SPEECH: what Whisper hears in spoken captions, among the same twelve.
TEXT_LOGIT_SCALE, SPEECH_LOGIT_SCALE = 17.0, 21.0
# On the logarithm of a sound's probabilities, fitted on ESC-10, each fold heard by a head that was trained without it.
SOUND_SHARPNESS = 1.3
DESCRIBED = 0.5  # share of a description in its label's embedding
PIECE_CHARS = 900  # about 200 tokens: a longer text is embedded in pieces, so that its end counts too
CHUNK = 128  # sentences between two reports
NAMES_A_SOUND = 0.5  # probability from which a label is taken to name one of the sounds that can be heard
FAINT = 0.3  # heard with less probability than this, all sounds that the labels name are taken to be absent


@dataclass(frozen=True, slots=True)
class SoundMatch:
    """What a recording's sound says of the labels.

    Args:
        probs: (n_labels,) summing to 1; what is heard and named by no label is shared by all.
        named: probability in [0, 1] that a sound was heard which some label names.
    """

    probs: FloatArray
    named: float


def label_embeddings(
    encoder: TextEmbedder, labels: LabelSet, templates: Sequence[str], progress: Progress, *, described: float = DESCRIBED
) -> FloatArray:
    """Unit vectors (n_labels, dim): each the mean over the templates, mixed with that of its description where it has one.

    Args:
        templates: with `{}` for the label.
        described: share of a description, in [0, 1].
    """
    n_labels, about = len(labels.names), labels.described
    sentences = [template.replace(BARE, name) for template in templates for name in labels.names]
    sentences += [f"{labels.names[number]}: {labels.descriptions[number]}" for number in about]
    rows = embedded(encoder, sentences, progress)
    mean = unit(rows[: n_labels * len(templates)].reshape(len(templates), n_labels, -1).mean(axis=0))
    if about:
        mean[list(about)] = unit((1 - described) * mean[list(about)] + described * rows[n_labels * len(templates) :])
    return mean


def embedded(encoder: TextEmbedder, sentences: Sequence[str], progress: Progress) -> FloatArray:
    """Embeddings (n, dim) of many sentences, in portions between which the run can be stopped."""
    parts = []
    for start in range(0, len(sentences), CHUNK):
        progress.report("Reading the labels", start, len(sentences), "sentences")
        parts.append(encoder.embed_texts(sentences[start : start + CHUNK]))
    return np.concatenate(parts)


def text_embedding(encoder: TextEmbedder, text: str) -> FloatArray:
    """Unit vector (dim,) of a text of any length: the mean over its pieces."""
    return unit(encoder.embed_texts(pieces(text)).mean(axis=0))


def pieces(text: str) -> list[str]:
    """`text` cut at white space into pieces of at most `PIECE_CHARS` characters (more only inside one long word)."""
    cut = [""]
    for word in text.split():
        if cut[-1] and len(cut[-1]) + len(word) >= PIECE_CHARS:
            cut.append(word)
        else:
            cut[-1] = f"{cut[-1]} {word}".strip()
    return cut


def sounds_named(tagger: SoundTagger, encoder: TextEmbedder, labels: LabelSet, progress: Progress) -> FloatArray:
    """Probabilities (n_labels, n_sounds + 1), rows summing to 1, that a label means each sound; none of them last.

    A label is asked together with its description, which may name the sound that the label does not ("alarm: a baby crying").
    """
    asked = [f"{name}: {about}" if about else name for name, about in zip(labels.names, labels.descriptions, strict=True)]
    return np.stack([tagger.named(row) for row in embedded(encoder, asked, progress)])


def names_a_sound(asked: FloatArray) -> bool:
    """Whether any of the labels, see `sounds_named`, means a sound that can be heard."""
    return bool((1.0 - asked[:, -1]).max() >= NAMES_A_SOUND)


def match_sound(asked: FloatArray, heard: FloatArray) -> SoundMatch:
    """Labels by what was heard: P(label) = Σ over sounds of P(sound heard) · P(label | sound).

    A sound is shared by the labels that mean it, in proportion; what they leave of it says nothing and goes to all labels alike.

    Args:
        asked: (n_labels, n_sounds + 1) from `sounds_named`.
        heard: (n_sounds + 1,) summing to 1, none of them last.
    """
    meant = asked[:, :-1].astype(np.float64)
    meant /= np.maximum(meant.sum(axis=0), 1.0)
    told = meant @ heard[:-1]
    named = float(told.sum())
    return SoundMatch(sharpened(told + max(0.0, 1.0 - named) / len(asked), SOUND_SHARPNESS), named)


def sharpened(probs: NDArray[np.float64], exponent: float) -> FloatArray:
    """Probabilities (n,) raised to a power, the inverse of a temperature, and brought to a sum of 1 again."""
    powers = (probs / probs.max()) ** exponent
    return np.asarray(powers / powers.sum(), np.float32)


def softmax(logits: FloatArray) -> FloatArray:
    """Probabilities (n,) of `logits` (n,)."""
    powers = np.exp(logits - logits.max())
    return np.asarray(powers / powers.sum(), np.float32)


def unit(vectors: FloatArray) -> FloatArray:
    """Vectors (…, dim) at length 1; zeros stay."""
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12), np.float32)
