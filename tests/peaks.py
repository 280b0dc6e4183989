"""How long a step takes and how far the process grows in it."""

from __future__ import annotations

import threading
import time

import psutil


class Peak:
    """Afterwards `seconds` is the wall time and `grown_bytes` the peak of the resident set over its start."""

    seconds = 0.0
    grown_bytes = 0

    def __enter__(self) -> Peak:
        self._process = psutil.Process()
        self._over = threading.Event()
        self._start = self._highest = self._process.memory_info().rss
        self._watch = threading.Thread(target=self._sample, daemon=True)
        self._watch.start()
        self._began = time.perf_counter()
        return self

    def _sample(self) -> None:
        while not self._over.wait(0.005):
            self._highest = max(self._highest, self._process.memory_info().rss)

    def __exit__(self, *_: object) -> None:
        self.seconds = time.perf_counter() - self._began
        self._over.set()
        self._watch.join()
        self.grown_bytes = max(self._highest, self._process.memory_info().rss) - self._start


def is_one_sentence(text: str) -> bool:
    """One line that ends in a full stop, short enough to read, without the words of a traceback."""
    words = ("Traceback", "Errno", "Error", "0x", "object at", 'File "')
    return "\n" not in text and text.endswith(".") and 20 < len(text) < 300 and not any(word in text for word in words)
