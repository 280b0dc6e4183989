"""Sounds asked for in words: zero-shot classes of a model that has sounds and sentences in one space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mm_demos.models.attention import softmax
from mm_demos.models.protocols import FloatArray, SoundEmbedder

PROMPT = "This is a sound of {}."  # the wording of the paper's zero-shot runs (Wu et al., 2023)
# What is no event: each with the beginnings of words whose labels mean the same, so that it does not stand against them.
NOTHING = (
    ("a person speaking", ("speak", "speech", "talk", "voice", "convers", "said", "say")),
    ("people talking in a room", ("speak", "speech", "talk", "voice", "convers", "crowd", "people")),
    ("silence", ("silen", "quiet", "nothing")),
    ("background noise", ("noise", "hiss", "hum", "static")),
)
# fmt: off
SOUND_LABELS = (
    "dog barking", "cat meowing", "rooster crowing", "birds singing", "crow cawing", "cow mooing", "sheep bleating",
    "pig grunting", "frog croaking", "insects chirping", "rain", "thunder", "wind", "sea waves", "water flowing",
    "fire crackling", "baby crying", "laughter", "sneezing", "coughing", "snoring", "footsteps", "clapping", "cheering",
    "whistling", "singing", "music", "guitar", "piano", "drums", "bell ringing", "clock ticking", "alarm", "siren",
    "telephone ringing", "door knocking", "door creaking", "glass breaking", "keyboard typing", "mouse clicking",
    "vacuum cleaner", "washing machine", "chainsaw", "hammering", "car engine", "car horn", "train", "airplane",
    "helicopter", "fireworks",
)
# fmt: on


@dataclass(frozen=True, slots=True)
class SoundClasses:
    """Labels as directions in a model's space.

    Args:
        directions: (n_labels + n_nothing, dim), L2-normalised; what is no event comes last.
        n_labels: how many of them are labels.
        logit_scale: of the model.
    """

    directions: FloatArray
    n_labels: int
    logit_scale: float

    def probs(self, vectors: FloatArray) -> FloatArray:
        """Probabilities (…, n_labels + 1), summing to 1, of sounds (…, dim): each label, and none of them last."""
        each = softmax(vectors @ self.directions.T * np.float32(self.logit_scale))
        none = each[..., self.n_labels :].sum(-1, keepdims=True)
        return np.asarray(np.concatenate([each[..., : self.n_labels], none], axis=-1), np.float32)


def sound_classes(embedder: SoundEmbedder, labels: Sequence[str], *, prompt: str = PROMPT) -> SoundClasses:
    """The classes of any labels.

    Args:
        labels: words for sounds.
        prompt: sentence with `{}` for the label.
    """
    names = [*labels, *nothing_beside(labels)]
    directions = embedder.embed_texts([prompt.replace("{}", name) for name in names])
    return SoundClasses(directions, len(labels), embedder.logit_scale)


def nothing_beside(labels: Sequence[str]) -> tuple[str, ...]:
    """What is no event, without what some label means."""
    words = [word for label in labels for word in label.lower().split()]
    return tuple(name for name, beginnings in NOTHING if not any(word.startswith(beginnings) for word in words))


def sentence_probs(embedder: SoundEmbedder, vector: FloatArray, sentences: Sequence[str]) -> FloatArray:
    """Probability (n_sentences,) of each sentence alone, against no event, for a sound (dim,)."""
    names = [PROMPT.replace("{}", name) for name, _ in NOTHING]
    logits = embedder.embed_texts([*sentences, *names]) @ vector * np.float32(embedder.logit_scale)
    nothing = np.logaddexp.reduce(logits[len(sentences) :])
    return np.asarray(1.0 / (1.0 + np.exp(np.clip(nothing - logits[: len(sentences)], -60, 60))), np.float32)
