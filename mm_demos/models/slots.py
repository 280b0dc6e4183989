"""The loader's book-keeping: one slot per model that is loading, resident or leaving, and which of them may go."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from mm_demos.models.catalog import ModelSpec
from mm_demos.progress import Progress, Update


@dataclass(frozen=True, slots=True)
class Resident:
    """A loaded model: `memory_bytes` is the growth of the resident set with its load, `leases` how many hold it now."""

    name: str
    engine: str
    device: str
    dtype: str
    memory_bytes: int
    load_seconds: float
    leases: int
    pinned: bool
    idle_seconds: float


@dataclass(slots=True, eq=False)
class Slot:
    """Where one model is in its life.

    Args:
        spec: its catalog row.
        charge_bytes: what the budget counts: the estimate until the load is done, the measured growth afterwards if it is
            plausible (memory that an earlier model left is used again without growth).
        grown_bytes: how much the resident set grew with the load; None when that could not be told.
        state: "failed" and "gone" slots are out of the loader's table; waiters may still look at them.
        parts: slots of the components.
        leases: requests that wait for the model or use it.
        builders: models made of it that are loading.
        last_use: rank of its last lease, for least-recently-used order.
        progress: stops the load; `update` is what it reported last.
    """

    spec: ModelSpec
    charge_bytes: int
    grown_bytes: int | None = None
    state: Literal["loading", "ready", "leaving", "failed", "gone"] = "loading"
    model: Any = None
    engine: str = ""
    device: str = ""
    dtype: str = ""
    load_seconds: float = 0.0
    parts: tuple[Slot, ...] = ()
    leases: int = 0
    builders: int = 0
    pinned: bool = False
    placed: bool = False
    last_use: int = 0
    idle_since: float = 0.0
    error: Exception | None = None
    progress: Progress = field(default_factory=Progress)
    update: Update | None = None

    @property
    def name(self) -> str:
        """Catalog name."""
        return self.spec.name

    @property
    def idle(self) -> bool:
        """Loaded, and nobody uses it, waits for it or is being built of it."""
        return self.state == "ready" and not self.leases and not self.builders

    def resident(self, now: float) -> Resident:
        """Its public face at clock time `now`."""
        idle = 0.0 if self.leases or self.builders else max(0.0, now - self.idle_since)
        memory = self.charge_bytes if self.grown_bytes is None else max(0, self.grown_bytes)
        return Resident(
            self.name, self.engine, self.device, self.dtype, memory, self.load_seconds, self.leases, self.pinned, idle
        )


def dependents(slot: Slot, slots: Iterable[Slot]) -> list[Slot]:
    """Slots of models made of this one, directly or not, outermost first."""
    users = [other for other in slots if slot.name in other.spec.components]
    outer = [far for user in users for far in dependents(user, slots)]
    return list(dict.fromkeys([*outer, *users]))


def removable(slot: Slot, slots: Collection[Slot], keep: Collection[str] = ()) -> list[Slot]:
    """What has to go to free `slot`, in order and with `slot` last; empty when it has to stay."""
    group = [*dependents(slot, slots), slot]
    free = all(member.idle and not member.pinned and member.name not in keep for member in group)
    return [member for member in group if member.state == "ready"] if free else []


def victims(needed_bytes: int, slots: Sequence[Slot], keep: Collection[str] = (), partly: bool = False) -> list[Slot]:
    """The least recently used idle models that free `needed_bytes` together; empty when they cannot.

    Args:
        needed_bytes: how much must be freed.
        slots: everything in the loader's table.
        keep: names that must stay: those the request itself needs.
        partly: free what can be freed even when it is not enough.
    """
    chosen: dict[Slot, None] = {}
    for slot in sorted(slots, key=lambda slot: slot.last_use):
        if sum(other.charge_bytes for other in chosen) >= needed_bytes:
            break
        if slot.charge_bytes:  # a model of nothing but components frees nothing by itself
            chosen.update(dict.fromkeys(removable(slot, slots, keep)))
    enough = partly or sum(slot.charge_bytes for slot in chosen) >= needed_bytes
    return list(chosen) if enough else []


def in_use(slots: Iterable[Slot]) -> str:
    """Who takes the memory and cannot go, for people."""
    names = []
    for slot in slots:
        if slot.state == "loading":
            names.append(f"{slot.name} (loading)")
        elif slot.leases or slot.builders:
            names.append(f"{slot.name} (in use)")
        elif slot.pinned:
            names.append(f"{slot.name} (pinned)")
    return ", ".join(names) or "nothing"
