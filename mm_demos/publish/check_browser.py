"""A visitor with a real browser: every example of a running Space, then one real input for each of its tabs."""

from __future__ import annotations

import importlib.util
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mm_demos import samples
from mm_demos.publish.check_inputs import Attach, Click, Fill, RealInput, of_tab
from mm_demos.publish.check_report import Answer

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# No look-up but of the loopback interface succeeds, so that what would leave the machine is refused and not only noted.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
PAGE_MS = 180_000  # the page's scripts on two busy cores
ACT_MS = 60_000
KEPT = "kept from an earlier run"  # in the status line of a stored result, see ui/events.py
ROWS = ".gallery-item:visible, tr.tr-body:visible"
MODES = ".mm-modes [role=tab]:visible"
# Text and sources of an example row: the same row shown in another mode of the tab is not clicked again.
ROW_KEYS = "rows => rows.map((row) => [row.innerText, [...row.querySelectorAll('[src]')].map((item) => item.src).join()])"
# Status lines of before do not count; Gradio replaces a line when it changes.
FORGET = "() => document.querySelectorAll('.mm-status').forEach((line) => { line.dataset.before = 'yes'; })"
# Gradio makes the parts of a tab or fold when it is first opened, and gives them their first values some milliseconds after
# they are seen: what was typed before would be lost.
SETTLED = "() => new Promise((done) => requestIdleCallback(() => requestAnimationFrame(done), { timeout: 10000 }))"
# The panel of a tab takes the place of the one before in its own time, too, when the parts in it have to be fetched first.
PANEL = "(tabs) => [...tabs.querySelectorAll(':scope > [role=tabpanel]')].find((panel) => panel.clientHeight)"
TURNED = f"([tabs, before]) => {{ const now = ({PANEL})(tabs); return now && now !== before; }}"
ENDED = """() => {
  const shown = (item) => item.checkVisibility();
  const toast = [...document.querySelectorAll('.toast-body.error')].find(shown);
  if (toast) return { state: 'failed', text: toast.innerText };
  const line = [...document.querySelectorAll('.mm-status:not([data-before])')].find(
    (item) => shown(item) && ['done', 'failed', 'stopped'].includes(item.dataset.state));
  return line ? { state: line.dataset.state, text: line.innerText } : null;
}"""
ALTERNATIVES = "place => [...place.querySelectorAll('img')].map((image) => image.alt).join(' ')"
Ended = dict[str, str]


def turn(tab: Locator) -> None:
    """Press the tab of a panel, or its place in the menu of those without room, and wait until the panel is there."""
    tabs = tab.evaluate_handle("(tab) => tab.closest('.tabs')")
    before = tabs.evaluate_handle(PANEL) if tab.get_attribute("aria-selected") != "true" else None
    tab.click()
    tab.page.wait_for_function(TURNED, arg=[tabs, before])
    tab.page.evaluate(SETTLED)


