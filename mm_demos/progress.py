"""What a running task tells its caller, and how the caller tells it to stop."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from mm_demos.errors import StoppedError


@dataclass(frozen=True, slots=True)
class Update:
    """One line of progress.

    Args:
        message: what is being done, for people.
        done: how many `unit` are finished; None when it cannot be counted.
        total: how many there are in all; None when unknown.
        unit: "bytes", "seconds", "files", "tokens", …
    """

    message: str
    done: float | None = None
    total: float | None = None
    unit: str = ""

    @property
    def fraction(self) -> float | None:
        """Share finished in [0, 1], or None when it cannot be known."""
        if self.done is None or not self.total:
            return None
        return min(1.0, max(0.0, self.done / self.total))


@dataclass(slots=True)
class Progress:
    """A task reports through it and asks it whether to stop; safe to use from several threads.

    Args:
        on_update: receives each `Update`; called on the reporting thread, so it must return at once.
    """

    on_update: Callable[[Update], None] | None = None
    _stop: threading.Event = field(default_factory=threading.Event)

    def report(self, message: str, done: float | None = None, total: float | None = None, unit: str = "") -> None:
        """Tell the caller how far the task is, and stop here if the caller asked for it.

        Raises:
            StoppedError: `stop()` was called.
        """
        self.checkpoint()
        if self.on_update is not None:
            self.on_update(Update(message, done, total, unit))

    def checkpoint(self) -> None:
        """Raise `StoppedError` if `stop()` was called; call it once per token, segment or step."""
        if self._stop.is_set():
            raise StoppedError("Stopped.")

    def stop(self) -> None:
        """Ask the task to end at its next checkpoint."""
        self._stop.set()

    def part(self, on_update: Callable[[Update], None] | None = None) -> Progress:
        """A progress for one part of the work: it reports to `on_update` alone, and stops with this one."""
        return Progress(on_update, self._stop)

    @property
    def stopped(self) -> bool:
        """Whether `stop()` was called."""
        return self._stop.is_set()
