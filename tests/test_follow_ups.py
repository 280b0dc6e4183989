"""Follow-up questions made to stand alone."""

from __future__ import annotations

import pytest

from mm_demos.models.follow_ups import spoken_of, standalone

DOG = ("Is there a dog?", "yes")
CAR = ("What colour is the car?", "red")


@pytest.mark.parametrize(
    ("question", "history", "asked"),
    [
        ("and what colour is it?", [DOG], "What colour is the dog?"),
        ("What is it doing?", [("What animal is this?", "cat")], "What is the cat doing?"),
        ("What is on its head?", [DOG], "What is on the dog's head?"),
        ("Where are they?", [("How many children are there?", "two")], "Where are the children?"),
        ("and the house?", [CAR], "What colour is the house?"),
        ("what about a horse?", [DOG], "Is there a horse?"),
        ("how about cats?", [("How many dogs are there?", "2")], "How many cats are there?"),
        ("Is it raining?", [DOG], "Is it raining?"),
        ("Is it a beagle?", [DOG], "Is it a beagle?"),
        ("Where is it?", [], "Where is it?"),
        ("Where is it?", [("What does the picture show?", "unknown")], "Where is it?"),
        ("Where is he?", [("What is the man doing?", "running"), ("Is it sunny?", "yes")], "Where is the man?"),
        ("What is written there?", [DOG], "What is written there?"),
    ],
)
def test_what_is_referred_to_is_put_in_its_place(question: str, history: list[tuple[str, str]], asked: str) -> None:
    assert standalone(question, history) == asked


def test_an_answer_can_be_what_is_spoken_of() -> None:
    assert spoken_of(("What is in the picture?", "a cat")) == "cat"
    assert spoken_of(("What is in the picture?", "unknown")) == ""
    assert spoken_of(CAR) == "car"
