"""Conversations that outlive the page: the user's own in the data folder, a visitor's of a public page for an hour."""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from mm_demos import media
from mm_demos.assistant.store import NUMBER, ConversationStore, Kept
from mm_demos.errors import DemoError
from mm_demos.media.thumbnails import data_uri
from mm_demos.ui import assistant_view as view
from mm_demos.ui import render
from mm_demos.ui.assistant import THUMBNAIL_SIDE, Rating, Talk, Turn
from mm_demos.ui.assistant_exports import EXPORTS
from mm_demos.ui.sound_library import is_own

logger = logging.getLogger(__name__)

VISITOR_SECONDS = 3600.0  # as long as uploads stay
MAX_LISTED = 30
EMPTY = render.empty("Earlier conversations", "They stay on this machine and can be opened again here.")
# Read without a component: one inside a tab that is not open yet would not be there when the page loads.
SHOWN_LAST_JS = """() => { try { return [localStorage.getItem("mm-demos-assistant") || ""]; } catch { return [""]; } }"""
SCRIPT = """element.addEventListener("click", (event) => {
  const button = event.target.closest("[data-number]");
  if (button) trigger(button.dataset.act, { number: button.dataset.number });
});"""


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where a visitor's conversations are kept; `own` when the visitor sits at this machine."""

    folder: Path
    own: bool = False

    @property
    def store(self) -> ConversationStore:
        """What is kept there."""
        return ConversationStore(self.folder)

    def keep(self, talk: Talk) -> None:
        """Store a conversation as it is; of a public page's, those nobody went on with are forgotten.

        A folder that cannot be written costs no answer: it is logged, and the page goes on without.
        """
        try:
            self._keep(talk)
        except (DemoError, OSError) as error:
            logger.warning("A conversation was not kept: %s", error)

    def _keep(self, talk: Talk) -> None:
        self.store.keep(talk.number, [_kept(turn) for turn in talk.turns if turn.reply.text])
        for old in () if self.own else self.store.conversations():
            if old.changed < time.time() - VISITOR_SECONDS:
                self.store.delete(old.number)

    def rate(self, talk: Talk, turn: int) -> None:
        """Note what the visitor thinks of a reply."""
        try:
            self.store.rate(talk.number, _kept(talk.turns[turn]))
        except (DemoError, OSError) as error:
            logger.warning("A rating was not kept: %s", error)
        self.keep(talk)

    def talk(self, number: object) -> Talk | None:
        """A stored conversation; None when there is none of this number."""
        found = self.store.turns(number) if isinstance(number, str) and NUMBER.fullmatch(number) else ()
        return Talk(str(number), tuple(map(_turn, found))) if found else None


def _kept(turn: Turn) -> Kept:
    liked, reason = (turn.rating.liked, turn.rating.reason) if turn.rating is not None else (None, "")
    return Kept(turn.message, turn.reply, turn.spoken, liked, reason)


def _turn(kept: Kept) -> Turn:
    rating = None if kept.liked is None else Rating(kept.liked, kept.reason)
    return Turn(kept.message, kept.reply, tuple(_thumbnails(kept.message.images)), kept.spoken, rating)


def _thumbnails(images: tuple[Path, ...]) -> Iterator[str]:
    for path in images:
        try:
            yield data_uri(media.load_image(path), THUMBNAIL_SIDE)
        except DemoError:  # a picture that was spoilt on disk does not hide the conversation
            continue


@lru_cache(maxsize=1)
def _visitors() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="mm-demos-conversations-")


def shelf_of(request: gr.Request) -> Shelf:
    """Where the conversations of whoever asks are kept."""
    return Shelf(ConversationStore().folder, own=True) if is_own(request) else Shelf(Path(_visitors().name))


def enter(number: str | None, request: gr.Request) -> Iterator[tuple[Any, ...]]:
    """The shelf of a new visit, the conversation this browser showed last, and the list of earlier ones."""
    shelf = shelf_of(request)
    try:
        for values in opened(shelf, shelf.talk(number)):
            yield shelf, gr.update(visible=shelf.own), *values
    except (DemoError, OSError) as error:
        logger.warning("Conversations are not kept: %s", error)
        yield None, gr.update(visible=False), *(gr.skip() for _ in range(4 + len(EXPORTS)))


def opened(shelf: Shelf, talk: Talk | None) -> Iterator[tuple[Any, ...]]:
    """Values for the conversation, the operator view, the state, the list and the downloads."""
    with tempfile.TemporaryDirectory(prefix="mm-demos-") as folder:  # Gradio has its own copies when the yield returns
        files: list[Any] = [gr.update(value=None, interactive=False) for _ in EXPORTS]
        if talk is not None:
            files = [gr.update(value=export.save(talk, folder), interactive=True) for export in EXPORTS]
        shown = view.turns(talk) if talk is not None else []
        watched = view.operator(talk) if talk is not None else view.OPERATOR_EMPTY
        number = talk.number if talk is not None else ""
        yield shown, watched, talk, listed(shelf, number), *files


def choose(shelf: Shelf, event: gr.EventData) -> Iterator[tuple[Any, ...]]:
    """Open an earlier conversation."""
    yield from opened(shelf, shelf.talk(event.number) if shelf.own else None)


def forget(shelf: Shelf, talk: Talk | None, event: gr.EventData) -> Iterator[tuple[Any, ...]]:
    """Delete an earlier conversation; the one on show stays unless it is that one."""
    number = str(event.number)
    if shelf.own and NUMBER.fullmatch(number):
        shelf.store.delete(number)
    yield from opened(shelf, None if talk is not None and talk.number == number else talk)


def listed(shelf: Shelf | None, current: str = "") -> str:
    """The earlier conversations, newest first; only the user's own are listed."""
    found = shelf.store.conversations()[:MAX_LISTED] if shelf is not None and shelf.own else ()
    if not found:
        return EMPTY
    rows = "".join(
        f'<li><button type="button" data-act="select" data-number="{escape(each.number)}" '
        f'aria-current="{"true" if each.number == current else "false"}"><b translate="no">{escape(each.title)}</b>'
        f"<span>{each.turns} turn{'s' * (each.turns != 1)} · {_when(each.changed)}</span>"
        f'</button><button type="button" data-act="delete" data-number="{escape(each.number)}" '
        f'aria-label="Delete this conversation" title="Delete">×</button></li>'
        for each in found
    )
    return f'<ol class="mm-as-earlier">{rows}</ol>'


def _when(seconds: float) -> str:
    """In digits, which need no language."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))


def refreshed(shelf: Shelf | None, talk: Talk | None) -> str:
    """The list as it is now."""
    return listed(shelf, talk.number if talk is not None else "")


def area() -> gr.HTML:
    """The component that shows what `listed` gives."""
    return gr.HTML(EMPTY, elem_classes="mm-plain mm-result", js_on_load=SCRIPT)
