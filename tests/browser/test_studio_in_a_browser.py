"""The classification studio in a real browser: a table dropped, checked and trained on, the model asked, told and taken along."""

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
TAB = "classification"
WORDS = {"fire": ("flames", "smoke", "burning", "ashes"), "water": ("flood", "rain", "river", "puddle")}
LONE = "lone"


def table_of_words(folder: Path, rows: int = 48) -> Path:
    """A small table of text alone, with one row too few of a class."""
    path = folder / "notes.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("note", "kind"))
        for number in range(rows):
            kind = ("fire", "water")[number % 2]
            writer.writerow((f"Note {number}: {WORDS[kind][number // 2 % 4]} near gate {number}.", kind))
        writer.writerow(("Only once.", LONE))
    return path


def studio(visitor: Visitor, panel: str = "Train") -> Locator:
    """The tab with one of its panels open."""
    visitor.open(TAB)
    visitor.turn_to(panel)
    return visitor.page.locator(f"#tab-{TAB}")


def checked(visitor: Visitor, table: Path) -> Locator:
    """The tab after a table was dropped, which is checked at once."""
    tab = studio(visitor)
    with visitor.page.expect_response(lambda response: "/upload" in response.url):
        tab.locator(".mm-st-drop input[type=file]").set_input_files(table)
    expect(tab.locator(".mm-st-findings")).to_be_visible(timeout=RUN_MS)
    visitor.wait(TAB)
    return tab


def fewer_strategies(visitor: Visitor, tab: Locator) -> None:
    """Train one strategy instead of ten."""
    visitor.unfold(TAB, "Fusion strategies")
    for box in tab.locator(".mm-st-list").first.locator("input").all()[1:]:
        box.uncheck()


def trained(visitor: Visitor, table: Path) -> Locator:
    """The tab after a training."""
    tab = checked(visitor, table)
    fewer_strategies(visitor, tab)
    visitor.press(TAB, "Train")
    expect(tab.locator(".mm-verdict").locator("visible=true").first).to_be_visible(timeout=RUN_MS)
    visitor.wait(TAB)
    return tab


def download(visitor: Visitor, button: str) -> Download:
    """The file behind a download button."""
    with visitor.page.expect_download() as waiting:
        visitor.page.locator(f"#tab-{TAB}").get_by_role("button", name=button, exact=True).locator("visible=true").click()
    return waiting.value


def test_the_sample_set_is_checked_at_a_press(visit: Visit) -> None:
    visitor = visit()
    tab = studio(visitor)
    visitor.press(TAB, "Use the sample set")
    expect(tab.locator(".mm-st-row")).to_have_count(6, timeout=RUN_MS)
    expect(tab.locator(".mm-st-row img").first).to_be_visible()
    expect(tab.get_by_label("Picture", exact=True)).to_have_value("image")
    expect(tab.locator(".mm-tile").first).to_contain_text("300")
    visitor.wait(TAB)
    visitor.shoot("studio-checked")
    assert visitor.errors == []
    assert visitor.foreign == []


def test_findings_of_a_dropped_table_are_cards(visit: Visit, tmp_path: Path) -> None:
    tab = checked(visit(), table_of_words(tmp_path))
    expect(tab.get_by_label("Text", exact=True).locator("visible=true")).to_have_value("note")
    expect(tab.get_by_label("Label", exact=True)).to_have_value("kind")
    card = tab.locator(".mm-st-finding").filter(has_text=LONE)
    expect(card).to_contain_text("left out")
    expect(card.locator("b").first).to_have_text("1")


def test_what_is_no_table_is_one_sentence(visit: Visit, tmp_path: Path) -> None:
    path = tmp_path / "broken.parquet"
    path.write_bytes(b"PAR1 and nothing else")
    visitor = visit()
    tab = studio(visitor)
    tab.locator(".mm-st-drop input[type=file]").set_input_files(path)
    expect(tab.locator(".mm-wrong").locator("visible=true")).to_contain_text("broken.parquet")
    visitor.press(TAB, "Train")
    expect(visitor.page.get_by_text("Drop a table first").first).to_be_visible()


