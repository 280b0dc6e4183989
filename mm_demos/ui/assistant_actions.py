"""What the buttons inside a conversation do, and the documents it answers from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.processing_utils import save_file_to_cache
from gradio.utils import get_upload_folder

from mm_demos.assistant.knowledge import Knowledge
from mm_demos.assistant.types import Message, Source
from mm_demos.errors import InvalidInputError
from mm_demos.models import catalog, loader
from mm_demos.progress import Progress
from mm_demos.tasks.assistant_shop import sample_knowledge
from mm_demos.ui import assistant_view as view
from mm_demos.ui import render
from mm_demos.ui.assistant import Documents, Rating, Talk
from mm_demos.ui.assistant_kept import Shelf

MAX_DOCUMENTS = 20
SAMPLE = "The sample shop: Fern &amp; Kettle"


def composed(message: Message) -> dict[str, Any]:
    """A message as the composer's value; pictures that were tidied away meanwhile are left out.

    A kept picture lies where Gradio may not look, so that the composer gets a copy among the uploads.
    """
    files = [save_file_to_cache(path, get_upload_folder()) for path in message.images if path.is_file()]
    return {"text": message.text, "files": files}


def ready(talk: Talk | None, event: gr.EventData) -> tuple[Any, Talk | None]:
    """Put a quick reply, or the message that is to be answered again, into the composer; the page then presses Send."""
    if event.act == "say":
        return {"text": str(event.text), "files": []}, talk
    if talk is None or not talk.turns:
        return gr.skip(), talk
    return composed(talk.turns[-1].message), replace(talk, turns=talk.turns[:-1], again=talk.again + 1)


def change(shelf: Shelf | None, talk: Talk | None, event: gr.EventData) -> tuple[Any, ...]:
    """Take a turn back, edit one in a conversation of its own, or go on from one in a conversation of its own."""
    turn = int(event.turn)
    if talk is None or not 0 <= turn < len(talk.turns):
        return (gr.skip(),) * 4
    if event.act == "branch":
        changed, composer = talk.before(turn + 1), gr.skip()
    else:
        taken_back = replace(talk, turns=talk.turns[:turn], sent=False, again=0)
        changed = taken_back if event.act == "undo" else talk.before(turn)
        composer = composed(talk.turns[turn].message)
    if shelf is not None:
        shelf.keep(changed)
    return view.turns(changed), composer, view.operator(changed), changed


def rate(shelf: Shelf | None, talk: Talk | None, event: gr.EventData) -> tuple[Any, ...]:
    """Like or dislike a reply, give the reason, or take it back with a second press."""
    turn = int(event.turn)
    if talk is None or not 0 <= turn < len(talk.turns):
        return (gr.skip(),) * 2
    undone = bool(event.pressed)
    if event.act == "reason":
        reason = str(event.reason) if event.reason in view.DISLIKES else ""
        rating: Rating | None = Rating(False, "" if undone else reason)
    else:
        rating = None if undone else Rating(event.act == "like")
    changed = talk.rated(turn, rating)
    if shelf is not None:
        shelf.rate(changed, turn)
    return view.turns(changed), changed


def open_source(talk: Talk | None, documents: Documents | None, event: gr.EventData) -> tuple[Any, Any]:
    """Show the passage behind a number, with the passages around it, in the panel."""
    turn = int(event.turn)
    sources = talk.turns[turn].reply.sources if talk is not None and 0 <= turn < len(talk.turns) else ()
    source = next((source for source in sources if source.number == int(event.source)), None)
    if source is None:
        return gr.skip(), gr.skip()
    return view.source_panel(source, *_around(source, documents)), gr.update(selected="sources")


def _around(source: Source, documents: Documents | None) -> tuple[str, str]:
    """What stands before and after a passage; empty where the document begins or ends, or is not there any more."""
    knowledge = documents.knowledge if documents is not None else sample_knowledge()
    texts = []
    for number in (source.span.number - 1, source.span.number + 1):
        try:
            texts.append(knowledge.span(source.span.source, number).text)
        except InvalidInputError:
            texts.append("")
    return texts[0], texts[1]


def check_documents(files: Sequence[str] | None, *_rest: Any) -> None:
    """Refuse a run without documents, or with too many."""
    if not files:
        raise InvalidInputError("Choose documents first: Markdown, PDF, CSV or TXT.")
    if len(files) > MAX_DOCUMENTS:
        raise InvalidInputError(f"{len(files)} documents are too many: give at most {MAX_DOCUMENTS}.")


def learn(files: Sequence[str], *, progress: Progress | None = None) -> Documents:
    """Cut and embed a visitor's documents."""
    paths = [Path(file) for file in files]
    progress = progress or Progress()
    with loader.shared().lease(catalog.default("text-embedder"), progress=progress) as embedder:
        knowledge = Knowledge.build(paths, embedder=embedder, progress=progress)
    return Documents(knowledge, knowledge.sources)


def in_use(documents: Documents | None) -> str:
    """What the answers rest on now."""
    names = ", ".join(map(escape, documents.names)) if documents is not None else SAMPLE
    faults = documents.knowledge.faults if documents is not None else ()
    told = "".join(render.notice(fault, "warn") for fault in faults)
    return f'<p class="mm-as-inuse"><span>Answers rest on</span> <b>{names}</b></p>{told}'


def show_documents(documents: Documents) -> tuple[Any, ...]:
    """Values for the line that names the documents, and the session's state."""
    return in_use(documents), documents
