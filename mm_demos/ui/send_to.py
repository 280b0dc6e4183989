"""Send-to: a result of one tab becomes the input of another; one table says which."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import gradio as gr
from gradio.processing_utils import save_bytes_to_cache
from gradio.utils import get_upload_folder

from mm_demos.results import Generation
from mm_demos.tabs import find
from mm_demos.tasks.picture_index import PictureIndex
from mm_demos.ui.assistant import Talk
from mm_demos.ui.painting_events import picked
from mm_demos.ui.transcripts import Batch

Thing = Literal["transcript", "caption", "picture", "match"]
Slot = Literal["text", "picture", "sound"]
QUIET: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
MAX_CLIP_CHARS = 8_000_000  # of a clip as a data URI; a minute of MP3 has about a sixth
NOTHING = "There is nothing to send yet: run it first."
MP3_URI = "data:audio/mpeg;base64,"


@dataclass(frozen=True, slots=True)
class Route:
    """From a thing of one tab to an input of another; both tabs by name."""

    source: str
    thing: Thing
    target: str
    slot: Slot


ROUTES: tuple[Route, ...] = (
    Route("speech", "transcript", "assistant", "text"),
    Route("speech", "transcript", "classification", "text"),
    Route("speech", "transcript", "image-generation", "text"),
    Route("captioning", "caption", "assistant", "text"),
    Route("captioning", "caption", "retrieval", "text"),
    Route("captioning", "caption", "classification", "text"),
    Route("captioning", "caption", "image-generation", "text"),
    Route("captioning", "picture", "visual-qa", "picture"),
    Route("captioning", "picture", "classification", "picture"),
    Route("captioning", "picture", "assistant", "picture"),
    Route("captioning", "picture", "image-generation", "picture"),
    Route("visual-qa", "picture", "captioning", "picture"),
    Route("visual-qa", "picture", "classification", "picture"),
    Route("visual-qa", "picture", "assistant", "picture"),
    Route("retrieval", "match", "classification", "sound"),
    Route("retrieval", "match", "speech", "sound"),
    Route("classification", "picture", "captioning", "picture"),
    Route("classification", "picture", "visual-qa", "picture"),
    Route("classification", "picture", "assistant", "picture"),
    Route("picture-search", "match", "classification", "picture"),
    Route("picture-search", "match", "visual-qa", "picture"),
    Route("picture-search", "match", "captioning", "picture"),
    Route("assistant", "picture", "captioning", "picture"),
    Route("assistant", "picture", "visual-qa", "picture"),
    Route("assistant", "picture", "classification", "picture"),
    Route("image-generation", "picture", "captioning", "picture"),
    Route("image-generation", "picture", "visual-qa", "picture"),
    Route("image-generation", "picture", "classification", "picture"),
    Route("image-generation", "picture", "assistant", "picture"),
)
WORDS: dict[Thing, str] = {"transcript": "transcript", "caption": "caption", "picture": "picture", "match": "best match"}
# What only the browser knows, as an expression that gives a text: the caption that was chosen, the first of the list.
SEEN: dict[tuple[str, Thing], str] = {
    ("captioning", "caption"): 'document.querySelector("#tab-captioning .mm-chosen .mm-lead")?.innerText',
    ("retrieval", "match"): 'document.querySelector("#tab-retrieval .mm-hit audio")?.src',
    ("image-generation", "picture"): 'document.querySelector("#tab-image-generation .mm-pt-chosen")?.dataset.seed',
    ("picture-search", "match"): 'document.querySelector("#tab-picture-search .mm-best .mm-label")?.title',
}
# The first way of using a tab is the one that takes what is sent.
ARRIVE_JS = """() => {
  const tab = document.querySelector("#tab-%s");
  tab?.querySelector(".mm-inputs .mm-modes button[role=tab]:not(.selected)[data-tab-id]:first-of-type")?.click();
  window.scrollTo({ top: 0, behavior: "smooth" });
}"""


@dataclass(frozen=True, slots=True)
class _Offer:
    """A button on the page, and where its thing comes from; None for one that the browser knows alone."""

    route: Route
    button: gr.Button
    source: gr.components.Component | None


class Sending:
    """The rows of a page while it is built; buttons exist only for tabs that the page has.

    Args:
        tabs: names of the page's tabs.
    """

    def __init__(self, tabs: Collection[str]) -> None:
        self._tabs = frozenset(tabs)
        self._offers: list[_Offer] = []
        self._inputs: dict[tuple[str, Slot], gr.components.Component] = {}

    def row(
        self,
        tab: str,
        *,
        gives: Mapping[Thing, gr.components.Component | None] | None = None,
        takes: Mapping[Slot, gr.components.Component] | None = None,
    ) -> None:
        """A line for each thing that a tab gives, in the current layout; and the inputs it takes things into.

        Args:
            gives: where each thing comes from; None when the browser alone knows it.
            takes: inputs by what they hold.
        """
        self._inputs |= {(tab, slot): component for slot, component in (takes or {}).items()}
        for thing, source in (gives or {}).items():
            routes = [each for each in ROUTES if (each.source, each.thing) == (tab, thing) and each.target in self._tabs]
            if not routes:
                continue
            with gr.Row(elem_classes=["mm-send", f"mm-send-{thing}"]):
                gr.HTML(f"<span>Send the {WORDS[thing]} to</span>", elem_classes="mm-plain")
                for route in routes:
                    button = gr.Button(find(route.target).title, size="sm", min_width=60, elem_classes=f"mm-to-{route.target}")
                    self._offers.append(_Offer(route, button, source))

    def connect(self, tabs: gr.Tabs) -> None:
        """Bind every button, now that all tabs are there."""
        seen = gr.Textbox(visible=False)
        for offer in self._offers:
            route, target = offer.route, self._inputs[offer.route.target, offer.route.slot]
            expression = SEEN.get((route.source, route.thing), '""')
            offer.button.click(
                partial(_send, route, isinstance(target, gr.MultimodalTextbox)),
                [offer.source or seen, seen, target],
                [tabs, target],
                js=f"(given, _, there) => [given, {expression} ?? '', there]",
                **QUIET,
            ).success(None, js=ARRIVE_JS % route.target, api_visibility="private")


def _send(route: Route, composed: bool, given: Any, seen: str, there: Any) -> tuple[Any, Any]:
    """The tab to go to and its input's new value; nothing changes when there is nothing to send."""
    value = TAKE.get((route.source, route.thing), _same)(given, seen or "")
    if not value:
        gr.Warning(NOTHING, title="Send to")
        return gr.skip(), gr.skip()
    return gr.update(selected=route.target), _joined(there, route.slot, value) if composed else value


