"""The door that people use: what each verb needs on the page, and its result as it is downloaded there."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, expect
from visitor import RUN_MS, Visitor

from mm_demos.publish.check_browser import FORGET

Page = Callable[[Visitor, dict[str, Any]], Any]


def tab_of(visitor: Visitor, name: str, way: str = "") -> Locator:
    """A tab, opened, with one of its ways of use chosen."""
    visitor.open(name)
    tab = visitor.page.locator(f"#tab-{name}")
    if way:
        visitor.turn_to(way)
    return tab


def give(visitor: Visitor, box: Locator, files: Path | list[Path]) -> None:
    """Choose files, and wait until they are on the server."""
    with visitor.page.expect_response(lambda response: "/upload" in response.url, timeout=RUN_MS):
        box.set_input_files(files)


def play(visitor: Visitor, tab: Locator, file: Path) -> None:
    """Choose a recording from a file instead of the microphone."""
    place = tab.locator(".mm-audio").locator("visible=true").first
    place.get_by_label("Upload file", exact=True).click()
    give(visitor, place.locator("input[type=file]").first, file)


def run(visitor: Visitor, tab: str, button: str) -> None:
    """Press a button and wait until a status line says that this very run is done."""
    visitor.page.evaluate(FORGET)
    visitor.press(tab, button)
    done = visitor.page.locator(f"#tab-{tab} .mm-status[data-state=done]:not([data-before]):visible")
    done.first.wait_for(timeout=RUN_MS)


def taken(visitor: Visitor, tab: str, button: str, folder: Path) -> Path:
    """What a download button gives."""
    knob = visitor.page.locator(f"#tab-{tab}").get_by_role("button", name=button, exact=True).locator("visible=true").first
    expect(knob).to_be_enabled(timeout=RUN_MS)
    with visitor.page.expect_download() as begun:
        knob.click()
    target = folder / begun.value.suggested_filename
    begun.value.save_as(target)
    return target


def json_of(visitor: Visitor, tab: str, folder: Path, button: str = "JSON") -> Any:
    return json.loads(taken(visitor, tab, button, folder).read_text(encoding="utf-8"))


def fill(tab: Locator, label: str, value: object) -> None:
    tab.get_by_label(label, exact=True).locator("visible=true").first.fill(str(value))


def number(tab: Locator, label: str, value: object) -> None:
    """A slider's own number box."""
    box = tab.get_by_label(f"number input for {label}").locator("visible=true").first
    box.fill(str(value))
    box.press("Tab")


def transcribe(visitor: Visitor, given: dict[str, Any], folder: Path) -> Any:
    tab = tab_of(visitor, "speech", "Recording")
    play(visitor, tab, given["audio"])
    run(visitor, "speech", "Transcribe")
    return json_of(visitor, "speech", folder)


def transcribe_many(visitor: Visitor, given: dict[str, Any], folder: Path) -> Any:
    tab = tab_of(visitor, "speech", "Files and videos")
    give(visitor, tab.locator("input[type=file][multiple]").first, given["files"])
    run(visitor, "speech", "Transcribe all")
    with zipfile.ZipFile(taken(visitor, "speech", "ZIP", folder)) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".json"))
        return {"items": [{"transcription": json.loads(archive.read(name))} for name in names]}


def caption(visitor: Visitor, given: dict[str, Any], folder: Path) -> Any:
    tab = tab_of(visitor, "captioning", "One picture")
    give(visitor, tab.locator("input[type=file]").first, given["image"])
    run(visitor, "captioning", "Caption")
    return json_of(visitor, "captioning", folder)


def caption_many(visitor: Visitor, given: dict[str, Any], folder: Path) -> Any:
    tab = tab_of(visitor, "captioning", "Many pictures")
    give(visitor, tab.locator("input[type=file][multiple]:not([webkitdirectory])").first, given["images"])
    run(visitor, "captioning", "Caption all")
    lines = taken(visitor, "captioning", "JSONL", folder).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def answer(visitor: Visitor, given: dict[str, Any], folder: Path) -> Any:
    tab = tab_of(visitor, "visual-qa", "One question")
    give(visitor, tab.locator("input[type=file]").first, given["image"])
    fill(tab, "Question", given["question"])
    run(visitor, "visual-qa", "Ask")
    return json_of(visitor, "visual-qa", folder)


def answer_many(visitor: Visitor, given: dict[str, Any], folder: Path) -> Any:
    tab = tab_of(visitor, "visual-qa", "Several questions")
    give(visitor, tab.locator("input[type=file]").first, given["image"])
    fill(tab, "Questions, one per line", given["questions"])
    run(visitor, "visual-qa", "Ask all")
    return json_of(visitor, "visual-qa", folder)


