"""A receipt says which models took part and what it cost; leases end with the run, however it ends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from loading_doubles import registered, row

import mm_demos
from mm_demos.errors import StoppedError
from mm_demos.models.loader import Loader, reset_shared, shared
from mm_demos.progress import Progress
from mm_demos.results import as_dict
from mm_demos.settings import settings
from mm_demos.tasks.receipts import Run, record


@pytest.fixture(autouse=True)
def doubles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("MM_DEMOS_CACHE_DIR", str(tmp_path))
    settings.cache_clear()
    reset_shared(Loader(budget_bytes=100_000_000, idle_seconds=0))
    with registered(row("a"), row("b"), row("ab", parts=("a", "b"))):
        yield
    reset_shared()
    settings.cache_clear()


def leases() -> dict[str, int]:
    return {resident.name: resident.leases for resident in shared().resident()}


def test_run_without_models_has_a_receipt() -> None:
    with record("caption", options={"style": "short"}, seed=3) as run:
        ballast = np.ones(5_000_000)
        del ballast
        receipt = run.receipt()
    assert (receipt.task, receipt.models, receipt.options, receipt.seed) == ("caption", (), {"style": "short"}, 3)
    assert receipt.version == mm_demos.__version__
    assert receipt.run_seconds > 0
    assert receipt.peak_memory_bytes > 40_000_000
    assert set(as_dict(receipt)) >= {"task", "models", "options", "seed", "run_seconds"}


def test_loading_is_waiting_and_not_running() -> None:
    with record("answer") as run:
        first = run.lease("a")
        again = run.lease("a")
        receipt = run.receipt()
        assert first is again
        assert leases() == {"a": 2}
    assert leases() == {"a": 0}
    (use,) = receipt.models
    assert (use.name, use.revision, use.engine, use.device) == ("a", "r1", "double", "cpu")
    assert receipt.load_seconds == use.load_seconds > 0
    with record("answer") as run:
        run.lease("a")
        assert run.receipt().load_seconds == 0.0


def test_composite_brings_its_components_into_the_receipt() -> None:
    with record("caption") as run:
        run.lease("ab")
        receipt = run.receipt()
    assert [use.name for use in receipt.models] == ["a", "b", "ab"]
    assert receipt.load_seconds == receipt.models[-1].load_seconds


@pytest.mark.parametrize("error", [StoppedError("Stopped."), ValueError("broken"), KeyboardInterrupt()])
def test_leases_end_and_errors_pass_through(error: BaseException) -> None:
    with pytest.raises(type(error)), record("answer") as run:
        run.lease("a")
        raise error
    assert leases() == {"a": 0}


def test_stopped_before_the_load_leases_nothing() -> None:
    progress = Progress()
    progress.stop()
    with pytest.raises(StoppedError), record("answer", progress=progress) as run:
        run.lease("a")
    assert leases() == {}


def test_closing_a_generator_that_holds_a_run_ends_its_leases() -> None:
    def stream() -> Iterator[Run]:
        with record("transcribe") as run:
            run.lease("a")
            yield run
            yield run

    pieces = stream()
    next(pieces)
    assert leases() == {"a": 1}
    pieces.close()
    assert leases() == {"a": 0}
