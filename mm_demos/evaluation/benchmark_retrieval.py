"""How fast a library is searched, and how much memory it takes: `python -m mm_demos evaluate retrieval-speed`.

The exact search of a million sentence vectors is set against one pass over the same memory in the same run, in turns, so that
other load on the machine falls on both. A library of 100,000 windows is written and searched through the task, with the models
that it loads, by what is said and how it sounds; the most that the whole process held is told. Vectors and words are drawn by
chance.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

from mm_demos import accelerator
from mm_demos.evaluation.arguments import positive, run
from mm_demos.models.protocols import FloatArray
from mm_demos.results import LabelScore, Word
from mm_demos.retrieval.library import Library
from mm_demos.retrieval.storage import Stamp
from mm_demos.retrieval.types import Entry, FileInfo, Window
from mm_demos.retrieval.vectors import nearest
from mm_demos.tasks.retrieval import search
from mm_demos.tasks.retrieval_recipe import recipe

DIM, SOUND_DIM, TOP_K = 384, 128, 10
DRAWN_ROWS = 1 << 14  # at once
WINDOWS_PER_FILE = 500
LABELS = ("dog bark", "rain", "sea waves", "baby cry", "clock tick", "person sneeze", "helicopter", "chainsaw", "rooster", "fire")
WORDS_PER_WINDOW = 25
WORDS = ("w17 w256 w900", "a dog barks", "w15000")
PROMISED_BYTES = 1.2e9


@dataclass(frozen=True, slots=True)
class SearchSpeed:
    """Exact search against one pass over the memory.

    Args:
        pass_seconds: reading every vector once, the median of all turns.
        search_seconds: the exact top 10, the median of all turns.
        ratio: the median of the turns' ratios.
        best_ratio: the quickest search over the quickest pass.
        recall: share of the true top 10 that was found.
    """

    rows: int
    turns: int
    pass_seconds: float
    search_seconds: float
    ratio: float
    best_ratio: float
    recall: float


@dataclass(frozen=True, slots=True)
class LibrarySize:
    """A library of many windows: the most that the process held, what is on the disk, and how long searches take."""

    windows: int
    write_seconds: float
    peak_bytes: int
    fits: bool
    disk_bytes: int
    open_seconds: float
    search_seconds: float


@dataclass(frozen=True, slots=True)
class Report:
    """Both measurements; promised are a ratio of at most 1.5 and 1.2 GB."""

    search: SearchSpeed
    library: LibrarySize


def unit_vectors(rows: int, dim: int, seed: int = 0) -> FloatArray:
    """Vectors (rows, dim) float32 of length 1, drawn block by block."""
    rng = np.random.default_rng(seed)
    vectors = np.empty((rows, dim), np.float32)
    for start in range(0, rows, DRAWN_ROWS):
        block = rng.standard_normal((min(DRAWN_ROWS, rows - start), dim), np.float32)
        vectors[start : start + DRAWN_ROWS] = block / np.linalg.norm(block, axis=1, keepdims=True)
    return vectors


def one_pass(vectors: FloatArray) -> float:
    """Read every number once: a product with a vector of ones, which the BLAS does with all its threads."""
    return float((vectors @ np.ones(vectors.shape[1], np.float32)).sum())


def timed(work: Callable[[], object]) -> float:
    """Seconds it takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def search_speed(rows: int, turns: int) -> SearchSpeed:
    """Search and pass in turns."""
    vectors = unit_vectors(rows, DIM)
    queries = unit_vectors(turns, DIM, seed=1)
    passes, searches, found = [], [], 0
    one_pass(vectors)  # pages and threads are there now
    for query in queries:
        passes.append(timed(lambda: one_pass(vectors)))
        start = time.perf_counter()
        best, _ = nearest(vectors, query, TOP_K)
        searches.append(time.perf_counter() - start)
        found += len(set(best.tolist()) & set(np.argsort(-(vectors @ query))[:TOP_K].tolist()))
    ratios = [search / read for search, read in zip(searches, passes, strict=True)]
    return SearchSpeed(
        rows=rows,
        turns=turns,
        pass_seconds=median(passes),
        search_seconds=median(searches),
        ratio=median(ratios),
        best_ratio=min(searches) / min(passes),
        recall=found / (TOP_K * turns),
    )


def library_size(windows: int, turns: int) -> LibrarySize:
    """Write a library, open it again and search it."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        with Library.open("many", root=root, create=True) as library:
            write_seconds = timed(lambda: _fill(library, windows))
        start = time.perf_counter()
        with accelerator.PeakMemory() as memory, Library.open("many", root=root) as library:
            disk_bytes = library.info().bytes
            open_seconds = time.perf_counter() - start
            search(WORDS[0], library=library)  # loads the models
            times = [timed(lambda: search(WORDS[turn % len(WORDS)], library=library)) for turn in range(turns)]  # noqa: B023
            peak = memory.peak()
    return LibrarySize(windows, write_seconds, peak, peak < PROMISED_BYTES, disk_bytes, open_seconds, median(times))


def _fill(library: Library, windows: int) -> None:
    rng = np.random.default_rng(4)
    with library.writing():
        library.begin(recipe())
        for number, start in enumerate(range(0, windows, WINDOWS_PER_FILE)):
            count = min(WINDOWS_PER_FILE, windows - start)
            path = f"/recordings/{number:05}.wav"
            said, sound = unit_vectors(count, DIM, seed=start), unit_vectors(count, SOUND_DIM, seed=start + 1)
            entries = [_entry(path, 5.0 * row, rng, said[row], sound[row]) for row in range(count)]
            info = FileInfo(path, 5.0 * count + 5, f"{number:064x}", "en", count)
            library.add(info, Stamp(0, 0), entries)


def _entry(path: str, start: float, rng: np.random.Generator, said: FloatArray, sound: FloatArray) -> Entry:
    # Words by Zipf's law, as in speech.
    names = [f"w{number}" for number in np.minimum(rng.zipf(1.3, WORDS_PER_WINDOW), 20_000)]
    words = tuple(Word(start + 0.4 * i, start + 0.4 * i + 0.3, name, 0.9) for i, name in enumerate(names))
    probs = rng.dirichlet(np.ones(len(LABELS)))
    tags = tuple(LabelScore(LABELS[i], float(probs[i])) for i in np.argsort(-probs))
    return Entry(Window(path, start, start + 10), " ".join(names), words, "en", -20.0, tags, said, sound)


def measure(rows: int, windows: int, turns: int) -> Report:
    """The library first: the million vectors would count among what the process holds."""
    library = library_size(windows, turns)
    return Report(search_speed(rows, turns), library)


def main(arguments: list[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m mm_demos evaluate retrieval-speed",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rows", type=positive, default=1_000_000, metavar="N", help="vectors searched (default %(default)s)")
    parser.add_argument("--windows", type=positive, default=100_000, metavar="N", help="of the library (default %(default)s)")
    parser.add_argument("--turns", type=positive, default=7, metavar="N", help="repeats (default %(default)s)")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    flags = parser.parse_args(arguments)
    return run(lambda: measure(flags.rows, flags.windows, flags.turns), as_json=flags.json)


if __name__ == "__main__":
    sys.exit(main())
