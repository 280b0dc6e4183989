"""Several questions about one picture, on fakes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PIL import Image

from mm_demos.errors import InvalidInputError, StoppedError
from mm_demos.models import fake, loader
from mm_demos.models.loader import Loader
from mm_demos.progress import Progress
from mm_demos.tasks.question_batch import answer_all
from mm_demos.tasks.visual_qa import answer

RED = Image.new("RGB", (40, 40), "red")


@pytest.fixture(autouse=True)
def _fakes() -> Iterator[None]:
    forget = fake.register_fakes(stand_in=True)
    loader.reset_shared(Loader(budget_bytes=10**9))
    yield
    loader.reset_shared()
    forget()


def test_a_bad_question_does_not_stop_the_rest() -> None:
    tables = list(answer_all(RED, ["What colour is the car?", " ? ", "and the house?"]))
    assert [len(table.items) for table in tables] == [1, 2, 3]
    first, second, third = tables[-1].items
    assert first.answer is not None and first.answer.text == "red" and not first.error
    assert second.answer is None and "empty" in second.error
    assert third.answer is not None and third.answer.receipt is not None
    assert third.answer.receipt.options["asked"] == "What colour is the house?"
    assert tables[-1].receipt is not None
    assert tables[-1].receipt.run_seconds >= third.answer.receipt.run_seconds


def test_a_list_and_a_picture_are_needed() -> None:
    with pytest.raises(InvalidInputError, match="list"):
        next(answer_all(RED, "What?"))
    with pytest.raises(InvalidInputError, match="1 to"):
        next(answer_all(RED, []))
    with pytest.raises(InvalidInputError):
        next(answer_all("nowhere.jpg", ["What?"]))


def test_stop_ends_the_batch() -> None:
    progress = Progress()
    progress.stop()
    with pytest.raises(StoppedError):
        list(answer_all(RED, ["What?", "Who?"], progress=progress))


@pytest.mark.parametrize("history", [["What?"], [("What?",)], [("What?", 3)], "ab"])
def test_a_history_is_pairs_of_texts(history: object) -> None:
    with pytest.raises(InvalidInputError, match="pairs"):
        answer(RED, "And where?", history=history)  # type: ignore[arg-type]
