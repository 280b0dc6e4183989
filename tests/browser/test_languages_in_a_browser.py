"""The page in Chinese: everything that can be read is, what visitors and models wrote is not, and English comes back."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from visitor import Visitor

from mm_demos import samples
from mm_demos.fusion.encoders import ENCODERS
from mm_demos.models import catalog
from mm_demos.tabs import TABS
from mm_demos.tabs.models import LIBRARIES
from mm_demos.ui import languages

Visit = Callable[..., Visitor]
PATIENCE = 15  # looks, a fifth of a second apart, until a page that is still being drawn has settled
# What is called the same in Chinese.
NAMES = (
    r"CSV|TSV|TXT|JSONL?|SRT|VTT|TextGrid|ZIP|NPZ|PNG|JPE?G|WebP|GIF|BMP|TIFF|PDF|HTML|Markdown|Parquet|GGUF",  # formats
    r"safetensors|UTF-8|SVG|WAV|FLAC|MP3|OGG|M4A|MP4|WebM|AIFF",
    r"kB|MB|GB|Hz|dB|ms|ISO",  # units and what they are agreed by
    r"Ctrl|Enter|EN|CPU|cpu|cuda|mps|GPU|API|URL|HTTPS?|MCP|token",  # keys and abbreviations that Chinese writes so
    r"WER|F1|ECE|AUC|ROC|MRR|Recall|CIDEr|IFEval|GenEval|HumanEval|DocVQA|TextVQA|VQAv2|COCO|ESC-\d+|top-\d|nats|dBFS",  # figures
    r"Adam|ReLU|MFCC|CNN|BERT|ResNet|VITS|VQA|CLIP|ConSE|ImageNet|LibriSpeech|DataComp|Karpathy|test-(?:clean|dev)",
    r"Whisper|MiniLM|EfficientNet(?:-Lite2)?|SigLIP|Qwen(?:\d|-VL)?|BLIP(?:-2)?|CLAP|PP-OCR(?:v4)?|Llama|SmolLM|SmolVLM2?|Gemma|Florence-2|Idefics|open_clip|Piper|ViT\S*",
    r"So400m/14|Gradio|PyTorch|torch(?:\.compile)?|transformers|diffusers|python|NumPy|OpenAI|Apple|Hugging Face|piper-tts",
    r"Python|JavaScript|curl|mm-demos|mm-mini-clip|whisper-sound-head|large-v\d|turbo|medium|small|tiny|Fern & Kettle|Hub|hub",
    r"Apache-2\.0|MIT|GPL\S*|CC-BY\S*|BSD\S*|OpenRAIL\S*|AGPL\S*",  # licences
    r"MM_DEMOS_\w+|HF_\w+|`[^`]*`|https?://\S+|/home/\S+|\S+/\S+|\w+\.(?:ogg|flac|wav|jpg|png|csv|json|zip)",  # what is typed
    r"(?:Intel|AMD|ARM|Apple)[^，·]*",  # the machine's own name
    r"[A-Z][a-z]+ 等|sbert\.net",  # sources
    r"[^（]*（(?:请用英文|英文效果最好)[^）]*）|cat|dog|horse|sheep|[a-z ]+\{\}\.?",  # samples that work in English
    r"et al\.|Ada Lovelace|CTranslate2",  # people, and a term that stands as an example of one
    r"(?:int|float|bfloat)\d+|nf4|q\d\w*|auto|dpm\S*|\d+x|[a-f0-9]{7,}",  # number formats, commits
)
# Visible text and readable attributes outside what is marked as a visitor's or a model's.
LEFT = """([root, names]) => {
  const name = new RegExp(names, "g"), left = new Set(), place = root ? document.querySelector(root) : document.body;
  const attributes = ["placeholder", "title", "aria-label", "alt", "data-mm-shown"];
  const theirs = ['[translate="no"]', "script", "style", "textarea", ".cm-editor", ".json-holder", ".gallery-item",
    '[role="gridcell"]', ".sizing-body", ".tr-body", ".file-preview .filename"].join();
  const note = (text) => { if (/[A-Za-z]{2}/.test(text.replace(name, ""))) left.add(text.trim().replace(/\\s+/g, " ")); };
  const outside = (element, marks) => element.closest(`[translate="yes"], ${marks}`)?.matches('[translate="yes"]') ?? true;
  const seen = (element) => element.checkVisibility({ visibilityProperty: true, opacityProperty: true });
  const walker = document.createTreeWalker(place, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode())
    if (seen(node.parentElement) && outside(node.parentElement, theirs)) note(node.nodeValue);
  for (const element of place.querySelectorAll(attributes.map((name) => `[${name}]`).join()))
    if (seen(element) && outside(element, '[translate="no"]') && outside(element.parentElement, theirs))
      for (const attribute of attributes) note(element.getAttribute(attribute) ?? "");
  return [...left];
}"""
OPEN_FOLDS = """(root) => { for (const fold of document.querySelectorAll(`${root} button.label-wrap`)) {
  if (fold.checkVisibility() && !fold.classList.contains("open")) fold.click();
} }"""


def names() -> str:
    """One expression for all that may stay: the names above, and those of the catalog's models, engines and licences."""
    rows = catalog.rows()
    given = {*LIBRARIES, *ENCODERS, "piper-tts", "torch.compile", *(Path(name).stem for name in samples.names())}
    endpoints = {name for tab in TABS for name in tab.api_names}
    models = {
        name for row in rows for name in (row.name, row.licence.removeprefix("LicenseRef-"), *(e.name for e in row.engines))
    }
    whole = "|".join(sorted(map(re.escape, models | endpoints | given), key=len, reverse=True))
    return rf"(?<![A-Za-z])(?:{whole}|{'|'.join(NAMES)})(?![A-Za-z])"


