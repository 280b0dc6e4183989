"""The shared loader: the only owner of models in the process."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from mm_demos import accelerator
from mm_demos.errors import BusyError
from mm_demos.models import catalog, loading, probe
from mm_demos.models.catalog import ModelSpec
from mm_demos.models.choices import AS_PUBLISHED, ModelChoices, check, from_setting, sized
from mm_demos.models.events import Events, LoadEvent
from mm_demos.models.housekeeping import Housekeeping
from mm_demos.models.jobs import Jobs, own_copy
from mm_demos.models.loading import LoadRequest, Scale, Trial
from mm_demos.models.slots import Resident, Slot, dependents, in_use
from mm_demos.models.table import Table
from mm_demos.progress import Progress, Update
from mm_demos.settings import settings

__all__ = ["LoadEvent", "LoadRequest", "Loader", "Resident", "reset_shared", "shared"]

POLL_SECONDS = 0.1  # how often a waiting request looks whether its visitor pressed Stop
BUDGET_SHARE = 0.7  # of the memory free at start; the rest is for activations, the page and other programs


class Loader:
    """Loads on first lease, shares afterwards, evicts the least recently used idle model under a memory budget.

    A request takes hold of the model and of everything it is made of in one step, or of nothing; so requests that wait for
    memory hold none, and cannot wait for each other. Loads run on threads of their own: a visitor who stops harms no other.

    Args:
        budget_bytes: for all models; None takes the setting, or 70 % of the memory free now.
        idle_seconds: unload a model unused this long; None takes the setting, 0 never unloads.
        clock: seconds, for idle times.
        trial: says why an engine cannot be trusted here, empty when it can; None asks a child process once per machine.
    """

    def __init__(
        self,
        *,
        budget_bytes: int | None = None,
        idle_seconds: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        trial: Trial | None = None,
    ) -> None:
        accelerator.use_one_heap()
        idle = settings().idle_unload_minutes * 60 if idle_seconds is None else idle_seconds
        self._table = Table(default_budget() if budget_bytes is None else budget_bytes, clock)
        self._events = Events()
        self._scale = Scale()
        self._house = Housekeeping(self._table, self._events, self._scale, idle)
        self._choices = from_setting(settings().load_as, catalog.spec)
        self._jobs = Jobs(self._table, self._events, self._scale, self._house, trial or probe.Trials(), choices=self._choices)

    @contextmanager
    def lease(self, name: str, *, timeout_seconds: float | None = None, progress: Progress | None = None) -> Iterator[Any]:
        """Hold a model for the length of the block.

        Args:
            name: catalog name.
            timeout_seconds: how long to wait while others use the memory; None takes the setting.
            progress: told about the load, on the calling thread; stopping it ends the wait, not the load others wait for.

        Raises:
            UnknownModelError: no such row.
            BusyError: no room until the time-out.
            InsufficientMemoryError: larger than the budget or than the memory of this machine.
            StoppedError: `progress` was stopped.
        """
        timeout = settings().lease_timeout_seconds if timeout_seconds is None else timeout_seconds
        told = progress or Progress()
        slots = self._admit(self._rows(name), time.monotonic() + timeout, told)
        try:
            self._wait_until_ready(slots, told)
            yield slots[-1].model
        finally:
            self._table.release(slots)

    def resident(self) -> tuple[Resident, ...]:
        """What is loaded now, most recently used first."""
        with self._table.changed:
            ready = [slot for slot in self._table.slots.values() if slot.state == "ready"]
            now = self._table.clock()
            return tuple(slot.resident(now) for slot in sorted(ready, key=lambda slot: -slot.last_use))

    def describe(self, name: str) -> Resident | None:
        """The loaded model of this name, or None."""
        return next((resident for resident in self.resident() if resident.name == name), None)

    def eject(self, name: str) -> bool:
        """Unload an idle model now, with idle models made of it; False when it was not resident.

        Raises:
            BusyError: it is leased, loading, placed for good, or part of a pinned model.
        """
        with self._table.changed:
            going = self._leaving(name)
        self._house.unload(going, "ejected")
        return bool(going)

    def choices(self, name: str) -> ModelChoices:
        """How a model will be loaded, or was."""
        return self._choices.get(name, AS_PUBLISHED)

    def check_choices(self, name: str, choices: ModelChoices) -> None:
        """Raise what `choose` raises for choices that cannot be taken, whoever uses the model now."""
        row = catalog.spec(name)
        check(row, choices, *loading.expected(row))
        self._table.check_size([sized(row, choices)])

    def choose(self, name: str, choices: ModelChoices) -> None:
        """Load a model so from its next lease on; one that is in memory now otherwise leaves it.

        Raises:
            InvalidInputError: the model or the machine cannot take a choice; nothing has changed then.
            InsufficientMemoryError: so it would be larger than the budget; nothing has changed then.
            BusyError: it is in use; nothing has changed then.
        """
        self.check_choices(name, choices)
        with self._table.changed:
            if choices == self.choices(name):
                return
            going = self._leaving(name)
            self._choices[name] = choices
            self._table.forget_weight(name)
        self._house.unload(going, f"to be loaded {choices}")

    def pin(self, name: str, pinned: bool = True) -> None:
        """Keep a model out of eviction and idle unload (it is loaded first if need be), or release it."""
        table = self._table
        if pinned:
            with self.lease(name), table.changed:
                table.slots[name].pinned = True
            return
        with table.changed:
            slot = table.slots.get(name)
            if slot is not None:
                slot.pinned = slot.placed
            table.changed.notify_all()

    def place(self, names: Sequence[str]) -> None:
        """Load models for good, whatever the budget: for ZeroGPU, where what is loaded inside a call is lost after it."""
        table = self._table
        for rows in map(self._rows, names):
            with table.changed:
                while table.in_transit(rows):
                    table.changed.wait()
                slots = self._take(rows)
            try:
                self._wait_until_ready(slots, Progress())
                for slot in slots:
                    slot.pinned = slot.placed = True
            finally:
                table.release(slots)

    def tidy(self) -> None:
        """Unload what was idle too long; a daemon thread calls it in time."""
        self._house.tidy()

    def after_fork(self) -> None:
        """Start anew in a forked child, as ZeroGPU uses for calls: what was loaded stays, what was on its way is forgotten."""
        self._table.after_fork()
        self._events.after_fork()
        self._scale.after_fork()
        self._house.after_fork()

    def subscribe(self, listener: Callable[[LoadEvent], None]) -> Callable[[], None]:
        """Call `listener` on every event, on the thread on which it happens; returns the function that ends it."""
        return self._events.subscribe(listener)

    @property
    def budget_bytes(self) -> int:
        """How much all resident models may take."""
        return self._table.budget_bytes

    @property
    def used_bytes(self) -> int:
        """How much they take, with what is reserved for models that are loading."""
        return self._table.used_bytes

    def _rows(self, name: str) -> list[ModelSpec]:
        """The model and what it is made of, with the memory they need as they will be loaded."""
        return [sized(row, self.choices(row.name)) for row in catalog.expand(name)]

    def _leaving(self, name: str) -> list[Slot]:
        """An idle model and idle models made of it, marked as leaving; none when it is not there. Called with the lock held.

        Raises:
            BusyError: it is leased, loading, placed for good, or part of a pinned model.
        """
        table = self._table
        table.changed.wait_for(lambda: name not in table.slots or table.slots[name].state != "leaving")
        slot = table.slots.get(name)
        if slot is None:
            return []
        others = dependents(slot, table.slots.values())
        if slot.placed or not slot.idle or any(not other.idle or other.pinned for other in others):
            users = in_use([*others, slot])
            raise BusyError(f"{name} cannot be unloaded now ({users}): wait until it is idle, and unpin what is made of it.")
        return table.leave([*others, slot])

    def _admit(self, rows: Sequence[ModelSpec], deadline: float, progress: Progress) -> list[Slot]:
        """Take hold of all `rows` at once, unloading others first if need be."""
        name, table = rows[-1].name, self._table
        queued = False
        while True:
            progress.checkpoint()
            with table.changed:
                going = table.make_room(rows)
                if going is not None and not going:
                    return self._take(rows)
                blocked = table.in_use()
                if going is None and queued:
                    remaining = deadline - time.monotonic()
                    if remaining <= 0:
                        raise BusyError(table.no_room(rows))
                    table.changed.wait(min(POLL_SECONDS, remaining))
            if going:
                self._house.unload(going, f"to make room for {name}")
            elif not queued:
                queued = True
                self._events.emit(LoadEvent(name, "queued", f"{name} waits for memory held by {blocked}"))
                progress.report(f"Waiting for memory to load {name}")

    def _take(self, rows: Sequence[ModelSpec]) -> list[Slot]:
        slots, fresh = self._table.take(rows)
        self._jobs.start(fresh)
        return slots

    def _wait_until_ready(self, slots: Sequence[Slot], progress: Progress) -> None:
        """Wait for the loads, passing their reports on to this request's own progress."""
        seen: Update | None = None
        while True:
            progress.checkpoint()
            with self._table.changed:
                if slots[-1].state == "ready":
                    return
                if slots[-1].error is not None:
                    raise own_copy(slots[-1].error)
                loading = next(slot for slot in slots if slot.state != "ready")
                if loading.update is seen:
                    self._table.changed.wait(POLL_SECONDS)
                    continue
                seen = loading.update
            if seen is not None:
                progress.report(seen.message, seen.done, seen.total, seen.unit)


