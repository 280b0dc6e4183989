"""Answers about real pictures on the embedded weights, and how questions are read."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from skimage import data

from mm_demos import samples
from mm_demos.errors import InvalidInputError
from mm_demos.models import loader
from mm_demos.models.picture_questions import PictureQuestion, about, content_words, parse, wanted_lines
from mm_demos.models.protocols import AnswerOptions
from mm_demos.results import Answer
from mm_demos.tasks.visual_qa import answer

CHELSEA = Image.fromarray(data.chelsea())
SIGN = samples.path("sign.png")
COLOURS = {"red", "blue", "green", "black", "white", "yellow", "brown", "orange", "pink", "purple", "gray", "tan", "silver",
           "blond", "golden"}  # fmt: skip


def checked(result: Answer) -> Answer:
    """The answer, once what holds of every answer was asserted."""
    scores = [item.score for item in result.alternatives]
    assert scores == sorted(scores, reverse=True)
    assert sum(scores) <= 1 + 1e-5
    assert (result.text, result.confidence) == (result.alternatives[0].label, scores[0])
    assert result.evidence.basis.endswith(".")
    assert result.source in {"answer model", "text in the picture", "language model"}
    assert not result.look or (len(result.look) == 81 and sum(result.look) == pytest.approx(1, abs=0.005))
    return result


def models(result: Answer) -> set[str]:
    assert result.receipt is not None
    return {use.name for use in result.receipt.models}


SMALL = {"mm-mini-clip", "mm-mini-answerer"}


@pytest.mark.parametrize(
    ("question", "allowed"),
    [
        ("Is there a dog in the picture?", {"yes", "no"}),
        ("Is the dog red?", {"yes", "no"}),
        ("Is anyone wearing a hat?", {"yes", "no"}),
        ("How many dogs are there?", set("0123456")),
        ("What colour is the ball?", COLOURS),
    ],
)
def test_covered_questions_are_answered_by_the_small_model_alone(question: str, allowed: set[str]) -> None:
    result = checked(answer(CHELSEA, question, options=AnswerOptions(top_k=20)))
    assert {item.label for item in result.alternatives} <= allowed
    assert sum(item.score for item in result.alternatives) == pytest.approx(1, abs=1e-4)
    assert result.source == "answer model"
    assert len(result.look) == 81
    assert models(result) == SMALL


@pytest.mark.parametrize(
    "question", ["What is the man doing?", "Where is the woman?", "What is the boy holding?", "Who is in the picture?"]
)
def test_open_questions_of_the_trained_forms_too(question: str) -> None:
    result = checked(answer(samples.path("astronaut.jpg"), question))
    assert result.source == "answer model"
    assert not {item.label for item in result.alternatives} & {"yes", "no", "one", "two", "red"}
    assert models(result) == SMALL


def test_the_same_question_has_the_same_answer() -> None:
    assert answer(CHELSEA, "Is there a dog?").alternatives == answer(CHELSEA, "Is there a dog?").alternatives


def test_what_the_labels_know_is_answered_by_them() -> None:
    kinds = checked(answer(CHELSEA, "What kind of cat is this?"))
    assert kinds.text == "Egyptian cat"
    assert checked(answer(CHELSEA, "Is there a cat?")).text == "yes"
    zebra = checked(answer(CHELSEA, "Is there a zebra?"))
    assert (zebra.text, zebra.look) == ("no", ())
    assert "ImageNet" in zebra.evidence.basis


def test_text_is_read() -> None:
    result = checked(answer(SIGN, "What does the sign say?"))
    assert "CITY LIBRARY" in result.text
    assert result.source == "text in the picture"
    assert models(result) == SMALL | {"pp-ocr"}
    assert checked(answer(SIGN, "When does the library open?")).text == "9:00 - 18:00"
    assert checked(answer(SIGN, "Is there any text?")).text == "yes"
    assert checked(answer(SIGN, "How many words are there?")).text.isdecimal()
    assert checked(answer(CHELSEA, "What is written here?")).text == "no text"
    choice = AnswerOptions(kind="choice", choices=("Museum", "City library", "Bakery"))
    assert checked(answer(SIGN, "What does the sign say?", options=choice)).text == "City library"


def test_choices_of_its_vocabulary_and_beyond() -> None:
    known = checked(answer(CHELSEA, "What is it doing?", options=AnswerOptions(kind="choice", choices=("Running", "sitting"))))
    assert {item.label for item in known.alternatives} == {"Running", "sitting"}
    assert sum(item.score for item in known.alternatives) == pytest.approx(1, abs=1e-5)
    beyond = AnswerOptions(kind="choice", choices=("a rocket launch", "a bowl of soup", "a courtroom"))
    result = checked(answer(samples.path("rocket.jpg"), "What is shown?", options=beyond))
    with loader.shared().lease("mm-mini-clip") as clip:
        similarity = (
            clip.embed_texts([f"a photo of {c}" for c in beyond.choices])
            @ clip.embed_images([Image.open(samples.path("rocket.jpg"))])[0]
        )
        odds = np.exp(similarity * clip.logit_scale)
    by_choice = {item.label: item.score for item in result.alternatives}
    assert [by_choice[c] for c in beyond.choices] == pytest.approx((odds / odds.sum()).tolist(), abs=1e-3)


def test_the_blanked_picture() -> None:
    options = AnswerOptions(kind="choice", choices=("dog", "cat", "horse"))
    result = checked(answer(CHELSEA, "What animal is this?", options=options, check_without_image=True))
    assert result.text == "cat"
    assert result.without_image is not None
    blanked = {item.label: item.score for item in checked(result.without_image).alternatives}
    assert blanked["cat"] < result.confidence
    assert (result.without_image.evidence.labels, result.without_image.look) == ((), ())
    assert models(result) == SMALL


def test_other_questions_go_to_the_language_model_and_are_never_sure() -> None:
    result = checked(answer(CHELSEA, "Is the cat hungry?", threshold=0.9))
    assert result.text in {"yes", "no"}
    assert result.confidence <= 0.75
    assert result.unsure
    assert (result.source, result.look) == ("language model", ())
    assert "guess" in result.evidence.basis.lower()
    assert models(result) == SMALL | {"mm-mini-captioner", "pp-ocr", "qwen2.5-coder-0.5b"}
    free = checked(answer(CHELSEA, "Why is it famous?", options=AnswerOptions(top_k=1)))
    assert len(free.alternatives) == 1
    assert free.confidence <= 0.3


def test_a_follow_up_is_asked_of_what_was_spoken_of() -> None:
    result = answer(CHELSEA, "and what colour is it?", history=[("Is there a cat?", "yes")])
    assert result.receipt is not None
    assert result.receipt.options["asked"] == "What colour is the cat?"
    assert result.alternatives == answer(CHELSEA, "What colour is the cat?").alternatives


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


@pytest.mark.parametrize(
    ("question", "subject"),
    [
        ("What color shirt is it?", "colour"),
        ("What are the children doing?", "action"),
        ("What is happening in the picture?", "action"),
        ("Where was this photo taken?", "place"),
        ("Who is riding a bike?", "who"),
        ("What is the dog carrying?", "object"),
        ("What is in the dog's mouth?", "object"),
        ("Why is he laughing?", ""),
        ("What is the capital of France?", ""),
    ],
)
def test_trained_forms_are_told_from_others(question: str, subject: str) -> None:
    assert about(question) == subject


def test_the_words_that_decide() -> None:
    assert content_words("Is there a red ball in the picture?") == ("red", "ball")
    assert content_words("Is anyone wearing glasses?") == ("glasses",)