def left(visitor: Visitor, tab: str = "") -> list[str]:
    """What can be read in Latin letters and is no name, once the page has settled."""
    found: list[str] = []
    for _ in range(PATIENCE):
        found = visitor.page.evaluate(LEFT, [f"#tab-{tab}" if tab else "", names()])
        if not found:
            break
        visitor.page.wait_for_timeout(200)
    return found


def language(visitor: Visitor) -> str:
    return str(visitor.page.evaluate("document.documentElement.lang"))


@pytest.fixture(scope="module")
def chinese(browser: Any, url: str) -> Any:
    """One visitor with a browser in Chinese, for all that only looks."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="zh-CN")
    visitor = Visitor(context, f"{url}/?__theme=light")
    visitor.page.wait_for_function("document.documentElement.lang === 'zh-Hans'")
    yield visitor
    context.close()


def test_the_browser_speaks_chinese_and_so_does_the_frame(chinese: Visitor) -> None:
    chinese.page.get_by_role("tab", name="语音").first.wait_for()
    assert left(chinese) == []
    assert not chinese.errors
    # Gradio writes the browser's language there whenever its own words happen to arrive.
    chinese.page.evaluate("document.documentElement.lang = 'zh-CN'")
    chinese.page.wait_for_function("document.documentElement.lang === 'zh-Hans'")


@pytest.mark.parametrize("tab", [spec.name for spec in TABS])
def test_a_tab_is_in_chinese_before_anything_runs(chinese: Visitor, tab: str) -> None:
    chinese.open(tab)
    inner = chinese.page.locator(f"#tab-{tab}")
    for number in range(inner.locator("[role=tab]").count() or 1):
        if inner.locator("[role=tab]").count():
            button = inner.locator("[role=tab]").nth(number)
            if button.is_visible():
                button.click()
        chinese.page.evaluate(OPEN_FOLDS, f"#tab-{tab}")
        chinese.page.wait_for_timeout(300)
        assert left(chinese, tab) == []


def test_an_error_is_in_chinese(chinese: Visitor) -> None:
    chinese.page.locator("#tab-captioning-button:visible").first.click()
    chinese.page.locator("#tab-captioning [role=tab]:visible").first.click()
    chinese.page.locator("#tab-captioning button.mm-run:visible").first.click()
    chinese.page.get_by_text(json.loads(languages.dictionary("zh"))["Choose, paste or take a picture first."]).first.wait_for()
    assert left(chinese, "captioning") == []


def test_results_are_in_chinese_around_what_models_wrote(chinese: Visitor) -> None:
    page = chinese.page
    page.locator("#tab-classification-button:visible").first.click()
    page.locator("#tab-classification [role=tab]:visible").first.click()
    page.locator("#tab-classification .gallery-item:visible, #tab-classification .tr-body:visible").first.click()
    page.locator("#tab-classification .mm-status[data-state=done]:visible").first.wait_for(timeout=300_000)
    assert left(chinese, "classification") == []
    labels = page.locator("#tab-classification .mm-bars .mm-label:visible").all_inner_texts()
    assert any(re.search("[A-Za-z]", label) for label in labels), "labels are the visitor's own"


PIECES = """(texts) => {
  const boxes = texts.map((text) => Object.assign(document.createElement("p"), { textContent: text }));
  document.body.append(...boxes);
  return new Promise((done) => setTimeout(() => done(boxes.map((box) => { box.remove(); return box.textContent; }))));
}"""


def test_pieces_of_a_text_are_found_and_quotations_kept(chinese: Visitor) -> None:
    texts = ["Ready", " Ready ", "Done in 3.2 s", "Stop · Ready", "Show again: “Ready”", "Nobody says this."]
    shown = chinese.page.evaluate(PIECES, texts)
    assert shown[0] == shown[1].strip() != "Ready"
    assert shown[1] == f" {shown[0]} "
    assert not re.search("[A-Za-z]", shown[2])
    assert "3.2" in shown[2]
    assert shown[3].endswith(f" · {shown[0]}")
    assert "“Ready”" in shown[4]
    assert not shown[4].startswith("Show")
    assert shown[5] == "Nobody says this."


HELD = """() => {
  const box = document.createElement("div");
  box.innerHTML = '<p translate="no" title="Ready">Ready <i translate="yes">Ready</i></p>'
    + '<textarea placeholder="Ready">Ready</textarea>';
  document.body.append(box);
  return Promise.resolve().then(() => {
    const [quote, field] = box.children;
    const found = [quote.title, quote.firstChild.nodeValue, quote.lastChild.textContent, field.placeholder, field.value];
    box.remove();
    return found;
  });
}"""


def test_what_is_marked_or_typed_is_left_alone(chinese: Visitor) -> None:
    title, quoted, within, placeholder, typed = chinese.page.evaluate(HELD)
    assert (title, quoted, typed) == ("Ready", "Ready ", "Ready")
    assert within == placeholder != "Ready"


CHANGED = """() => {
  const button = document.createElement("button"), text = document.createTextNode("Play");
  button.append(text); document.body.append(button);
  const seen = [], look = (value) => { seen.push(text.nodeValue); if (value) text.nodeValue = value; };
  const step = (value) => new Promise((done) => setTimeout(() => done(look(value))));
  return step("Pause").then(() => step("Play")).then(() => step()).then(() => { button.remove(); return seen; });
}"""


def test_a_label_that_changes_goes_on_changing(chinese: Visitor) -> None:
    first, second, third = chinese.page.evaluate(CHANGED)
    assert first == third != second
    assert not re.search("[A-Za-z]", first + second)


REFRESH = """() => {
  const holder = document.querySelector(".mm-top").parentElement, html = holder.innerHTML, times = [];
  const english = html.replaceAll("模型", "Models");
  for (let i = 0; i < 20; i += 1) times.push(new Promise((done) => setTimeout(() => {
    const began = performance.now();
    holder.innerHTML = i % 2 ? html : english;
    Promise.resolve().then(() => done(performance.now() - began));
  }, 10 * i)));
  return Promise.all(times);
}"""


def test_a_refresh_of_the_header_costs_little(chinese: Visitor) -> None:
    times = chinese.page.evaluate(REFRESH)
    assert min(times) < 5.0, times  # ms; the least of them, because a busy machine may interrupt any


def test_the_switch_goes_to_chinese_and_back_and_is_remembered(visit: Visit) -> None:
    visitor = visit()
    page = visitor.page
    page.locator("#tab-speech .mm-cost span:visible").first.wait_for()
    before = visitor.text("speech")
    assert language(visitor) == "en"
    page.locator(".mm-language").click()
    page.wait_for_function("document.documentElement.lang === 'zh-Hans'")
    assert "转写" in visitor.text("speech")
    page.locator(".mm-language").click()
    page.wait_for_function("document.documentElement.lang === 'en'")
    changing = re.compile(r"[\d.]+ (kB|MB|GB|B)\b")  # memory that is free
    assert changing.sub("", visitor.text("speech")) == changing.sub("", before)
    page.locator(".mm-language").click()
    page.reload()
    page.wait_for_function("document.documentElement.lang === 'zh-Hans'")
    assert not visitor.errors
    assert not visitor.foreign


def test_english_comes_back_in_a_browser_that_speaks_chinese(visit: Visit) -> None:
    visitor = visit(locale="zh-CN")
    visitor.page.wait_for_function("document.documentElement.lang === 'zh-Hans'")
    visitor.page.locator(".mm-language").click()
    visitor.page.wait_for_function("document.documentElement.lang === 'en'")
    text = visitor.page.locator("#tab-speech").inner_text()
    assert not re.search("[\u4e00-\u9fff]", text), text


def test_a_choice_is_shown_in_chinese_and_sent_in_english(chinese: Visitor) -> None:
    chinese.open("speech")
    choice = chinese.page.locator("#tab-speech input[role=combobox], #tab-speech input[role=listbox]").first
    assert choice.input_value() == "Detect"
    shown = choice.evaluate("(input) => input.closest('[data-mm-shown]').dataset.mmShown")
    assert not re.search("[A-Za-z]", shown)
