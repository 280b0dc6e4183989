"""What happens to models, told to whoever shows it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

log = logging.getLogger(__name__)

Kind = Literal["queued", "downloading", "loading", "ready", "evicted", "failed", "notice"]
Listener = Callable[["LoadEvent"], None]


@dataclass(frozen=True, slots=True)
class LoadEvent:
    """One step in a model's life, for progress displays."""

    model: str
    kind: Kind
    message: str = ""
    done: float | None = None
    total: float | None = None


class Events:
    """Hands every event to every listener, on the thread on which it happens; a listener's error is logged, no more."""

    def __init__(self) -> None:
        self._listeners: tuple[Listener, ...] = ()
        self._lock = threading.Lock()

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` on every event from now on; returns the function that ends it."""
        with self._lock:
            self._listeners += (listener,)

        def end() -> None:
            with self._lock:
                self._listeners = tuple(other for other in self._listeners if other is not listener)

        return end

    def after_fork(self) -> None:
        """In a forked child nobody listens: the pages are the parent's."""
        self._listeners = ()
        self._lock = threading.Lock()

    def emit(self, event: LoadEvent) -> None:
        """Tell all listeners; never call it while holding a lock that a listener could want."""
        for listener in self._listeners:
            try:
                listener(event)
            except Exception:
                log.exception("A listener failed on %s", event)
