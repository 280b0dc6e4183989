"""Image generation in a real browser: pictures under way, the large view, settings that come back, what a visit painted."""

from __future__ import annotations

import base64
import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Download, Locator, expect
from visitor import RUN_MS, Visitor

from mm_demos import samples
from mm_demos.tasks.image_settings import PaintSettings, settings_of

Visit = Callable[..., Visitor]
TAB = "image-generation"
PHONE = {"width": 390, "height": 844}


def opened(visitor: Visitor) -> Locator:
    visitor.open(TAB)
    return visitor.page.locator(f"#tab-{TAB}")


def painted(visitor: Visitor, prompt: str = "a red apple", n: int = 1, *, best_first: bool = False) -> Locator:
    """The tab after a run."""
    tab = opened(visitor)
    tab.get_by_label("Prompt", exact=True).fill(prompt)
    tab.get_by_label("number input for How many").fill(str(n))
    tab.get_by_label("Best first").set_checked(best_first)
    visitor.press(TAB, "Paint")
    expect(tab.locator(".mm-pt-card[data-seed]")).to_have_count(n, timeout=RUN_MS)
    visitor.wait(TAB)
    return tab


def taken(visitor: Visitor, button: Locator) -> Download:
    with visitor.page.expect_download() as download:
        button.click()
    return download.value


def test_pictures_are_ranked_enlarged_and_taken_along(visit: Visit) -> None:
    visitor = visit()
    tab = painted(visitor, n=3, best_first=True)
    visitor.shoot(TAB)
    expect(tab.locator(".mm-best .mm-pt-facts b")).to_have_text("best")
    assert tab.locator(".mm-pt-card img").first.get_attribute("alt") == "a red apple"
    scores = [float(text) for text in tab.locator(".mm-pt-card .mm-value").all_inner_texts()]
    assert scores == sorted(scores, reverse=True)
    tab.locator(".mm-pt-open").first.click()
    large = visitor.page.get_by_role("dialog")
    expect(large.locator(".mm-pt-where")).to_contain_text("1 of 3")
    visitor.page.keyboard.press("ArrowRight")
    expect(large.locator(".mm-pt-where")).to_contain_text("2 of 3")
    visitor.shoot("image-generation-large")
    file = taken(visitor, large.get_by_role("button", name="Download PNG"))
    assert settings_of(Path(file.path())).prompt == "a red apple"
    assert file.suggested_filename.startswith("a-red-apple-")
    visitor.page.keyboard.press("Escape")
    expect(large).to_be_hidden()
    expect(tab.locator(".mm-pt-open").nth(1)).to_be_focused()
    with zipfile.ZipFile(taken(visitor, tab.get_by_role("button", name="ZIP of all")).path()) as archive:
        assert len(archive.namelist()) == 4
        assert json.loads(archive.read("pictures.json"))["receipt"]["task"] == "generate"
    assert visitor.errors == []
    assert visitor.foreign == []


def painted_settings(uri: str | None) -> PaintSettings:
    assert uri is not None
    return settings_of(base64.b64decode(uri.partition(",")[2]))


def test_settings_come_back_into_the_form(visit: Visit, tmp_path: Path) -> None:
    visitor = visit()
    tab = painted(visitor, "a purple heart", n=2)
    path = tmp_path / "heart.png"
    taken(visitor, tab.get_by_role("button", name="Download PNG").nth(1)).save_as(path)
    tab.get_by_label("Prompt", exact=True).fill("something else")
    tab.get_by_role("button", name="Use these settings").nth(1).click()
    expect(tab.get_by_label("Prompt", exact=True)).to_have_value("a purple heart")
    expect(tab.get_by_label("Seed", exact=True)).to_have_value("1")
    before = painted_settings(tab.locator(".mm-pt-card img").nth(1).get_attribute("src"))
    visitor.press(TAB, "Clear")
    expect(tab.locator(".mm-empty")).to_be_visible()
    visitor.unfold(TAB, "Read settings from a picture")
    tab.locator("input[type=file]").last.set_input_files(path)
    expect(tab.get_by_text("Settings taken over: press Paint")).to_be_visible()
    expect(tab.get_by_label("Prompt", exact=True)).to_have_value("a purple heart")
    visitor.page.keyboard.press("Control+Enter")
    expect(tab.locator(".mm-pt-card[data-seed]")).to_have_count(1, timeout=RUN_MS)
    visitor.wait(TAB)
    again = painted_settings(tab.locator(".mm-pt-card img").get_attribute("src"))
    assert again.pixels_sha256 == before.pixels_sha256
    assert again.options == replace(before.options, memory=before.memory_used), "what the automatic choice came to is filled in"
    assert visitor.errors == []


