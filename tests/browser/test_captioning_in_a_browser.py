"""Captioning in a real browser: captions to choose and copy, words that light the picture, a gallery to edit."""

from __future__ import annotations

import csv
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Download, Locator, expect
from visitor import RUN_MS, Visitor

from mm_demos import samples

Visit = Callable[..., Visitor]
PHONE = {"width": 390, "height": 844}
PATIENCE = 60  # downloads
# One number for what is drawn over the picture: opacities weighted by place; 0 when nothing is.
DRAWN = """(canvas) => {
  const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  let total = 0;
  for (let i = 3; i < data.length; i += 4) total += data[i] * (1 + i % 997);
  return total;
}"""


def caption(visitor: Visitor, picture: str = "cat.jpg") -> Locator:
    """The tab after a run on one picture."""
    visitor.open("captioning")
    tab = visitor.page.locator("#tab-captioning")
    tab.locator("input[type=file]").first.set_input_files(samples.path(picture))
    expect(tab.locator("[data-testid=image] img").first).to_be_visible()
    visitor.press("captioning", "Caption")
    expect(tab.locator(".mm-rank").first).to_be_visible(timeout=RUN_MS)
    visitor.wait("captioning")
    return tab


def choose_one_with_a_map(tab: Locator) -> Locator:
    """The words of the best caption that was written word by word from the picture."""
    words = tab.locator(".mm-words button")
    for row in tab.locator(".mm-rank").all():
        row.click()
        if words.count():
            return words
    pytest.fail("No caption has a map.", pytrace=False)


def many(visitor: Visitor, paths: list[Path]) -> Locator:
    """The tab with these pictures chosen for a batch."""
    visitor.open("captioning")
    visitor.turn_to("Many pictures")
    tab = visitor.page.locator("#tab-captioning")
    with visitor.page.expect_response(lambda response: "/upload" in response.url):
        tab.locator("input[type=file][multiple]:not([webkitdirectory])").set_input_files(paths)
    expect(tab.locator(".file-preview")).to_be_visible()
    return tab


def download(visitor: Visitor, button: str) -> Download:
    with visitor.page.expect_download() as download:
        visitor.press("captioning", button)
    return download.value


def drawn(tab: Locator) -> int:
    """What tells one drawing from another."""
    return int(tab.locator("canvas").evaluate(DRAWN))


def test_a_caption_is_chosen_and_copied(visit: Visit) -> None:
    visitor = visit()
    visitor.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab = caption(visitor)
    texts = tab.locator(".mm-rank .mm-label").all_inner_texts()
    expect(tab.locator(".mm-lead").first).to_have_text(texts[0])
    tab.locator(".mm-rank input").first.focus()
    visitor.page.keyboard.press("ArrowDown")
    expect(tab.locator(".mm-lead").first).to_have_text(texts[1])
    tab.get_by_role("button", name="Copy", exact=True).click()
    expect(tab.locator(".mm-copy")).to_have_text("Copied")
    assert visitor.page.evaluate("navigator.clipboard.readText()") == texts[1]
    assert visitor.errors == []


def test_words_light_the_picture_without_asking_the_server(visit: Visit) -> None:
    visitor = visit()
    tab = caption(visitor)
    words = choose_one_with_a_map(tab)
    slider = tab.get_by_label("Word of the caption", exact=True)
    asked: list[str] = []
    visitor.page.on("request", lambda request: asked.append(request.url) if "queue/join" in request.url else None)
    slider.fill("0")
    assert drawn(tab) == 0, "the picture alone"
    words.nth(1).click()
    expect(slider).to_have_value("2")
    expect(words.nth(1)).to_have_attribute("aria-pressed", "true")
    assert (slider.get_attribute("aria-valuetext") or "").startswith(
        f"2 of {words.count()}: “{words.nth(1).inner_text()}” looked"
    )
    second = drawn(tab)
    assert second > 0
    visitor.page.keyboard.press("ArrowRight")
    expect(words.nth(2)).to_be_focused()
    expect(slider).to_have_value("3")
    assert drawn(tab) != second
    slider.press("End")
    expect(words.last).to_have_attribute("aria-pressed", "true")
    visitor.shoot("captioning-heat-map")
    assert asked == []


def test_playing_goes_through_all_words_and_ends(visit: Visit) -> None:
    visitor = visit()
    tab = caption(visitor)
    words = choose_one_with_a_map(tab)
    slider = tab.get_by_label("Word of the caption", exact=True)
    slider.fill("0")
    tab.locator(".mm-play").click()
    expect(words.last).to_have_attribute("aria-pressed", "true")
    expect(tab.locator(".mm-play")).to_have_text("Play")
    slider.fill("1")
    tab.locator(".mm-play").click()
    expect(tab.locator(".mm-play")).to_have_text("Pause")
    words.first.click()
    expect(tab.locator(".mm-play")).to_have_text("Play")
    expect(slider).to_have_value("1")


