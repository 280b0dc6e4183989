"""How models leave memory: on demand, when they were idle too long, or when the loaded ones weigh more than expected."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

from mm_demos import accelerator
from mm_demos.models.events import Events, LoadEvent
from mm_demos.models.loading import Scale
from mm_demos.models.slots import Slot, removable, victims
from mm_demos.models.table import Table

log = logging.getLogger(__name__)


class Housekeeping:
    """Unloads models; one daemon thread does it for idle ones while anything is resident.

    Args:
        table: the loader's slots.
        events: told about every model that leaves.
        scale: told that memory moves, so that no load is weighed meanwhile.
        idle_seconds: unload a model unused this long; 0 never.
    """

    def __init__(self, table: Table, events: Events, scale: Scale, idle_seconds: float) -> None:
        self._table = table
        self._events = events
        self._scale = scale
        self._idle_seconds = idle_seconds
        self._thread: threading.Thread | None = None

    def unload(self, slots: Sequence[Slot], why: str) -> None:
        """Free slots that were marked as leaving, in order, and give their memory back; called without the lock."""
        if not slots:
            return
        with self._scale.weigh():
            for slot in slots:
                _close(slot)
            accelerator.release_memory()
        with self._table.changed:
            for slot in slots:
                self._table.drop(slot)
        for slot in slots:
            self._events.emit(LoadEvent(slot.name, "evicted", f"{slot.name} was unloaded: {why}"))

    def tidy(self) -> None:
        """Unload what was idle too long, and the least recently used while models take more than the budget."""
        table = self._table
        with table.changed:
            slots = tuple(table.slots.values())
            expired = [] if not self._idle_seconds else [slot for slot in slots if self._rest(slot) <= 0]
            idle = table.leave(list(dict.fromkeys(member for slot in expired for member in removable(slot, slots))))
            leaving = sum(slot.charge_bytes for slot in slots if slot.state == "leaving")
            excess = table.used_bytes - leaving - table.budget_bytes
            heavy = table.leave(victims(excess, slots, partly=True))
        self.unload(idle, "not used for a while")
        self.unload(heavy, "models took more than their budget")

    def after_fork(self) -> None:
        """In a forked child the thread is not running."""
        self._thread = None

    def start(self) -> None:
        """Start the thread if it is not running; called with the lock held."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="idle-unload", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while True:
            self.tidy()
            with self._table.changed:
                slots = tuple(self._table.slots.values())
                if not slots:
                    self._thread = None
                    return
                rests = [self._rest(slot) for slot in slots if removable(slot, slots)]
                rest = min(rests) if rests and self._idle_seconds else None
                self._table.changed.wait(None if rest is None else max(0.01, rest))

    def _rest(self, slot: Slot) -> float:
        """Seconds until an idle slot has been idle too long."""
        return slot.idle_since + self._idle_seconds - self._table.clock() if slot.idle else self._idle_seconds


def _close(slot: Slot) -> None:
    """Let go of a model; what it does on closing may fail, but the model goes."""
    model, slot.model = slot.model, None
    close = getattr(model, "close", None)
    if close is None:
        return
    try:
        close()
    except Exception:
        log.exception("%s failed to close", slot.name)
