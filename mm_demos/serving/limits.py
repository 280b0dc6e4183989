"""How often and how long: one account per key, charged by every door, and the pause after wrong passwords."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable

from mm_demos.serving.keys import Key

MINUTE, DAY = 60.0, 86_400.0
FAILURES = 5  # wrong passwords in a row before a name has to wait
PAUSE_SECONDS = 60.0
FORGOTTEN_SECONDS = 900.0
NAMES_KEPT = 10_000  # an attacker who makes names up costs bounded memory


class Limits:
    """Requests of the last minute and seconds of computing of the day, by the name of the key.

    Args:
        clock: seconds since 1970, UTC.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._starts: dict[str, deque[float]] = {}
        self._spent: dict[str, tuple[int, float]] = {}

    def admit(self, key: Key) -> float:
        """Count one request; 0.0 when it may go on, otherwise the seconds until it is worth trying again."""
        with self._lock:
            now = self._clock()
            starts = self._starts.setdefault(key.name, deque())
            while starts and (starts[0] <= now - MINUTE or starts[0] > now):
                starts.popleft()
            if key.per_minute and len(starts) >= key.per_minute:
                return max(starts[0] + MINUTE - now, 0.001)
            if key.per_minute:
                starts.append(now)
            return 0.0

    def rest(self, key: Key) -> float:
        """0.0 while the key has computing left today, otherwise the seconds until midnight UTC."""
        with self._lock:
            now = self._clock()
            day, seconds = self._spent.get(key.name, (0, 0.0))
            used_up = key.seconds_per_day and day == int(now // DAY) and seconds >= key.seconds_per_day
            return DAY - now % DAY if used_up else 0.0

    def spend(self, name: str, seconds: float) -> None:
        """Charge a run to a key."""
        with self._lock:
            today = int(self._clock() // DAY)
            day, before = self._spent.get(name, (today, 0.0))
            self._spent[name] = (today, seconds + (before if day == today else 0.0))


class Throttle:
    """Makes a name wait after wrong passwords, whether anybody has that name or not.

    Args:
        clock: seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def wait(self, name: str) -> float:
        """Seconds until this name may try again; 0.0 now."""
        with self._lock:
            count, last = self._failures.get(name, (0, 0.0))
            return max(0.0, last + PAUSE_SECONDS - self._clock()) if count >= FAILURES else 0.0

    def failed(self, name: str) -> None:
        """One more wrong password, counted before it is looked at, so that many at once gain nothing."""
        with self._lock:
            count, last = self._failures.pop(name, (0, 0.0))
            now = self._clock()
            self._failures[name] = (count + 1 if now - last < FORGOTTEN_SECONDS else 1, now)
            if len(self._failures) > NAMES_KEPT:
                self._failures.popitem(last=False)

    def succeeded(self, name: str) -> None:
        """The password was right: the name starts anew."""
        with self._lock:
            self._failures.pop(name, None)
