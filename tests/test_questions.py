"""Questions made from captions: what is asked, what counts as the answer, and that yes and no balance."""

from __future__ import annotations

from collections import Counter

from mm_demos.evaluation.questions import Asker, Question

COLOURS = set("red blue green black white yellow brown orange pink".split())
CAPTIONS = [
    ["Two brown dogs run through the grass .", "Two dogs are running on grass ."],
    ["A man wearing a red hat is riding a bike .", "A man rides a bicycle down the street ."],
    ["A black dog with a ball in its mouth .", "A dog is holding a ball ."],
    ["A girl in a blue and white dress sits on a bench .", "A little girl is sitting on a bench ."],
    ["Three children play in the snow .", "Three kids are playing in snow ."],
]


def asked() -> list[Question]:
    return Asker(CAPTIONS, seed=3).ask(range(len(CAPTIONS)))


def answers(photo: int, kind: str) -> set[str]:
    return {q.answer for q in asked() if q.photo == photo and q.kind == kind}


def test_numbers_in_captions_become_counts() -> None:
    assert answers(0, "count") == {"two"}
    assert answers(4, "count") == {"three"}


def test_a_colour_belongs_to_the_thing_it_stands_before() -> None:
    assert answers(1, "colour") == {"red"}
    assert all("hat" in q.text for q in asked() if q.photo == 1 and q.kind == "colour")


def test_two_colours_at_once_are_not_asked_about() -> None:
    assert answers(3, "colour") == set()


def test_what_is_ridden_held_and_worn_is_an_object() -> None:
    assert {"bike", "hat"} <= answers(1, "object")
    assert "ball" in answers(2, "object")


def test_places_follow_prepositions() -> None:
    assert answers(1, "place") == {"street"}
    assert answers(4, "place") == {"snow"}


def test_yes_and_no_come_equally_often() -> None:
    about_things = Counter(q.answer for q in asked() if q.kind == "yes/no" and not COLOURS & set(q.text.rstrip("?").split()))
    assert about_things["yes"] == about_things["no"] > 10


def test_no_is_said_only_of_what_no_caption_names() -> None:
    dogs = {
        q.photo: q.answer
        for q in asked()
        if q.kind == "yes/no" and q.text in ("Is there a dog?", "Is there a dog in the picture?", "Is this a dog?")
    }
    assert all(answer == ("yes" if photo in (0, 2) else "no") for photo, answer in dogs.items())


def test_the_same_seed_asks_the_same() -> None:
    assert asked() == asked()
