"""The child process of a training: what it streams, how it is ended, what its faults become."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import fusion_signals as signals
import numpy as np
import psutil
import pytest

from mm_demos import machine
from mm_demos.errors import DemoError, InvalidInputError, MissingDependencyError, StoppedError
from mm_demos.fusion import process
from mm_demos.fusion.process import run_training
from mm_demos.fusion.types import Epoch, Features, Outcome, Strategy, TrainOptions
from mm_demos.progress import Progress, Update
from mm_demos.settings import Settings

QUICK = TrainOptions(epochs=4, hidden=8, batch_size=64, learning_rate=5e-3)
LABELS = ("cat", "dog", "owl")


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, configure: Callable[..., Settings]) -> Path:
    """Where temporary folders go, and a cache of the test's own."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    configure(cache_dir=tmp_path / "cache")
    return folder


def run(
    folder: Path,
    *strategies: Strategy,
    found: Features | None = None,
    options: TrainOptions = QUICK,
    progress: Progress | None = None,
    on_epoch: Callable[[Epoch], None] = lambda _: None,
    **more: object,
) -> tuple[Outcome, ...]:
    found = signals.features() if found is None else found
    return run_training(
        found,
        signals.split(120),
        LABELS,
        strategies=strategies,
        options=options,
        folder=folder,
        progress=progress or Progress(),
        on_epoch=on_epoch,
        **more,  # type: ignore[arg-type]
    )


def children() -> list[psutil.Process]:
    """Of a training; the tests run beside servers that other tests have started."""
    found = psutil.Process().children(recursive=True)
    return [child for child in found if "mm_demos.fusion.worker" in child.cmdline()]


def test_two_strategies_stream_their_epochs_and_leave_weights_and_a_graph(tmp_path: Path, scratch: Path) -> None:
    updates, heard = list[Update](), list[Epoch]()
    outcomes = run(tmp_path / "m", "concatenation", "bilinear", progress=Progress(updates.append), on_epoch=heard.append)
    assert [outcome.strategy for outcome in outcomes] == ["concatenation", "bilinear"]
    assert heard == [epoch for outcome in outcomes for epoch in outcome.curve]
    for outcome in outcomes:
        assert outcome.probs["test"].shape == (12, 3)
        assert outcome.probs["train"].shape == (96, 3)
        assert outcome.options == QUICK
    fractions = [update.fraction for update in updates if update.fraction is not None]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert sorted(path.name for path in (tmp_path / "m" / "trained").iterdir()) == [
        "bilinear.safetensors",
        "concatenation.safetensors",
        "run.json",
    ]
    best = min(outcomes, key=lambda outcome: outcome.validation_loss).strategy
    assert [path.name.split("-")[0] for path in (tmp_path / "cache" / "fusion").iterdir()] == [best]
    assert not list(scratch.iterdir())
    assert not children()


def test_the_same_seed_gives_the_same_result_to_the_last_digit_whatever_else_is_trained(tmp_path: Path) -> None:
    (first,) = run(tmp_path / "a", "gated-attention")
    _, again = run(tmp_path / "b", "max-pooling", "gated-attention")
    assert first.curve == again.curve
    for part in ("train", "validation", "test"):
        assert np.array_equal(first.probs[part], again.probs[part])
    name = "trained/gated-attention.safetensors"
    assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_many_strategies_are_shared_out_and_come_back_in_order(
    tmp_path: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "usable_cores", lambda: 2)
    asked: tuple[Strategy, ...] = (
        "single-text", "single-image", "concatenation", "weighted-average", "max-pooling", "gated-attention",
    )  # fmt: skip
    most, updates = 0, list[Update]()

    def count(_: Epoch) -> None:
        nonlocal most
        most = max(most, len(children()))

    outcomes = run(tmp_path / "m", *asked, progress=Progress(updates.append), on_epoch=count)
    assert tuple(outcome.strategy for outcome in outcomes) == asked
    assert most == 2
    fractions = [update.fraction for update in updates if update.fraction is not None]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert not list(scratch.iterdir())
    assert not children()


