"""Audio–text retrieval as its visitors see it, on real weights in a real browser."""

from __future__ import annotations

import csv
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Locator, expect
from visitor import RUN_MS, Visitor

from mm_demos import samples

Visit = Callable[..., Visitor]
TAB = "retrieval"
HITS = f"#tab-{TAB} .mm-hit"


def search(visitor: Visitor, words: str, compare: str = "Both") -> None:
    visitor.page.locator(f"#tab-{TAB}").get_by_label(compare, exact=True).locator("visible=true").check()
    visitor.page.locator(f"#tab-{TAB}").get_by_label("What to listen for").fill(words)
    visitor.press(TAB, "Search")
    visitor.wait(TAB)


def best(visitor: Visitor) -> Locator:
    return visitor.page.locator(f"{HITS}.mm-best")


def download(visitor: Visitor, button: str, folder: Path) -> Path:
    with visitor.page.expect_download() as begun:
        visitor.press(TAB, button)
    target = folder / begun.value.suggested_filename
    begun.value.save_as(target)
    return target


def test_the_built_in_sounds_are_searched_at_once(visit: Visit, tmp_path: Path) -> None:
    visitor = visit()
    visitor.open(TAB)
    search(visitor, "a dog barking", "How it sounds")
    visitor.shoot("retrieval")
    expect(best(visitor)).to_contain_text(re.compile(r"dog-(bark|near)\.ogg"))
    expect(best(visitor)).to_contain_text("dog bark")
    rows = list(csv.DictReader(download(visitor, "CSV", tmp_path).open(encoding="utf-8")))
    assert rows[0]["file"].startswith("dog-")
    assert len(zipfile.ZipFile(download(visitor, "ZIP of clips", tmp_path)).namelist()) == 1 + len(rows)
    assert visitor.errors == []
    assert visitor.foreign == []


def test_words_that_are_said_are_found_marked_and_played(visit: Visit) -> None:
    visitor = visit()
    visitor.open(TAB)
    search(visitor, "what you can do for your country", "What is said")
    expect(best(visitor)).to_contain_text("jfk.flac")
    expect(best(visitor).locator("mark").filter(has_text="country").first).to_be_visible()
    button = best(visitor).get_by_role("button", name="Play jfk.flac")
    button.click()
    expect(best(visitor).locator(".mm-player-row.mm-playing")).to_be_visible()
    visitor.page.wait_for_function("document.querySelector('.mm-best audio').currentTime > 0.2")
    visitor.shoot("retrieval-said")
    button.click()
    expect(best(visitor).locator(".mm-player-row.mm-playing")).to_have_count(0)
    best(visitor).locator("[data-word-at]").last.click()
    visitor.page.wait_for_function("document.querySelector('.mm-best audio').currentTime > 3")


def test_the_map_is_heard_by_pointer_and_by_list(visit: Visit) -> None:
    visitor = visit()
    visitor.open(TAB)
    search(visitor, "rain")
    visitor.page.locator(f"#tab-{TAB} .mm-map g", has_text="clock.ogg").locator("circle").last.click()
    heard = visitor.page.locator(f"#tab-{TAB} .mm-spot")
    expect(heard).to_contain_text("clock.ogg", timeout=RUN_MS)
    visitor.page.get_by_text("The same as a list").click()
    visitor.page.get_by_role("button", name=re.compile("^fire.ogg")).click()
    expect(heard).to_contain_text("fire.ogg", timeout=RUN_MS)
    visitor.shoot("retrieval-map")


def test_a_sound_finds_its_like(visit: Visit) -> None:
    visitor = visit(dark=True)
    visitor.open(TAB)
    visitor.turn_to("Voice or sound")
    visitor.page.locator(f"#tab-{TAB}").get_by_label("How it sounds", exact=True).check()
    visitor.page.locator(f"#tab-{TAB} button.gallery-item", has_text="cock-crow.ogg").click()
    visitor.wait(TAB)
    expect(visitor.page.locator(HITS).nth(1)).to_contain_text(re.compile("rooster.ogg|cock-crow.ogg"))
    visitor.shoot("retrieval-alike-dark")


