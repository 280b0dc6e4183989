"""The training of a run, in a child process: this one stays free of torch, hears what happens and can end it at any time."""

from __future__ import annotations

import dataclasses
import json
import math
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mm_demos.errors import DemoError, InvalidInputError, MissingDependencyError
from mm_demos.fusion.model_folder import RUN, TRAINED
from mm_demos.fusion.predictor import child_environment
from mm_demos.fusion.types import MODALITIES, STRATEGIES, Epoch, Features, Outcome, Part, Strategy, TrainOptions
from mm_demos.fusion.worker import FEATURES, FINISH, JOB
from mm_demos.progress import Progress
from mm_demos.settings import settings

PARTS: tuple[Part, ...] = ("train", "validation", "test")
POLL_SECONDS = 0.1
LAST_WORDS = 300  # characters
RANGES: Mapping[str, tuple[float, float, str]] = {  # lowest, highest, in words
    "epochs": (1, 10_000, "from 1 to 10,000"),
    "batch_size": (1, 100_000, "from 1 to 100,000"),
    "learning_rate": (1e-8, 1e3, "above 0"),
    "weight_decay": (0, 1e3, "0 or more"),
    "hidden": (2, 4096, "from 2 to 4,096"),
    "dropout": (0, 0.99, "from 0 to 0.99"),
    "modality_dropout": (0, 0.99, "from 0 to 0.99"),
    "label_smoothing": (0, 0.99, "from 0 to 0.99"),
    "patience": (1, 100_000, "1 or more"),
    "seed": (0, 2**31 - 1, "a whole number of 0 or more"),
}


def run_training(
    features: Features,
    split: Mapping[Part, Sequence[int]],
    labels: Sequence[str],
    *,
    strategies: Sequence[Strategy],
    options: TrainOptions,
    search_trials: int = 0,
    search_minutes: float = 0,
    folder: Path,
    progress: Progress,
    on_epoch: Callable[[Epoch], None],
    finish_early: Callable[[], bool] = lambda: False,
) -> tuple[Outcome, ...]:
    """Train strategies one after the other, in the order given; `save_model` makes a model of one of them.

    The first line of a row stands for it in all parts; its other lines, the augmented ones, are trained on only.

    Args:
        split: part → indices into the data set's rows.
        strategies: one whose single modality the features lack is left out.
        search_trials: for each strategy; 0 for no search, or one bounded by time alone.
        search_minutes: for all strategies together; 0 for no bound.
        folder: gets the weights of every strategy; made if need be.
        finish_early: asked all the time; once True, what is best so far is kept and the rest is left untrained.

    Raises:
        InvalidInputError: the features, the split or an option cannot be used.
        MissingDependencyError: a library of the training is not installed.
        DemoError: the child process died; its last words are in the sentence.
        StoppedError: `progress.stop()` was called; nothing is left behind.
    """
    chosen = _possible(strategies, features)
    _check_options(options, search_trials, search_minutes)
    arrays = _arrays(features, split, len(labels))
    job = {
        "strategies": chosen,
        "options": dataclasses.asdict(options),
        "n_classes": len(labels),
        "search_trials": search_trials,
        "search_minutes": search_minutes,
        "cache": str(settings().cache_dir.absolute()),
    }
    with tempfile.TemporaryDirectory(prefix="mm-demos-training-", ignore_cleanup_errors=True) as made:
        exchange = Path(made)
        np.savez(exchange / FEATURES, allow_pickle=False, **arrays)
        (exchange / JOB).write_text(json.dumps(job), encoding="utf-8")
        outcomes = _Child(exchange, chosen, progress, on_epoch, finish_early).outcomes()
        _keep(exchange, folder, features, labels, outcomes)
    return outcomes


def _possible(strategies: Sequence[Strategy], features: Features) -> list[Strategy]:
    unknown = [name for name in strategies if name not in STRATEGIES]
    if unknown:
        raise InvalidInputError(f"There is no strategy {str(unknown[0])[:60]!r}: choose among {', '.join(STRATEGIES)}.")
    lacking = {f"single-{name}" for name in MODALITIES if name not in features.vectors}
    chosen = [name for name in dict.fromkeys(strategies) if name not in lacking]
    if not chosen:
        raise InvalidInputError(f"None of the strategies fits data with {', '.join(features.vectors)}: choose another one.")
    return chosen


def _check_options(options: TrainOptions, search_trials: int, search_minutes: float) -> None:
    for name, (low, high, words) in RANGES.items():
        value = getattr(options, name)
        if not low <= value <= high:  # NaN lies in no range
            raise InvalidInputError(f"{name.replace('_', ' ')} cannot be {value:g}: choose a value {words}.")
    if search_trials < 0 or not 0 <= search_minutes < math.inf:
        raise InvalidInputError("The search for hyper-parameters needs a number of trials or minutes that is 0 or more.")