def test_the_page_process_stays_free_of_torch(tmp_path: Path) -> None:
    code = (
        "import sys, mm_demos.fusion.process, mm_demos.fusion.predictor, mm_demos.fusion.model_folder, mm_demos.fusion.graph;"
        "print('torch' in sys.modules, 'optuna' in sys.modules, 'onnxruntime' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1])
    assert done.stdout.split() == ["False", "False", "False"]


def test_a_search_keeps_the_best_and_says_with_what(tmp_path: Path) -> None:
    updates = list[Update]()
    (outcome,) = run(tmp_path / "m", "concatenation", search_trials=3, progress=Progress(updates.append))
    said = [update.message for update in updates if "trial" in update.message]
    assert said == [f"Searching for concatenation, trial {number}" for number in (1, 2, 3)]
    assert outcome.options.epochs == QUICK.epochs


def test_finishing_early_keeps_what_is_best_so_far(tmp_path: Path) -> None:
    heard = list[Epoch]()
    outcomes = run(
        tmp_path / "m",
        "concatenation",
        "bilinear",
        options=replace(QUICK, epochs=5000, patience=5000),
        on_epoch=heard.append,
        finish_early=lambda: bool(heard),
    )
    (outcome,) = outcomes
    assert outcome.strategy == "concatenation"
    assert len(outcome.curve) < 5000
    assert (tmp_path / "m" / "trained" / "concatenation.safetensors").exists()


@pytest.mark.parametrize("when", ["first line", "first epoch"])
def test_stopping_ends_the_child_and_leaves_nothing(tmp_path: Path, scratch: Path, when: str) -> None:
    progress = Progress(lambda update: progress.stop() if when == "first line" else None)
    with pytest.raises(StoppedError):
        run(
            tmp_path / "m",
            "concatenation",
            options=replace(QUICK, epochs=5000, patience=5000),
            progress=progress,
            on_epoch=lambda _: progress.stop(),
        )
    assert not children()
    assert not list(scratch.iterdir())
    assert not (tmp_path / "m").exists()


def test_ctrl_c_in_a_terminal_does_not_reach_the_children(tmp_path: Path) -> None:
    """A terminal sends it to its whole process group, and a child that dies of it takes along what is best so far."""
    groups: set[int] = set()
    run(tmp_path, "concatenation", on_epoch=lambda _: groups.update(os.getpgid(child.pid) for child in children()))
    assert groups
    assert os.getpgrp() not in groups


def test_a_child_that_is_killed_is_told_in_a_sentence(tmp_path: Path, scratch: Path) -> None:
    def kill(_: Epoch) -> None:
        for child in children():
            child.kill()

    with pytest.raises(DemoError, match="SIGKILL, perhaps for lack of memory"):
        run(tmp_path / "m", "concatenation", options=replace(QUICK, epochs=5000, patience=5000), on_epoch=kill)
    assert not list(scratch.iterdir())
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        ("raise ImportError('no optuna here')", MissingDependencyError, "no optuna here.*requirements"),
        ("raise RuntimeError('it broke')", DemoError, "RuntimeError: it broke"),
        ("import os; os.abort()", DemoError, "SIGABRT"),
    ],
)
def test_a_fault_of_the_child_is_its_last_words(
    tmp_path: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch, *, fault: str, kind: type[DemoError], words: str
) -> None:
    (tmp_path / "door").mkdir()
    (tmp_path / "door" / "sitecustomize.py").write_text(
        f"import sys\nif 'mm_demos.fusion.worker' in sys.orig_argv:\n    def fail(name):\n        {fault}\n"
        "    import types; sys.modules['accelerate'] = types.ModuleType('accelerate')\n"
        "    sys.modules['accelerate'].__getattr__ = fail\n"
    )
    environment = process.child_environment()
    environment["PYTHONPATH"] = f"{tmp_path / 'door'}:{environment['PYTHONPATH']}"
    monkeypatch.setattr(process, "child_environment", lambda: environment)
    with pytest.raises(kind, match=words) as caught:
        run(tmp_path / "m", "concatenation")
    assert "\n" not in str(caught.value)
    assert not list(scratch.iterdir())


def test_a_child_ends_and_tidies_up_with_its_parent(tmp_path: Path) -> None:
    (tmp_path / "job").mkdir()
    child = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys; from mm_demos.fusion import worker as w\n"
            "from pathlib import Path; w._end_with_parent(Path(sys.argv[1]))",
            str(tmp_path / "job"),
        ],
        stdin=subprocess.PIPE,
        env=process.child_environment(),
    )
    assert child.stdin is not None
    child.stdin.close()
    assert child.wait(60) == 3
    assert not (tmp_path / "job").exists()


def test_what_the_data_lack_is_left_out(tmp_path: Path) -> None:
    found = signals.features(names={"text": "minilm"})
    (outcome,) = run(tmp_path / "m", "single-text", "single-audio", found=found)
    assert outcome.strategy == "single-text"
    with pytest.raises(InvalidInputError, match="None of the strategies fits data with text"):
        run(tmp_path / "n", "single-audio", found=found)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"epochs": 0}, "epochs cannot be 0: choose a value from 1"),
        ({"hidden": 1}, "hidden"),
        ({"dropout": 1.0}, "dropout cannot be 1"),
        ({"learning_rate": float("nan")}, "learning rate cannot be nan"),
        ({"learning_rate": -1.0}, "from 1e-08 to 1,000"),
        ({"batch_size": 0}, "batch size"),
        ({"seed": -1}, "seed"),
    ],
)
def test_options_that_cannot_be_used_are_named(tmp_path: Path, change: dict[str, float], words: str) -> None:
    with pytest.raises(InvalidInputError, match=words):
        run(tmp_path / "m", "concatenation", options=replace(QUICK, **change))  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match="trials or minutes"):
        run(tmp_path / "m", "concatenation", search_trials=-1)


def test_features_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    threads = threading.active_count()
    good = signals.features()
    broken = signals.features()
    broken.vectors["text"][0, 0] = np.nan
    for found, words in (
        (broken, "text features hold numbers that are not finite"),
        (replace(good, labels=np.zeros(120, dtype=np.int64)), "two different labels"),
        (replace(good, labels=good.labels + 5), "needs one of the labels"),
        (replace(good, labels=good.labels[:0]), "needs one of the labels"),
        (replace(good, rows=good.rows + 3), "Row 1 has no features"),
    ):
        with pytest.raises(InvalidInputError, match=words):
            run(tmp_path / "m", "concatenation", found=found)
    with pytest.raises(InvalidInputError, match="no strategy 'voting'"):
        run(tmp_path / "m", "voting")  # type: ignore[arg-type]
    assert threading.active_count() <= threads
