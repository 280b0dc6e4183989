"""The training of a run, in child processes: this one stays free of torch, hears what happens and can end it at any time."""

from __future__ import annotations

import dataclasses
import json
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mm_demos import machine
from mm_demos.errors import DemoError, InvalidInputError, MissingDependencyError
from mm_demos.fusion.model_folder import RUN, TRAINED
from mm_demos.fusion.option_ranges import check_options
from mm_demos.fusion.predictor import child_environment
from mm_demos.fusion.types import MODALITIES, STRATEGIES, Epoch, Features, Outcome, Part, Strategy, TrainOptions
from mm_demos.fusion.worker import FEATURES, FINISH, JOB
from mm_demos.progress import Progress
from mm_demos.settings import settings

ERRORS = "stderr"
PARTS: tuple[Part, ...] = ("train", "validation", "test")
POLL_SECONDS = 0.1
LAST_WORDS = 300  # characters
MAX_CHILDREN, STRATEGIES_EACH = 2, 3  # a child costs 4 s of a core and 0.7 GB before its first epoch


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
    """Train strategies, two at a time where there are cores and work for it; `save_model` makes a model of one of them.

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
    check_options(options, search_trials, search_minutes)
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
        folders = [_handed_out(exchange, number, job, share) for number, share in enumerate(_shares(chosen))]
        found = _Children(folders, len(chosen), progress, on_epoch, finish_early).outcomes()
        outcomes = tuple(sorted(found, key=lambda outcome: chosen.index(outcome.strategy)))
        _keep(folders, folder, features, labels, outcomes)
    return outcomes


def _shares(strategies: Sequence[Strategy]) -> list[list[Strategy]]:
    """The strategies of each child; every other one, since the costly ones stand together."""
    n = max(1, min(MAX_CHILDREN, machine.usable_cores(), len(strategies) // STRATEGIES_EACH))
    return [list(strategies[first::n]) for first in range(n)]


def _handed_out(exchange: Path, number: int, job: Mapping[str, object], strategies: Sequence[Strategy]) -> Path:
    """A child's folder, with its part of the job."""
    folder = exchange / str(number)
    folder.mkdir()
    share = len(strategies) / len(job["strategies"])  # type: ignore[arg-type]
    minutes = float(job["search_minutes"])  # type: ignore[arg-type]
    part = {**job, "strategies": strategies, "search_minutes": minutes * min(1.0, share * MAX_CHILDREN)}
    (folder / JOB).write_text(json.dumps(part), encoding="utf-8")
    return folder


def _possible(strategies: Sequence[Strategy], features: Features) -> list[Strategy]:
    unknown = [name for name in strategies if name not in STRATEGIES]
    if unknown:
        raise InvalidInputError(f"There is no strategy {str(unknown[0])[:60]!r}: choose among {', '.join(STRATEGIES)}.")
    lacking = {f"single-{name}" for name in MODALITIES if name not in features.vectors}
    chosen = [name for name in dict.fromkeys(strategies) if name not in lacking]
    if not chosen:
        raise InvalidInputError(f"None of the strategies fits data with {', '.join(features.vectors)}: choose another one.")
    return chosen


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


