"""Memory really goes back to the operating system, and nothing keeps a model alive."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from typing import Any

import loading_doubles as doubles
import pytest
from fresh import passes_in_a_fresh_process
from loading_doubles import MEGABYTE, registered, row

from mm_demos.accelerator import release_memory, resident_bytes
from mm_demos.errors import InsufficientMemoryError
from mm_demos.models.catalog import Engine
from mm_demos.models.loader import Loader
from mm_demos.models.loading import Scale
from mm_demos.settings import settings

HEAVY = row("heavy", megabytes=200, engines=(Engine("double", "loading_doubles:load_heavy"),))


@pytest.fixture(autouse=True)
def rows(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("MM_DEMOS_CACHE_DIR", str(tmp_path))
    settings.cache_clear()
    with registered(HEAVY, row("light", megabytes=1), row("pair", parts=("heavy", "light"))):
        yield
    settings.cache_clear()


def eject_returns_what_the_load_took() -> None:
    with registered(HEAVY):
        _eject_heavy()


def _eject_heavy() -> None:
    loader = Loader(budget_bytes=1000 * MEGABYTE, idle_seconds=0)
    release_memory()
    before = resident_bytes()
    with loader.lease("heavy"):
        pass
    loaded = resident_bytes()
    assert loader.describe("heavy").memory_bytes == pytest.approx(200 * MEGABYTE, rel=0.05)
    loader.eject("heavy")
    assert loaded - resident_bytes() >= 0.9 * (loaded - before) >= 180 * MEGABYTE


def test_eject_returns_what_the_load_took() -> None:
    passes_in_a_fresh_process(eject_returns_what_the_load_took)


def a_load_that_fails_half_way_leaves_nothing() -> None:
    with registered(HEAVY):
        for failure in (ValueError, MemoryError):
            _fail_half_way(failure)


def _fail_half_way(failure: type[Exception]) -> None:
    def fail(request: Any) -> None:
        raise failure("half way")

    doubles.before_load["heavy"] = fail
    loader = Loader(budget_bytes=1000 * MEGABYTE, idle_seconds=0)
    release_memory()
    before = resident_bytes()
    with pytest.raises((ValueError, InsufficientMemoryError)) as caught:
        loader.lease("heavy").__enter__()
    assert resident_bytes() - before < 20 * MEGABYTE
    assert caught.value is not None  # the caller may keep the error as long as it likes
    assert loader.used_bytes == 0


def test_load_that_fails_half_way_leaves_nothing() -> None:
    passes_in_a_fresh_process(a_load_that_fails_half_way_leaves_nothing)


def test_nothing_keeps_an_ejected_model_alive() -> None:
    loader = Loader(budget_bytes=1000 * MEGABYTE, idle_seconds=0)
    with loader.lease("pair") as pair:
        ghosts = [weakref.ref(model) for model in (pair, *pair.parts.values())]
    del pair
    loader.eject("heavy")
    loader.eject("light")
    gc.collect()
    assert [ghost() for ghost in ghosts] == [None, None, None]


def test_second_lease_costs_nothing() -> None:
    loader = Loader(budget_bytes=1000 * MEGABYTE, idle_seconds=0)
    with loader.lease("heavy"):
        before = resident_bytes()
        with loader.lease("pair"):
            assert resident_bytes() - before <= 0.05 * 200 * MEGABYTE


def test_loads_that_overlap_are_not_weighed() -> None:
    scale = Scale()
    with scale.weigh() as alone:
        ballast = bytearray(20 * MEGABYTE)
    with scale.weigh() as first, scale.weigh() as second:
        pass
    with scale.weigh() as again:
        pass
    assert alone[0] == pytest.approx(len(ballast), rel=0.1)
    assert (first, second) == ([], [])
    assert len(again) == 1


def test_budget_comes_from_the_setting_or_from_what_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mm_demos.accelerator.available_bytes", lambda: 10_000 * MEGABYTE)
    assert Loader().budget_bytes == 7_000 * MEGABYTE
    monkeypatch.setenv("MM_DEMOS_MEMORY_BUDGET_GB", "1.5")
    settings.cache_clear()
    assert Loader().budget_bytes == 1_500 * MEGABYTE
