"""Visual QA in a real browser: a conversation about a picture, several questions, and nothing left of the picture before."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect
from visitor import RUN_MS, Visitor

from mm_demos import samples

Visit = Callable[..., Visitor]
PHONE = {"width": 390, "height": 844}
QUESTIONS = "Is there a cat?\n???\nWhat colour is it?\nIs there a dog?"


def enter(visitor: Visitor, picture: str = "cat.jpg") -> Locator:
    """The tab, with a picture in it."""
    visitor.open("visual-qa")
    tab = visitor.page.locator("#tab-visual-qa")
    give(tab, picture)
    return tab


def give(tab: Locator, picture: str) -> None:
    tab.locator("input[type=file]").first.set_input_files(samples.path(picture))
    expect(tab.locator("[data-testid=image] img").first).to_be_visible()


def ask(visitor: Visitor, tab: Locator, question: str) -> None:
    tab.get_by_label("Question", exact=True).fill(question)
    visitor.press("visual-qa", "Ask")
    expect(tab.locator(".mm-answer .mm-asked")).to_contain_text(question, timeout=RUN_MS)


def ask_on(tab: Locator, question: str, turns: int) -> None:
    tab.get_by_label("Follow-up").fill(question)
    tab.get_by_label("Follow-up").press("Enter")
    expect(tab.locator(".mm-thread li")).to_have_count(turns, timeout=RUN_MS)


def test_a_conversation_remembers_its_turns_and_can_be_taken_along(visit: Visit) -> None:
    visitor = visit()
    tab = enter(visitor)
    expect(tab.get_by_label("Follow-up")).to_be_hidden()
    ask(visitor, tab, "Is there a cat?")
    ask_on(tab, "And what colour is it?", 2)
    expect(tab.locator(".mm-understood")).to_contain_text("What colour is the cat?")
    expect(tab.get_by_label("Follow-up")).to_have_value("")
    ask_on(tab, "Is it asleep?", 3)
    visitor.shoot("visual-qa-conversation")
    expect(tab.locator(".mm-thread .mm-said").nth(1)).to_have_text("And what colour is it?")
    with visitor.page.expect_download() as download:
        visitor.press("visual-qa", "JSON")
    saved = json.loads(Path(download.value.path()).read_text())
    assert [turn["question"] for turn in saved["earlier"]] == ["Is there a cat?", "And what colour is it?"]
    assert visitor.errors == []


def test_another_picture_and_clear_leave_nothing_behind(visit: Visit) -> None:
    visitor = visit()
    tab = enter(visitor)
    ask(visitor, tab, "Is there a cat?")
    ask_on(tab, "What colour is it?", 2)
    tab.get_by_label("Remove Image").or_(tab.get_by_label("Clear")).first.click()
    expect(tab.locator(".mm-answer")).to_have_count(0)
    expect(tab.locator(".mm-thread")).to_have_count(0)
    give(tab, "sign.png")
    expect(tab.get_by_label("Follow-up")).to_be_hidden()
    ask(visitor, tab, "What does the sign say?")
    expect(tab.locator(".mm-thread")).to_have_count(0)
    visitor.press("visual-qa", "Clear")
    expect(tab.locator(".mm-answer")).to_have_count(0)
    expect(tab.get_by_text("The answer will appear here")).to_be_visible()


def test_what_was_read_is_drawn_on_the_picture_and_can_be_hidden(visit: Visit) -> None:
    visitor = visit()
    tab = enter(visitor, "sign.png")
    visitor.unfold("visual-qa", "More options")
    tab.get_by_text("Also ask with the picture blanked").click()
    ask(visitor, tab, "What does the sign say?")
    expect(tab.locator(".mm-from")).to_contain_text("text in the picture")
    expect(tab.locator(".mm-sides > div")).to_have_count(2)
    frames = tab.locator(".mm-frames span")
    expect(frames.first).to_be_visible()
    inner, outer = frames.first.bounding_box(), tab.locator(".mm-drawn").bounding_box()
    assert inner is not None and outer is not None
    assert outer["x"] <= inner["x"] and inner["x"] + inner["width"] <= outer["x"] + outer["width"]
    visitor.shoot("visual-qa-sign")
    tab.get_by_label("Text read").uncheck()
    expect(frames.first).to_be_hidden()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_several_questions_become_a_table_on_a_phone(visit: Visit, dark: bool) -> None:
    visitor = visit(dark=dark, **PHONE)
    tab = enter(visitor)
    visitor.turn_to("Several questions")
    tab.get_by_label("Questions, one per line").fill(QUESTIONS)
    visitor.press("visual-qa", "Ask all")
    expect(tab.locator(".mm-answers tbody tr")).to_have_count(4, timeout=RUN_MS)
    visitor.wait("visual-qa")
    rows = tab.locator(".mm-answers tbody tr")
    expect(rows.nth(0)).to_contain_text("yes")
    expect(rows.nth(1)).to_contain_text("The question is empty")
    expect(rows.nth(3)).to_contain_text("no")
    rows.nth(0).locator("summary").click()
    expect(rows.nth(0).locator(".mm-bars")).to_be_visible()
    visitor.shoot(f"visual-qa-table-phone{'-dark' if dark else ''}")
    assert visitor.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    with visitor.page.expect_download() as download:
        visitor.press("visual-qa", "CSV")
    table = list(csv.DictReader(Path(download.value.path()).read_text().splitlines()))
    assert [row["question"] for row in table] == QUESTIONS.split("\n")
    assert [bool(row["error"]) for row in table] == [False, True, False, False]


def test_stop_keeps_the_answers_that_are_there(visit: Visit) -> None:
    visitor = visit()
    tab = enter(visitor)
    visitor.turn_to("Several questions")
    many = "\n".join(f"Why would a poet of the year {1900 + number} like this picture?" for number in range(40))  # not quick ones
    tab.get_by_label("Questions, one per line").fill(many)
    visitor.press("visual-qa", "Ask all")
    rows = tab.locator(".mm-answers tbody tr")
    expect(rows.first).to_be_visible(timeout=RUN_MS)
    visitor.press("visual-qa", "Stop")
    visitor.wait("visual-qa", "stopped")
    assert 0 < rows.count() < 40


def test_a_spoken_question_can_be_corrected_before_it_is_asked(visit: Visit) -> None:
    visitor = visit()
    tab = enter(visitor)
    visitor.unfold("visual-qa", "Ask aloud instead")
    recorder = tab.locator(".mm-audio")
    recorder.get_by_role("button", name="Upload file").first.click()
    recorder.locator("input[type=file]").first.set_input_files(samples.path("jfk.flac"))
    question = tab.get_by_label("Question", exact=True)
    expect(question).to_have_value(re.compile("country"), timeout=RUN_MS)
    expect(tab.locator(".mm-statusbox .mm-status").first).to_contain_text("correct the question")
    expect(tab.locator(".mm-answer")).to_have_count(0)
    ask(visitor, tab, "Is there a cat?")


def test_a_second_visitor_hears_nothing_of_the_conversation(visit: Visit) -> None:
    first = visit()
    tab = enter(first)
    ask(first, tab, "Is there a cat?")
    second = visit()
    other = enter(second)
    expect(other.locator(".mm-answer")).to_have_count(0)
    ask(second, other, "Is there a dog?")
    ask_on(other, "Is it big?", 2)
    expect(other.locator(".mm-understood")).to_contain_text("dog")