def library(visitor: Visitor, recordings: list[Path]) -> Locator:
    """The retrieval tab after a library of these recordings was made."""
    tab = tab_of(visitor, "retrieval", "Words")
    visitor.unfold("retrieval", "Your own recordings")
    give(visitor, tab.locator(".mm-own input[type=file][multiple]:not([webkitdirectory])").first, recordings)
    run(visitor, "retrieval", "Add to the library")
    return tab


def search_sounds(visitor: Visitor, given: dict[str, Any], folder: Path) -> Any:
    tab = library(visitor, given["recordings"])
    tab.get_by_label("How it sounds", exact=True).locator("visible=true").first.check()
    fill(tab, "What to listen for", given["words"])
    visitor.press("retrieval", "Search")
    expect(tab.locator(".mm-hit.mm-best")).to_be_visible(timeout=RUN_MS)
    return json_of(visitor, "retrieval", folder)


def index_sounds(visitor: Visitor, given: dict[str, Any], folder: Path) -> Any:
    tab = library(visitor, given["recordings"])
    visitor.press("retrieval", "Save the library as a file")
    link = tab.locator("a[download]").locator("visible=true").first
    expect(link).to_be_visible(timeout=RUN_MS)
    with visitor.page.expect_download() as begun:
        link.click()
    target = folder / "page.mmlibrary"
    begun.value.save_as(target)
    return {"library": str(target)}


def describe_sound(visitor: Visitor, given: dict[str, Any], folder: Path) -> Any:
    tab = tab_of(visitor, "retrieval", "Sentences")
    play(visitor, tab, given["audio"])
    fill(tab, "Sentences", given["sentences"])
    run(visitor, "retrieval", "Rank")
    return json_of(visitor, "retrieval", folder)


def classify(visitor: Visitor, given: dict[str, Any], folder: Path) -> Any:
    tab = tab_of(visitor, "classification", "Zero-shot")
    fill(tab, "Labels", given["labels"])
    fill(tab, "Text", given["text"])
    give(visitor, tab.locator("input[type=file]").first, given["image"])
    run(visitor, "classification", "Classify")
    return json_of(visitor, "classification", folder)


def train(visitor: Visitor, given: dict[str, Any], folder: Path) -> Any:
    tab = tab_of(visitor, "classification", "Train")
    give(visitor, tab.locator(".mm-st-drop input[type=file]"), given["table"])
    expect(tab.locator(".mm-st-findings")).to_be_visible(timeout=RUN_MS)
    visitor.unfold("classification", "Fusion strategies")
    for box in tab.locator(".mm-st-list").first.locator("input").all()[1:]:  # the first is the one that is given
        box.uncheck()
    run(visitor, "classification", "Train")
    return json_of(visitor, "classification", folder)


def predict(visitor: Visitor, given: dict[str, Any], folder: Path) -> Any:
    tab = tab_of(visitor, "classification", "Predict")
    visitor.unfold("classification", "Use another model")
    give(visitor, tab.locator(".mm-st-load input[type=file]"), given["model"])
    expect(tab.locator(".mm-st-model")).to_be_visible(timeout=RUN_MS)
    fill(tab, "Text", given["text"])
    run(visitor, "classification", "Predict")
    return json_of(visitor, "classification", folder)


def collection(visitor: Visitor, way: str, pictures: list[Path]) -> Locator:
    tab = tab_of(visitor, "picture-search", way)
    give(visitor, tab.locator("input[type=file][multiple]:not([webkitdirectory])").first, pictures)
    return tab


def search_pictures(visitor: Visitor, given: dict[str, Any], folder: Path) -> Any:
    tab = collection(visitor, "By words", given["images"])
    fill(tab, "What they show", given["words"])
    run(visitor, "picture-search", "Search")
    return json_of(visitor, "picture-search", folder)


def rank_sentences(visitor: Visitor, given: dict[str, Any], folder: Path) -> Any:
    tab = tab_of(visitor, "picture-search", "Rank sentences")
    give(visitor, tab.locator("[data-testid=image]").locator("visible=true").locator("input[type=file]").first, given["image"])
    fill(tab, "Sentences", given["sentences"])
    run(visitor, "picture-search", "Rank")
    return json_of(visitor, "picture-search", folder)


