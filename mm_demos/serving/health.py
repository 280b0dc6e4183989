"""Whether the page is up and can take a run, and why not."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import mm_demos
from mm_demos import accelerator
from mm_demos.models import catalog, loader, weights
from mm_demos.settings import Profile, settings
from mm_demos.tabs import TabSpec

LEAST_MEMORY_BYTES = 200_000_000  # below this the system begins to end programs
LEAST_DISK_BYTES = 100_000_000  # uploads and results are files for an hour

State = Literal["resident", "ready", "missing"]


@dataclass(frozen=True, slots=True)
class Queue:
    """Runs that wait and run now, and how many may wait."""

    waiting: int
    running: int
    places: int


@dataclass(frozen=True, slots=True)
class Health:
    """The state of a page.

    Args:
        status: "ready" when the next run can begin or wait.
        reason: why it is not ready; empty otherwise.
        models: of the shown tabs: in memory, on disk, or still to be fetched.
        others: what else is in memory.
        memory_free_bytes: of the machine, or of its control group.
        disk_free_bytes: where weights are kept.
    """

    status: Literal["ready", "not ready"]
    reason: str
    version: str
    uptime_seconds: float
    profile: Profile
    models: dict[str, State]
    others: tuple[str, ...]
    memory_used_by_models_bytes: int
    memory_budget_bytes: int
    memory_free_bytes: int
    disk_free_bytes: int
    queue: Queue

    def as_json(self, *, full: bool) -> dict[str, Any]:
        """The answer; who is not let in learns no more than whether the page is ready."""
        return asdict(self) if full else {"status": self.status}


def examine(blocks: Any, specs: Sequence[TabSpec], began: float) -> Health:
    """The state of a page now.

    Args:
        blocks: the page.
        specs: its tabs.
        began: when it was started, on the monotonic clock.
    """
    models = loader.shared()
    resident = {model.name for model in models.resident()}
    states = {row.name: _state(row, resident) for row in _rows(specs)}
    queue = Queue(len(blocks._queue), blocks._queue.get_active_worker_count(), settings().queue_size)
    memory, disk = accelerator.available_bytes(), accelerator.free_disk_bytes(settings().cache_dir)
    reason = _reason(blocks, states, queue, memory, disk)
    return Health(
        status="not ready" if reason else "ready",
        reason=reason,
        version=mm_demos.__version__,
        uptime_seconds=round(time.monotonic() - began, 1),
        profile=settings().profile,
        models=states,
        others=tuple(sorted(resident - states.keys())),
        memory_used_by_models_bytes=models.used_bytes,
        memory_budget_bytes=models.budget_bytes,
        memory_free_bytes=memory,
        disk_free_bytes=disk,
        queue=queue,
    )


def _rows(specs: Sequence[TabSpec]) -> list[catalog.ModelSpec]:
    roles = dict.fromkeys(role for spec in specs for role in spec.roles)
    there = [role for role in roles if catalog.rows("embedded", role)]  # an installation may come without its painter
    names = dict.fromkeys(part.name for role in there for part in catalog.expand(catalog.default(role)))
    return [catalog.spec(name) for name in names]


def _state(row: catalog.ModelSpec, resident: set[str]) -> State:
    if row.name in resident:
        return "resident"
    return "missing" if weights.missing_bytes(row) else "ready"


def _reason(blocks: Any, states: dict[str, State], queue: Queue, memory: int, disk: int) -> str:
    missing = [name for name, state in states.items() if state == "missing"]
    if blocks._queue.stopped:
        return "The queue has stopped: start the page again."
    if queue.waiting >= queue.places:
        return f"The queue is full: {queue.waiting} runs wait."
    if memory < LEAST_MEMORY_BYTES:
        return f"Only {memory // 1_000_000} MB of memory are free."
    if disk < LEAST_DISK_BYTES:
        return f"Only {disk // 1_000_000} MB are free on the disk with the weights."
    if missing and settings().offline:
        return f"Offline, and the weights of {', '.join(missing)} are missing."
    return ""
