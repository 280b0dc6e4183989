"""What the Visual QA tab runs and keeps: one question, follow-ups, many questions, downloads."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mm_demos import media
from mm_demos.errors import InvalidInputError
from mm_demos.media.files import sha256_of
from mm_demos.media.thumbnails import data_uri
from mm_demos.models.protocols import AnswerOptions
from mm_demos.progress import Progress
from mm_demos.results import Answer, Receipt, Transcription, as_dict
from mm_demos.tasks.question_batch import MAX_QUESTIONS, AnswerTable, answer_all
from mm_demos.tasks.transcription import transcribe
from mm_demos.tasks.visual_qa import answer
from mm_demos.ui.events import Export
from mm_demos.ui.files import csv_text, json_text

THUMBNAIL_SIDE = 720  # pixels; twice the width it is shown at on most screens
NO_PICTURE = "Choose, paste or take a picture first."


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as a visitor's answers are drawn on it.

    Args:
        digest: SHA-256 of the file, by which a change of picture is noticed.
        thumbnail: the upright picture as a data URI.
        width: of the upright picture, in the pixels that boxes count.
        height: likewise.
    """

    digest: str
    thumbnail: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Turn:
    """A question and its answer."""

    question: str
    answer: Answer


@dataclass(frozen=True, slots=True)
class Talk:
    """One visitor's questions about one picture, oldest first; at least one."""

    picture: Picture
    turns: tuple[Turn, ...]

    @property
    def last(self) -> Turn:
        """The turn on show."""
        return self.turns[-1]

    @property
    def receipt(self) -> Receipt | None:
        """The receipt of the turn on show."""
        return self.last.answer.receipt

    @property
    def history(self) -> tuple[tuple[str, str], ...]:
        """Questions and the texts of their answers, for the task."""
        return tuple((turn.question, turn.answer.text) for turn in self.turns)


def ask(  # noqa: PLR0917 (an endpoint receives its components' values by position)
    image: str,
    question: str,
    kind: str = "open",
    choices: str = "",
    model: str = "",
    top_k: float = 5,
    threshold: float = 0.0,
    check_without_image: bool = False,
    history: Sequence[Sequence[str]] = (),
    *,
    progress: Progress | None = None,
) -> Answer:
    """Answer a question about a picture, with alternatives, evidence and, on request, the answer without the picture.

    Args:
        image: a picture file.
        question: in a sentence.
        kind: open, yes/no, count (the answer is a number) or choice (one of `choices`).
        choices: for that kind, with commas or one a line.
        model: of the catalog.
        top_k: how many candidates are given, 1 to 10.
        threshold: an answer below this probability is marked as not sure, 0 to 0.95.
        check_without_image: also ask with the picture blanked, to see what language alone would answer.
        history: earlier [question, answer] pairs, so that a follow-up such as "and what colour is it?" is understood.
        progress: told about loads and steps.
    """
    return answer(
        Path(image),
        question,
        model=model or None,
        options=options_of(kind, choices, top_k),
        threshold=float(threshold or 0.0),
        check_without_image=bool(check_without_image),
        history=[tuple(turn) for turn in history or ()],  # type: ignore[misc]
        progress=progress,
    )


def begin(  # noqa: PLR0917
    image: str,
    question: str,
    kind: str,
    choices: str,
    model: str,
    top_k: float,
    threshold: float,
    check_without_image: bool,
    history: Sequence[Sequence[str]],
    *,
    progress: Progress | None = None,
) -> Talk:
    """A conversation's first question: `ask`, and the picture to draw its answer on."""
    values = (kind, choices, model, top_k, threshold, check_without_image, history)
    result = ask(image, question, *values, progress=progress)
    return Talk(picture_of(image), (Turn(question.strip(), result),))


def follow_up(  # noqa: PLR0917
    image: str,
    question: str,
    model: str,
    top_k: float,
    threshold: float,
    check_without_image: bool,
    talk: Talk | None,
    *,
    progress: Progress | None = None,
) -> Talk:
    """The conversation with one more question; on another picture it begins anew."""
    earlier = talk if talk is not None and talk.picture.digest == digest_of(image) else None
    history = earlier.history if earlier is not None else ()
    result = ask(image, question, "open", "", model, top_k, threshold, check_without_image, history, progress=progress)
    turn = Turn(question.strip(), result)
    return replace(earlier, turns=(*earlier.turns, turn)) if earlier is not None else Talk(picture_of(image), (turn,))


