"""What the studio's pages keep and run: a visit's folder, the table chosen, the check, the training as it goes, a prediction."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import gradio as gr

from mm_demos.errors import InvalidInputError
from mm_demos.fusion.charts import strategy_name
from mm_demos.fusion.feedback import FeedbackStore
from mm_demos.fusion.types import Columns, DataSet, Epoch, Prediction, Strategy, Studio
from mm_demos.results import Receipt
from mm_demos.ui.sound_library import is_own

MODEL_FOLDER = "model"
LOADED_FOLDER = "loaded"
FEEDBACK_FOLDER = "feedback"
FINISH_FILE = "finish"  # its presence asks a training to end with the best so far
TABLE_SUFFIXES = (".csv", ".tsv", ".parquet", ".jsonl", ".json", ".zip")
MODALITY_NAMES: Mapping[str, str] = {"text": "Text", "image": "Picture", "audio": "Sound"}
STRATEGY_NOTES: Mapping[Strategy, str] = {
    "single-text": "the words and nothing else",
    "single-image": "the picture and nothing else",
    "single-audio": "the sound and nothing else",
    "concatenation": "features side by side into one network",
    "weighted-average": "one learned weight for each modality",
    "max-pooling": "the strongest modality in every dimension",
    "gated-attention": "each row decides how far it trusts each modality",
    "cross-attention": "modalities look at each other before the decision",
    "bilinear": "all products of two and of three modalities",
    "late-fusion": "one classifier a modality, then their votes",
}


@dataclass(frozen=True, slots=True)
class Visit:
    """A visitor's own folder, gone when the visit is over; `own` when they sit at this machine."""

    root: str
    own: bool = False

    @property
    def folder(self) -> Path:
        """Where models of this visit lie."""
        return Path(self.root)

    @property
    def feedback(self) -> FeedbackStore:
        """What was said about predictions during this visit."""
        return FeedbackStore(self.folder / FEEDBACK_FOLDER)


@dataclass(frozen=True, slots=True)
class Source:
    """The table that was chosen.

    Args:
        path: where it lies.
        name: what it is called on the page.
        confined: its media may not lie outside its folder; False for the user's own tables on their own machine.
    """

    path: str
    name: str
    confined: bool = True


@dataclass(frozen=True, slots=True)
class Shown:
    """A row as the page shows it: a thumbnail as a data URI, the sound as a player's HTML."""

    number: int
    label: str
    text: str = ""
    picture: str = ""
    sound: str = ""


@dataclass(frozen=True, slots=True)
class Checked:
    """A checked table with some of its rows."""

    source: Source
    data: DataSet
    preview: tuple[Shown, ...]


@dataclass(frozen=True, slots=True)
class Training:
    """How far a training is, or what it gave.

    Args:
        strategies: those that are trained, in order.
        epochs: all that were reported so far.
        studio: the result; None while it trains.
        mistakes: the worst errors with their media.
        began: the first moment, at which the page turns to the curves.
    """

    visit: Visit
    strategies: tuple[Strategy, ...]
    epochs: tuple[Epoch, ...] = ()
    seconds: float = 0.0
    studio: Studio | None = None
    mistakes: tuple[Shown, ...] = ()
    began: bool = False

    @property
    def receipt(self) -> Receipt | None:
        """Of the whole training."""
        return self.studio.receipt if self.studio is not None else None


@dataclass(frozen=True, slots=True)
class Model:
    """The model that the Predict panel asks.

    Args:
        folder: where it lies.
        name: what it is called on the page.
        facts: pairs of a name and a value.
        labels: its classes.
    """

    folder: str
    name: str
    facts: tuple[tuple[str, str], ...] = ()
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """A prediction with what was asked, so that feedback knows its row."""

    prediction: Prediction
    text: str = ""
    image: str = ""
    audio: str = ""
    model: str = ""

    @property
    def receipt(self) -> Receipt | None:
        """Of the prediction."""
        return self.prediction.receipt


def new_visit(own: bool = False) -> Visit:
    """A folder for one visit, made when something is put into it."""
    return Visit(str(Path(_visits().name) / secrets.token_hex(8)), own)


@lru_cache(maxsize=1)
def _visits() -> tempfile.TemporaryDirectory[str]:
    """Holds the folders of all visits; gone when the program ends."""
    return tempfile.TemporaryDirectory(prefix="mm-demos-studio-")


def enter(request: gr.Request) -> Visit:
    """The folder of a new visitor."""
    return new_visit(is_own(request))


def leave(visit: Visit | None) -> None:
    """Delete what a visit has left, when it is over."""
    if visit is not None:
        shutil.rmtree(visit.root, ignore_errors=True)


def columns_of(*names: str | None) -> Columns:
    """The columns chosen, in the order text, image, audio, label, group.

    Raises:
        InvalidInputError: no label, nothing to learn from, or one column for two things.
    """
    text, image, audio, label, group = (name or "" for name in names)
    if not label:
        raise InvalidInputError("Choose the column that holds the label; without it there is nothing to learn.")
    if not (text or image or audio):
        raise InvalidInputError("Choose at least one column to learn from: text, picture or sound.")
    used = [name for name in (text, image, audio, label) if name]
    if len(set(used)) < len(used):
        twice = next(name for name in used if used.count(name) > 1)
        raise InvalidInputError(f"The column {twice} is chosen for two things: give each its own.")
    return Columns(text, image, audio, label, group)


def named(strategy: str) -> str:
    """A strategy for people, as a title."""
    name = strategy_name(strategy)
    return name[:1].upper() + name[1:]