def embed(visitor: Visitor, given: dict[str, Any], folder: Path) -> Any:
    tab = collection(visitor, "Vectors", given["images"])
    tab.get_by_label("Texts").locator("visible=true").first.fill(given["texts"])  # its label has a note
    run(visitor, "picture-search", "Embed")
    return json_of(visitor, "picture-search", folder)


def reply(visitor: Visitor, given: dict[str, Any], folder: Path) -> Any:
    tab = tab_of(visitor, "assistant")
    tab.locator(".mm-as-composer textarea").fill(given["text"])
    run(visitor, "assistant", "Send")
    return json_of(visitor, "assistant", folder)["turns"][-1]["reply"]


def speak(visitor: Visitor, given: dict[str, Any], folder: Path) -> Any:
    tab = tab_of(visitor, "assistant")
    visitor.unfold("assistant", "Read aloud")
    fill(tab, "Text", given["text"])
    number(tab, "Variation", given["variation"])
    visitor.press("assistant", "Read aloud")
    expect(tab.locator(".mm-card audio")).to_be_visible(timeout=RUN_MS)
    return {"audio": tab.locator(".mm-card audio").get_attribute("src")}


def generate(visitor: Visitor, given: dict[str, Any], folder: Path) -> Any:
    tab = tab_of(visitor, "image-generation")
    fill(tab, "Prompt", given["prompt"])
    fill(tab, "Seed", given["seed"])
    run(visitor, "image-generation", "Paint")
    return {"images": [{"png": tab.locator(".mm-pt-card img").first.get_attribute("src")}]}


def replay(visitor: Visitor, given: dict[str, Any], folder: Path) -> Any:
    tab = tab_of(visitor, "image-generation")
    visitor.unfold("image-generation", "Read settings from a picture")
    give(visitor, tab.locator("input[type=file]").last, given["picture"])
    expect(tab.get_by_text("Settings taken over: press Paint")).to_be_visible(timeout=RUN_MS)
    run(visitor, "image-generation", "Paint")
    return {"images": [{"png": tab.locator(".mm-pt-card img").first.get_attribute("src")}]}


def choose(tab: Locator, model: str) -> None:
    box = tab.get_by_label("Model", exact=True).locator("visible=true").first
    box.fill(model)
    box.press("Enter")
    expect(box).to_have_value(model)


def catalog(visitor: Visitor, folder: Path) -> Any:
    """The list of models as a new visit gets it."""
    visitor.page.reload()
    tab_of(visitor, "models")
    visitor.wait("models")  # the page lists them when it opens
    return json_of(visitor, "models", folder, "Catalog as JSON")


def models(button: str, column: int = 0, shown: str = "") -> Callable[[Visitor, dict[str, Any], Path], Any]:
    """A button of the Models tab, pressed for a model, whose row then shows something in a column."""

    def press(visitor: Visitor, given: dict[str, Any], folder: Path) -> Any:
        tab = tab_of(visitor, "models")
        visitor.wait("models")
        if "model" in given:
            choose(tab, given["model"])
        visitor.press("models", button)
        if shown:
            row = tab.locator(f".mm-catalog tr[data-model='{given['model']}']")
            expect(row.locator("td").nth(column)).to_have_text(re.compile(shown), timeout=RUN_MS)
        return catalog(visitor, folder)

    return press


def models_choose(visitor: Visitor, given: dict[str, Any], folder: Path) -> Any:
    tab = tab_of(visitor, "models")
    choose(tab, given["model"])
    visitor.unfold("models", "How it is loaded")
    box = tab.get_by_label("Numbers", exact=True)
    expect(box).to_be_enabled(timeout=RUN_MS)
    box.fill(given["dtype"])
    box.press("Enter")
    run(visitor, "models", "Apply and measure")
    return {"measured": [{"dtype": tab.locator(".mm-measured-now small").first.inner_text().partition(" ")[0]}]}


def models_add(visitor: Visitor, given: dict[str, Any], folder: Path) -> Any:
    tab = tab_of(visitor, "models")
    visitor.unfold("models", "Add a model")
    tab.get_by_label("Hub id or folder").locator("visible=true").first.fill(given["place"])  # its label has a note
    visitor.press("models", "Add")
    expect(tab.get_by_text("was added for")).to_be_visible(timeout=RUN_MS)
    return catalog(visitor, folder)


def models_remove(visitor: Visitor, given: dict[str, Any], folder: Path) -> Any:
    tab = tab_of(visitor, "models")
    choose(tab, given["model"])
    visitor.unfold("models", "Add a model")
    visitor.press("models", "Remove the chosen one")
    expect(tab.get_by_text("was removed")).to_be_visible(timeout=RUN_MS)
    return catalog(visitor, folder)
