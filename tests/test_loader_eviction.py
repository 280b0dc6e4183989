"""Eviction never takes a model from someone who uses it, keeps to the budget, and cannot end in a deadlock."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Any

import loading_doubles as doubles
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from loading_doubles import MEGABYTE, registered, row

import mm_demos.settings
from mm_demos import accelerator
from mm_demos.errors import BusyError, InsufficientMemoryError
from mm_demos.models import catalog
from mm_demos.models.loader import Loader

BUDGET = 300 * MEGABYTE
ROWS = (
    row("a", megabytes=100),
    row("b", megabytes=100),
    row("c", megabytes=100),
    row("d", megabytes=150),
    row("ab", parts=("a", "b")),
    row("bc", parts=("b", "c")),
    row("abc", parts=("ab", "c")),
    row("ad", parts=("a", "d")),
    row("abd", parts=("ab", "d")),  # larger than the budget
)
NAMES = tuple(one.name for one in ROWS)


@pytest.fixture(autouse=True)
def rows(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("MM_DEMOS_CACHE_DIR", str(tmp_path))
    mm_demos.settings.settings.cache_clear()
    monkeypatch.setattr(accelerator, "release_memory", lambda collect=True: None)  # nothing here weighs anything: estimates count
    monkeypatch.setattr(accelerator, "resident_bytes", lambda: 0)
    with registered(*ROWS):
        yield
    mm_demos.settings.settings.cache_clear()


def check_alive(model: doubles.Double) -> None:
    """A model in use is open, and so is all it is made of."""
    assert not model.closed
    for part in model.parts.values():
        check_alive(part)


class Requests(RuleBasedStateMachine):
    """One visitor after the other opens and closes leases, ejects and pins, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.loader = Loader(budget_bytes=BUDGET, idle_seconds=0)
        self.held: list[tuple[str, AbstractContextManager[Any], doubles.Double]] = []
        self.pinned: set[str] = set()

    def needed(self) -> set[str]:
        """Names that cannot go."""
        return {part.name for name in {held[0] for held in self.held} | self.pinned for part in catalog.expand(name)}

    def fits(self, name: str) -> bool:
        """Whether all that is needed would be within the budget with this model."""
        parts = self.needed() | {part.name for part in catalog.expand(name)}
        return sum(catalog.spec(part).memory_bytes for part in parts) <= BUDGET

    @rule(name=st.sampled_from(NAMES))
    def lease(self, name: str) -> None:
        lease = self.loader.lease(name, timeout_seconds=10 if self.fits(name) else 0.001)
        try:
            model = lease.__enter__()
        except (BusyError, InsufficientMemoryError) as error:
            assert not self.fits(name)
            assert isinstance(error, InsufficientMemoryError) == (name == "abd")
        else:
            self.held.append((name, lease, model))

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        _, lease, _ = self.held.pop(data.draw(st.integers(0, len(self.held) - 1)))
        lease.__exit__(None, None, None)

    @rule(name=st.sampled_from(NAMES))
    def eject(self, name: str) -> None:
        try:
            self.loader.eject(name)
        except BusyError:
            assert name in self.needed()
        else:
            self.pinned.discard(name)
            assert self.loader.describe(name) is None

    @rule(name=st.sampled_from(NAMES), pinned=st.booleans())
    def pin(self, name: str, pinned: bool) -> None:
        if not pinned or self.fits(name):
            self.loader.pin(name, pinned)
            (self.pinned.add if pinned else self.pinned.discard)(name)

    @invariant()
    def nothing_in_use_is_freed(self) -> None:
        for _, _, model in self.held:
            check_alive(model)

    @invariant()
    def within_the_budget(self) -> None:
        assert self.loader.used_bytes <= BUDGET
        assert self.needed() <= {resident.name for resident in self.loader.resident()}

    def teardown(self) -> None:
        for _, lease, _ in self.held:
            lease.__exit__(None, None, None)
        assert {resident.leases for resident in self.loader.resident()} <= {0}
        for name in NAMES:
            self.loader.pin(name, False)
        for name in NAMES:
            self.loader.eject(name)
        assert (self.loader.resident(), self.loader.used_bytes) == ((), 0)


def test_any_sequence_of_requests_keeps_the_promises() -> None:
    profile = settings(max_examples=250, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(Requests, settings=profile)


def test_eight_workers_on_a_crowded_loader() -> None:
    loader = Loader(budget_bytes=BUDGET, idle_seconds=0)
    names = NAMES[:-1]
    evicted = []
    loader.subscribe(lambda event: evicted.append(event.model) if event.kind == "evicted" else None)

    def work(seed: int) -> int:
        choices = random.Random(seed)
        for _ in range(250):
            with loader.lease(choices.choice(names), timeout_seconds=60) as model:
                check_alive(model)
                assert loader.used_bytes <= BUDGET
        return 250

    with ThreadPoolExecutor(8) as pool:
        jobs = [pool.submit(work, seed) for seed in range(8)]
        assert sum(job.result(60) for job in jobs) == 2000
    assert len(evicted) > 20
    assert {resident.leases for resident in loader.resident()} == {0}


def test_two_composites_loading_at_once_share_their_part() -> None:
    loader = Loader(budget_bytes=BUDGET)
    both = threading.Barrier(2)

    def work(name: str) -> doubles.Double:
        both.wait()
        with loader.lease(name) as model:
            return model

    with ThreadPoolExecutor(2) as pool:
        ab, bc = pool.map(work, ("ab", "bc"))
    assert ab.parts["b"] is bc.parts["b"]
    assert doubles.loads == dict.fromkeys(("a", "b", "c", "ab", "bc"), 1)


def test_failing_component_fails_the_composite_and_is_retried() -> None:
    def fail(request: Any) -> None:
        raise OSError("the disk is gone")

    loader = Loader(budget_bytes=BUDGET)
    doubles.before_load["b"] = fail
    with pytest.raises(OSError, match="the disk is gone"):
        loader.lease("ab").__enter__()
    assert [resident.name for resident in loader.resident()] == ["a"]
    doubles.before_load.clear()
    with loader.lease("ab") as model:
        check_alive(model)


def test_ejecting_a_component_takes_the_idle_composite_with_it_but_not_the_other_way_round() -> None:
    loader = Loader(budget_bytes=BUDGET)
    with loader.lease("ab"), pytest.raises(BusyError):
        loader.eject("a")
    assert loader.eject("ab")
    assert {resident.name for resident in loader.resident()} == {"a", "b"}
    with loader.lease("ab"):
        pass
    assert loader.eject("a")
    assert [resident.name for resident in loader.resident()] == ["b"]
    assert not loader.eject("a")


def test_component_of_a_pinned_composite_stays() -> None:
    loader = Loader(budget_bytes=BUDGET)
    loader.pin("ab")
    with loader.lease("c"):
        pass
    with pytest.raises(BusyError, match=r"ab \(pinned\)"):
        loader.eject("a")
    with pytest.raises(BusyError):
        loader.lease("d", timeout_seconds=0.01).__enter__()
    loader.pin("ab", False)
    with loader.lease("d", timeout_seconds=0.01) as model:
        check_alive(model)
