"""The suite as its visitors see it: every tab on real files, with real weights, in a real browser."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from visitor import RUN_MS, Visitor

from mm_demos import samples, tabs

Visit = Callable[..., Visitor]
NAMES = [tab.name for tab in tabs.TABS]
PHONE = {"width": 390, "height": 844}


def no_sideways_scroll(page: Page) -> bool:
    return page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def caption_a_cat(visitor: Visitor) -> None:
    visitor.open("captioning")
    visitor.page.locator("#tab-captioning input[type=file]").first.set_input_files(samples.path("cat.jpg"))
    expect(visitor.page.locator("#tab-captioning [data-testid=image] img").first).to_be_visible()
    visitor.press("captioning", "Caption")
    visitor.wait("captioning")


def test_every_tab_opens_without_an_error_and_asks_no_other_host(visit: Visit) -> None:
    visitor = visit()
    for name in NAMES:
        visitor.open(name)
        visitor.shoot(f"{name}-empty")
        assert tabs.find(name).summary in visitor.text(name)
    assert visitor.errors == []
    assert visitor.foreign == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_phone_shows_one_column_and_never_scrolls_sideways(visit: Visit, dark: bool) -> None:
    visitor = visit(dark=dark, **PHONE)
    for name in NAMES:
        visitor.open(name)
        visitor.shoot(f"{name}-phone{'-dark' if dark else ''}")
        assert no_sideways_scroll(visitor.page), name
    background = visitor.page.evaluate("getComputedStyle(document.body).backgroundColor")
    brightness = sum(map(int, re.findall(r"\d+", background)[:3])) / 3
    assert brightness < 60 if dark else brightness > 200


def test_captions_come_with_evidence_a_receipt_and_a_download(visit: Visit) -> None:
    visitor = visit()
    caption_a_cat(visitor)
    visitor.shoot("captioning")
    shown = visitor.text("captioning").lower()
    assert "cat" in shown
    assert "seen in the picture" in shown
    assert "load" in shown
    assert "peak" in shown
    with visitor.page.expect_download() as download:
        visitor.press("captioning", "JSON")
    result = json.loads(Path(download.value.path()).read_text())
    assert result["captions"][0]["text"]
    assert result["receipt"]["models"]
    assert "model" in visitor.page.locator(".mm-memory-label").inner_text()


def test_a_second_visitor_sees_nothing_of_the_first(visit: Visit) -> None:
    first = visit()
    caption_a_cat(first)
    caption = first.page.locator("#tab-captioning .mm-lead").first.inner_text()
    second = visit()
    second.open("captioning")
    assert caption not in second.text("captioning")
    assert "Captions will appear here" in second.text("captioning")


def test_a_file_that_is_no_picture_gets_one_sentence(visit: Visit, tmp_path: Path) -> None:
    wrong = tmp_path / "holiday.png"
    wrong.write_text("these are words")
    visitor = visit()
    visitor.open("captioning")
    with visitor.page.expect_response(lambda response: "/upload" in response.url):
        visitor.page.locator("#tab-captioning input[type=file]").first.set_input_files(wrong)
    expect(visitor.page.locator("#tab-captioning [data-testid=image] img").first).to_be_attached()
    visitor.press("captioning", "Caption")
    sentence = visitor.wait("captioning", "failed")
    assert "holiday.png is not a picture" in sentence
    assert "Traceback" not in visitor.page.inner_text("body")
    visitor.shoot("captioning-wrong-file")


def test_nothing_given_is_refused_at_once(visit: Visit) -> None:
    visitor = visit()
    visitor.open("visual-qa")
    visitor.page.keyboard.press("Control+Enter")
    expect(visitor.page.get_by_text("Choose, paste or take a picture first.")).to_be_visible()


def test_stop_ends_a_batch_and_keeps_what_is_done(visit: Visit) -> None:
    visitor = visit()
    visitor.open("captioning")
    visitor.turn_to("Many pictures")
    pictures = [samples.path(name) for name in ("cat.jpg", "coffee.jpg", "rocket.jpg", "flower.jpg", "astronaut.jpg")] * 16
    with visitor.page.expect_response(lambda response: "/upload" in response.url):
        visitor.page.locator("#tab-captioning input[type=file][multiple]").set_input_files(pictures)
    expect(visitor.page.locator("#tab-captioning .file-preview")).to_be_visible()
    visitor.unfold("captioning", "More options")
    visitor.page.get_by_label("number input for How many captions").locator("visible=true").first.fill("8")
    visitor.press("captioning", "Caption all")
    captions = visitor.page.locator("#tab-captioning .mm-results").get_by_text(".jpg").locator("visible=true")
    expect(captions.first).to_be_visible(timeout=RUN_MS)
    # At once: a click in the browser waits until nothing moves, and here a row comes with every picture.
    visitor.page.locator("#tab-captioning").get_by_role("button", name="Stop").locator("visible=true").dispatch_event("click")
    visitor.wait("captioning", "stopped")
    visitor.shoot("captioning-stopped")
    assert 0 < captions.count() < len(pictures)
    visitor.turn_to("One picture")
    caption_a_cat(visitor)


def test_a_question_gets_an_answer_with_candidates(visit: Visit) -> None:
    visitor = visit()
    visitor.open("visual-qa")
    visitor.page.locator("#tab-visual-qa tr", has_text="What animal is in the picture?").click()
    visitor.wait("visual-qa")
    expect(visitor.page.locator("#tab-visual-qa textarea").first).to_have_value("What animal is in the picture?")
    visitor.shoot("visual-qa")
    assert "cat" in visitor.page.locator("#tab-visual-qa .mm-lead").first.inner_text().lower()
    assert "candidates" in visitor.text("visual-qa").lower()


def test_speech_becomes_text_and_subtitles(visit: Visit) -> None:
    visitor = visit()
    visitor.open("speech")
    visitor.page.locator("#tab-speech").get_by_role("button", name="Upload file").first.click()
    with visitor.page.expect_response(lambda response: "/upload" in response.url):
        visitor.page.locator("#tab-speech input[type=file]").first.set_input_files(samples.path("jfk.flac"))
    expect(visitor.page.locator("#tab-speech .waveform-container").first).to_be_visible()
    visitor.press("speech", "Transcribe")
    visitor.wait("speech")
    visitor.shoot("speech")
    assert "ask not what your country can do for you" in visitor.text("speech").lower().replace(",", "")
    with visitor.page.expect_download() as download:
        visitor.press("speech", "SRT")
    assert " --> " in Path(download.value.path()).read_text()


def test_anything_is_classified_into_typed_labels(visit: Visit) -> None:
    visitor = visit()
    visitor.open("classification")
    visitor.page.locator("#tab-classification tr, #tab-classification .gallery-item").locator("visible=true").first.click()
    visitor.wait("classification")
    visitor.shoot("classification")
    assert re.search(r"\d+\.\d ?%", visitor.text("classification"))


def test_models_are_listed_loaded_and_ejected(visit: Visit) -> None:
    visitor = visit()
    visitor.open("models")
    row = visitor.page.locator("tr[data-model='all-MiniLM-L6-v2']")
    row.click()
    expect(visitor.page.locator("#tab-models .mm-lead")).to_have_text("all-MiniLM-L6-v2")
    visitor.press("models", "Load")
    expect(row.locator("td").nth(5)).to_contain_text("MB", timeout=RUN_MS)
    expect(visitor.page.locator(".mm-memory-bar span[title^=all-MiniLM]")).to_be_visible()
    visitor.shoot("models")
    visitor.press("models", "Eject")
    expect(row.locator("td").nth(5)).to_contain_text("–", timeout=RUN_MS)
    expect(visitor.page.locator(".mm-memory-bar span[title^=all-MiniLM]")).to_have_count(0)
    with visitor.page.expect_download() as download:
        visitor.press("models", "Catalog as JSON")
    assert {item["name"] for item in json.loads(Path(download.value.path()).read_text())["models"]} >= {"whisper-base"}
