"""Several questions about one picture, one after the other; a bad one does not spoil the rest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mm_demos import media
from mm_demos.errors import DemoError, InvalidInputError, StoppedError
from mm_demos.models.protocols import AnswerOptions
from mm_demos.progress import Progress, Update
from mm_demos.results import Answer, Receipt
from mm_demos.tasks.visual_qa import answer

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_QUESTIONS = 50


@dataclass(frozen=True, slots=True)
class AnswerItem:
    """One question of a batch: its answer, or the sentence that says why there is none."""

    question: str
    answer: Answer | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class AnswerTable:
    """Answers to several questions about one picture, in the order they were asked."""

    items: tuple[AnswerItem, ...]
    receipt: Receipt | None = None


def answer_all(
    image: str | Path | bytes | Image,
    questions: Sequence[str],
    *,
    model: str | None = None,
    options: AnswerOptions | None = None,
    threshold: float = 0.0,
    check_without_image: bool = False,
    history: Sequence[tuple[str, str]] = (),
    progress: Progress | None = None,
) -> Iterator[AnswerTable]:
    """Yield the table after every question, with the keywords of `answer`; earlier answers of the table are history too.

    Raises:
        InvalidInputError: the picture cannot be read, or no or too many questions are given.
        StoppedError: `progress.stop()` was called.
    """
    if isinstance(questions, str) or not 1 <= len(questions) <= MAX_QUESTIONS:
        raise InvalidInputError(f"Give the questions as a list of 1 to {MAX_QUESTIONS}.")
    picture = media.load_image(image)
    progress = progress or Progress()
    items: list[AnswerItem] = []
    told = list(history)
    for done, question in enumerate(questions):
        report = partial(_report, progress, question, done, len(questions))
        report(Update("answering"))
        try:
            found = answer(
                picture,
                question,
                model=model,
                options=options,
                threshold=threshold,
                check_without_image=check_without_image,
                history=told,
                progress=progress.part(report),
            )
            items.append(AnswerItem(question, found))
            told.append((question, found.text))
        except StoppedError:
            raise
        except DemoError as error:
            items.append(AnswerItem(question, error=str(error)))
        yield AnswerTable(tuple(items), _joined(items))


def _report(progress: Progress, question: str, done: int, total: int, update: Update) -> None:
    progress.report(f"{question}: {update.message}", done, total, "questions")


def _joined(items: Sequence[AnswerItem]) -> Receipt | None:
    """One receipt for the table: every model once, every run's time, the highest peak."""
    receipts = [item.answer.receipt for item in items if item.answer is not None and item.answer.receipt is not None]
    if not receipts:
        return None
    models = {use.name: use for receipt in reversed(receipts) for use in receipt.models}
    run_seconds = sum(receipt.run_seconds for receipt in receipts)
    peak = max(receipt.peak_memory_bytes for receipt in receipts)
    return replace(receipts[0], models=tuple(models.values()), run_seconds=run_seconds, peak_memory_bytes=peak)
