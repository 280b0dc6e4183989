"""A running suite on real weights, and a browser in front of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright
from served import started
from visitor import Visitor

from mm_demos.publish.check_browser import FLAGS


@pytest.fixture(scope="session")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of `python app.py`, started for these tests; it says itself where it is."""
    with started(tmp_path_factory.mktemp("page")) as address:
        yield address


@pytest.fixture(scope="module")  # gone before other tests begin, for whose event loops its own leaves no room
def browser(chromium_path: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=chromium_path, args=list(FLAGS))
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser: Browser, url: str) -> Iterator[Callable[..., Visitor]]:
    """`visit()` is a new visitor; options are those of a browser context, and `dark`."""
    contexts: list[BrowserContext] = []

    def enter(*, dark: bool = False, width: int = 1280, height: int = 900, locale: str = "en-US") -> Visitor:
        contexts.append(browser.new_context(viewport={"width": width, "height": height}, accept_downloads=True, locale=locale))
        return Visitor(contexts[-1], f"{url}/?__theme={'dark' if dark else 'light'}")

    yield enter
    for context in contexts:
        context.close()
