"""Takes the README's pictures anew, from a suite of its own with real models; `tools/take-screenshots` is its command."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from door_pages import fill, number, run, tab_of
from playwright.sync_api import Browser, expect, sync_playwright
from served import started
from visitor import Visitor

from mm_demos.publish.check_browser import FLAGS, browser_path

FOLDER = Path(__file__).parents[2] / "docs" / "screenshots"
LARGEST_BYTES = 1 << 20
SCROLL_MS = 1500  # the page may be on its way to a result, smoothly


def speech(visitor: Visitor) -> None:
    visitor.example("speech")
    visitor.page.locator("#tab-speech .mm-results .waveform-container").first.wait_for()


def captioning(visitor: Visitor) -> None:
    visitor.example("captioning")


def visual_qa(visitor: Visitor) -> None:
    visitor.example("visual-qa")


def audio_search(visitor: Visitor) -> None:
    tab = tab_of(visitor, "retrieval")
    tab.get_by_label("How it sounds").locator("visible=true").first.check()
    fill(tab, "What to listen for", "a dog barking")
    run(visitor, "retrieval", "Search")


def classification(visitor: Visitor) -> None:
    visitor.example("classification")


def studio(visitor: Visitor) -> None:
    tab_of(visitor, "classification", "Train")
    for button in ("Use the sample set", "Train"):
        run(visitor, "classification", button)


def picture_search(visitor: Visitor) -> None:
    fill(tab_of(visitor, "picture-search"), "What they show", "a cup of coffee")
    run(visitor, "picture-search", "Search")


def assistant(visitor: Visitor) -> None:
    tab = tab_of(visitor, "assistant")
    for text in ("Can I return a plant?", "And how long does the refund take?", "Where is my order S-10241?"):
        tab.locator(".mm-as-composer textarea").fill(text)
        run(visitor, "assistant", "Send")
    tab.locator(".mm-as-turn[data-turn='0']").get_by_role("button", name="1", exact=True).first.click()
    expect(tab.get_by_text("Sources open here")).to_be_hidden()


def image_generation(visitor: Visitor) -> None:
    tab = tab_of(visitor, "image-generation")
    number(tab, "How many", 4)
    tab.get_by_label("Best first").check()
    for prompt in ("a rocket", "a smiling cat", "a red apple"):
        fill(tab, "Prompt", prompt)
        run(visitor, "image-generation", "Paint")


def models(visitor: Visitor) -> None:
    visitor.open("models")
    visitor.wait("models")


# A model's memory is on show in the header and in the Models tab, which therefore comes last.
PICTURES: dict[str, Callable[[Visitor], None]] = {
    "speech": speech,
    "captioning": captioning,
    "visual-qa": visual_qa,
    "audio-search": audio_search,
    "classification": classification,
    "studio": studio,
    "picture-search": picture_search,
    "assistant": assistant,
    "image-generation": image_generation,
    "speech-phone-dark": speech,
    "models": models,
}


def take(browser: Browser, url: str, name: str) -> Path:
    """One picture, by a visitor of its own.

    Raises:
        ValueError: it would be too large a file.
    """
    phone = name.endswith("-phone-dark")
    context = browser.new_context(viewport={"width": 390, "height": 844} if phone else {"width": 1280, "height": 900})
    try:
        visitor = Visitor(context, f"{url}/?__theme={'dark' if phone else 'light'}")
        PICTURES[name](visitor)
        visitor.page.mouse.move(0, 0)
        visitor.page.wait_for_timeout(SCROLL_MS)
        # What hides above the window would else stand in the middle of the picture.
        visitor.page.evaluate("scrollTo({ top: 0, behavior: 'instant' })")
        visitor.settle()
        path = FOLDER / f"{name}.png"
        visitor.page.screenshot(path=path, full_page=True, animations="disabled")
    finally:
        context.close()
    if path.stat().st_size > LARGEST_BYTES:
        raise ValueError(f"{path.name} is larger than 1 MiB: show less in it.")
    return path


def main(arguments: list[str] | None = None) -> int:
    """Take the pictures of these names, or all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(PICTURES)}; all when none is given")
    names = parser.parse_args(arguments).names or list(PICTURES)
    if unknown := set(names) - set(PICTURES):
        parser.error(f"there is no picture called {', '.join(sorted(unknown))}")
    executable = browser_path()
    with tempfile.TemporaryDirectory() as folder, started(Path(folder)) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(FLAGS))
        for name in names:
            print(take(browser, url, name).relative_to(Path.cwd()))
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
