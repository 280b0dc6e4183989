"""A model's first load, done before its first visitor comes: graphs are written and engines tried, and the cache keeps both."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil

from mm_demos import __version__
from mm_demos.errors import DemoError
from mm_demos.machine import child_search_path
from mm_demos.models import catalog, loader, weights
from mm_demos.models.spec import ModelSpec
from mm_demos.progress import Progress

LEAST = 19  # the niceness of a process that takes what the others leave


def is_prepared(row: ModelSpec) -> bool:
    """Whether this version loaded the model before, with the cache that is there now."""
    return _note(row).exists()


def prepare(row: ModelSpec, progress: Progress) -> bool:
    """Load a model once; False when that was done before.

    Raises:
        DemoError: it cannot be fetched, prepared or loaded.
    """
    if is_prepared(row):
        return False
    with loader.shared().lease(row.name, progress=progress):
        _note(row).touch()
    return True


@contextlib.contextmanager
def meanwhile(names: Sequence[str]) -> Iterator[subprocess.Popen[bytes] | None]:
    """Prepare these models in a process of the least priority, which ends with the body at the latest; None if all are.

    Who needs one of them before waits for that one alone. What cannot be prepared is left to the run that needs it and says why.
    """
    todo = [name for name in names if not is_prepared(catalog.spec(name))]
    if not todo:
        yield None
        return
    child = subprocess.Popen(
        [sys.executable, "-m", __name__, *todo],
        env={**os.environ, "PYTHONPATH": child_search_path()},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        with contextlib.suppress(psutil.Error, OSError):  # it may have ended; elsewhere than on Unix it keeps its priority
            psutil.Process(child.pid).nice(LEAST)
        yield child
    finally:
        with contextlib.suppress(psutil.Error):
            for started in psutil.Process(child.pid).children(recursive=True):
                started.kill()
        child.kill()
        child.wait()


def main(names: Sequence[str]) -> None:
    """Prepare models one after the other."""
    for name in names:
        with contextlib.suppress(DemoError):
            prepare(catalog.spec(name), Progress())
        for resident in loader.shared().resident():  # the page's own process may need the memory
            loader.shared().eject(resident.name)


def _note(row: ModelSpec) -> Path:
    # What is prepared lies in the cache, so the note that it is lies there too; at worst the work is done again.
    return weights.derived_folder(row) / f"prepared-{__version__}"


if __name__ == "__main__":
    main(sys.argv[1:])
