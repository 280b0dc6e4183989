"""Kill an indexing process at random moments, again and again; `python crash_driver.py RECORDINGS LIBRARIES KILLS SEED`.

Every run is a fork of this process, so that it starts at once and dies as a whole. Prints one JSON object.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import sys
import time
from pathlib import Path

from sound_doubles import contents, indexed

from mm_demos.retrieval.library import Library


def killed_run(folder: Path, root: Path, seconds: float) -> bool:
    """Index in a child, and kill it after so many seconds; whether it was still at work."""
    child = os.fork()
    if child == 0:
        with Library.open("crash", root=root, create=True) as library:
            indexed(library, folder)
        os._exit(0)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if os.waitpid(child, os.WNOHANG)[0]:
            return False
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return True


def main(folder: Path, root: Path, kills: int, seed: int) -> None:
    with Library.open("whole", root=root, create=True) as library:
        started = time.monotonic()
        indexed(library, folder)
        duration = time.monotonic() - started
        whole = contents(library)
    chance = random.Random(seed)
    counts, at_work, late = [0], 0, 0
    while at_work < kills and late < 50:
        # Short enough that all the kills fall into the work; the first steps are opening and recovering.
        if killed_run(folder, root, chance.uniform(0, 2.5 * duration / kills)):
            at_work += 1
        else:
            late += 1
            (root / "crash").rename(root / f"crash-{late}")  # it was done: begin anew
            counts.append(0)
        with Library.open("crash", root=root, create=True) as library:
            counts.append(library.info().files)
    with Library.open("crash", root=root) as library:
        last = indexed(library, folder)
        same = contents(library) == whole
    kept = all(later >= earlier for earlier, later in itertools.pairwise(counts) if later)
    print(json.dumps({"kills": at_work, "same": same, "kept": kept, "counts": counts, "faults": len(last.faults)}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