def test_a_library_of_ones_own_is_made_saved_and_opened(visit: Visit, tmp_path: Path) -> None:
    folder = tmp_path / "recordings"
    folder.mkdir()
    for name in ("jfk.flac", "rooster.ogg", "fire.ogg"):
        (folder / f"my-{name}").write_bytes(samples.path(name).read_bytes())
    (folder / "again.ogg").write_bytes(samples.path("fire.ogg").read_bytes())
    (folder / "broken.wav").write_text("no recording")
    (folder / "notes.txt").write_text("no recording either")
    visitor = visit()
    visitor.open(TAB)
    tab = visitor.page.locator(f"#tab-{TAB}")
    visitor.unfold(TAB, "Your own recordings")
    tab.get_by_label("Name of the library").fill("Browser test")
    with visitor.page.expect_file_chooser() as chooser:
        visitor.press(TAB, "Upload a folder")
    chooser.value.set_files(folder)
    expect(tab.locator(".block.mm-indexing")).to_contain_text(
        "5 files taken from the folder; 1 other file was left out", timeout=RUN_MS
    )
    visitor.press(TAB, "Add to the library")
    visitor.wait(TAB)
    expect(tab.locator(".block.mm-indexing")).to_contain_text("broken.wav")
    expect(tab.locator(".mm-collection").first).to_contain_text("3 recordings", timeout=RUN_MS)
    visitor.shoot("retrieval-own")
    visitor.press(TAB, "Save the library as a file")
    saved = tab.get_by_role("link", name=re.compile("mmlibrary|KB|MB")).first
    with visitor.page.expect_download(timeout=RUN_MS) as begun:
        saved.click(timeout=RUN_MS)
    target = tmp_path / "copy.mmlibrary"
    begun.value.save_as(target)
    search(visitor, "ask what you can do", "What is said")
    expect(best(visitor)).to_contain_text("my-jfk.flac")

    tab.get_by_label("Name of the library").fill("Opened again")
    with visitor.page.expect_file_chooser() as chooser:
        visitor.press(TAB, "Open a saved library")
    chooser.value.set_files(target)
    expect(tab.locator(".block.mm-indexing")).to_contain_text("Opened again was loaded", timeout=RUN_MS)
    search(visitor, "ask what you can do", "What is said")
    expect(best(visitor)).to_contain_text("not on this machine")
    visitor.page.on("dialog", lambda dialog: dialog.accept())
    visitor.press(TAB, "Delete the library")
    expect(tab.locator(".block.mm-indexing")).to_contain_text("Opened again was deleted", timeout=RUN_MS)
    assert visitor.errors == []


def test_sentences_are_ranked_for_a_recording(visit: Visit) -> None:
    visitor = visit()
    visitor.open(TAB)
    visitor.turn_to("Sentences")
    visitor.page.locator(f"#tab-{TAB} tr", has_text="A campfire").locator("visible=true").click()
    visitor.wait(TAB)
    visitor.shoot("retrieval-sentences")
    expect(visitor.page.locator(f"#tab-{TAB} .mm-lead")).to_have_text("A campfire at night.")


def test_pairs_are_evaluated_beside_chance(visit: Visit) -> None:
    visitor = visit(width=390, height=844)
    visitor.open(TAB)
    visitor.turn_to("Evaluate")
    visitor.press(TAB, "Evaluate")
    visitor.wait(TAB)
    visitor.shoot("retrieval-evaluate-phone")
    tile = visitor.page.locator(f"#tab-{TAB} .mm-tile").first
    found, chance = (int(each) for each in re.findall(r"(\d+)%", tile.inner_text()))
    assert found > 3 * chance
    assert visitor.page.locator(f"#tab-{TAB} .mm-ranks tbody tr").count() == 11
