"""The child process of a training: `python -m mm_demos.fusion.worker FOLDER` streams what happens as JSON lines.

FOLDER holds `job.json`, and the folder above it `features.npz`, which all children of a run share. Each trained strategy leaves
its weights and its outcome in FOLDER; a file named `finish` there ends the training with what is best so far. The child ends when
its standard input does, that is, with its parent.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from mm_demos.errors import DemoError
from mm_demos.fusion.types import MODALITIES, Epoch, Part, TrainOptions

FEATURES, JOB, FINISH = "features.npz", "job.json", "finish"
ORPHANED = 3  # exit status when the parent is gone


def main(arguments: list[str]) -> int:
    """Train everything the job asks for; the last line but the graph's says "trained"."""
    folder = Path(arguments[0])
    threading.Thread(target=_end_with_parent, args=(folder.parent,), daemon=True).start()
    try:
        _Job(folder).run()
    except DemoError as error:
        _tell("refused", sentence=str(error))
        return 2
    return 0


def _end_with_parent(folder: Path) -> None:
    """Wait for the end of standard input; what the parent can no longer tidy up is tidied up here."""
    while os.read(0, 1):  # below sys.stdin, whose lock held at exit would abort the interpreter
        pass
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(ORPHANED)


def _tell(event: str, **values: object) -> None:
    """One line for the parent."""
    sys.stdout.write(json.dumps({"event": event, **values}) + "\n")
    sys.stdout.flush()


def _tell_epoch(epoch: Epoch) -> None:
    _tell("epoch", **dataclasses.asdict(epoch))


class _Job:
    """What the parent asked for, with the libraries that it needs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.job: dict[str, Any] = json.loads((folder / JOB).read_text(encoding="utf-8"))
        self.options = TrainOptions(**self.job["options"])

    def run(self) -> None:
        """Train one strategy after the other, then write the graph of the best."""
        from mm_demos.fusion import training

        training.be_deterministic()
        material = self._material()
        _tell("started")
        best = None
        for strategy in self.job["strategies"]:
            if best is not None and self._finish():
                break
            trained = self._trained(strategy, material)
            self._keep(trained)
            if best is None or trained.outcome.validation_loss < best.outcome.validation_loss:
                best = trained
        _tell("trained")
        self._write_graph(best)

    def _finish(self) -> bool:
        return (self.folder / FINISH).exists()

    def _material(self) -> Any:
        """The features as tensors."""
        import torch

        from mm_demos.fusion.lines import Lines, Material

        with np.load(self.folder.parent / FEATURES, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        names = [name for name in MODALITIES if f"vectors_{name}" in arrays]
        everything = Lines(
            tuple(torch.from_numpy(arrays[f"vectors_{name}"]) for name in names),
            torch.from_numpy(np.stack([arrays[f"present_{name}"] for name in names], 1).astype(np.float32)),
            torch.from_numpy(arrays["labels"]),
        )
        parts: tuple[Part, ...] = ("train", "validation", "test")
        chosen = {part: everything.chosen(torch.from_numpy(arrays[part])) for part in parts}
        dims = {name: arrays[f"vectors_{name}"].shape[1] for name in names}
        fitted = everything.chosen(torch.from_numpy(arrays["fitted"]))
        return Material(dims, self.job["n_classes"], fitted, chosen)

    def _trained(self, strategy: Any, material: Any) -> Any:
        from mm_demos.fusion.training import accelerated, train

        accelerator = accelerated()

        def trial(options: TrainOptions, on_epoch: Callable[[Epoch], None]) -> Any:
            return train(strategy, material, options, accelerator=accelerator, on_epoch=on_epoch, finish=self._finish)

        trials, minutes = self.job["search_trials"], self.job["search_minutes"]
        if not trials and not minutes:
            return trial(self.options, _tell_epoch)
        from mm_demos.fusion.search import Budget, search

        def tell_trial(number: int) -> None:
            _tell("trial", strategy=strategy, number=number)

        budget = Budget(trials, minutes / len(self.job["strategies"]))
        return search(self.options, budget, trial=trial, on_trial=tell_trial, on_epoch=_tell_epoch, finish=self._finish)

    def _keep(self, trained: Any) -> None:
        """Weights and outcome under the strategy's name, then the line about them."""
        from safetensors.torch import save_file

        outcome = trained.outcome
        tensors = {name: tensor.contiguous() for name, tensor in trained.network.state_dict().items()}
        save_file(tensors, self.folder / f"{outcome.strategy}.safetensors")
        arrays = {f"probs_{part}": probs for part, probs in outcome.probs.items()}
        arrays |= {f"without_{name}": probs for name, probs in outcome.without.items()}
        np.savez(self.folder / f"{outcome.strategy}.npz", attention=outcome.attention, **arrays)
        kept = ("strategy", "best_epoch", "validation_loss", "parameters", "train_seconds")
        _tell(
            "outcome",
            options=dataclasses.asdict(outcome.options),
            curve=[dataclasses.asdict(epoch) for epoch in outcome.curve],
            **{name: getattr(outcome, name) for name in kept},
        )

    def _write_graph(self, trained: Any) -> None:
        from mm_demos.fusion.graph import export, graph_path
        from mm_demos.media.files import sha256_of

        strategy, hidden = trained.outcome.strategy, trained.outcome.options.hidden
        target = graph_path(Path(self.job["cache"]), strategy, hidden, sha256_of(self.folder / f"{strategy}.safetensors"))
        if not target.exists():
            export(trained.network, target)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
