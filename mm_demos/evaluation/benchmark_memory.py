"""What the suite keeps in memory: `python -m mm_demos.evaluation.benchmark_memory`.

Every tab's task runs once in one process; then a second task on models that are there already; then models are ejected.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from mm_demos import accelerator, media, samples
from mm_demos.models import catalog, loader
from mm_demos.models.protocols import ChatMessage, GenerateOptions, TranscribeOptions
from mm_demos.models.spec import Role
from mm_demos.tasks.captioning import caption
from mm_demos.tasks.classification import classify
from mm_demos.tasks.transcription import transcribe
from mm_demos.tasks.visual_qa import answer

PROMISED_BYTES = 2.2e9
ROLES: tuple[Role, ...] = ("speech", "captioner", "answerer", "joint-embedder")
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


def use(name: str) -> None:
    """Lease a model and run it once."""
    with loader.shared().lease(name) as model:
        match catalog.spec(name).role:
            case "speech":
                list(model.transcribe(media.load_audio(samples.path("jfk.flac")), options=TranscribeOptions()).segments)
            case "image-tagger":
                model.tag([media.load_image(samples.path("cat.jpg"))])
            case "text-reader":
                model.read(media.load_image(samples.path("sign.png")))
            case "text-embedder":
                model.embed_texts(LABELS)
            case "chat":
                "".join(model.stream([ChatMessage("user", "Name a colour.")], options=GenerateOptions(max_new_tokens=8)))


def eject_each() -> None:
    """Load, run and eject every model that holds weights; the second round, when all libraries are there already, counts."""
    names = {part.name for role in ROLES for part in catalog.expand(catalog.default(role)) if not part.components}
    for name in sorted(names):
        loader.shared().eject(name)
    for final in (False, True):
        for name in sorted(names):
            before = accelerator.resident_bytes()
            use(name)
            held = accelerator.resident_bytes()
            loader.shared().eject(name)
            after = accelerator.resident_bytes()
            if final:
                print(
                    f"eject {name:18}{(held - before) / 1e6:8.0f} MB with its run,{(held - after) / 1e6:8.0f} MB returned"
                    f" = {(held - after) / max(1, held - before):.0%} (promised ≥ 90 %)"
                )


def main(arguments: list[str] | None = None) -> int:
    """Print all figures."""
    argparse.ArgumentParser(description=__doc__).parse_args(arguments)
    run_all()
    for name in [row.name for row in catalog.rows() if row.components]:
        loader.shared().eject(name)  # first what is made of others
    eject_each()
    return 0


if __name__ == "__main__":
    sys.exit(main())
