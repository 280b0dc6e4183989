"""A running suite on real weights, and a browser in front of it."""

from __future__ import annotations

import os
import queue
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright
from visitor import Visitor

ROOT = Path(__file__).parents[2]
START_SECONDS = 120
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of `python app.py`, started for these tests; it says itself where it is."""
    folders = {"GRADIO_TEMP_DIR": "gradio", "MM_DEMOS_DATA_DIR": "data"}
    own = {variable: str(tmp_path_factory.mktemp(name)) for variable, name in folders.items()}
    environment = os.environ | own | {"PYTHONUNBUFFERED": "1"}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "app.py", "--port", str(port)]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as app:
        lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=lambda: [lines.put(line) for line in app.stdout or ()], daemon=True).start()
        try:
            yield _address(lines)
        finally:
            app.terminate()
            app.wait(30)


def _address(lines: queue.SimpleQueue[str]) -> str:
    said = []
    while True:
        try:
            said.append(lines.get(timeout=START_SECONDS))
        except queue.Empty:
            pytest.fail(f"The suite did not start: {''.join(said)}", pytrace=False)
        found = re.search(r"mm-demos is at (http://\S+?)[;\s]", said[-1])
        if found:
            return found[1]


@pytest.fixture(scope="session")
def browser(chromium_path: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=chromium_path, args=list(FLAGS))
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser: Browser, url: str) -> Iterator[Callable[..., Visitor]]:
    """`visit()` is a new visitor; options are those of a browser context, and `dark`."""
    contexts: list[BrowserContext] = []

    def enter(*, dark: bool = False, width: int = 1280, height: int = 900) -> Visitor:
        contexts.append(browser.new_context(viewport={"width": width, "height": height}, accept_downloads=True))
        return Visitor(contexts[-1], f"{url}/?__theme={'dark' if dark else 'light'}")

    yield enter
    for context in contexts:
        context.close()