class _Children:
    """The child processes and what they say.

    Args:
        folders: what each of them was handed; the features lie beside.
        total: strategies of all.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        total: int,
        progress: Progress,
        on_epoch: Callable[[Epoch], None],
        finish_early: Callable[[], bool],
    ) -> None:
        self._folders, self._total = folders, total
        self._progress, self._on_epoch, self._finish_early = progress, on_epoch, finish_early
        self._found: list[Outcome] = []
        self._trained: set[Path] = set()
        self._under_way: dict[Path, float] = {}  # share of each child's present strategy
        self._failed: Path | None = None
        self._refusal = ""

    def outcomes(self) -> tuple[Outcome, ...]:
        """Run the children to their end; none outlives this call."""
        with ExitStack() as stack:
            children = {folder: stack.enter_context(_started(folder)) for folder in self._folders}
            self._listen(children)
        if self._failed is not None:
            errors = (self._failed / ERRORS).read_text(encoding="utf-8", errors="replace")
            raise self._fault(children[self._failed].returncode, errors)
        return tuple(self._found)

    def _listen(self, children: Mapping[Path, subprocess.Popen[str]]) -> None:
        lines: queue.SimpleQueue[tuple[Path, str | None]] = queue.SimpleQueue()

        def read(folder: Path, child: subprocess.Popen[str]) -> None:
            for line in child.stdout or ():
                lines.put((folder, line))
            lines.put((folder, None))

        readers = [threading.Thread(target=read, args=each, daemon=True) for each in children.items()]
        for reader in readers:
            reader.start()
        self._progress.report("Starting the training")
        talking = set(children)
        try:
            while talking:
                if self._finish_early():
                    for folder in children:
                        (folder / FINISH).touch()
                self._progress.checkpoint()
                try:
                    folder, line = lines.get(timeout=POLL_SECONDS)
                except queue.Empty:
                    continue
                if line is not None:
                    self._hear(folder, json.loads(line))
                    continue
                talking.remove(folder)
                children[folder].wait()
                if folder not in self._trained:  # a graph that fails afterwards is written when the model is loaded
                    self._failed = folder
                    break
        finally:
            for child in children.values():
                child.kill()  # ends its reader, whose stream must not be closed under it
            for reader in readers:
                reader.join()

    def _hear(self, folder: Path, said: dict[str, Any]) -> None:
        event = said.pop("event")
        if event == "epoch":
            epoch = Epoch(**said)
            self._under_way[folder] = epoch.number / epoch.of
            self._report(f"Training {epoch.strategy}, epoch {epoch.number}")
            self._on_epoch(epoch)
        elif event == "trial":
            self._report(f"Searching for {said['strategy']}, trial {said['number']}")
        elif event == "outcome":
            self._found.append(_outcome(folder, said))
            self._under_way[folder] = 0.0
            self._report(f"Trained {said['strategy']}")
        elif event == "trained":
            self._trained.add(folder)
            self._progress.report("Preparing the best model for predictions")
        elif event == "refused":
            self._refusal = said["sentence"]

    def _report(self, message: str) -> None:
        done = len(self._found) + sum(self._under_way.values())
        self._progress.report(message, min(self._total, done), self._total, "strategies")

    def _fault(self, status: int, errors: str) -> DemoError:
        if self._refusal:
            return InvalidInputError(self._refusal)
        lines = [line for line in errors.splitlines() if line and not line.startswith(("  ", "Extension modules"))]
        words = lines[-1][:LAST_WORDS] if lines else ""
        if words.startswith(("ModuleNotFoundError", "ImportError")):
            return MissingDependencyError(f"The training lacks a library: {words}. Install requirements.txt again.")
        how = f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
        return DemoError(f"The training process {how}{f': {words}' if words else ', perhaps for lack of memory'}.")


@contextmanager
def _started(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A child at work in `folder`; when the block ends, so does it."""
    with (folder / ERRORS).open("wb") as stderr:
        child = subprocess.Popen(
            [sys.executable, "-m", "mm_demos.fusion.worker", str(folder)],
            env=child_environment(),
            stdin=subprocess.PIPE,  # its end tells the child that this process is gone
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            encoding="utf-8",
            start_new_session=True,  # a terminal's Ctrl-C is this process's alone: it says whether to finish early or to stop
        )
        try:
            yield child
        finally:
            child.kill()
            child.wait()
            for stream in (child.stdin, child.stdout):
                if stream is not None:
                    stream.close()


def _outcome(folder: Path, said: dict[str, Any]) -> Outcome:
    """What a child found, from its line and the arrays in its folder."""
    said["curve"] = tuple(Epoch(**epoch) for epoch in said["curve"])
    said["options"] = TrainOptions(**said["options"])
    with np.load(folder / f"{said['strategy']}.npz", allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    probs: dict[Part, NDArray[np.float64]] = {part: arrays[f"probs_{part}"] for part in PARTS}
    without = {name: arrays[f"without_{name}"] for name in MODALITIES if f"without_{name}" in arrays}
    return Outcome(probs=probs, without=without, attention=arrays["attention"], **said)


def _keep(folders: Sequence[Path], folder: Path, features: Features, labels: Sequence[str], outcomes: Sequence[Outcome]) -> None:
    """Move the weights out of the exchange, with what `save_model` must know about them."""
    target = folder / TRAINED
    if target.exists():
        shutil.rmtree(target)
    target.mkdir(parents=True)
    for outcome in outcomes:
        name = f"{outcome.strategy}.safetensors"
        shutil.move(next(made / name for made in folders if (made / name).exists()), target)
    encoders = {name: [dataclasses.asdict(each) for each in features.encoders[name]] for name in features.vectors}
    known = {"labels": list(labels), "encoders": encoders}
    (target / RUN).write_text(json.dumps(known, ensure_ascii=False), encoding="utf-8")
