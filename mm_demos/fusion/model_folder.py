"""A trained model as two files: `model.safetensors` with the weights, `model.json` with what they mean; no pickle anywhere."""

from __future__ import annotations

import dataclasses
import json
import math
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mm_demos.errors import InvalidInputError
from mm_demos.fusion.types import MODALITIES, Encoder, Modality, Outcome, Strategy, TrainOptions
from mm_demos.media.files import sha256_of
from mm_demos.models.protocols import FloatArray
from mm_demos.progress import Progress

if TYPE_CHECKING:
    from mm_demos.fusion.predictor import StudioModel

SCHEMA = 1
WEIGHTS, CONFIG = "model.safetensors", "model.json"
TRAINED, RUN = "trained", "run.json"  # what a run leaves in its folder until a model is saved
MAX_CONFIG_BYTES = 8_000_000
MAX_WEIGHTS_BYTES = 1_000_000_000
MAX_WIDTH = 100_000  # features of a modality, and hidden units
AGAIN = "copy the model's folder again or train it anew"

Tensors = dict[str, FloatArray]


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What `model.json` says.

    Args:
        encoders: modality → encoders whose features the network takes, side by side.
        sha256: of `model.safetensors`.
        data_sha256: of the data set it was trained on; empty when unknown.
        temperature: that the logits are divided by; the network holds it too.
        metrics: how it did on the test rows, as JSON.
    """

    strategy: Strategy
    labels: tuple[str, ...]
    encoders: Mapping[Modality, tuple[Encoder, ...]]
    options: TrainOptions
    sha256: str
    temperature: float = 1.0
    data_sha256: str = ""
    metrics: Mapping[str, Any] = field(default_factory=dict)
    schema: int = SCHEMA

    @property
    def dims(self) -> dict[Modality, int]:
        """Modality → features, in the order of `MODALITIES`."""
        return {name: sum(each.dim for each in self.encoders[name]) for name in MODALITIES if name in self.encoders}

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """Those that decide; one for a strategy of a single modality."""
        return tuple(name for name in self.dims if not self.strategy.startswith("single-") or self.strategy == f"single-{name}")


def save_model(folder: Path, *, outcome: Outcome, metrics: Mapping[str, Any] | None = None, data_sha256: str = "") -> ModelCard:
    """Turn the folder of a finished `run_training` into the model of one of its outcomes; the others' weights are removed.

    Raises:
        InvalidInputError: the folder holds no such run.
    """
    trained = folder / TRAINED / f"{outcome.strategy}.safetensors"
    if not trained.is_file():
        raise InvalidInputError(f"{outcome.strategy} was not trained in this run: choose one of its outcomes.")
    run = json.loads((folder / TRAINED / RUN).read_text(encoding="utf-8"))
    tensors = _tensors(trained)
    card = ModelCard(
        strategy=outcome.strategy,
        labels=tuple(run["labels"]),
        encoders={name: tuple(Encoder(**each) for each in found) for name, found in run["encoders"].items()},
        options=outcome.options,
        sha256=sha256_of(trained),
        temperature=float(tensors["temperature"]),
        data_sha256=data_sha256,
        metrics=dict(metrics or {}),
    )
    text = json.dumps(dataclasses.asdict(card), ensure_ascii=False, indent=1, sort_keys=True, allow_nan=False)
    shutil.move(trained, folder / WEIGHTS)
    (folder / CONFIG).write_text(text + "\n", encoding="utf-8")
    shutil.rmtree(folder / TRAINED)
    return card


def load_model(folder: str | Path, *, progress: Progress | None = None) -> StudioModel:
    """A saved model, ready to predict.

    Raises:
        InvalidInputError: a file is missing or damaged, the files do not fit each other, or this installation has other encoders.
        MissingDependencyError: the network cannot be prepared for this machine.
        StoppedError: `progress.stop()` was called while it was being prepared.
    """
    from mm_demos.fusion.predictor import StudioModel, prepared_graph

    folder = Path(folder)
    card, _ = read_folder(folder)
    _check_encoders(card)
    return StudioModel(card, prepared_graph(folder, card, progress or Progress()))


def read_folder(folder: Path) -> tuple[ModelCard, Tensors]:
    """Both files, each checked for itself and against the other's checksum.

    Raises:
        InvalidInputError: they cannot be used; the sentence says which and why.
    """
    for name, limit in ((CONFIG, MAX_CONFIG_BYTES), (WEIGHTS, MAX_WEIGHTS_BYTES)):
        path = folder / name
        if not path.is_file():
            raise InvalidInputError(f"There is no model in {folder.name[:60]!r}: {name} is missing.")
        if path.stat().st_size > limit:
            raise InvalidInputError(f"{name} is larger than {limit / 1e6:,.0f} MB, which no model of the studio is: {AGAIN}.")
    card = _card((folder / CONFIG).read_bytes())
    if sha256_of(folder / WEIGHTS) != card.sha256:
        raise InvalidInputError(f"{WEIGHTS} is not the file that {CONFIG} describes: {AGAIN}.")
    return card, _tensors(folder / WEIGHTS)


def _card(text: bytes) -> ModelCard:
    from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config

    strict = with_config(ConfigDict(extra="forbid", allow_inf_nan=False))(type("Card", (ModelCard,), {}))
    try:
        plain = json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidInputError(f"{CONFIG} is not valid JSON: {AGAIN}.") from None
    version = plain.get("schema") if isinstance(plain, dict) else None
    if version != SCHEMA:
        raise InvalidInputError(f"{CONFIG} is of version {str(version)[:20]}, and version {SCHEMA} can be read: train it anew.")
    try:
        card: ModelCard = TypeAdapter(strict).validate_python(plain)
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        place = ".".join(map(str, fault["loc"]))[:80]
        raise InvalidInputError(f"{CONFIG} cannot be used ({place}: {fault['msg'][:100]}): {AGAIN}.") from None
    for wrong, sentence in _faults(card):
        if wrong:
            raise InvalidInputError(f"{CONFIG} cannot be used ({sentence}): {AGAIN}.")
    return card


def _faults(card: ModelCard) -> tuple[tuple[bool, str], ...]:
    """What types alone do not tell."""
    widths = [each.dim for found in card.encoders.values() for each in found]
    return (
        (len(card.labels) < 2 or len(set(card.labels)) != len(card.labels), "labels: two or more different ones are needed"),
        (not card.modalities, f"encoders: {card.strategy} has none to go by"),
        (not all(1 <= width <= MAX_WIDTH for width in (*widths, *card.dims.values())), "encoders: a width is out of range"),
        (any(each.modality != name for name, found in card.encoders.items() for each in found), "encoders: of another modality"),
        (not 2 <= card.options.hidden <= MAX_WIDTH, "options.hidden: out of range"),
        (not (math.isfinite(card.temperature) and card.temperature > 0), "temperature: not positive"),
    )


def _tensors(path: Path) -> Tensors:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        tensors: Tensors = load_file(path)
    except (SafetensorError, KeyError, ValueError, OSError):
        raise InvalidInputError(f"{path.name} is no safetensors file, or it is damaged: {AGAIN}.") from None
    for name, tensor in tensors.items():
        if tensor.dtype != np.float32:
            raise InvalidInputError(f"{path.name} holds {name[:60]} as {tensor.dtype}, not as float32: {AGAIN}.")
        if not np.isfinite(tensor).all():
            raise InvalidInputError(f"{path.name} holds numbers that are not finite ({name[:60]}): {AGAIN}.")
    if "temperature" in tensors and not float(tensors["temperature"].min(initial=np.inf)) > 0:
        raise InvalidInputError(f"{path.name} holds a temperature that is not positive: {AGAIN}.")
    return tensors


def _check_encoders(card: ModelCard) -> None:
    """Features of another encoder, or of another revision, mean nothing to the weights."""
    from mm_demos.fusion.encoders import encoder

    for modality in card.modalities:
        for saved in card.encoders[modality]:
            here = encoder(saved.name)
            if here != saved:
                raise InvalidInputError(
                    f"This model was trained on features of {saved.name} ({saved.model[:40]} {saved.revision[:20]}, {saved.dim} "
                    f"numbers), and this installation has {here.model} {here.revision[:20]} with {here.dim}: train it anew."
                )
