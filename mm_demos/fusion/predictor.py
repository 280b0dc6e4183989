"""Predictions of a saved model in ONNX Runtime, with each modality's part in them."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mm_demos.errors import InvalidInputError, MissingDependencyError
from mm_demos.fusion.graph import graph_path
from mm_demos.fusion.model_folder import ModelCard
from mm_demos.fusion.shares import occlusion_shares
from mm_demos.fusion.types import Encoder, Features, Modality, Prediction, Strategy
from mm_demos.machine import child_search_path
from mm_demos.models.onnx_graph import DAMAGED, Graph
from mm_demos.models.protocols import FloatArray
from mm_demos.progress import Progress
from mm_demos.results import LabelScore
from mm_demos.settings import settings

BATCH = 1024  # rows in one run of the graph
REFUSED = 2  # exit status of the child when the folder is at fault


class StudioModel:
    """A trained model that answers; safe to use from several threads."""

    def __init__(self, card: ModelCard, graph: Graph) -> None:
        self.card = card
        self._graph = graph

    @property
    def strategy(self) -> Strategy:
        """How it joins the modalities."""
        return self.card.strategy

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes, in the order of the probabilities."""
        return self.card.labels

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """Those that it goes by."""
        return self.card.modalities

    @property
    def encoders(self) -> Mapping[Modality, tuple[Encoder, ...]]:
        """Modality → encoders whose features it takes."""
        return {name: self.card.encoders[name] for name in self.modalities}

    def predict(self, features: Features) -> list[Prediction]:
        """What it says of every line.

        Contributions are by occlusion: what the probability of the predicted class loses when a modality is taken away, no less
        than 0, as shares of the sum.

        Raises:
            InvalidInputError: a line has nothing that the model goes by, or the features are of other encoders or not finite.
        """
        vectors, present = self._inputs(features)
        for line in np.flatnonzero(present[:, self._used].sum(1) == 0)[:1]:
            raise InvalidInputError(f"Row {line + 1} has nothing to go by: this model needs {_either(self.modalities)}.")
        probs = self._probs(vectors, present)
        contributions = self._contributions(vectors, present, probs)
        return [self._prediction(probs[row], contributions[row], present[row]) for row in range(len(probs))]

    def probabilities(self, features: Features, *, without: Modality | None = None) -> NDArray[np.float64]:
        """Probabilities (n, n_classes) of every line; one with nothing to go by gets the frequency of the classes in training.

        Args:
            without: take this modality away.

        Raises:
            InvalidInputError: the features are of other encoders or not finite.
        """
        vectors, present = self._inputs(features)
        if without in self.card.dims:
            present[:, list(self.card.dims).index(without)] = 0
        return self._probs(vectors, present)

    @property
    def _used(self) -> list[int]:
        return [column for column, name in enumerate(self.card.dims) if name in self.modalities]

    def _inputs(self, features: Features) -> tuple[dict[Modality, FloatArray], FloatArray]:
        """Vectors, and which of them count (n, n_modalities); a modality that was not given is missing in every line."""
        n = len(features.rows)
        vectors: dict[Modality, FloatArray] = {}
        present = np.zeros((n, len(self.card.dims)), dtype=np.float32)
        for column, (name, dim) in enumerate(self.card.dims.items()):
            vectors[name] = np.zeros((n, dim), dtype=np.float32)
            if name not in self.modalities or name not in features.vectors:
                continue
            if features.encoders[name] != self.card.encoders[name] or features.vectors[name].shape != (n, dim):
                wanted = ", ".join(each.name for each in self.card.encoders[name])
                raise InvalidInputError(f"This model needs {name} features of {wanted} as it was trained on: extract them anew.")
            there = features.present[name]
            vectors[name][there] = features.vectors[name][there]
            present[:, column] = there
            if not np.isfinite(vectors[name]).all():
                raise InvalidInputError(f"The {name} features hold numbers that are not finite: extract them anew.")
        return vectors, present

    def _probs(self, vectors: Mapping[Modality, FloatArray], present: FloatArray) -> NDArray[np.float64]:
        found = [np.zeros((0, len(self.labels)))]
        for start in range(0, len(present), BATCH):
            lines = slice(start, start + BATCH)
            inputs = {name: vector[lines] for name, vector in vectors.items()}
            logits = self._graph.run(present=present[lines], **inputs).astype(np.float64)
            raised = np.exp(logits - logits.max(1, keepdims=True))
            found.append(raised / raised.sum(1, keepdims=True))
        return np.concatenate(found)

    def _contributions(
        self, vectors: Mapping[Modality, FloatArray], present: FloatArray, probs: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        rows, predicted = np.arange(len(probs)), probs.argmax(1)
        lost = np.zeros(present.shape)
        for column in self._used:
            fewer = present.copy()
            fewer[:, column] = 0
            lost[:, column] = (probs - self._probs(vectors, fewer))[rows, predicted]
        return occlusion_shares(lost, present)

    def _prediction(self, probs: NDArray[np.float64], shares: NDArray[np.float64], present: FloatArray) -> Prediction:
        order = np.argsort(-probs, kind="stable")
        scores = tuple(LabelScore(self.labels[place], float(probs[place])) for place in order)
        names = [list(self.card.dims)[column] for column in self._used]
        missing = [name for name, column in zip(names, self._used, strict=True) if not present[column]]
        rest = [name for name in names if name not in missing]
        notices = (f"There is no {_either(missing)}: the answer rests on {' and '.join(rest)} alone.",) if missing else ()
        contributions: dict[str, float] = {name: float(shares[column]) for name, column in zip(names, self._used, strict=True)}
        return Prediction(scores[0].label, scores, contributions, notices)


def _either(names: list[Modality] | tuple[Modality, ...]) -> str:
    return " or ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def prepared_graph(folder: Path, card: ModelCard, progress: Progress) -> Graph:
    """The graph of a model folder, written by a child process on the first load; a damaged one is written anew.

    Raises:
        InvalidInputError: the weights do not fit the description.
        MissingDependencyError: the child process failed; its last words are in the message.
        StoppedError: `progress.stop()` was called while the child was at work.
    """
    from mm_demos.models.transfers import held

    path = graph_path(settings().cache_dir, card.strategy, card.options.hidden, card.sha256)
    path.parent.mkdir(parents=True, exist_ok=True)
    with held(Path(f"{path}.lock"), progress, "Preparing the model for this machine (once)"):
        if path.exists():
            try:
                return _matching(Graph(path, threads=1), card)
            except Exception as error:
                if type(error).__name__ not in DAMAGED:
                    raise
                path.unlink()
        _export(folder, path, progress)
        return _matching(Graph(path, threads=1), card)


def _matching(graph: Graph, card: ModelCard) -> Graph:
    """Refuse a description that was changed since the graph was written: the weights' checksum does not cover it."""
    inputs = {name: np.zeros((1, dim), dtype=np.float32) for name, dim in card.dims.items()}
    try:
        logits = graph.run(present=np.ones((1, len(inputs)), dtype=np.float32), **inputs)
    except ValueError:
        logits = np.zeros((0, 0), dtype=np.float32)
    except Exception as error:
        if type(error).__name__ != "InvalidArgument":
            raise
        logits = np.zeros((0, 0), dtype=np.float32)
    if logits.shape != (1, len(card.labels)):
        raise InvalidInputError(
            "This model's weights do not fit its description: copy the model's folder again or train it anew."
        )
    return graph


def _export(folder: Path, target: Path, progress: Progress) -> None:
    command = [sys.executable, "-m", "mm_demos.fusion.graph", str(folder.absolute()), str(target.absolute())]
    with tempfile.TemporaryFile() as stderr:
        child = subprocess.Popen(
            command, env=child_environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stderr
        )
        try:
            while child.poll() is None:
                progress.report("Preparing the model for this machine (once)")
                try:
                    child.wait(0.1)
                except subprocess.TimeoutExpired:
                    continue
        finally:
            child.kill()
            child.wait()
        stderr.seek(0)
        lines = stderr.read().decode("utf-8", "replace").strip().splitlines()
    if child.returncode == REFUSED and lines:
        raise InvalidInputError(lines[-1])
    if child.returncode != 0 or not target.exists():
        reason = lines[-1][:300] if lines else f"exit status {child.returncode}"
        raise MissingDependencyError(f"The model could not be prepared for this machine: {reason}")


def child_environment() -> dict[str, str]:
    """What a child process needs to find what this one finds, and to compute on one thread."""
    return {
        **os.environ,
        "PYTHONPATH": child_search_path(),
        "PYTHONUTF8": "1",
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "CUBLAS_WORKSPACE_CONFIG": ":4096:8",  # without it cuBLAS refuses to be deterministic
        "HF_HUB_OFFLINE": "1",
        "MM_DEMOS_DEVICE": settings().device,
    }
