"""Five systems as articles describe them, with the encoders at hand: what goes in, how it is joined, how it is trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from mm_demos.errors import InvalidInputError
from mm_demos.fusion.types import Modality, Strategy, TrainOptions

# Adam with cross-entropy for ten epochs in batches of 32, and nothing that guards against a modality missing or a rare class.
PLAIN = TrainOptions(
    epochs=10,
    batch_size=32,
    weight_decay=0.0,
    hidden=128,
    dropout=0.0,
    modality_dropout=0.0,
    label_smoothing=0.0,
    class_weights=False,
)


@dataclass(frozen=True, slots=True)
class Preset:
    """A system to train as it was described.

    Args:
        name: one letter.
        encoders: modality → encoders; a modality that is not here does not take part.
        augment: altered copies of each training row.
        search_trials: of the search for hyper-parameters, for each strategy.
        note: what it is and what stands in for what.
    """

    name: str
    title: str
    note: str
    strategies: tuple[Strategy, ...]
    encoders: Mapping[Modality, tuple[str, ...]]
    options: TrainOptions = field(default_factory=TrainOptions)
    augment: int = 0
    search_trials: int = 0


PRESETS: tuple[Preset, ...] = (
    Preset(
        "A",
        "Three modalities side by side",
        "Features of a CNN (EfficientNet for ResNet-50), of a BERT (MiniLM) and MFCC, concatenated into a dense layer of 128 "
        "with ReLU; Adam, cross-entropy, batches of 32, ten epochs.",
        ("concatenation",),
        {"text": ("minilm",), "image": ("efficientnet",), "audio": ("mfcc",)},
        replace(PLAIN, dense=True),
    ),
    Preset(
        "B",
        "Picture and text, augmented and searched",
        "A pre-trained CNN and a text encoder, concatenated; two altered copies of each training row (words left out, flips, "
        "crops), and a search for the hyper-parameters on the validation rows.",
        ("concatenation",),
        {"text": ("minilm",), "image": ("efficientnet",)},
        TrainOptions(dense=True),
        augment=2,
        search_trials=8,
    ),
    Preset(
        "C",
        "Joint CNN and BERT",
        "A CNN whose vectors were trained to agree with sentences (the picture tower of the suite's CLIP) and a BERT (MiniLM), "
        "both projected to one size, and their products.",
        ("bilinear",),
        {"text": ("minilm",), "image": ("mini-clip",)},
    ),
    Preset(
        "D",
        "Three modalities, three ways to fuse",
        "A BERT (MiniLM), a CNN (EfficientNet) and a mel spectrogram, fused by learned weights Σ w·v, by attention Σ a(v)·v, "
        "and by the maximum.",
        ("weighted-average", "gated-attention", "max-pooling"),
        {"text": ("minilm",), "image": ("efficientnet",), "audio": ("mel",)},
    ),
    Preset(
        "E",
        "Two branches added: what a customer wants",
        "A question in words and the picture sent with it: one linear branch each, added up (a linear layer over "
        "both side by side); Adam, cross-entropy. With intents as labels it is a service desk's classifier.",
        ("concatenation",),
        {"text": ("minilm",), "image": ("efficientnet",)},
        PLAIN,
    ),
)


def preset(name: str) -> Preset:
    """The preset of a letter.

    Raises:
        InvalidInputError: there is none.
    """
    found = next((row for row in PRESETS if row.name == name.strip().upper()), None)
    if found is None:
        raise InvalidInputError(f"There is no preset {name[:20]!r}: choose {', '.join(row.name for row in PRESETS)}.")
    return found
