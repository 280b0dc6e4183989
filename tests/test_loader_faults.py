"""Whatever goes wrong in a load, the caller learns the cause, nothing stays behind and the next request succeeds."""

from __future__ import annotations

import errno
import logging
from collections.abc import Iterator
from pathlib import Path

import loading_doubles as doubles
import pytest
from loading_doubles import MEGABYTE, registered, row

from mm_demos import accelerator
from mm_demos.errors import (
    BusyError,
    InsufficientMemoryError,
    InvalidInputError,
    MissingDependencyError,
    StoppedError,
    WeightsUnavailableError,
)
from mm_demos.models import weights
from mm_demos.models.catalog import Engine
from mm_demos.models.loader import Loader, LoadEvent, LoadRequest
from mm_demos.settings import settings

ROOM = 100 * MEGABYTE


class OutOfMemoryError(RuntimeError):
    """Named and made like the one of torch.cuda."""


class OddError(Exception):
    """Cannot be copied: its constructor wants more than it keeps."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} {second}")


@pytest.fixture(autouse=True)
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("MM_DEMOS_CACHE_DIR", str(tmp_path))
    settings.cache_clear()
    monkeypatch.setattr(accelerator, "release_memory", lambda collect=True: None)  # tests of memory are in their own file
    with registered(row("a", megabytes=40), row("b", megabytes=40), row("ab", parts=("a", "b"))):
        yield
    settings.cache_clear()


FAULTS = [
    (MemoryError(), InsufficientMemoryError, "memory"),
    (OutOfMemoryError("CUDA out of memory"), InsufficientMemoryError, "memory"),
    (OSError(errno.ENOSPC, "No space left on device"), OSError, "No space"),
    (OSError(errno.EIO, "Input/output error"), OSError, "Input/output"),
    (ModuleNotFoundError("No module named 'ctranslate2'"), MissingDependencyError, "ctranslate2"),
    (ImportError("libgomp.so.1: cannot open shared object file"), MissingDependencyError, "libgomp"),
    (MissingDependencyError("the wheel is for another processor."), MissingDependencyError, "another processor"),
    (WeightsUnavailableError("No source delivered it."), WeightsUnavailableError, "No source"),
    (RuntimeError("file is corrupt"), RuntimeError, "corrupt"),
    (OddError("two", "words"), OddError, "two words"),
    (SystemExit(3), RuntimeError, "SystemExit"),
    (KeyboardInterrupt(), RuntimeError, "KeyboardInterrupt"),
    (RecursionError("too deep"), RecursionError, "too deep"),
]


@pytest.mark.parametrize(("fault", "kind", "cause"), FAULTS, ids=[type(fault).__name__ for fault, _, _ in FAULTS])
@pytest.mark.parametrize("place", ["a", "ab"])
def test_next_request_succeeds_after(fault: BaseException, kind: type[Exception], cause: str, place: str) -> None:
    def fail(request: LoadRequest) -> None:
        raise fault

    loader = Loader(budget_bytes=ROOM, idle_seconds=0)
    doubles.before_load[place] = fail
    lease = loader.lease("ab")
    with pytest.raises(kind, match=cause):
        lease.__enter__()
    assert place not in {resident.name for resident in loader.resident()}
    assert {resident.leases for resident in loader.resident()} <= {0}
    doubles.before_load.clear()
    with loader.lease("ab", timeout_seconds=5) as model:
        assert sorted(model.parts) == ["a", "b"]
    for name in ("ab", "a", "b"):
        assert loader.eject(name)
    assert loader.used_bytes == 0


def test_weights_that_cannot_be_had_leave_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def unavailable(*_: object) -> Path:
        raise WeightsUnavailableError("a: no source could deliver it.")

    loader = Loader(budget_bytes=ROOM)
    with monkeypatch.context() as patch:
        patch.setattr(weights, "ensure", unavailable)
        with pytest.raises(WeightsUnavailableError, match="no source"):
            loader.lease("a").__enter__()
    with loader.lease("a") as model:
        assert model.name == "a"


def test_gpu_without_room_gives_way_to_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    def small_gpu(request: LoadRequest) -> None:
        if request.device != "cpu":
            raise OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(accelerator, "_cuda_works", lambda: True)
    monkeypatch.setattr(accelerator, "dtype", lambda device: "" if device == "cpu" else "float16")
    events: list[LoadEvent] = []
    engine = Engine("double", "loading_doubles:load", devices=("cuda", "cpu"))
    with registered(row("both", engines=(engine,))):
        doubles.before_load["both"] = small_gpu
        loader = Loader(budget_bytes=ROOM)
        loader.subscribe(events.append)
        with loader.lease("both"):
            assert loader.describe("both").device == "cpu"
    assert [event.message for event in events if event.kind == "notice"] == [
        "both goes on without double: cuda:0 has too little memory."
    ]


def test_model_that_fails_to_close_goes_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    loader = Loader(budget_bytes=ROOM)
    with loader.lease("a") as model:
        model.close = lambda: 1 / 0
    with caplog.at_level(logging.ERROR):
        assert loader.eject("a")
    assert "a failed to close" in caplog.text
    assert loader.used_bytes == 0


def test_error_inside_the_block_ends_the_lease() -> None:
    loader = Loader(budget_bytes=ROOM)
    with pytest.raises(InvalidInputError), loader.lease("a"):
        raise InvalidInputError("The clip is empty.")
    assert loader.eject("a")


def test_stop_while_waiting_for_room_holds_nothing() -> None:
    from mm_demos.progress import Progress

    loader = Loader(budget_bytes=50 * MEGABYTE)
    progress = Progress()
    progress.on_update = lambda update: progress.stop()
    with loader.lease("a"):
        with pytest.raises(StoppedError):
            loader.lease("b", progress=progress, timeout_seconds=30).__enter__()
        with pytest.raises(BusyError):
            loader.lease("b", timeout_seconds=0.01).__enter__()
    assert {resident.name: resident.leases for resident in loader.resident()} == {"a": 0}
