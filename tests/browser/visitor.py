"""One person in front of the page."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, Page, expect

from mm_demos.publish.check_browser import SETTLED, turn

SCREENSHOTS = Path(__file__).parents[2] / "screenshots"
PATIENCE_MS = 60_000  # for what takes a moment, but on a busy machine longer than Playwright's five seconds
RUN_MS = 300_000  # the very first run prepares graphs and tries engines, perhaps on a busy machine

expect.set_options(timeout=PATIENCE_MS)


class Visitor:
    """One person at the page: a browser context of their own."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.page: Page = context.new_page()
        self.page.set_default_timeout(PATIENCE_MS)
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.foreign: list[str] = []
        self.origin = "{0.scheme}://{0.netloc}/".format(urlsplit(url))
        self.page.on("request", lambda request: self._watch(request.url))
        self.page.goto(url)
        self.page.wait_for_selector(".mm-top")

    def _watch(self, target: str) -> None:
        if target.startswith("http") and not target.startswith(self.origin):
            self.foreign.append(target)

    def open(self, tab: str) -> None:
        """Go to a tab."""
        self.page.locator(f"#tab-{tab}-button:visible").first.click()
        self.page.wait_for_selector(f"#tab-{tab} .mm-summary")
        self.settle()

    def turn_to(self, panel: str) -> None:
        """Choose one of the panels, or ways of use, of the open tab; Gradio moves those it finds no room for into a menu."""
        wanted = self.page.get_by_role("tab", name=panel, exact=True).locator("visible=true")
        more = self.page.locator("[role=tabpanel] .overflow-menu > button").locator("visible=true")
        expect(wanted.or_(more).first).to_be_visible()
        if not wanted.count():
            more.first.click()
            wanted = self.page.locator(".overflow-dropdown").get_by_text(panel, exact=True).locator("visible=true")
        turn(wanted.first)

    def unfold(self, tab: str, title: str) -> None:
        """Open a fold of a tab."""
        self.page.locator(f"#tab-{tab} button.label-wrap").filter(has_text=title).locator("visible=true").first.click()
        self.settle()

    def settle(self) -> None:
        """Wait, as anybody's fingers do, until what was just opened is drawn."""
        self.page.evaluate(SETTLED)

    def press(self, tab: str, button: str) -> None:
        """Press the button of this name in a tab."""
        self.page.locator(f"#tab-{tab}").get_by_role("button", name=button, exact=True).locator("visible=true").first.click()

    def wait(self, tab: str, state: str = "done") -> str:
        """Wait for the tab's status line to reach a state, and read it."""
        line = self.page.locator(f"#tab-{tab} .mm-status[data-state={state}]:visible").first
        line.wait_for(timeout=RUN_MS)
        return line.inner_text()

    def example(self, tab: str, number: int = 0) -> None:
        """Run an example of a tab."""
        self.open(tab)
        rows = self.page.locator(f"#tab-{tab} .gallery-item, #tab-{tab} tbody tr.tr-body")
        rows.locator("visible=true").nth(number).click()
        self.wait(tab)

    def text(self, tab: str) -> str:
        """Everything that can be read in a tab."""
        return self.page.locator(f"#tab-{tab}").inner_text()

    def shoot(self, name: str) -> None:
        """Keep a picture of the whole page."""
        SCREENSHOTS.mkdir(exist_ok=True)
        self.page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)