def default_budget() -> int:
    """Bytes for models by the settings, or else 70 % of what is free now."""
    return int(settings().memory_budget_gb * 1e9) or int(accelerator.available_bytes() * BUDGET_SHARE)


class _Shared:
    """The loader of the process and the lock under which it is made."""

    loader: Loader | None = None
    lock = threading.Lock()
    watches_forks = False

    @classmethod
    def put(cls, loader: Loader | None) -> None:
        cls.loader = loader
        if not cls.watches_forks and hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=cls.after_fork)
            cls.watches_forks = True

    @classmethod
    def after_fork(cls) -> None:
        """A lock that another thread held at the fork would stay locked for ever in the child."""
        cls.lock = threading.Lock()
        loading.TORCH_LOCK = threading.Lock()
        if cls.loader is not None:
            cls.loader.after_fork()


def shared() -> Loader:
    """The loader of this process."""
    with _Shared.lock:
        if _Shared.loader is None:
            if os.environ.get("MM_DEMOS_FAKE") == "1":
                from mm_demos.models import fake

                fake.register_fakes(stand_in=True)
            _Shared.put(Loader())
        return _Shared.loader  # type: ignore[return-value]


def reset_shared(loader: Loader | None = None) -> None:
    """Forget the shared loader, or put another in its place: for tests."""
    with _Shared.lock:
        _Shared.put(loader)
