"""Questions about pictures to short answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING

from mm_demos import media
from mm_demos.errors import InvalidInputError
from mm_demos.models import catalog
from mm_demos.models.follow_ups import standalone
from mm_demos.models.protocols import AnswerOptions, QuestionAnswerer
from mm_demos.progress import Progress
from mm_demos.results import Answer
from mm_demos.tasks.options import check_seed, fitted
from mm_demos.tasks.receipts import record

if TYPE_CHECKING:
    from PIL.Image import Image

    from mm_demos.results import Option

MAX_QUESTION_CHARS = 500
MAX_CHOICES = 20
MAX_CHOICE_CHARS = 100
MAX_HISTORY = 20  # earlier questions kept; a pronoun hardly reaches back further
KINDS = ("open", "yes/no", "count", "choice")


def answer(
    image: str | Path | bytes | Image,
    question: str,
    *,
    model: str | None = None,
    options: AnswerOptions | None = None,
    threshold: float = 0.0,
    check_without_image: bool = False,
    history: Sequence[tuple[str, str]] = (),
    progress: Progress | None = None,
) -> Answer:
    """Answer one question about one picture.

    Args:
        threshold: confidence in [0, 1] under which the answer is marked `unsure`.
        check_without_image: also ask with the picture blanked, to show what the model would say without looking.
        history: earlier questions about the same picture and their answers, oldest first, so that "and what colour is it?" works.

    Raises:
        InvalidInputError: an empty or too long question, an option out of range, or a picture that cannot be read.
        StoppedError: `progress.stop()` was called.
    """
    options, progress = fitted(options, AnswerOptions), progress or Progress()
    question = " ".join(media.clean_text(question).split())
    check_question(question, options, threshold)
    options = replace(options, choices=tuple(choice.strip() for choice in options.choices))
    asked = standalone(question, checked_history(history))
    name = catalog.chosen(model, "answerer")
    picture = media.load_image(image)
    noted: dict[str, Option] = {"question": question, "threshold": threshold, "check_without_image": check_without_image}
    if asked != question:
        noted["asked"] = asked
    noted |= asdict(options) | {"choices": ", ".join(options.choices)}
    with record("answer", options=noted, seed=options.seed, progress=progress) as run:
        answerer: QuestionAnswerer = run.lease(name)
        result = answerer.answer(picture, asked, options=options, progress=progress, lease=run.lease)
        if check_without_image:
            blanked = answerer.answer(None, asked, options=options, progress=progress, lease=run.lease)
            result = replace(result, without_image=_marked(blanked, threshold))
        return replace(_marked(result, threshold), receipt=run.receipt())


def check_question(question: str, options: AnswerOptions, threshold: float = 0.0) -> None:
    """Refuse what cannot be answered, in a sentence.

    Raises:
        InvalidInputError: naming the cause and the fix.
    """
    if not any(letter.isalnum() for letter in question):
        raise InvalidInputError("The question is empty: ask something about the picture.")
    if len(question) > MAX_QUESTION_CHARS:
        raise InvalidInputError(f"The question is too long: ask it in at most {MAX_QUESTION_CHARS} characters.")
    check_seed(options.seed)
    if options.kind not in KINDS:
        raise InvalidInputError(f"There is no answer type {options.kind!r}: choose one of {', '.join(KINDS)}.")
    if not isinstance(threshold, Real) or not 0 <= threshold <= 1:
        raise InvalidInputError(f"The threshold is a probability between 0 and 1, not {threshold}.")
    if not 1 <= options.top_k <= MAX_CHOICES or not 1 <= options.max_new_tokens <= 200:
        raise InvalidInputError(f"Ask for 1 to {MAX_CHOICES} alternatives of 1 to 200 tokens.")
    _check_choices(options)


def checked_history(history: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """The last few earlier questions with their answers, cleaned.

    Raises:
        InvalidInputError: an entry is no pair of texts.
    """
    turns = [tuple(turn) if isinstance(turn, list | tuple) else () for turn in history][-MAX_HISTORY:]
    if not all(len(turn) == 2 and all(isinstance(part, str) for part in turn) for turn in turns):
        raise InvalidInputError("The history is a list of pairs: each an earlier question and its answer, both as text.")
    return tuple((media.clean_text(question)[:MAX_QUESTION_CHARS], media.clean_text(said)) for question, said in turns)


def _check_choices(options: AnswerOptions) -> None:
    choices = [media.clean_text(choice).strip() for choice in options.choices]
    if options.kind == "choice" and len(choices) < 2:
        raise InvalidInputError("Give at least two choices, separated by commas.")
    if len(choices) > MAX_CHOICES or any(len(choice) > MAX_CHOICE_CHARS for choice in choices):
        raise InvalidInputError(f"Give at most {MAX_CHOICES} choices of at most {MAX_CHOICE_CHARS} characters each.")
    if not all(choices) or len({choice.lower() for choice in choices}) < len(choices):
        raise InvalidInputError("Two choices are the same or one is empty: give each choice once.")


def _marked(result: Answer, threshold: float) -> Answer:
    return replace(result, unsure=result.confidence < threshold)
