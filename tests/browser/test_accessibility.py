"""Everybody can use the page: axe-core finds nothing serious in any tab; keys, names, headings and motion are right."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from visitor import RUN_MS, Visitor

from mm_demos import samples, tabs

Visit = Callable[..., Visitor]
NAMES = [tab.name for tab in tabs.TABS]
DESKTOP, PHONE = 1280, 390
NARROWEST = 320  # what 1280 become at a zoom of 400 %, WCAG 1.4.10
SERIOUS = {"serious", "critical"}
AXE = Axe()
# Gradio draws a message at an input with a button in a button, which no attribute mends; the page makes one stop of the two.
CLEAR_OF_A_MESSAGE = [".validation-error > button"]

# Controls that a key must reach: of a group of radio buttons or tabs the chosen one, of everything what can be seen and used.
CONTROLS = """(tab) => {
  const seen = (node) => node.checkVisibility({ visibilityProperty: true }) && !node.closest("[inert], [aria-hidden='true']");
  const nodes = document.querySelectorAll(`#tab-${tab} :is(button, a[href], input, select, textarea, summary, [tabindex="0"])`);
  return [...nodes].filter((node) => seen(node) && !node.disabled && node.tabIndex >= 0 && node.type !== "file"
    && !(node.type === "radio" && !node.checked && document.querySelector(`input[name="${CSS.escape(node.name)}"]:checked`)))
    .map((node, i) => (node.dataset.stop = `${tab}-${i}`));
}"""
FOCUSED = """() => {
  const node = document.activeElement, around = [node, node.parentElement, node.closest("label"), node.closest(".mm-wave")];
  const ring = (item) => item && getComputedStyle(item).outlineStyle !== "none"
    && parseFloat(getComputedStyle(item).outlineWidth) >= 2;
  const inside = Boolean(node.closest("[role=tabpanel]"));
  return { stop: node.dataset.stop ?? "", ringed: around.some(ring), html: node.outerHTML.slice(0, 160), inside };
}"""
NAMELESS = """(tab) => {
  const hidden = (node) => node.closest("[aria-hidden='true']") || !node.checkVisibility();
  const named = (node) => node.getAttribute("aria-label") || node.getAttribute("alt") || node.querySelector?.(":scope > title")
    || ["none", "presentation"].includes(node.getAttribute("role"));
  const told = (node) => node.closest("button, a, label, summary, figure")?.textContent.trim()
    || node.closest("button, a")?.getAttribute("aria-label");
  return [...document.querySelectorAll(`#tab-${tab} :is(img, canvas, svg)`)]
    .filter((node) => !hidden(node) && !named(node) && !told(node)).map((node) => node.outerHTML.slice(0, 160));
}"""
HEADINGS = """() => [...document.querySelectorAll("h1, h2, h3, h4, h5, h6")]
  .filter((node) => node.checkVisibility()).map((node) => Number(node.tagName[1]))"""


# What the page's own script has still to mend: it waits a tenth of a second for more changes.
MENDED = """() => {
  const left = "[role=tab][aria-selected=false]:not([tabindex='-1']), svg.dropdown-arrow:not([aria-hidden]), "
    + ".validation-error > button:not([role])";
  const examples = [...document.querySelectorAll("button.gallery-item:not([aria-label])")];
  const nameless = examples.filter((one) => !one.textContent.trim());
  return !document.querySelector(left) && !nameless.length;
}"""


def violations(page: Page, context: Any, *, phone: bool = False) -> list[str]:
    """What axe finds serious or critical, one line for every element."""
    page.wait_for_function(MENDED)
    scope = context if isinstance(context, dict) else {"include": [[context]]}
    scope = scope | {"exclude": [*scope.get("exclude", []), CLEAR_OF_A_MESSAGE]}
    options = {"resultTypes": ["violations"], "rules": {"target-size": {"enabled": phone}}}
    found = AXE.run(page, context=scope, options=options).response["violations"]
    return [
        f"{rule['impact']} {rule['id']}: {node['target']} {node['html'][:160]} {node['failureSummary'][:240]}"
        for rule in found
        if rule["impact"] in SERIOUS
        for node in rule["nodes"]
    ]


def unfold(page: Page, tab: str) -> None:
    """Open every fold of a tab."""
    folded = f"#tab-{tab} button.label-wrap:not(.open):visible"
    page.locator(folded).evaluate_all("(folds) => folds.forEach((fold) => fold.click())")
    page.evaluate("(tab) => document.querySelectorAll(`#tab-${tab} details`).forEach((fold) => { fold.open = true; })", tab)


def give_a_cat(visitor: Visitor, tab: str) -> None:
    visitor.page.locator(f"#tab-{tab} input[type=file]").first.set_input_files(samples.path("cat.jpg"))
    expect(visitor.page.locator(f"#tab-{tab} [data-testid=image] img").first).to_be_visible()


@pytest.fixture(scope="module")
def reader(browser: Browser, url: str) -> Iterator[Visitor]:
    """Somebody with a keyboard and a screen reader, who wants no motion; one page for all tests that change nothing on it."""
    context = browser.new_context(viewport={"width": DESKTOP, "height": 900}, reduced_motion="reduce")
    yield Visitor(context, f"{url}/?__theme=light")
    context.close()


@pytest.mark.parametrize(("dark", "width"), [(False, DESKTOP), (True, DESKTOP), (False, PHONE), (True, PHONE)], ids=str)
def test_axe_finds_nothing_serious(visit: Visit, dark: bool, width: int) -> None:
    visitor = visit(dark=dark, width=width)
    page, phone = visitor.page, width == PHONE
    page.emulate_media(reduced_motion="reduce")
    found = violations(page, {"exclude": [["[role=tabpanel]"]]}, phone=phone)
    for name in NAMES:
        visitor.open(name)
        if not dark and not phone:  # folded, everything that can be seen is there when it is unfolded too
            found += violations(page, f"#tab-{name}")
        unfold(page, name)
        found += violations(page, f"#tab-{name}", phone=phone)
    for name, button in (("captioning", "Caption"), ("visual-qa", "Ask")):
        visitor.open(name)
        visitor.press(name, button)
        expect(page.locator(f"#tab-{name}").get_by_text("picture first").first).to_be_visible()
        found += violations(page, f"#tab-{name}", phone=phone)
    visitor.open("captioning")
    give_a_cat(visitor, "captioning")
    visitor.press("captioning", "Caption")
    visitor.wait("captioning")
    found += violations(page, "#tab-captioning", phone=phone)
    assert found == []


@pytest.mark.parametrize("name", NAMES)
def test_every_control_is_reached_by_the_tab_key_and_shows_it(reader: Visitor, name: str) -> None:
    reader.open(name)
    page = reader.page
    page.wait_for_function(MENDED)
    wanted = page.evaluate(CONTROLS, name)
    page.locator(f"#tab-{name}-button:visible").first.focus()
    reached, unseen = [], []
    for _ in range(len(wanted) + 12):
        page.keyboard.press("Tab")
        focused = page.evaluate(FOCUSED)
        if focused["stop"]:
            reached.append(focused["stop"])
        if focused["inside"] and not focused["ringed"]:
            unseen.append(focused["html"])
    missed = [f'[data-stop="{stop}"]' for stop in sorted(set(wanted) - set(reached))]
    # What the page has drawn anew meanwhile, as the table of models, has lost its mark.
    assert [
        html for stop in missed for html in page.locator(stop).evaluate_all("(nodes) => nodes.map((one) => one.outerHTML)")
    ] == []
    assert unseen == []
    first = list(dict.fromkeys(reached))
    assert first == [stop for stop in wanted if stop in set(first)], "the order of the page"
    assert page.evaluate('document.querySelectorAll(\'[tabindex]:not([tabindex="0"], [tabindex="-1"])\').length') == 0


def test_a_link_skips_what_comes_before_the_content(reader: Visitor) -> None:
    page = reader.page
    page.reload()
    page.wait_for_selector(".mm-skip", state="attached")
    page.evaluate("document.activeElement?.blur()")
    page.keyboard.press("Tab")
    link = page.locator(".mm-skip")
    expect(link).to_be_focused()
    expect(link).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("#tab-speech .mm-columns:visible").first).to_be_focused()


def test_arrow_keys_go_through_the_tabs(reader: Visitor) -> None:
    page = reader.page
    reader.open("speech")
    page.locator("#tab-speech-button:visible").focus()
    for key, name in (
        ("ArrowRight", NAMES[1]),
        ("End", NAMES[-1]),
        ("ArrowRight", NAMES[0]),
        ("ArrowLeft", NAMES[-1]),
        ("Home", NAMES[0]),
    ):
        page.keyboard.press(key)
        expect(page.locator(f"#tab-{name}-button:visible")).to_be_focused()
        expect(page.locator(f"#tab-{name}-button:visible")).to_have_attribute("aria-selected", "true")
    assert page.locator(".mm-tabs > .tab-wrapper [role=tab][tabindex='0']:visible").count() == 1


def test_control_enter_runs_and_what_happens_is_read_aloud(reader: Visitor) -> None:
    page = reader.page
    reader.open("visual-qa")
    aloud = page.locator(".mm-aloud[role=status][aria-live=polite]")
    page.locator("#tab-visual-qa textarea:visible").first.focus()
    page.keyboard.press("Control+Enter")
    fault = page.locator("#tab-visual-qa").get_by_text("picture first")
    expect(fault).to_be_visible()
    give_a_cat(reader, "visual-qa")
    page.locator("#tab-visual-qa textarea:visible").first.fill("What animal is it?")
    page.keyboard.press("Control+Enter")
    reader.wait("visual-qa")
    expect(fault).to_have_count(0)
    expect(aloud).to_contain_text("Done")


def test_a_second_run_that_ends_like_the_first_is_read_aloud_too(reader: Visitor) -> None:
    reader.open("models")
    reader.wait("models")
    aloud = reader.page.locator(".mm-aloud")
    for _ in range(3):  # the last ones load what is there already, and end at once
        reader.press("models", "Load")
        expect(aloud).to_contain_text("Done", timeout=RUN_MS)
        aloud.evaluate("(line) => { line.textContent = ''; }")


def test_escape_closes_a_list_of_choices(reader: Visitor) -> None:
    page = reader.page
    reader.open("speech")
    box = page.locator("#tab-speech [role=combobox]:visible").first
    box.click()
    expect(page.locator("[role=listbox]")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("[role=listbox]")).to_have_count(0)


@pytest.mark.parametrize("name", NAMES)
def test_headings_are_in_order_and_pictures_have_names(reader: Visitor, name: str) -> None:
    page = reader.page
    reader.open(name)
    levels = page.evaluate(HEADINGS)
    assert levels[:2] == [1, 2]
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels)), levels
    page.wait_for_function(MENDED)
    assert page.evaluate(NAMELESS, name) == []


def test_the_page_has_a_language_a_title_and_landmarks(reader: Visitor) -> None:
    page = reader.page
    reader.open("captioning")
    assert page.evaluate("document.documentElement.lang") == "en"
    assert page.title() == "mm-demos"
    assert page.get_by_role("main").count() == 1
    assert page.get_by_role("contentinfo").count() == 1
    expect(page.get_by_role("region", name="Input").and_(page.locator("#tab-captioning .mm-inputs:visible"))).to_have_count(1)
    expect(page.get_by_role("region", name="Result").and_(page.locator("#tab-captioning .mm-results:visible"))).to_have_count(1)


def test_the_picture_of_a_result_is_told_in_words(reader: Visitor) -> None:
    page = reader.page
    reader.open("captioning")
    give_a_cat(reader, "captioning")
    reader.press("captioning", "Caption")
    reader.wait("captioning")
    caption = page.locator("#tab-captioning .mm-lead:visible").first.inner_text()
    assert caption in (page.locator("#tab-captioning .mm-heat-picture img").get_attribute("alt") or "")
    page.wait_for_function(MENDED)
    assert page.evaluate(NAMELESS, "captioning") == []


def test_nothing_moves_for_who_wants_no_motion(reader: Visitor) -> None:
    for name in NAMES:
        reader.open(name)
        moving = "document.getAnimations().filter((one) => one.effect.getComputedTiming().endTime > 100).length"
        assert reader.page.evaluate(moving) == 0, name


def test_nothing_scrolls_sideways_at_the_narrowest(reader: Visitor) -> None:
    reader.page.set_viewport_size({"width": NARROWEST, "height": 800})
    for name in NAMES:
        reader.open(name)
        assert reader.page.evaluate("document.documentElement.scrollWidth") <= NARROWEST, name
    reader.page.set_viewport_size({"width": DESKTOP, "height": 900})
