"""Send-to as its visitors use it: a result goes to another tab, which opens with its input filled."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, expect
from visitor import RUN_MS, Visitor

Visit = Callable[..., Visitor]


def send(visitor: Visitor, tab: str, thing: str, target: str) -> None:
    """Press a Send-to button and wait for its tab."""
    visitor.page.locator(f"#tab-{tab} .mm-send-{thing} .mm-to-{target}").click()
    expect(visitor.page.locator(f"#tab-{target} .mm-summary")).to_be_visible()
    visitor.settle()


def picture(visitor: Visitor, tab: str) -> Locator:
    return visitor.page.locator(f"#tab-{tab} .mm-inputs [data-testid=image] img").locator("visible=true").first


def test_nothing_is_offered_before_there_is_a_result(visit: Visit) -> None:
    visitor = visit()
    for tab in (
        "speech",
        "captioning",
        "visual-qa",
        "retrieval",
        "classification",
        "picture-search",
        "assistant",
        "image-generation",
    ):
        visitor.open(tab)
        assert visitor.page.locator(f"#tab-{tab} .mm-send:visible").count() == 0, tab


def test_a_caption_and_its_picture_travel(visit: Visit) -> None:
    visitor = visit()
    visitor.example("captioning")
    visitor.page.locator("#tab-captioning .mm-rank").nth(1).click()
    caption = visitor.page.locator("#tab-captioning .mm-chosen .mm-lead").inner_text()
    visitor.shoot("send-to-captioning")
    send(visitor, "captioning", "caption", "retrieval")
    expect(visitor.page.locator("#tab-retrieval .mm-inputs textarea:visible").first).to_have_value(caption)
    visitor.open("captioning")
    send(visitor, "captioning", "caption", "assistant")
    expect(visitor.page.locator("#tab-assistant .mm-as-composer textarea")).to_have_value(caption)
    visitor.open("captioning")
    send(visitor, "captioning", "picture", "assistant")
    expect(visitor.page.locator("#tab-assistant .mm-as-composer img").first).to_be_visible()
    expect(visitor.page.locator("#tab-assistant .mm-as-composer textarea")).to_have_value(caption)
    visitor.shoot("send-to-assistant")
    visitor.open("captioning")
    send(visitor, "captioning", "picture", "visual-qa")
    expect(picture(visitor, "visual-qa")).to_be_visible()
    visitor.shoot("send-to-visual-qa")
    visitor.page.get_by_label("Question", exact=True).locator("visible=true").fill("What animal is it?")
    visitor.press("visual-qa", "Ask")
    visitor.wait("visual-qa")
    send(visitor, "visual-qa", "picture", "classification")
    expect(picture(visitor, "classification")).to_be_visible()
    assert visitor.errors == []
    assert visitor.foreign == []


def test_a_transcript_becomes_a_message_and_a_text(visit: Visit) -> None:
    visitor = visit()
    visitor.example("speech")
    send(visitor, "speech", "transcript", "assistant")
    composer = visitor.page.locator("#tab-assistant .mm-as-composer textarea")
    expect(composer).to_have_value(re.compile("ask what you can do for your country", re.I))
    visitor.open("speech")
    send(visitor, "speech", "transcript", "classification")
    assert "fellow Americans" in visitor.page.locator("#tab-classification textarea:visible").nth(1).input_value()
    assert visitor.errors == []


@pytest.mark.parametrize("width", [1280, 390])
def test_the_best_moment_is_classified(visit: Visit, width: int) -> None:
    visitor = visit(width=width, dark=width < 600)
    visitor.open("retrieval")
    visitor.page.locator("#tab-retrieval .mm-inputs textarea:visible").first.fill("a dog barking")
    visitor.press("retrieval", "Search")
    visitor.wait("retrieval")
    visitor.shoot(f"send-to-retrieval-{width}")
    send(visitor, "retrieval", "match", "classification")
    expect(
        visitor.page.locator("#tab-classification .mm-audio audio, #tab-classification .mm-audio .component-wrapper").first
    ).to_be_attached()
    visitor.page.locator("#tab-classification textarea:visible").first.fill("dog, rain, helicopter")
    visitor.press("classification", "Classify")
    visitor.wait("classification")
    assert visitor.page.locator("#tab-classification .mm-verdict .mm-lead").inner_text() == "dog"
    assert visitor.errors == []


def test_the_best_picture_gets_a_caption(visit: Visit) -> None:
    visitor = visit()
    visitor.open("captioning")
    visitor.turn_to("Many pictures")
    visitor.open("picture-search")
    visitor.page.locator("#tab-picture-search textarea:visible").first.fill("a cup of coffee")
    visitor.press("picture-search", "Search")
    visitor.wait("picture-search")
    send(visitor, "picture-search", "match", "captioning")
    expect(picture(visitor, "captioning")).to_be_visible(timeout=RUN_MS)
    visitor.shoot("send-to-from-search")
    assert visitor.errors == []


def test_a_picture_of_a_conversation_is_classified(visit: Visit) -> None:
    visitor = visit()
    visitor.example("captioning", 1)
    send(visitor, "captioning", "picture", "assistant")
    expect(visitor.page.locator("#tab-assistant .mm-as-composer img").first).to_be_visible()
    assert visitor.page.locator("#tab-assistant .mm-send:visible").count() == 0
    visitor.page.locator("#tab-assistant .mm-as-composer textarea").fill("Hello")
    visitor.press("assistant", "Send")
    visitor.wait("assistant")
    visitor.shoot("send-to-from-assistant")
    send(visitor, "assistant", "picture", "classification")
    expect(picture(visitor, "classification")).to_be_visible()
    assert visitor.errors == []