class BrowserVisitor:
    """One person in front of a running Space.

    Args:
        page: of a fresh browser context.
        url: of the Space.
        run_seconds: how long one answer may take.
        died: gives a sentence when the Space has ended; empty while it runs.
    """

    def __init__(self, page: Page, url: str, *, run_seconds: float, died: Callable[[], str]) -> None:
        self._page, self._url, self._run_seconds, self._died = page, url, run_seconds, died
        self._complaints: list[str] = []
        page.set_default_timeout(ACT_MS)
        page.on("pageerror", lambda error: self._complain(f"a script failed: {error}"))
        page.on("console", lambda line: self._complain(f"the console says: {line.text}") if line.type == "error" else None)
        page.on("request", lambda request: self._watch(request.url))

    def visit(self, tabs: tuple[str, ...]) -> Iterator[Answer]:
        """Open the page, then click through its tabs.

        Args:
            tabs: names of the tabs the page shows, in order.
        """
        yield self._try("", "page", self._enter)
        for tab in tabs:
            scope = self._page.locator(f"#tab-{tab}" if len(tabs) > 1 else "body")
            if len(tabs) > 1:
                opened = self._try(tab, "page", partial(self._open, tab, scope))
                if opened.fault:
                    yield opened
                    continue
            yield from self._examples(tab, scope)
            yield self._try(tab, "real input", partial(self._real, of_tab(tab), scope))

    def _try(self, tab: str, asked: str, step: Callable[[], tuple[str, bool, float] | None]) -> Answer:
        """One step; whatever went wrong in it becomes a sentence, and the next has its turn."""
        from playwright.sync_api import Error

        begun = time.perf_counter()
        fault, stored, seconds = "", False, 0.0
        try:
            fault, stored, seconds = step() or ("", False, 0.0)
        except Error as error:
            fault = self._died() or f"{str(error).splitlines()[0][:200].rstrip('.')}."
        complaints, self._complaints = self._complaints, []
        fault = fault or (f"{complaints[0]}." if complaints else "")
        where = f"{tab or 'page'}, {asked}" if asked != "page" or tab else "page"
        return Answer(tab, asked, seconds or time.perf_counter() - begun, stored, f"{where}: {fault}" if fault else "")

    def _enter(self) -> None:
        self._page.goto(self._url, timeout=PAGE_MS)
        self._page.wait_for_selector(".mm-top", timeout=PAGE_MS)

    def _open(self, tab: str, scope: Locator) -> None:
        button = self._page.locator(f"#tab-{tab}-button:visible")
        if not button.count():  # Gradio moves tabs that it finds no room for into a menu
            self._page.locator(".overflow-menu > button:visible").first.click()
        button.first.click()
        scope.locator(".mm-summary").first.wait_for()
        self._page.evaluate(SETTLED)

    def _examples(self, tab: str, scope: Locator) -> Iterator[Answer]:
        """Click every example row, in every mode of the tab that shows rows of its own."""
        seen: set[str] = set()
        number = 0
        for mode in range(max(1, scope.locator(MODES).count())):
            if scope.locator(MODES).count() > mode:
                turned = self._try(tab, f"panel {mode + 1}", partial(turn, scope.locator(MODES).nth(mode)))
                if turned.fault:
                    yield turned
                    continue
            for index, (text, sources) in enumerate(scope.locator(ROWS).evaluate_all(ROW_KEYS)):
                if text + sources not in seen:
                    seen.add(text + sources)
                    number += 1
                    shown = " ".join(text.split())[:40]
                    asked = f"example {number}" + (f": {shown}" if shown else "")
                    yield self._try(tab, asked, partial(self._run, scope, scope.locator(ROWS).nth(index), "", ""))
        if scope.locator(MODES).count():
            self._try(tab, "panel 1", partial(turn, scope.locator(MODES).first))

    def _real(self, asked: RealInput, scope: Locator) -> tuple[str, bool, float]:
        """Do what the table says, and hold the answer against it."""
        self._clear(scope)
        for act in asked.acts:
            self._act(act, scope)
        button = scope.get_by_role("button", name=asked.press, exact=True).locator("visible=true").first
        return self._run(scope, button, asked.answer, asked.expected)

    def _act(self, act: Fill | Attach | Click, scope: Locator) -> None:
        if isinstance(act, Fill):
            box = scope.get_by_label(act.label, exact=True).or_(scope.get_by_placeholder(act.label))
            box.locator("visible=true").first.fill(act.text)
        elif isinstance(act, Click):
            scope.locator(act.selector).locator("visible=true").first.click()
            self._page.evaluate(SETTLED)
        else:
            self._attach(act, scope)

    def _attach(self, act: Attach, scope: Locator) -> None:
        place = scope
        if act.kind == "sound":
            place = scope.locator(".mm-audio").locator("visible=true").first
            place.get_by_role("button", name="Upload file").first.click()
        with self._page.expect_response(lambda response: "/upload" in response.url):
            place.locator("input[type=file]").first.set_input_files(samples.path(act.sample))
        shown = ".waveform-container" if act.kind == "sound" else "[data-testid=image] img"
        scope.locator(shown).locator("visible=true").first.wait_for()

    def _run(self, scope: Locator, button: Locator, answer: str, expected: str) -> tuple[str, bool, float]:
        """Press, wait for the end, and look at what is shown: fault, whether it was stored, seconds."""
        if not expected:
            self._clear(scope)
        before = self._results(scope)
        self._page.evaluate(FORGET)
        begun = time.perf_counter()
        button.click()
        ended = self._ended(begun)
        seconds = time.perf_counter() - begun
        stored = KEPT in ended["text"]
        if ended["state"] != "done":
            return f"it {ended['state']}: {' '.join(ended['text'].split())[:200]}", stored, seconds
        if not expected:
            return ("" if self._changes(scope, before) else "it is done, but nothing new is shown."), stored, seconds
        return self._missing(scope, answer, expected), stored, seconds

    def _ended(self, begun: float) -> Ended:
        from playwright.sync_api import TimeoutError as TooLate

        while time.perf_counter() - begun < self._run_seconds:
            try:
                ended: Ended = self._page.wait_for_function(ENDED, timeout=2000).json_value()
                return ended
            except TooLate:
                if died := self._died():
                    return {"state": "failed", "text": died}
        return {"state": "failed", "text": f"No answer came within {self._run_seconds:.0f} s."}

    def _clear(self, scope: Locator) -> None:
        """Press Clear and wait for the empty form, so that the next result cannot be taken for this one."""
        button = scope.locator(".mm-clear").locator("visible=true")
        if button.count():
            self._page.evaluate(FORGET)
            was_idle = scope.locator(".mm-status[data-state=idle]").locator("visible=true").count() > 0
            button.first.click()
            if not was_idle:
                scope.locator(".mm-status[data-state=idle]").locator("visible=true").first.wait_for()

    def _results(self, scope: Locator) -> str:
        return "".join(str(column.inner_html()) for column in scope.locator(".mm-results").locator("visible=true").all())

    def _changes(self, scope: Locator, before: str) -> bool:
        """Whether the results become others within a moment: a component may be drawn after the status line."""
        for _ in range(25):
            if self._results(scope) != before:
                return True
            self._page.wait_for_timeout(200)
        return False

    def _missing(self, scope: Locator, answer: str, expected: str) -> str:
        """A sentence when `expected` does not appear within a moment, in the text or as a picture's description."""
        shown = ""
        for _ in range(25):
            places = scope.locator(answer).locator("visible=true").all()
            described = [str(place.evaluate(ALTERNATIVES)) for place in places]
            shown = " ".join([*(place.inner_text() for place in places), *described])
            if re.search(expected, shown, re.IGNORECASE):
                return ""
            self._page.wait_for_timeout(200)
        return f"the answer does not show {expected!r} but {' '.join(shown.split())[:200]!r}."

    def _complain(self, sentence: str) -> None:
        self._complaints.append(" ".join(sentence.split())[:300].rstrip("."))

    def _watch(self, target: str) -> None:
        if target.startswith("http") and not target.startswith(f"{self._url}/"):
            self._complain(f"the page asks another machine: {target[:120]}")


def missing() -> str:
    """A sentence when there is no browser to drive; empty when there is one."""
    if importlib.util.find_spec("playwright") is None:
        return (
            "Playwright is not installed, so no browser clicked through the page: pip install playwright, or give --no-browser."
        )
    if browser_path() is None:
        return "No Chromium was found, so no browser clicked through the page: install one, or give --no-browser."
    return ""


def browser_path() -> str | None:
    """The Chromium of this machine: on the path, or as Playwright installed it."""
    from playwright.sync_api import sync_playwright

    found = next((path for path in map(shutil.which, BROWSERS) if path), None)
    if found is not None:
        return found
    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
    return own if Path(own).is_file() else None


@contextmanager
def fresh_page() -> Iterator[Page]:
    """A page of a browser that has never been anywhere; ask `missing` first."""
    from playwright.sync_api import sync_playwright

    path = browser_path()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        try:
            yield browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-US").new_page()
        finally:
            browser.close()
