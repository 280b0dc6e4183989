"""The Assistant in a real browser: answers grow and open their sources, buttons work, conversations outlive the page."""

from __future__ import annotations

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
NEARLY = 4  # pixels
PICTURES = samples.FOLDER / "shop" / "pictures"


def enter(visitor: Visitor) -> Locator:
    visitor.open("assistant")
    tab = visitor.page.locator("#tab-assistant")
    expect(tab.get_by_text("How can I help?")).to_be_visible()
    return tab


def turn(tab: Locator, number: int) -> Locator:
    return tab.locator(f".mm-as-turn[data-turn='{number}']")


def say(tab: Locator, text: str, number: int) -> Locator:
    """Send a message as turn `number`, and wait for the whole answer."""
    box = tab.get_by_role("textbox", name="Message").or_(tab.locator(".mm-as-composer textarea")).first
    box.fill(text)
    box.press("Enter")
    return answered(tab, number)


def answered(tab: Locator, number: int) -> Locator:
    expect(turn(tab, number).locator(".mm-as-tools")).to_be_visible(timeout=RUN_MS)
    expect(tab.locator(".mm-inputs .mm-status[data-state=done]").first).to_be_visible(timeout=RUN_MS)
    return turn(tab, number)


def act(tab: Locator, number: int, name: str) -> None:
    turn(tab, number).get_by_role("button", name=name).click()


def test_a_quick_reply_is_answered_with_sources_that_open(visit: Visit) -> None:
    visitor = visit()
    tab = enter(visitor)
    tab.get_by_role("button", name="Can I return a plant?").click()
    reply = answered(tab, 0)
    expect(tab.locator(".mm-as-composer textarea")).to_have_value("")
    reply.locator(".mm-as-mark").first.click()
    expect(tab.locator(".mm-as-open mark")).to_contain_text("Plants")
    step = say(tab, "Where is my order S-10241?", 1).locator(".mm-as-step")
    expect(step.locator("dl").first).to_be_hidden()
    step.locator("summary").click()
    expect(step.locator("dl").first).to_contain_text("S-10241")
    visitor.shoot("assistant-sources")
    say(tab, "Who won the match on Mars?", 2)
    expect(step.locator("dl").first).to_be_visible()  # what was folded open stays open
    at, height = tab.locator(".mm-as-turns").evaluate("(list) => [list.scrollTop + list.clientHeight, list.scrollHeight]")
    assert height - at < NEARLY
    tab.get_by_role("button", name="Yes, please hand me over").click()
    expect(answered(tab, 3).locator(".mm-as-step")).to_contain_text("Prepared the hand-over")
    visitor.turn_to("Operator")
    expect(tab.locator(".mm-as-operator li")).to_have_count(4)
    with visitor.page.expect_download() as download:
        visitor.press("assistant", "JSON")
    assert len(json.loads(Path(download.value.path()).read_text())["turns"]) == 4
    assert visitor.errors == [] and visitor.foreign == []


def test_turns_are_had_again_taken_back_edited_and_branched(visit: Visit) -> None:
    visitor = visit()
    tab = enter(visitor)
    say(tab, "Where is my order S-10241?", 0)
    say(tab, "Where is my order S-10243?", 1)
    composer = tab.locator(".mm-as-composer textarea")
    act(tab, 1, "Answer again")
    answered(tab, 1)
    expect(tab.locator(".mm-as-turn")).to_have_count(2)
    act(tab, 1, "Take back this turn")
    expect(tab.locator(".mm-as-turn")).to_have_count(1)
    expect(composer).to_have_value("Where is my order S-10243?")
    say(tab, "Where is my order S-10244?", 1)
    act(tab, 0, "Go on from here")
    expect(tab.locator(".mm-as-turn")).to_have_count(1)
    turn(tab, 0).hover()
    act(tab, 0, "Edit and send again")
    expect(composer).to_have_value("Where is my order S-10241?")
    expect(tab.locator(".mm-as-turn")).to_have_count(0)
    visitor.turn_to("Earlier")
    expect(tab.locator(".mm-as-earlier li", has_text="2 turns").first).to_be_visible()
    assert visitor.errors == []


