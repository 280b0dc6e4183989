"""Runs a task for an event: progress out, stop in, one sentence for every fault."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any

from mm_demos.errors import (
    BusyError,
    DemoError,
    InsufficientMemoryError,
    InvalidInputError,
    MissingDependencyError,
    StoppedError,
    UnknownModelError,
    WeightsUnavailableError,
)
from mm_demos.models import loader
from mm_demos.progress import Progress, Update

logger = logging.getLogger(__name__)

MIN_GAP = 0.05  # seconds between two steps; more often only costs network and paint
TICK = 0.25  # seconds; a silent task still yields this often, so that closing the generator reaches it
_TITLES: tuple[tuple[type[DemoError], str], ...] = (
    (InvalidInputError, "Please check the input"),
    (UnknownModelError, "Unknown model"),
    (WeightsUnavailableError, "Weights not available"),
    (MissingDependencyError, "Something is not installed"),
    (InsufficientMemoryError, "Not enough memory"),
    (BusyError, "Busy right now"),
    (StoppedError, "Stopped"),
)


@dataclass(frozen=True, slots=True)
class Fault:
    """What a visitor is told about a run that failed: plain text, not yet escaped."""

    title: str
    message: str
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """The state of a run at one moment.

    Args:
        update: the latest progress.
        result: a newer (possibly partial) result than in the step before; None when there is none.
        finished: this is the last step.
        elapsed: seconds since the run began.
        remaining: estimated seconds to go; None when unknown.
        fault: why the run ended without a complete result.
    """

    update: Update | None
    result: Any
    finished: bool
    elapsed: float
    remaining: float | None = None
    fault: Fault | None = None


def fault_of(error: BaseException) -> Fault:
    """The sentence for an error; an unexpected one is logged under an id, and only the id is told."""
    if isinstance(error, DemoError):
        title = next((title for kind, title in _TITLES if isinstance(error, kind)), "This did not work")
        return Fault(title, str(error), isinstance(error, StoppedError))
    number = secrets.token_hex(4)
    logger.error("unexpected error %s", number, exc_info=error)
    return Fault("Something went wrong", f"An unexpected error ended this run; please report it with the number {number}.")


def error_for(fault: Fault) -> DemoError:
    """The error that a fault was made of, as far as its title tells."""
    return next((kind for kind, title in _TITLES if title == fault.title), DemoError)(fault.message)


class TaskRun:
    """One run of a task in a worker thread.

    Args:
        work: called with the run's `Progress`; returns a result or an iterator of results, the last one complete.
        lane: held while the task computes, so that a stopped run that has not yet noticed never computes beside the next one.
    """

    def __init__(self, work: Callable[[Progress], Any], lane: threading.Lock) -> None:
        self.progress = Progress(self._receive)
        self._work = work
        self._lane = lane
        self._changed = threading.Condition()
        self._news = False
        self._finished = False
        self._update: Update | None = None
        self._result: Any = None
        self._error: BaseException | None = None
        self._since: tuple[str, float, float] | None = None  # message, time and fraction at its first update
        # Who asks is told by the context, which a thread does not take along; ZeroGPU counts a visitor's share by it.
        self._thread = threading.Thread(target=copy_context().run, args=(self._run,), daemon=True, name="task")

    def steps(self) -> Iterator[Step]:
        """Run the task and yield its steps, at most one every 50 ms; closing the iterator stops the task."""
        began = time.monotonic()
        unsubscribe = loader.shared().subscribe(self._on_load_event)
        self._thread.start()
        try:
            while True:
                step = self._take(began)
                yield step
                if step.finished:
                    return
                with self._changed:
                    self._changed.wait_for(lambda: self._finished, timeout=MIN_GAP)
        finally:
            self.progress.stop()
            unsubscribe()

    def _take(self, began: float) -> Step:
        with self._changed:
            self._changed.wait_for(lambda: self._news or self._finished, timeout=TICK)
            self._news = False
            result, self._result = self._result, None
            finished, update = self._finished, self._update
        fault = fault_of(self._error) if finished and self._error is not None else None
        return Step(update, result, finished, time.monotonic() - began, self._remaining(update), fault)

    def _remaining(self, update: Update | None) -> float | None:
        if update is None or update.fraction is None or self._since is None or self._since[0] != update.message:
            return None
        _, start, first = self._since
        spent, share = time.monotonic() - start, update.fraction - first
        if spent < 1.0 or share <= 0:
            return None
        return spent * (1.0 - update.fraction) / share

    def _receive(self, update: Update) -> None:
        with self._changed:
            if update.fraction is not None and (self._since is None or self._since[0] != update.message):
                self._since = (update.message, time.monotonic(), update.fraction)
            self._update, self._news = update, True
            self._changed.notify()

    def _on_load_event(self, event: loader.LoadEvent) -> None:
        # Queueing, downloads and loads reach this run through its own `Progress`; these two are told to all who listen.
        if event.kind in {"notice", "evicted"} and event.message:
            self._receive(Update(event.message))

    def _run(self) -> None:
        try:
            self._enter_lane()
            try:
                self._consume(self._work(self.progress))
            finally:
                self._lane.release()
        except BaseException as error:
            self._error = error
        with self._changed:
            self._finished = True
            self._changed.notify()

    def _enter_lane(self) -> None:
        while not self._lane.acquire(timeout=0.2):
            self.progress.report("Waiting for the run before this one to stop")

    def _consume(self, produced: Any) -> None:
        if not isinstance(produced, Iterator):
            self._publish(produced)
            return
        try:
            for result in produced:
                self._publish(result)
                self.progress.checkpoint()
        finally:
            close = getattr(produced, "close", None)
            if close is not None:
                close()

    def _publish(self, result: Any) -> None:
        with self._changed:
            self._result, self._news = result, True
            self._changed.notify()
