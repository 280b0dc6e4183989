"""The loader's table of slots: who holds what, what fits the budget, and what has to go first."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable, Sequence

from mm_demos.errors import InsufficientMemoryError, StoppedError
from mm_demos.models.catalog import ModelSpec
from mm_demos.models.slots import Slot, in_use, victims


class Table:
    """Slots by name under one lock; every method but `used_bytes` and `release` is called with `changed` held.

    Args:
        budget_bytes: how much all models may take.
        clock: seconds, for idle times.
    """

    def __init__(self, budget_bytes: int, clock: Callable[[], float]) -> None:
        self.budget_bytes = budget_bytes
        self.clock = clock
        self.changed = threading.Condition()
        self.slots: dict[str, Slot] = {}
        self._weighed: dict[str, int] = {}
        self._uses = itertools.count(1)

    def after_fork(self) -> None:
        """Keep what is ready; the threads that loaded or unloaded the rest are not in this process."""
        self.changed = threading.Condition()
        with self.changed:
            for slot in tuple(self.slots.values()):
                if slot.state != "ready":
                    self.drop(slot, StoppedError(f"Loading {slot.name} was interrupted."))

    @property
    def used_bytes(self) -> int:
        """How much all models take, with what is reserved for those that are loading."""
        with self.changed:
            return sum(slot.charge_bytes for slot in self.slots.values())

    def make_room(self, rows: Sequence[ModelSpec]) -> list[Slot] | None:
        """What has to be unloaded before `rows` fit (now marked as leaving); empty when they fit, None when they have to wait.

        Raises:
            InsufficientMemoryError: `rows` are larger than the budget.
        """
        if self.in_transit(rows):
            return None
        present = [self.slots[row.name] for row in rows if row.name in self.slots]
        missing = [row for row in rows if row.name not in self.slots]
        needed = sum(map(self.estimate, missing))
        if missing:
            self._refuse_above_budget(rows[-1], needed + sum(slot.charge_bytes for slot in present))
        excess = self.used_bytes + needed - self.budget_bytes
        if not missing or excess <= 0:
            return []
        leaving = sum(slot.charge_bytes for slot in self.slots.values() if slot.state == "leaving")
        return self.leave(victims(excess - leaving, tuple(self.slots.values()), {row.name for row in rows})) or None

    def in_transit(self, rows: Sequence[ModelSpec]) -> bool:
        """Whether one of `rows` is on its way out, so that it can come back only after it is gone."""
        present = [self.slots[row.name] for row in rows if row.name in self.slots]
        return any(slot.state == "leaving" or (slot.state == "loading" and slot.progress.stopped) for slot in present)

    def no_room(self, rows: Sequence[ModelSpec]) -> str:
        """Why `rows` had to wait too long, and what to do, for people."""
        needed = sum(self.estimate(row) for row in rows if row.name not in self.slots)
        return (
            f"There is no room for {rows[-1].name}, {gigabytes(needed)} of the {gigabytes(self.budget_bytes)} for models, beside "
            f"{self.in_use()}: try again when they are done, unpin or eject one, or raise MM_DEMOS_MEMORY_BUDGET_GB."
        )

    def in_use(self) -> str:
        """Who takes the memory and cannot go, for people."""
        return in_use(self.slots.values())

    def estimate(self, row: ModelSpec) -> int:
        """What loading a row will take: its estimate, or what it weighed last time, or a fifth more than its files."""
        return row.memory_bytes or self._weighed.get(row.name) or int(row.size_bytes * 1.2)

    def check_size(self, rows: Sequence[ModelSpec]) -> None:
        """Raise InsufficientMemoryError if `rows` cannot fit even when nothing else is loaded."""
        self._refuse_above_budget(rows[-1], sum(map(self.estimate, rows)))

    def _refuse_above_budget(self, row: ModelSpec, needed: int) -> None:
        if needed > self.budget_bytes:
            raise InsufficientMemoryError(
                f"{row.name} needs about {gigabytes(needed)} and models may take {gigabytes(self.budget_bytes)} in all: "
                "choose a smaller model or raise MM_DEMOS_MEMORY_BUDGET_GB."
            )

    def forget_weight(self, name: str) -> None:
        """What it weighed says nothing any more: it will be loaded in another way."""
        self._weighed.pop(name, None)

    def take(self, rows: Sequence[ModelSpec]) -> tuple[list[Slot], list[Slot]]:
        """Hold the slot of every row: all of them, and those that are new and must be loaded, components first."""
        fresh = []
        for row in rows:
            if row.name not in self.slots:
                parts = tuple(self.slots[name] for name in row.components)
                fresh.append(Slot(row, self.estimate(row), parts=parts))
                self.slots[row.name] = fresh[-1]
                for part in parts:
                    part.builders += 1
        slots = [self.slots[row.name] for row in rows]
        rank = next(self._uses)
        for slot in slots:
            slot.leases += 1
            slot.last_use = rank
        return slots, fresh

    def release(self, slots: Iterable[Slot]) -> None:
        """End one hold of `slots`; a load that nobody waits for any more is stopped."""
        with self.changed:
            for slot in slots:
                slot.leases -= 1
                slot.idle_since = self.clock()
                if slot.state == "loading" and not slot.leases:
                    slot.progress.stop()
            self.changed.notify_all()

    def ready(self, slot: Slot, weight_bytes: int | None) -> None:
        """Count a loaded model with what it was measured to weigh; its estimate stays where the measurement says nothing."""
        slot.grown_bytes = weight_bytes
        if weight_bytes is not None and weight_bytes >= _least_weight(slot):
            slot.charge_bytes = weight_bytes
            self._weighed[slot.name] = weight_bytes
        slot.state = "ready"
        self._built(slot)

    def leave(self, slots: list[Slot]) -> list[Slot]:
        """Mark idle slots as leaving, so that nobody takes hold of them, and return them."""
        for slot in slots:
            slot.state = "leaving"
        return slots

    def drop(self, slot: Slot, error: Exception | None = None) -> None:
        """Take a slot out of the table: its model is gone, or its load failed with `error`."""
        del self.slots[slot.name]
        slot.error = error
        if slot.state == "loading":
            self._built(slot)
        slot.state = "gone" if error is None else "failed"
        self.changed.notify_all()

    def _built(self, slot: Slot) -> None:
        """A load is over: the components no longer wait for it."""
        slot.idle_since = self.clock()
        for part in slot.parts:
            part.builders -= 1
            part.idle_since = slot.idle_since
        self.changed.notify_all()


def _least_weight(slot: Slot) -> float:
    """Bytes below which a measured weight is not believed: memory left by an earlier model is used again without growth."""
    share = slot.charge_bytes / 4
    return min(share, slot.spec.size_bytes / 2) if slot.spec.size_bytes else share


def gigabytes(count: int) -> str:
    """Bytes for people, e.g. "1.25 GB"."""
    return f"{count / 1e9:.2f} GB"