def test_a_visit_shows_again_what_it_painted(visit: Visit) -> None:
    visitor = visit()
    painted(visitor, "a rocket")
    tab = painted(visitor, "a snail", n=2)
    earlier = tab.locator(".mm-pt-earlier button")
    expect(earlier).to_have_count(2)
    visitor.press(TAB, "Clear")
    expect(tab.locator(".mm-empty")).to_be_visible()
    expect(earlier).to_have_count(2)
    tab.get_by_role("button", name="Show again: “a rocket”").click()
    expect(tab.locator(".mm-pt-card img")).to_have_count(1)
    expect(tab.locator(".mm-pt-card img")).to_have_attribute("alt", "a rocket")
    expect(tab.get_by_role("button", name="PNG", exact=True)).to_be_enabled()
    stranger = opened(visit())
    expect(stranger.locator(".mm-pt-earlier")).to_have_count(0)


def test_a_picture_is_started_from_and_sent_on(visit: Visit) -> None:
    visitor = visit()
    tab = painted(visitor, "a smiling cat")
    tab.get_by_role("button", name="Start from this one").click()
    expect(tab.locator(".mm-inputs [data-testid=image] img")).to_be_visible()
    expect(tab.get_by_label("number input for Strength")).to_be_visible()
    tab.get_by_label("Prompt", exact=True).fill("a crying cat")
    visitor.press(TAB, "Paint")
    expect(tab.locator(".mm-pt-card img").first).to_have_attribute("alt", "a crying cat", timeout=RUN_MS)
    visitor.wait(TAB)
    tab.locator(".mm-to-captioning").click()
    expect(visitor.page.locator("#tab-captioning .mm-inputs [data-testid=image] img").first).to_be_visible()
    assert visitor.errors == []


def test_stop_ends_it_and_keeps_what_is_finished(visit: Visit) -> None:
    visitor = visit()
    tab = opened(visitor)
    tab.get_by_label("Prompt", exact=True).fill("a house with a garden")
    tab.get_by_label("number input for How many").fill("8")
    visitor.unfold(TAB, "More options")
    tab.get_by_label("number input for Steps").fill("150")
    visitor.press(TAB, "Paint")
    expect(tab.locator(".mm-pt-now img")).to_be_visible(timeout=RUN_MS)
    visitor.shoot("image-generation-under-way")
    expect(tab.locator(".mm-pt-card[data-seed]").first).to_be_visible(timeout=RUN_MS)
    visitor.press(TAB, "Stop")
    visitor.wait(TAB, "stopped")
    expect(tab.locator(".mm-pt-now")).to_have_count(0)
    assert 0 < tab.locator(".mm-pt-card[data-seed]").count() < 8
    expect(tab.locator(".mm-pt-earlier button")).to_have_count(1)
    expect(tab.get_by_role("button", name="ZIP of all")).to_be_enabled()


def test_refusals_say_why(visit: Visit) -> None:
    visitor = visit()
    tab = opened(visitor)
    visitor.press(TAB, "Paint")
    expect(tab.get_by_text("The prompt is empty: say what the picture should show.")).to_be_visible()
    visitor.unfold(TAB, "Read settings from a picture")
    tab.locator("input[type=file]").last.set_input_files(samples.path("cat.jpg"))
    expect(tab.get_by_text("Settings can be read from PNG files only")).to_be_visible()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_phone_shows_pictures_in_its_width(visit: Visit, dark: bool) -> None:
    visitor = visit(dark=dark, **PHONE)
    tab = painted(visitor, "a sailing boat", n=2)
    visitor.shoot(f"image-generation-phone-result{'-dark' if dark else ''}")
    assert visitor.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    box = tab.get_by_role("button", name="Use these settings").first.bounding_box()
    assert box is not None and box["height"] >= 32, "large enough for a finger"