def test_the_next_picture_takes_the_place_of_the_first(visit: Visit) -> None:
    visitor = visit()
    tab = caption(visitor)
    picture = tab.locator(".mm-heat-picture img")
    before = picture.get_attribute("src") or ""
    tab.locator(".mm-rank").nth(1).click()
    tab.locator("tr, .gallery-item").locator("visible=true").nth(1).click()
    expect(picture).not_to_have_attribute("src", before, timeout=RUN_MS)
    expect(tab.locator(".mm-rank input").first).to_be_checked()
    expect(tab.locator(".mm-lead").first).to_have_text(tab.locator(".mm-rank .mm-label").first.inner_text())


def test_a_batch_is_edited_and_taken_along(visit: Visit, tmp_path: Path) -> None:
    bad = tmp_path / "bad.png"
    bad.write_text("words")
    visitor = visit()
    tab = many(visitor, [samples.path("cat.jpg"), bad, samples.path("coffee.jpg")])
    visitor.press("captioning", "Caption all")
    first = tab.get_by_label("Caption of cat.jpg")
    expect(first).to_be_visible(timeout=RUN_MS)
    first.fill("=My own words")  # while the others are still being captioned
    visitor.wait("captioning")
    expect(tab.locator(".mm-picture")).to_have_count(3)
    expect(tab.locator(".mm-picture").nth(1)).to_contain_text("bad.png is not a picture")
    expect(first).to_have_value("=My own words")
    expect(tab.locator(".mm-changed")).to_have_count(1)
    other = tab.locator(".mm-picture").nth(2)
    other.locator("summary").click()
    chosen = other.locator(".mm-other").nth(1)
    wanted = chosen.evaluate("(button) => button.firstChild.textContent")
    chosen.click()
    expect(tab.get_by_label("Caption of coffee.jpg")).to_have_value(wanted)
    visitor.shoot("captioning-gallery")
    for _ in range(PATIENCE):  # the files follow the edit after a moment, which nothing on the page tells
        table = list(csv.DictReader(Path(download(visitor, "CSV").path()).read_text().splitlines()))
        if table[2]["caption"] == wanted:
            break
    assert [row["picture"] for row in table] == ["cat.jpg", "bad.png", "coffee.jpg"]
    assert [row["caption"] for row in table] == ["'=My own words", "", wanted]
    lines = [json.loads(line) for line in Path(download(visitor, "JSONL").path()).read_text().splitlines()]
    assert [line["edited"] for line in lines] == [True, False, True]
    with zipfile.ZipFile(download(visitor, "ZIP of all").path()) as file:
        assert file.read("captions/cat.txt").decode() == "=My own words\n"
        assert "captions/bad.txt" not in file.namelist()


def test_stop_keeps_what_is_done_and_offers_it(visit: Visit) -> None:
    visitor = visit()
    pictures = [samples.path(name) for name in ("cat.jpg", "coffee.jpg", "rocket.jpg", "flower.jpg", "astronaut.jpg")] * 16
    tab = many(visitor, pictures)
    visitor.press("captioning", "Caption all")
    expect(tab.locator(".mm-picture").first).to_be_visible(timeout=RUN_MS)
    visitor.press("captioning", "Stop")
    visitor.wait("captioning", "stopped")
    expect(tab.get_by_role("button", name="CSV").locator("visible=true")).to_be_enabled()
    kept = tab.locator(".mm-picture").count()
    table = list(csv.DictReader(Path(download(visitor, "CSV").path()).read_text().splitlines()))
    assert 0 < len(table) == kept < len(pictures)


def test_a_folder_gives_its_pictures(visit: Visit, tmp_path: Path) -> None:
    (tmp_path / "album").mkdir()
    for name in ("cat.jpg", "coffee.jpg"):
        (tmp_path / "album" / name).write_bytes(samples.path(name).read_bytes())
    (tmp_path / "album" / "notes.txt").write_text("no picture")
    visitor = visit()
    visitor.open("captioning")
    visitor.turn_to("Many pictures")
    tab = visitor.page.locator("#tab-captioning")
    tab.locator("input[type=file][webkitdirectory]").set_input_files(tmp_path / "album")
    expect(tab.locator(".file-preview tr")).to_have_count(2)
    expect(tab.locator(".file-preview")).not_to_contain_text("notes")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_phone_shows_captions_and_map_in_its_width(visit: Visit, dark: bool) -> None:
    visitor = visit(dark=dark, **PHONE)
    tab = caption(visitor, "astronaut.jpg")
    visitor.shoot(f"captioning-phone-result{'-dark' if dark else ''}")
    assert visitor.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    box = choose_one_with_a_map(tab).first.bounding_box()
    assert box is not None and box["height"] >= 32, "large enough for a finger"