def _arrays(features: Features, split: Mapping[Part, Sequence[int]], n_classes: int) -> dict[str, NDArray[Any]]:
    """What the child gets; lines of each part, and the lines to fit."""
    rows, first = np.unique(features.rows, return_index=True)
    line_of = dict(zip(rows.tolist(), first.tolist(), strict=True))
    missing = [row for part in PARTS for row in split[part] if row not in line_of]
    if missing:
        raise InvalidInputError(f"Row {missing[0] + 1} has no features: extract them for all rows of the split.")
    fitted = np.flatnonzero(np.isin(features.rows, np.array(split["train"], dtype=np.int64)))
    if len(features.labels) != len(features.rows) or not ((features.labels >= 0) & (features.labels < n_classes)).all():
        raise InvalidInputError("Every row needs one of the labels to train on: give a label to all of them.")
    if len(np.unique(features.labels[fitted])) < 2:
        raise InvalidInputError("The training rows need at least two different labels: add rows of another class.")
    arrays: dict[str, NDArray[Any]] = {"labels": features.labels, "fitted": fitted.astype(np.int64)}
    for part in PARTS:
        arrays[part] = np.array([line_of[row] for row in split[part]], dtype=np.int64)
    for name, vectors in features.vectors.items():
        present = features.present[name]
        if not np.isfinite(vectors[present]).all():
            raise InvalidInputError(f"The {name} features hold numbers that are not finite: extract them anew.")
        arrays[f"vectors_{name}"] = np.where(present[:, None], vectors, 0).astype(np.float32)
        arrays[f"present_{name}"] = present
    return arrays


class _Child:
    """The child process and what it says."""

    def __init__(
        self,
        exchange: Path,
        strategies: Sequence[Strategy],
        progress: Progress,
        on_epoch: Callable[[Epoch], None],
        finish_early: Callable[[], bool],
    ) -> None:
        self._exchange, self._strategies = exchange, strategies
        self._progress, self._on_epoch, self._finish_early = progress, on_epoch, finish_early
        self._found: list[Outcome] = []
        self._trained = False
        self._refusal = ""

    def outcomes(self) -> tuple[Outcome, ...]:
        """Run the child to its end; it never outlives this call."""
        errors = self._exchange / "stderr"
        with errors.open("wb") as stderr:
            child = subprocess.Popen(
                [sys.executable, "-m", "mm_demos.fusion.worker", str(self._exchange)],
                env=child_environment(),
                stdin=subprocess.PIPE,  # its end tells the child that this process is gone
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                encoding="utf-8",
            )
            try:
                self._listen(child)
            finally:
                child.kill()
                child.wait()
                for stream in (child.stdin, child.stdout):
                    if stream is not None:
                        stream.close()
        if not self._trained:  # a graph that fails afterwards is written when the model is loaded
            raise self._fault(child.returncode, errors.read_text(encoding="utf-8", errors="replace"))
        return tuple(self._found)

    def _listen(self, child: subprocess.Popen[str]) -> None:
        lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()

        def read() -> None:
            for line in child.stdout or ():
                lines.put(line)
            lines.put(None)

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        self._progress.report("Starting the training")
        try:
            while True:
                if self._finish_early():
                    (self._exchange / FINISH).touch()
                self._progress.checkpoint()
                try:
                    line = lines.get(timeout=POLL_SECONDS)
                except queue.Empty:
                    continue
                if line is None:
                    break
                self._hear(json.loads(line))
            child.wait()
        finally:
            child.kill()  # ends the reader, whose stream must not be closed under it
            reader.join()

    def _hear(self, said: dict[str, Any]) -> None:
        event = said.pop("event")
        if event == "epoch":
            epoch = Epoch(**said)
            self._report(f"Training {epoch.strategy}, epoch {epoch.number}", epoch.number / epoch.of)
            self._on_epoch(epoch)
        elif event == "trial":
            self._report(f"Searching for {said['strategy']}, trial {said['number']}", 0.0)
        elif event == "outcome":
            self._found.append(self._outcome(said))
            self._report(f"Trained {said['strategy']}", 0.0)
        elif event == "trained":
            self._trained = True
            self._progress.report("Preparing the best model for predictions")
        elif event == "refused":
            self._refusal = said["sentence"]

    def _report(self, message: str, share: float) -> None:
        total = len(self._strategies)
        self._progress.report(message, min(total, len(self._found) + share), total, "strategies")

    def _outcome(self, said: dict[str, Any]) -> Outcome:
        said["curve"] = tuple(Epoch(**epoch) for epoch in said["curve"])
        said["options"] = TrainOptions(**said["options"])
        with np.load(self._exchange / f"{said['strategy']}.npz", allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        probs: dict[Part, NDArray[np.float64]] = {part: arrays[f"probs_{part}"] for part in PARTS}
        without = {name: arrays[f"without_{name}"] for name in MODALITIES if f"without_{name}" in arrays}
        return Outcome(probs=probs, without=without, attention=arrays["attention"], **said)

    def _fault(self, status: int, errors: str) -> DemoError:
        if self._refusal:
            return InvalidInputError(self._refusal)
        lines = [line for line in errors.splitlines() if line and not line.startswith(("  ", "Extension modules"))]
        words = lines[-1][:LAST_WORDS] if lines else ""
        if words.startswith(("ModuleNotFoundError", "ImportError")):
            return MissingDependencyError(f"The training lacks a library: {words}. Install requirements.txt again.")
        how = f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
        return DemoError(f"The training process {how}{f': {words}' if words else ', perhaps for lack of memory'}.")


def _keep(exchange: Path, folder: Path, features: Features, labels: Sequence[str], outcomes: Sequence[Outcome]) -> None:
    """Move the weights out of the exchange, with what `save_model` must know about them."""
    target = folder / TRAINED
    if target.exists():
        shutil.rmtree(target)
    target.mkdir(parents=True)
    for outcome in outcomes:
        shutil.move(exchange / f"{outcome.strategy}.safetensors", target)
    encoders = {name: [dataclasses.asdict(each) for each in features.encoders[name]] for name in features.vectors}
    known = {"labels": list(labels), "encoders": encoders}
    (target / RUN).write_text(json.dumps(known, ensure_ascii=False), encoding="utf-8")