def ask_many(  # noqa: PLR0917
    image: str,
    questions: str,
    kind: str = "open",
    choices: str = "",
    model: str = "",
    top_k: float = 5,
    threshold: float = 0.0,
    check_without_image: bool = False,
    *,
    progress: Progress | None = None,
) -> Iterator[AnswerTable]:
    """Answer several questions about one picture, one per line; a question that cannot be answered gets a sentence instead.

    Args:
        image: a picture file.
        questions: one a line.
        kind: open, yes/no, count (the answer is a number) or choice (one of `choices`).
        choices: for that kind, with commas or one a line.
        model: of the catalog.
        top_k: how many candidates are given, 1 to 10.
        threshold: an answer below this probability is marked as not sure, 0 to 0.95.
        check_without_image: also ask with the picture blanked, to see what language alone would answer.
        progress: told about loads and questions.
    """
    return answer_all(
        Path(image),
        lines_of(questions),
        model=model or None,
        options=options_of(kind, choices, top_k),
        threshold=float(threshold or 0.0),
        check_without_image=bool(check_without_image),
        progress=progress,
    )


def listen(recording: str, *, progress: Progress | None = None) -> Transcription:
    """Turn a spoken question into text.

    Raises:
        InvalidInputError: there is no recording, or nobody speaks in it.
    """
    if not recording:
        raise InvalidInputError("The recording is empty: press the microphone, speak, then press stop.")
    heard = transcribe(Path(recording), progress=progress)
    if not heard.text.strip():
        raise InvalidInputError("No speech was heard in the recording: speak closer to the microphone, or type the question.")
    return heard


def options_of(kind: str, choices: str, top_k: float) -> AnswerOptions:
    """The components' values as options of the task."""
    wanted = choices_of(choices) if kind == "choice" else ()
    return AnswerOptions(kind=kind or "open", choices=wanted, top_k=int(top_k or 5))  # type: ignore[arg-type]


def choices_of(text: str) -> tuple[str, ...]:
    """Choices with commas or line breaks between them, each once."""
    return tuple(dict.fromkeys(part.strip() for part in (text or "").replace("\n", ",").split(",") if part.strip()))


def lines_of(text: str) -> list[str]:
    """Questions, one per line; empty lines do not count."""
    return [line.strip() for line in (text or "").splitlines() if line.strip()]


def digest_of(image: str) -> str:
    """SHA-256 of a file, in hexadecimal."""
    return sha256_of(Path(image))


def picture_of(image: str) -> Picture:
    """The picture, made small enough to go with a page."""
    upright = media.load_image(image)
    return Picture(digest_of(image), data_uri(upright, THUMBNAIL_SIDE), *upright.size)


def check_one(image: str | None, question: str | None, kind: str, choices: str | None, *_rest: Any) -> None:
    """Refuse a run without a picture, without a question, or with nothing to choose from."""
    check_more(image, question)
    _check_choices(kind, choices)


def check_more(image: str | None, question: str | None, *_rest: Any) -> None:
    """Refuse a follow-up without a picture or without words."""
    if not image:
        raise InvalidInputError(NO_PICTURE)
    if not (question or "").strip():
        raise InvalidInputError("Type a question about the picture, or speak it.")


def check_many(image: str | None, questions: str | None, kind: str, choices: str | None, *_rest: Any) -> None:
    """Refuse a run without a picture, without questions, or with too many."""
    if not image:
        raise InvalidInputError(NO_PICTURE)
    asked = lines_of(questions or "")
    if not asked:
        raise InvalidInputError("Type the questions, one per line.")
    if len(asked) > MAX_QUESTIONS:
        raise InvalidInputError(f"{len(asked)} questions are too many for one run: ask at most {MAX_QUESTIONS} at a time.")
    _check_choices(kind, choices)


def _check_choices(kind: str, choices: str | None) -> None:
    if kind == "choice" and len(choices_of(choices or "")) < 2:
        raise InvalidInputError("Give at least two answers to choose from, with commas between them.")


def _talk_csv(talk: Talk) -> str:
    rows = [
        (number, turn.question, item.label, item.score, turn.answer.source)
        for number, turn in enumerate(talk.turns, 1)
        for item in turn.answer.alternatives
    ]
    return csv_text(["turn", "question", "answer", "probability", "source"], rows)


def _talk_json(talk: Talk) -> str:
    """The last answer, as the endpoint gives it, with its question and the turns before it."""
    earlier = [{"question": turn.question, **as_dict(turn.answer)} for turn in talk.turns[:-1]]
    whole = {"question": talk.last.question, **as_dict(talk.last.answer), "earlier": earlier}
    return json.dumps(whole, ensure_ascii=False, indent=2) + "\n"


def _table_csv(table: AnswerTable) -> str:
    rows = []
    for item in table.items:
        found = item.answer
        rows.append(
            (item.question, found.text, found.confidence, "yes" if found.unsure else "no", found.source, "")
            if found is not None
            else (item.question, "", "", "", "", item.error)
        )
    return csv_text(["question", "answer", "confidence", "not sure", "source", "error"], rows)


TALK_EXPORTS = (Export("CSV", "answer.csv", _talk_csv), Export("JSON", "answer.json", _talk_json))
TABLE_EXPORTS = (Export("CSV", "answers.csv", _table_csv), Export("JSON", "answers.json", json_text))
