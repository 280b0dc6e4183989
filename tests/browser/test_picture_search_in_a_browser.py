"""Picture search as its visitors see it, on real weights in a real browser."""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect
from visitor import RUN_MS, Visitor

from mm_demos import samples

Visit = Callable[..., Visitor]
TAB = "picture-search"
FOUND = f"#tab-{TAB} .mm-found figure"


def search(visitor: Visitor, words: str) -> None:
    visitor.page.locator(f"#tab-{TAB} textarea").locator("visible=true").first.fill(words)
    visitor.press(TAB, "Search")


def best(page: Page) -> str:
    return page.locator(f"{FOUND}.mm-best .mm-label").inner_text()


def add_folder(visitor: Visitor, folder: Path) -> None:
    with visitor.page.expect_file_chooser() as chooser:
        visitor.press(TAB, "Add a folder")
    chooser.value.set_files(folder)
    expect(visitor.page.locator(f"#tab-{TAB} .mm-collection .mm-small")).to_contain_text("added from the folder", timeout=RUN_MS)


def download(visitor: Visitor, button: str, folder: Path) -> Path:
    with visitor.page.expect_download() as begun:
        visitor.press(TAB, button)
    target = folder / begun.value.suggested_filename
    begun.value.save_as(target)
    return target


def test_the_samples_are_searched_at_once_by_words(visit: Visit) -> None:
    visitor = visit()
    visitor.open(TAB)
    search(visitor, "a cup of coffee")
    visitor.wait(TAB)
    visitor.shoot("picture-search")
    assert best(visitor.page) == "coffee.jpg"
    assert visitor.errors == []
    assert visitor.foreign == []


def test_a_folder_is_searched_and_its_index_opened_by_another_visitor(visit: Visit, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("cat.jpg", "rocket.jpg", "flower.jpg"):
        (folder / f"my-{name}").write_bytes(samples.path(name).read_bytes())
    (folder / "again.jpg").write_bytes(samples.path("cat.jpg").read_bytes())
    (folder / "broken.jpg").write_text("no picture")
    (folder / "notes.txt").write_text("no picture either")
    visitor = visit()
    visitor.open(TAB)
    add_folder(visitor, folder)
    search(visitor, "a rocket")
    visitor.wait(TAB)
    visitor.shoot("picture-search-folder")
    assert best(visitor.page) == "my-rocket.jpg"
    assert visitor.page.locator(FOUND).count() == 3
    shown = visitor.text(TAB)
    assert "broken.jpg is not a picture" in shown
    assert "1 with the same content" in shown
    rows = list(csv.DictReader(download(visitor, "CSV", tmp_path).open(encoding="utf-8")))
    assert rows[0]["file"] == "my-rocket.jpg"
    assert len(zipfile.ZipFile(download(visitor, "ZIP", tmp_path)).namelist()) == 4
    index = download(visitor, "Index", tmp_path)

    other = visit()
    other.open(TAB)
    assert other.page.locator(FOUND).count() == 0
    with other.page.expect_file_chooser() as chooser:
        other.press(TAB, "Open an index")
    chooser.value.set_files(index)
    expect(other.page.locator(f"#tab-{TAB} .mm-collection .mm-small")).to_contain_text("3 pictures loaded", timeout=RUN_MS)
    search(other, "a cat")
    other.wait(TAB)
    assert best(other.page) in {"my-cat.jpg", "again.jpg"}


def test_stop_keeps_the_pictures_that_are_read(visit: Visit, tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    with Image.open(samples.path("cat.jpg")) as cat:
        for i in range(64):
            cat.crop((i, 0, cat.width, cat.height)).save(folder / f"cat-{i}.png")
    visitor = visit()
    visitor.open(TAB)
    add_folder(visitor, folder)
    search(visitor, "a cat")
    expect(visitor.page.locator(FOUND).first).to_be_visible(timeout=RUN_MS)
    visitor.press(TAB, "Stop")
    visitor.wait(TAB, "stopped")
    assert 0 < visitor.page.locator(FOUND).count() <= 12
    search(visitor, "a cat")
    visitor.wait(TAB)
    expect(visitor.page.locator(f"#tab-{TAB} .mm-chip", has_text="64 pictures")).to_be_visible()


def test_a_picture_finds_its_like(visit: Visit) -> None:
    visitor = visit()
    visitor.open(TAB)
    visitor.turn_to("By a picture")
    chooser = visitor.page.locator(f"#tab-{TAB} [data-testid=image] input[type=file]").locator("nth=0")
    chooser.set_input_files(samples.path("rocket.jpg"))
    expect(visitor.page.locator(f"#tab-{TAB} [data-testid=image] img").first).to_be_visible()
    visitor.press(TAB, "Find similar")
    visitor.wait(TAB)
    visitor.shoot("picture-search-alike")
    assert "The picture itself" in visitor.text(TAB)
    assert "rocket.jpg" not in visitor.page.locator(f"#tab-{TAB} .mm-found").inner_text()


def test_sentences_are_ranked_for_a_picture(visit: Visit) -> None:
    visitor = visit()
    visitor.open(TAB)
    visitor.turn_to("Rank sentences")
    visitor.page.locator(f"#tab-{TAB} tr", has_text="A cat looks").locator("visible=true").first.click()
    visitor.wait(TAB)
    visitor.shoot("picture-search-sentences")
    assert visitor.page.locator(f"#tab-{TAB} .mm-lead").inner_text() == "A cat looks at the camera."
