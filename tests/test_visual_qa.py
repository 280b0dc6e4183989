"""Answers about real pictures on the embedded weights, and how questions are read."""

from __future__ import annotations

import pytest
from PIL import Image
from skimage import data

from mm_demos import samples
from mm_demos.errors import InvalidInputError
from mm_demos.models.picture_questions import PictureQuestion, parse, wanted_lines
from mm_demos.models.protocols import AnswerOptions
from mm_demos.results import Answer
from mm_demos.tasks.visual_qa import answer

CHELSEA = Image.fromarray(data.chelsea())
SIGN = samples.path("sign.png")


def checked(result: Answer) -> Answer:
    """The answer, once what holds of every answer was asserted."""
    scores = [item.score for item in result.alternatives]
    assert scores == sorted(scores, reverse=True)
    assert sum(scores) <= 1 + 1e-6
    assert (result.text, result.confidence) == (result.alternatives[0].label, scores[0])
    assert result.evidence.basis.endswith(".")
    return result


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Is there a cat?", "yes"),
        ("Is there a dog in the picture?", "no"),
        ("Do you see an animal?", "yes"),
        ("Is this a car?", "no"),
        ("How many cats are there?", "1"),
        ("How many dogs are there?", "0"),
        ("What is in the picture?", "cat"),
    ],
)
def test_what_is_there_follows_the_labels(question: str, expected: str) -> None:
    result = checked(answer(CHELSEA, question))
    assert result.text == expected
    assert 0.4 < result.confidence < 0.97
    assert any("cat" in label.label for label in result.evidence.labels)


def test_kinds_are_told_apart() -> None:
    result = checked(answer(CHELSEA, "What kind of cat is this?"))
    assert result.text == "Egyptian cat"
    assert {"tabby", "tiger cat"} <= {item.label for item in result.alternatives}


def test_text_is_read() -> None:
    assert "CITY LIBRARY" in checked(answer(SIGN, "What does the sign say?")).text
    assert checked(answer(SIGN, "When does the library open?")).text == "9:00 - 18:00"
    assert checked(answer(SIGN, "Is there any text?")).text == "yes"
    assert checked(answer(CHELSEA, "What is written here?")).text == "no text"
    choice = AnswerOptions(kind="choice", choices=("Museum", "City library", "Bakery"))
    assert checked(answer(SIGN, "What does the sign say?", options=choice)).text == "City library"


def test_choices_and_the_blanked_picture() -> None:
    options = AnswerOptions(kind="choice", choices=("dog", "cat", "horse"))
    result = checked(answer(CHELSEA, "What animal is this?", options=options, check_without_image=True))
    assert result.text == "cat"
    assert sum(item.score for item in result.alternatives) == pytest.approx(1, abs=1e-5)
    assert result.without_image is not None
    blanked = {item.label: item.score for item in checked(result.without_image).alternatives}
    assert blanked["cat"] < result.confidence
    assert result.without_image.evidence.labels == ()
    assert result.receipt is not None
    assert "evidence-answerer" in {use.name for use in result.receipt.models}


def test_guesses_are_never_sure() -> None:
    result = checked(answer(CHELSEA, "Is the cat hungry?", threshold=0.9))
    assert result.text in {"yes", "no"}
    assert result.confidence <= 0.75
    assert result.unsure
    assert "guess" in result.evidence.basis.lower()
    free = checked(answer(CHELSEA, "Where was this taken?", options=AnswerOptions(top_k=1)))
    assert len(free.alternatives) == 1
    assert free.confidence <= 0.3


@pytest.mark.parametrize(
    ("question", "options", "hint"),
    [
        ("  ? ", AnswerOptions(), "empty"),
        ("why " * 200, AnswerOptions(), "too long"),
        ("Which?", AnswerOptions(kind="choice", choices=("one",)), "two choices"),
        ("Which?", AnswerOptions(choices=("cat", "Cat ")), "once"),
        ("Which?", AnswerOptions(choices=tuple(map(str, range(21)))), "at most"),
        ("Which?", AnswerOptions(top_k=0), "alternatives"),
    ],
)
def test_bad_questions_are_refused_in_a_sentence(question: str, options: AnswerOptions, hint: str) -> None:
    with pytest.raises(InvalidInputError, match=hint):
        answer(CHELSEA, question, options=options)
    with pytest.raises(InvalidInputError, match="threshold"):
        answer(CHELSEA, "What?", threshold=2.0)


@pytest.mark.parametrize(
    ("question", "form", "noun"),
    [
        ("Is there a dog?", "presence", "dog"),
        ("Are there any animals in the picture?", "presence", "animals"),
        ("Is this a golden retriever?", "presence", "golden retriever"),
        ("Can you see the bridge here?", "presence", "bridge"),
        ("Does the image show a church?", "presence", "church"),
        ("Is a cat in the picture?", "presence", "cat"),
        ("Is the cat asleep?", "yes/no", ""),
        ("How many people are in the photo?", "count", "people"),
        ("how many birds", "count", "birds"),
        ("What does the sign say?", "text", ""),
        ("Read the text", "text", ""),
        ("What is this?", "identify", ""),
        ("What do you see?", "identify", ""),
        ("What animal is this?", "identify", "animal"),
        ("What breed of dog is it?", "identify", "dog"),
        ("What colour is the car?", "open", ""),
        ("Why is he laughing?", "open", ""),
    ],
)
def test_questions_are_read(question: str, form: str, noun: str) -> None:
    assert parse(question) == PictureQuestion(form, noun)


def test_lines_of_the_form_asked_for() -> None:
    lines = ("BAKERY", "Mon-Fri 7:30-18:00", "Bread $3.50", "Call 020 7946 0018")
    assert wanted_lines("When does it open?", lines) == (lines[1],)
    assert wanted_lines("How much is the bread?", lines) == (lines[2],)
    assert wanted_lines("What is the phone number?", lines) == (lines[3],)
    assert wanted_lines("What does it say?", lines) == ()