def test_a_model_is_trained_asked_corrected_and_taken_along(visit: Visit, tmp_path: Path) -> None:
    visitor = visit()
    tab = trained(visitor, table_of_words(tmp_path))
    for page, seen in (("Curves", ".mm-st-fold svg"), ("Classes", ".mm-st-table"), ("Leaderboard", ".mm-verdict")):
        visitor.turn_to(page)
        expect(tab.locator(seen).locator("visible=true").first).to_be_visible()
    visitor.shoot("studio-leaderboard")
    file = tmp_path / "model.zip"
    download(visitor, "Model").save_as(file)
    assert {"model/model.json", "model/model.safetensors"} <= set(zipfile.ZipFile(file).namelist())
    assert "<svg" in Path(download(visitor, "Report").path()).read_text(encoding="utf-8")
    assert json.loads(Path(download(visitor, "JSON").path()).read_text(encoding="utf-8"))["best"] == "single-text"
    rows = list(csv.DictReader(Path(download(visitor, "CSV").path()).read_text(encoding="utf-8").splitlines()))
    assert {row["strategy"] for row in rows} == {"single-text", "majority"}

    visitor.turn_to("Predict")
    expect(tab.locator(".mm-st-model")).to_contain_text("The model you just trained")
    tab.get_by_label("Text", exact=True).locator("visible=true").fill("Note: smoke and flames near gate 3.")
    visitor.press(TAB, "Predict")
    expect(tab.locator(".mm-verdict .mm-lead").locator("visible=true")).to_have_text("fire", timeout=RUN_MS)
    visitor.press(TAB, "No, wrong")
    expect(tab.get_by_label("The right label")).to_be_visible()
    visitor.settle()
    tab.get_by_label("The right label").fill("water")
    tab.get_by_label("The right label").press("Enter")
    visitor.press(TAB, "Note it")
    expect(tab.locator(".mm-ranks").locator("visible=true")).to_contain_text("water")
    visitor.shoot("studio-predict")
    said = list(csv.DictReader(Path(download(visitor, "Feedback as CSV").path()).read_text(encoding="utf-8").splitlines()))
    assert [(row["predicted"], row["label"]) for row in said] == [("fire", "water")]
    visitor.turn_to("Train")
    expect(tab.get_by_text("Add the feedback given under Predict (1 row)")).to_be_visible()
    assert visitor.errors == []

    stranger = visit()
    other = studio(stranger, "Predict")
    expect(other.locator(".mm-st-nomodel")).to_be_visible()
    expect(other.locator(".mm-ranks").locator("visible=true")).to_have_count(0)
    stranger.unfold(TAB, "Use another model")
    expect(other.get_by_label("Or its folder on this machine")).to_be_visible()
    other.locator(".mm-st-load input[type=file]").set_input_files(file)
    expect(other.locator(".mm-st-model")).to_contain_text("model.zip", timeout=60_000)
    other.get_by_label("Text", exact=True).locator("visible=true").fill("Rain and a puddle near gate 4.")
    stranger.press(TAB, "Predict")
    expect(other.locator(".mm-verdict .mm-lead").locator("visible=true")).to_have_text("water", timeout=RUN_MS)


def test_a_training_stopped_keeps_the_best_when_asked_to(visit: Visit) -> None:
    visitor = visit()
    tab = studio(visitor)
    visitor.press(TAB, "Use the sample set")
    expect(tab.locator(".mm-st-findings")).to_be_visible(timeout=RUN_MS)
    visitor.wait(TAB)
    visitor.press(TAB, "Train")
    expect(tab.locator(".mm-st-board")).to_be_visible(timeout=RUN_MS)
    visitor.shoot("studio-training")
    visitor.press(TAB, "Stop and keep the best so far")
    expect(tab.get_by_text("Stopped early")).to_be_visible(timeout=RUN_MS)
    expect(tab.get_by_role("button", name="Model", exact=True)).to_be_enabled()


def test_stop_ends_a_training(visit: Visit) -> None:
    visitor = visit()
    tab = studio(visitor)
    visitor.press(TAB, "Use the sample set")
    expect(tab.locator(".mm-st-findings")).to_be_visible(timeout=RUN_MS)
    visitor.wait(TAB)
    visitor.press(TAB, "Train")
    expect(tab.locator(".mm-st-board")).to_be_visible(timeout=RUN_MS)
    visitor.press(TAB, "Stop")
    visitor.wait(TAB, "stopped")
    expect(tab.get_by_role("button", name="Model", exact=True)).to_be_disabled()
    visitor.press(TAB, "Clear")
    expect(tab.locator(".mm-st-mapping")).to_be_hidden()
    expect(tab.get_by_text("Your table will appear here")).to_be_visible()


def test_a_preset_sets_strategies_and_encoders(visit: Visit) -> None:
    visitor = visit()
    tab = studio(visitor)
    for title in ("Fusion strategies", "Presets and encoders"):
        visitor.unfold(TAB, title)
    tab.get_by_label("Preset: a system from the literature").click()
    visitor.page.get_by_role("option").filter(has_text="A · ").click()
    expect(tab.locator(".mm-st-note p")).to_contain_text("MFCC")
    expect(tab.locator(".mm-st-list").first.locator("input:checked")).to_have_count(1)
    expect(tab.locator(".mm-st-list").nth(3).locator("input:checked")).to_have_count(1)
    assert visitor.errors == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_phone_shows_the_studio_in_its_width(visit: Visit, dark: bool) -> None:
    visitor = visit(dark=dark, **PHONE)
    tab = studio(visitor)
    visitor.press(TAB, "Use the sample set")
    expect(tab.locator(".mm-st-row")).to_have_count(6, timeout=RUN_MS)
    visitor.wait(TAB)
    visitor.shoot(f"studio-phone{'-dark' if dark else ''}")
    for page in ("Curves", "Mistakes", "Data"):
        visitor.turn_to(page)
    assert visitor.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_the_sample_sets_sounds_can_be_heard(visit: Visit) -> None:
    visitor = visit()
    tab = studio(visitor)
    visitor.press(TAB, "Use the sample set")
    play = tab.locator(".mm-st-row .mm-hear").first
    expect(play).to_be_visible(timeout=RUN_MS)
    play.click()
    playing = "(button) => new Promise((yes) => { const audio = button.parentElement.querySelector('audio');"
    assert play.evaluate(
        f"{playing} audio.duration > 0 ? yes(true) : audio.addEventListener('loadedmetadata', () => yes(true)); }})"
    )
    assert samples.studio_set().is_file()
