"""What the suite keeps in memory: `python -m mm_demos.evaluation.benchmark_memory`.

Every tab's task runs once in one process; then a second task on models that are there already; then models are ejected.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from mm_demos import accelerator, samples
from mm_demos.models import catalog, loader
from mm_demos.tasks.captioning import caption
from mm_demos.tasks.classification import classify
from mm_demos.tasks.transcription import transcribe
from mm_demos.tasks.visual_qa import answer

PROMISED_BYTES = 2.2e9
LABELS = ("a cat", "a dog", "a speech about a country", "a cup of coffee")


def tasks() -> dict[str, Callable[[], object]]:
    """One run per tab, on bundled files."""
    cat, speech = samples.path("cat.jpg"), samples.path("jfk.flac")
    return {
        "transcribe": lambda: transcribe(speech),
        "caption": lambda: caption(cat),
        "answer": lambda: answer(cat, "What animal is in the picture?"),
        "classify": lambda: classify(labels=LABELS, text="A cat sits on a wall.", image=cat, audio=speech),
    }


def run_all() -> None:
    """Run every task twice and print what the process holds after each; the second time nothing is loaded."""
    runs = tasks()
    start = accelerator.resident_bytes()
    print(f"{'at start':24}{start / 1e6:8.0f} MB")
    for name, run in runs.items():
        run()
        print(f"{'after ' + name:24}{accelerator.resident_bytes() / 1e6:8.0f} MB")
    total = accelerator.resident_bytes()
    print(f"every tab once: {total / 1e9:.2f} GB (promised ≤ {PROMISED_BYTES / 1e9:.1f} GB)")
    for name, run in runs.items():
        before = accelerator.resident_bytes()
        run()
        grown = accelerator.resident_bytes() - before
        print(f"again, {name:17}{grown / 1e6:+8.1f} MB = {grown / before:+.1%} of the process (promised ≤ 5 %)")


def eject_all() -> None:
    """Eject every model, those made of others first, and print what came back."""
    shared = loader.shared()
    names = [row.name for row in catalog.rows() if shared.describe(row.name) is not None]
    held, returned = 0, 0
    for name in sorted(names, key=lambda name: -len(catalog.spec(name).components)):
        resident = shared.describe(name)
        if resident is None:
            continue
        accelerator.release_memory()  # what earlier runs left behind is not this model's
        before = accelerator.resident_bytes()
        shared.eject(name)
        freed = before - accelerator.resident_bytes()
        held, returned = held + resident.memory_bytes, returned + freed
        share = f" = {freed / resident.memory_bytes:.0%} of it (promised ≥ 90 %)" if resident.memory_bytes else ""
        print(f"eject {name:18}{resident.memory_bytes / 1e6:8.0f} MB held, {freed / 1e6:8.0f} MB returned{share}")
    print(f"all of them: {held / 1e6:.0f} MB held, {returned / 1e6:.0f} MB returned = {returned / max(held, 1):.0%}")


def main(arguments: list[str] | None = None) -> int:
    """Print all figures."""
    argparse.ArgumentParser(description=__doc__).parse_args(arguments)
    run_all()
    eject_all()
    return 0


if __name__ == "__main__":
    sys.exit(main())
