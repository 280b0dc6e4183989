"""What the studio passes from room to room: a table's rows, their features, how to train, what came out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from mm_demos.models.protocols import FloatArray
from mm_demos.results import LabelScore, Receipt

if TYPE_CHECKING:
    from pathlib import Path

Modality = Literal["text", "image", "audio"]
MODALITIES: tuple[Modality, ...] = get_args(Modality)
Strategy = Literal[
    "single-text",
    "single-image",
    "single-audio",
    "concatenation",
    "weighted-average",
    "max-pooling",
    "gated-attention",
    "cross-attention",
    "bilinear",
    "late-fusion",
]
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)
Part = Literal["train", "validation", "test"]


@dataclass(frozen=True, slots=True)
class Columns:
    """Which column of a table holds what; empty where there is none."""

    text: str = ""
    image: str = ""
    audio: str = ""
    label: str = ""
    group: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One example, with its number in the table from 1; what is missing is None, `group` is empty where rows stand alone."""

    number: int
    label: str
    text: str | None = None
    image: Path | None = None
    audio: Path | None = None
    group: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something worth knowing about a table before it is trained on.

    Args:
        kind: "missing file", "unreadable media", "rare class", "duplicate", "similar labels", "imbalance", …
        sentence: says it to the user.
        count: rows or classes concerned.
        examples: at most five, as the user would recognise them.
        dropped: the rows concerned are left out.
    """

    kind: str
    sentence: str
    count: int
    examples: tuple[str, ...] = ()
    dropped: bool = False


@dataclass(frozen=True, slots=True)
class DataSet:
    """A checked table.

    Args:
        rows: usable ones, in the table's order.
        labels: the classes, sorted.
        modalities: those that at least one row has, in the order of `MODALITIES`.
        findings: what the checks saw.
        sha256: of the rows' text, labels, groups and media bytes: the same data give the same value wherever they lie.
        ties: for each row a number; rows of the same number share content and belong into the same part. Empty: none do.
    """

    rows: tuple[Row, ...]
    labels: tuple[str, ...]
    modalities: tuple[Modality, ...]
    columns: Columns
    findings: tuple[Finding, ...]
    sha256: str
    ties: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Encoder:
    """A frozen encoder of the catalog as the studio uses it.

    Args:
        name: "minilm", "efficientnet", "mini-clip", "whisper-sound", "mfcc", "mel", "spoken-words".
        model: catalog name; empty for signal processing.
        revision: of the weights, or the version of the library that computes it: features of another revision never match.
        dim: numbers in its vector.
    """

    name: str
    modality: Modality
    model: str
    revision: str
    dim: int


@dataclass(frozen=True, slots=True)
class Features:
    """Frozen features of rows.

    Args:
        vectors: modality → (n, d) float32; rows without it are zeros.
        present: modality → (n,) bool.
        labels: class index (n,) int64; empty when unknown.
        encoders: modality → encoders that made its columns, side by side.
        rows: (n,) int64, the index in `DataSet.rows` that each line belongs to; an augmented row has several lines.
    """

    vectors: Mapping[Modality, FloatArray]
    present: Mapping[Modality, NDArray[np.bool_]]
    labels: NDArray[np.int64]
    encoders: Mapping[Modality, tuple[Encoder, ...]]
    rows: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """How to train one strategy.

    Args:
        hidden: width of the shared space the modalities are projected to.
        dropout: in [0, 1).
        dense: concatenation gets a layer of `hidden` units with ReLU; without it, it is linear.
        modality_dropout: probability in [0, 1) that a modality of a training row is hidden; one missing later does less harm.
        label_smoothing: in [0, 1).
        class_weights: weigh classes by their inverse frequency.
        patience: epochs without a better validation loss before training ends.
        seed: of the split, the weights, the order and the drop-out.
    """

    epochs: int = 60
    batch_size: int = 64
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    hidden: int = 128
    dense: bool = False
    dropout: float = 0.2
    modality_dropout: float = 0.15
    label_smoothing: float = 0.05
    class_weights: bool = True
    patience: int = 10
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Epoch:
    """One point of the live curves; losses in nats, accuracies in [0, 1]."""

    strategy: Strategy
    number: int
    of: int
    train_loss: float
    validation_loss: float
    train_accuracy: float
    validation_accuracy: float
    best: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """One trained strategy, before it is measured.

    Args:
        probs: of each part's rows, (n, n_classes) float64, rows summing to 1, in the order of the split.
        without: removed modality → probabilities of the test rows (n_test, n_classes); rows left with nothing keep the prior.
        attention: (n_test, n_modalities) shares of the modalities where the strategy has them, else by occlusion; rows sum to 1.
        parameters: trained numbers.
        options: as trained, after a search for hyper-parameters.
    """

    strategy: Strategy
    probs: Mapping[Part, NDArray[np.float64]]
    without: Mapping[Modality, NDArray[np.float64]]
    attention: NDArray[np.float64]
    curve: tuple[Epoch, ...]
    best_epoch: int
    validation_loss: float
    parameters: int
    train_seconds: float
    options: TrainOptions


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with its 95 % bootstrap interval (percentiles over resampled test rows)."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Measures:
    """How a classifier does on rows it has not seen.

    Args:
        confusion: (n_classes, n_classes) counts; row: true class, column: predicted.
        per_class: label → {"precision", "recall", "f1", "support"}.
        roc_auc: macro one-against-rest; None when a class is missing from the test rows.
        reliability: for each of ten bins of confidence: (mean confidence, accuracy, count).
        ablation: removed modality → accuracy without it.
    """

    rows: int
    accuracy: Interval
    precision_macro: float
    recall_macro: float
    f1_macro: float
    roc_auc: float | None
    ece: float
    confusion: tuple[tuple[int, ...], ...]
    per_class: Mapping[str, Mapping[str, float]]
    reliability: tuple[tuple[float, float, int], ...]
    ablation: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Standing:
    """A line of the leaderboard.

    Args:
        strategy: "majority" for the guess of the most frequent class.
        against_best: accuracy minus that of the best strategy on the same rows; None for the best itself and the guess.
    """

    strategy: str
    measures: Measures
    best_epoch: int
    parameters: int
    train_seconds: float
    against_best: Interval | None = None


@dataclass(frozen=True, slots=True)
class Mistake:
    """A test row the model got wrong; `confidence` in [0, 1] is that of the wrong label."""

    row: Row
    label: str
    predicted: str
    confidence: float
    attention: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Studio:
    """A finished training.

    Args:
        standings: best validation loss first, then the majority guess where it belongs by accuracy.
        best: strategy of the saved model, chosen on the validation rows.
        mistakes: of the best model on the test rows, most confident first.
        folder: the saved model.
        attention: for each test row, modality → share in the decision.
        stopped: the user stopped; what was trained by then is here.
    """

    data: DataSet
    split: Mapping[Part, int]
    standings: tuple[Standing, ...]
    best: Strategy
    curves: tuple[Epoch, ...]
    mistakes: tuple[Mistake, ...]
    folder: Path | None
    attention: tuple[Mapping[str, float], ...] = ()
    notices: tuple[str, ...] = ()
    stopped: bool = False
    receipt: Receipt | None = None


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a trained model says of one row; `contributions` are each modality's share, summing to 1."""

    label: str
    scores: tuple[LabelScore, ...]
    contributions: Mapping[str, float]
    notices: tuple[str, ...] = ()
    receipt: Receipt | None = None