def test_a_conversation_survives_a_reload_and_stays_with_its_browser(visit: Visit) -> None:
    visitor = visit()
    tab = enter(visitor)
    say(tab, "Where is my order S-10238?", 0)
    act(tab, 0, "Bad answer")
    tab.get_by_role("button", name="not what I asked").click()
    expect(tab.get_by_role("button", name="not what I asked")).to_have_attribute("aria-pressed", "true")
    visitor.page.reload()
    visitor.page.wait_for_selector(".mm-top")
    visitor.open("assistant")
    expect(turn(tab, 0)).to_contain_text("S-10238")
    expect(tab.get_by_role("button", name="not what I asked")).to_have_attribute("aria-pressed", "true")
    assert tab.get_by_role("button", name="Markdown").is_enabled()
    enter(visit())  # another browser begins with nothing on show
    visitor.press("assistant", "Clear")
    expect(tab.get_by_text("How can I help?")).to_be_visible()
    visitor.turn_to("Earlier")
    tab.locator(".mm-as-earlier li", has_text="S-10238").get_by_role("button", name="Delete").click()
    expect(tab.locator(".mm-as-earlier li", has_text="S-10238")).to_have_count(0)


def test_stop_keeps_what_was_written(visit: Visit) -> None:
    visitor = visit()
    tab = enter(visitor)
    box = tab.locator(".mm-as-composer textarea")
    box.fill("Can I return a plant?")  # worded by the language model, which takes a while
    visitor.press("assistant", "Send")
    expect(tab.locator(".mm-as-said")).to_contain_text("plant")
    visitor.press("assistant", "Stop")
    visitor.wait("assistant", "stopped")
    expect(tab.locator(".mm-as-turn")).to_have_count(1)
    say(tab, "Where is my order S-10241?", 1)


def test_speech_is_corrected_before_it_is_sent_and_answers_are_read_aloud(visit: Visit) -> None:
    visitor = visit()
    tab = enter(visitor)
    visitor.unfold("assistant", "Speak instead")
    recorder = tab.locator(".mm-inputs .mm-audio")
    recorder.get_by_role("button", name="Upload file").first.click()
    recorder.locator("input[type=file]").first.set_input_files(samples.path("jfk.flac"))
    box = tab.locator(".mm-as-composer textarea")
    expect(box).to_have_value(re.compile("country"), timeout=RUN_MS)
    expect(tab.locator(".mm-as-turn")).to_have_count(0)
    tab.get_by_label("Read answers aloud").check()
    expect(say(tab, "Where is my order S-10241?", 0).locator(".mm-as-spoken")).to_be_visible()
    expect(tab.locator(".mm-as-voice [data-begun]").first).to_be_attached(timeout=RUN_MS)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_picture_is_sent_from_a_phone(visit: Visit, dark: bool) -> None:
    visitor = visit(dark=dark, **PHONE)
    tab = enter(visitor)
    tab.locator(".mm-as-composer input[type=file]").first.set_input_files(sorted(PICTURES.iterdir())[0])
    expect(tab.locator(".mm-as-composer img").first).to_be_visible()
    reply = say(tab, "How much does this cost?", 0)
    expect(reply.locator(".mm-as-pictures img")).to_be_visible()
    visitor.shoot(f"assistant-phone{'-dark' if dark else ''}")
    assert visitor.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    expect(tab.locator(".mm-as-composer img")).to_have_count(0)
    visitor.turn_to("Documents")
    tab.locator("input[type=file]").last.set_input_files(
        {"name": "tides.md", "mimeType": "text/markdown", "buffer": b"# Tides\n\nThe ferry leaves at 9:40 from the north pier.\n"}
    )
    visitor.press("assistant", "Answer from these")
    expect(tab.locator(".mm-as-inuse")).to_contain_text("tides.md", timeout=RUN_MS)