def _joined(message: Mapping[str, Any] | None, slot: Slot, value: str) -> dict[str, Any]:
    """A message that somebody may have begun, with the thing added."""
    text, files = (message or {}).get("text") or "", list((message or {}).get("files") or ())
    if slot == "text":
        return {"text": " ".join(filter(None, [text.strip(), value])), "files": files}
    return {"text": text, "files": [*files, value]}


def _same(given: Any, _seen: str) -> str:
    return given if isinstance(given, str) else ""


def _transcript(batch: Batch | None, _seen: str) -> str:
    """The text on show, corrections included."""
    return batch.current.text.strip() if batch is not None and batch.current is not None else ""


def _shown_words(_given: Any, seen: str) -> str:
    return " ".join(seen.split())


def _clip(_given: Any, seen: str) -> str:
    """The moment as a file."""
    if not seen.startswith(MP3_URI) or len(seen) > MAX_CLIP_CHARS:
        return ""
    try:
        return _filed(base64.b64decode(seen.removeprefix(MP3_URI), validate=True), "moment.mp3")
    except binascii.Error:
        return ""


def _found(index: PictureIndex | None, seen: str) -> str:
    """The picture of this name; its small copy when the file is gone or was never here."""
    picture = next((each for each in index.pictures if each.name == seen), None) if index is not None else None
    if picture is None:
        return ""
    if picture.path is not None and picture.path.is_file():
        return str(picture.path)
    return _filed(picture.thumbnail, "match.jpg") if picture.thumbnail else ""


def _last_picture(talk: Talk | None, _seen: str) -> str:
    """The picture that was sent last."""
    paths = [path for turn in talk.turns for path in turn.message.images if path.is_file()] if talk is not None else []
    return _filed(paths[-1].read_bytes(), paths[-1].name) if paths else ""  # a kept one lies where pages may not read


def _painted(made: Generation | None, seen: str) -> str:
    """The picture looked at last, at first the best."""
    image = picked(made, seen)
    return _filed(image.png, "painted.png") if image is not None else ""


def _filed(content: bytes, name: str) -> str:
    """A file among the uploads, which are deleted after an hour."""
    return str(save_bytes_to_cache(content, name, cache_dir=get_upload_folder()))


TAKE: dict[tuple[str, Thing], Callable[[Any, str], str]] = {
    ("speech", "transcript"): _transcript,
    ("captioning", "caption"): _shown_words,
    ("retrieval", "match"): _clip,
    ("picture-search", "match"): _found,
    ("assistant", "picture"): _last_picture,
    ("image-generation", "picture"): _painted,
}
