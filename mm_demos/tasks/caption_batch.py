"""Captions of many pictures, one after the other; a bad one does not spoil the rest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from mm_demos.errors import DemoError, StoppedError
from mm_demos.models.protocols import CaptionOptions
from mm_demos.progress import Progress, Update
from mm_demos.results import Captioning, Receipt
from mm_demos.tasks.captioning import caption

WORKING = "Captioning"


@dataclass(frozen=True, slots=True)
class Item:
    """One picture of a batch: its captions, or the sentence that says why there are none."""

    input: str
    captioning: Captioning | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Batch:
    """Captions of many pictures, in the order they were given."""

    items: tuple[Item, ...]
    receipt: Receipt | None = None


def caption_all(
    images: Sequence[Path],
    *,
    model: str | None = None,
    options: CaptionOptions | None = None,
    progress: Progress | None = None,
) -> Iterator[Batch]:
    """Yield the batch after every picture; a picture that cannot be read gets a sentence and the rest go on.

    Raises:
        StoppedError: `progress.stop()` was called.
    """
    progress = progress or Progress()
    items: list[Item] = []
    for done, path in enumerate(images):
        report = partial(_report, progress, done, len(images))
        report(Update(WORKING))
        try:
            items.append(Item(path.name, caption(path, model=model, options=options, progress=progress.part(report))))
        except StoppedError:
            raise
        except DemoError as error:
            items.append(Item(path.name, error=str(error)))
        yield Batch(tuple(items), _joined(items))


def _report(progress: Progress, done: int, total: int, update: Update) -> None:
    """What the first picture waits for is told; after it the line stays the same, so that the time left can be estimated."""
    progress.report(update.message if done == 0 else WORKING, done, total, "pictures")


def _joined(items: Sequence[Item]) -> Receipt | None:
    """One receipt for the batch: the first run's loads, every run's time, the highest peak."""
    receipts = [item.captioning.receipt for item in items if item.captioning is not None and item.captioning.receipt is not None]
    if not receipts:
        return None
    run_seconds = sum(receipt.run_seconds for receipt in receipts)
    return replace(receipts[0], run_seconds=run_seconds, peak_memory_bytes=max(item.peak_memory_bytes for item in receipts))
