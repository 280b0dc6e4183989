"""Loads on threads of their own, one job per request that found something missing."""

from __future__ import annotations

import copy
import logging
import threading
import time
import traceback
from collections.abc import Mapping, Sequence

from mm_demos import accelerator
from mm_demos.errors import DemoError, InsufficientMemoryError
from mm_demos.models import loading
from mm_demos.models.choices import AS_PUBLISHED, ModelChoices
from mm_demos.models.events import Events, Kind, LoadEvent
from mm_demos.models.housekeeping import Housekeeping
from mm_demos.models.loading import Loaded
from mm_demos.models.slots import Slot, victims
from mm_demos.models.table import Table, gigabytes
from mm_demos.progress import Update

log = logging.getLogger(__name__)


class Jobs:
    """Fills slots; a slot that fails tells every waiter the same error and leaves nothing behind.

    A wait for a slot of another job always points to a job that began earlier, because a request takes hold of everything it
    needs in one step; so no circle of waits can close.
    """

    def __init__(
        self,
        table: Table,
        events: Events,
        scale: loading.Scale,
        house: Housekeeping,
        trial: loading.Trial,
        *,
        choices: Mapping[str, ModelChoices],
    ) -> None:
        self._table = table
        self._events = events
        self._scale = scale
        self._house = house
        self._trial = trial
        self._choices = choices

    def start(self, fresh: Sequence[Slot]) -> None:
        """Load `fresh`, components first; called with the lock held."""
        if fresh:
            threading.Thread(target=self._run, args=(fresh,), name=f"load-{fresh[-1].name}", daemon=True).start()

    def _run(self, fresh: Sequence[Slot]) -> None:
        for slot in fresh:
            self._fill(slot)
        with self._table.changed:
            self._house.start()
        self._house.tidy()

    def _fill(self, slot: Slot) -> None:
        """Load one slot and say how it went."""
        started = time.monotonic()
        try:
            loaded = self._load(slot)
        except BaseException as error:
            # What ends a thread or the interpreter must not do so in every waiter.
            failure = error if isinstance(error, Exception) else RuntimeError(f"{slot.name} failed to load: {error!r}")
            log_failure(slot.name, error)
        else:
            slot.model, slot.engine, slot.device, slot.dtype = loaded.model, loaded.engine, loaded.device, loaded.dtype
            slot.load_seconds = time.monotonic() - started
            with self._table.changed:
                self._table.ready(slot, loaded.weight_bytes)
            self._events.emit(LoadEvent(slot.name, "ready", f"{slot.name} is ready after {slot.load_seconds:.1f} s"))
            return
        forget_frames(failure)  # frames hold what the load had made so far
        accelerator.release_memory()
        with self._table.changed:
            self._table.drop(slot, failure)
        self._events.emit(LoadEvent(slot.name, "failed", str(failure) or type(failure).__name__))

    def _load(self, slot: Slot) -> Loaded:
        """Load one slot once its components are there; when memory runs out, try once more without the idle models."""
        with self._table.changed:
            self._table.changed.wait_for(lambda: all(part.state != "loading" for part in slot.parts))
        for part in slot.parts:
            if part.error is not None:
                raise own_copy(part.error)
        slot.progress.on_update = lambda update: self._pass_on(slot, update)
        loaded = self._call(slot)
        if loaded is None:
            self._free_idle(slot)
            loaded = self._call(slot)
        if loaded is None:
            free = gigabytes(accelerator.available_bytes())
            raise InsufficientMemoryError(
                f"{slot.name} does not fit into the {free} of memory free now: close other programs or choose a smaller model."
            )
        return loaded

    def _call(self, slot: Slot) -> Loaded | None:
        """Load with whatever engine works; None when memory ran out."""
        slot.progress.checkpoint()
        try:
            return loading.load(
                slot.spec,
                {part.name: part.model for part in slot.parts},
                slot.progress,
                scale=self._scale,
                trial=self._trial,
                notice=lambda message: self._events.emit(LoadEvent(slot.name, "notice", message)),
                choices=self._choices.get(slot.name, AS_PUBLISHED),
            )
        except Exception as error:
            if not loading.out_of_memory(error):
                raise
            log_failure(slot.name, error)
        accelerator.release_memory()
        return None

    def _free_idle(self, slot: Slot) -> None:
        """Unload every idle model."""
        with self._table.changed:
            slots = tuple(self._table.slots.values())
            going = self._table.leave(victims(self._table.used_bytes, slots, partly=True))
        self._house.unload(going, f"memory ran out while {slot.name} was loading")

    def _pass_on(self, slot: Slot, update: Update) -> None:
        """Show a load's report to the waiting requests and the listeners."""
        with self._table.changed:
            slot.update = update
            self._table.changed.notify_all()
        kind: Kind = "downloading" if update.unit == "bytes" else "loading"
        self._events.emit(LoadEvent(slot.name, kind, update.message, update.done, update.total))


def log_failure(name: str, error: BaseException) -> None:
    """Log why a load failed, as text: a log record that carries the traceback could keep the half-loaded model alive."""
    if isinstance(error, DemoError):
        log.info("%s was not loaded: %s", name, error)
    else:
        log.warning("%s failed to load\n%s", name, "".join(traceback.format_exception(error)))


def own_copy(error: Exception) -> Exception:
    """The same error for one more thread: raising it adds a traceback, which must not be shared."""
    try:
        return copy.copy(error)
    except Exception:  # an error class whose arguments are not those of its constructor
        return error


def forget_frames(error: BaseException) -> None:
    """Take the traceback off an error and off those behind it, so that it keeps no local variable alive."""
    link: BaseException | None = error
    seen: set[int] = set()
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        link.__traceback__ = None
        link = link.__cause__ or link.__context__
