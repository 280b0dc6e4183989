"""A conversation as HTML; every word of a visitor, a document, a tool or a model is escaped here."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from mm_demos.assistant import prompts
from mm_demos.assistant.types import Reply, Source, ToolStep
from mm_demos.ui import render
from mm_demos.ui.assistant import Talk, Turn
from mm_demos.ui.assistant_exports import EXPORTS

SCRIPT = Path(__file__).with_name("assistant.js")
QUICK = ("Where is my order S-10241?", "Can I return a plant?", "Is the Moss Teapot safe in the dishwasher?")
DISLIKES = ("wrong", "not from the source", "not what I asked", "unfriendly")
MARK = re.compile(r"\[(\d{1,2})\]")
WORD_BEFORE_MARK = re.compile(r"(?<!\S)(\S{1,24}\s*\[\d{1,2}\])")  # so that no number begins a line
TOOLS = {
    "order_status": "Looked up an order",
    "refund_rule": "Worked out the return",
    "ticket_draft": "Drafted a ticket",
    "hand_over": "Prepared the hand-over",
}
ICONS = {
    "again": "M20 11a8 8 0 1 0-2.3 6.2M20 5v6h-6",
    "edit": "M4 20h4L19 9l-4-4L4 16z",
    "undo": "M9 7L4 12l5 5M4 12h10a6 6 0 0 1 6 6v1",
    "branch": "M7 4v16M7 14c8 0 10-3 10-8M14 8l3-3 3 3",
    "copy": "M9 9h11v11H9zM5 15H4V4h11v1",
    "like": "M7 11l4-8a2.5 2.5 0 0 1 2.5 2.5V9H19a2 2 0 0 1 2 2.3l-1.2 7A2 2 0 0 1 17.8 20H7zM7 11H3v9h4",
}


def empty() -> str:
    """What the conversation says before it begins."""
    return (
        '<div class="mm-as-hello"><strong>How can I help?</strong><span>Ask the sample shop <em>Fern &amp; Kettle</em> about an '
        "order, a product or a return: write, speak or send a picture. Answers quote their sources.</span></div>"
    )


def area() -> gr.HTML:
    """The component that shows what `turns` gives; a list, so that Gradio sends only the turn that grew."""
    template = (
        '${value && value.length ? `<ol class="mm-as-turns" role="log" aria-label="Conversation">${value.join("")}</ol>` : `%s`}'
        % (empty() + quick(QUICK))
    )
    classes = "mm-plain mm-as-chat"
    return gr.HTML([], html_template=template, elem_classes=classes, js_on_load=SCRIPT.read_text(encoding="utf-8"))


def turns(talk: Talk) -> list[str]:
    """All turns, oldest first."""
    last = len(talk.turns) - 1
    return [_turn(talk.number, number, turn, newest=number == last) for number, turn in enumerate(talk.turns)]


def _turn(talk: str, number: int, turn: Turn, *, newest: bool) -> str:
    growing = "" if turn.reply.done else " mm-as-growing"
    told = f'aria-busy="{_yes(not turn.reply.done)}" data-talk="{escape(talk)}" data-turn="{number}"'
    return (
        f'<li class="mm-as-turn{growing}" {told}>{_said(turn)}'
        f'<div class="mm-as-answer">{_steps(turn.reply)}<div class="mm-as-text" translate="no">{_words(turn.reply)}</div>'
        f"{_sources(turn.reply)}{_notices(turn.reply)}{_buttons(turn, newest) if turn.reply.done else ''}</div>"
        f"{quick(_offers(turn.reply)) if newest and turn.reply.done else ''}</li>"
    )


def _said(turn: Turn) -> str:
    """The visitor's side."""
    images = "".join(f'<img src="{escape(uri)}" alt="Picture sent">' for uri in turn.thumbnails)
    text = escape(turn.message.text or turn.reply.transcript).replace("\n", "<br>")
    spoken = '<span class="mm-as-spoken" title="Spoken" translate="yes">spoken</span>' if turn.spoken else ""
    pictures = f'<div class="mm-as-pictures">{images}</div>' if images else ""
    tools = _button("edit", "Edit and send again")
    return f'<div class="mm-as-said">{tools}<div class="mm-as-bubble">{pictures}<p translate="no">{text}{spoken}</p></div></div>'


def _words(reply: Reply) -> str:
    """The answer with its [n] as buttons; a mark without a source stays text."""
    known = {source.number: source for source in reply.sources}

    def mark(found: re.Match[str]) -> str:
        source = known.get(int(found[1]))
        if source is None:
            return found[0]
        title = escape(f"{source.span.source}: {source.quote}")
        return f'<button type="button" class="mm-as-mark" data-source="{source.number}" title="{title}">{source.number}</button>'

    paragraphs = [part for part in escape(reply.text).split("\n") if part.strip()]
    if not paragraphs:
        return '<p><span class="mm-as-dots" aria-label="Thinking" translate="yes"><i></i><i></i><i></i></span></p>'
    kept = (WORD_BEFORE_MARK.sub(r'<span class="mm-as-kept">\1</span>', part) for part in paragraphs)
    return "".join(f"<p>{MARK.sub(mark, part)}</p>" for part in kept)


def _steps(reply: Reply) -> str:
    return "".join(map(_step, reply.steps))


def _step(step: ToolStep) -> str:
    """A tool's call, folded: what it was given and what came back."""
    given = "".join(_fact(name, value) for name, value in step.arguments.items())
    back = "".join(_fact(name, value) for name, value in step.result.items() if name != "text")
    outcome = f'<p class="mm-notice mm-error" translate="yes">{escape(step.error)}</p>' if step.error else f"<dl>{back}</dl>"
    state = "failed" if step.error else "done"
    asked = escape(", ".join(step.arguments.values()))[:80]
    return (
        f'<details class="mm-as-step" data-state="{state}"><summary><b>{escape(TOOLS.get(step.tool, step.tool))}</b>'
        f'<span translate="no">{asked}</span></summary><div translate="no"><code>{escape(step.tool)}</code>'
        f"<dl>{given}</dl>{outcome}</div></details>"
    )


def _fact(name: str, value: object) -> str:
    shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        shown = "; ".join(value)
    return f"<dt translate='yes'>{escape(name.replace('_', ' '))}</dt><dd>{escape(shown)}</dd>"


def place(source: Source) -> str:
    """Where a quote stands, for people: document, page, headings."""
    return _place(source, str)


def place_html(source: Source) -> str:
    """The same as HTML, its names apart from the page's words."""
    return _place(source, lambda name: f'<span translate="no">{escape(name)}</span>')


def _place(source: Source, name: Callable[[str], str]) -> str:
    page = f"page {source.span.page}" if source.span.page else ""
    return " › ".join(filter(None, [name(source.span.source), page, name(source.span.heading) if source.span.heading else ""]))


def _sources(reply: Reply) -> str:
    if not reply.sources:
        return ""
    chips = "".join(
        f'<button type="button" class="mm-as-source" data-source="{source.number}" title="{escape(source.quote)}">'
        f"<b>{source.number}</b>{place_html(source)}</button>"
        for source in reply.sources
    )
    return f'<div class="mm-as-sources">{chips}</div>'


def _notices(reply: Reply) -> str:
    return "".join(render.notice(text, "warn") for text in reply.notices)


def _buttons(turn: Turn, newest: bool) -> str:
    """What can be done with a reply; a dislike asks for its reason."""
    rating = turn.rating
    liked, disliked = rating is not None and rating.liked, rating is not None and not rating.liked
    row = _button("copy", "Copy") + _button("like", "Good answer", pressed=liked)
    row += _button("dislike", "Bad answer", icon="like", pressed=disliked)
    if newest:
        row += _button("again", "Answer again") + _button("undo", "Take back this turn")
    row += _button("branch", "Go on from here in a new conversation")
    why = "".join(_reason(reason, chosen=rating is not None and rating.reason == reason) for reason in DISLIKES)
    reasons = f'<div class="mm-as-why"><span>What was wrong?</span>{why}</div>' if disliked else ""
    return f'<div class="mm-as-tools">{row}</div>{reasons}'


def _reason(reason: str, *, chosen: bool) -> str:
    return f'<button type="button" data-act="reason" data-reason="{reason}" aria-pressed="{_yes(chosen)}">{reason}</button>'


def _yes(value: bool) -> str:
    return "true" if value else "false"


def _button(act: str, label: str, *, icon: str = "", pressed: bool | None = None) -> str:
    state = "" if pressed is None else f' aria-pressed="{_yes(pressed)}"'
    svg = f'<svg viewBox="0 0 24 24" aria-hidden="true"><path d="{ICONS[icon or act]}"/></svg>'
    return (
        f'<button type="button" data-act="{act}" class="mm-as-{act}" title="{label}" aria-label="{label}"{state}>{svg}</button>'
    )


def quick(texts: tuple[str, ...]) -> str:
    """Replies that one press sends."""
    if not texts:
        return ""
    buttons = "".join(
        f'<button type="button" data-act="say" data-text="{text}" translate="no">{text}</button>' for text in map(escape, texts)
    )
    return f'<div class="mm-as-quick">{buttons}</div>'


def _offers(reply: Reply) -> tuple[str, ...]:
    """What a visitor is likely to say next, where the reply asks."""
    return ("Yes, please hand me over", "No, thank you") if prompts.OFFER in reply.text else ()


def source_panel(source: Source, before: str = "", after: str = "") -> str:
    """The place a quote comes from: its passage with the quote lit, and what stands around it."""
    passage = escape(source.span.text)
    quote = escape(source.quote.strip())
    lit = passage.replace(quote, f"<mark>{quote}</mark>", 1) if quote and quote in passage else f"<mark>{passage}</mark>"
    around = [f'<p class="mm-as-around" translate="no">{escape(text)}</p>' if text else "" for text in (before, after)]
    return (
        f'<div class="mm-card mm-as-open"><h3 translate="no"><b>{source.number}</b>{escape(source.span.source)}</h3>'
        f'<p class="mm-small">{place_html(source)}</p>'
        f'{around[0]}<p class="mm-as-passage" translate="no">{lit}</p>{around[1]}</div>'
    )


def operator(talk: Talk) -> str:
    """Intent, sentiment, tools and speed of every turn, newest first."""
    if not talk.turns:
        return OPERATOR_EMPTY
    rows = "".join(_operator_row(number, turn) for number, turn in reversed(list(enumerate(talk.turns, 1))))
    return f'<ol class="mm-as-operator">{rows}</ol>'


def _operator_row(number: int, turn: Turn) -> str:
    reply = turn.reply
    facts = [("sources", str(len(reply.sources))), ("first word", render.seconds(reply.first_token_seconds))]
    facts += [("tool", step.tool) for step in reply.steps]
    facts += [("abstained", "yes")] if reply.abstained else []
    facts += [("seen", seen.caption or seen.name) for seen in reply.seen]
    said = escape(turn.message.text or reply.transcript or "(picture)")
    return (
        f'<li><p class="mm-small">Turn {number} · <span translate="no">{said[:120]}</span></p><p><b>{escape(reply.intent)}</b> '
        f'<span class="mm-value">{reply.intent_score:.0%}</span> '
        f'<span class="mm-as-mood" data-mood="{escape(reply.sentiment)}">{escape(reply.sentiment)}</span></p>'
        f"{render.chips(facts, given=('seen', 'tool'))}</li>"
    )


SOURCES_EMPTY = render.empty("Sources open here", "Press a number in an answer to see the passage it rests on.")
OPERATOR_EMPTY = render.empty("For whoever watches over the conversation", "Intent, sentiment, tools and speed of every turn.")


def show(talk: Talk) -> tuple[Any, ...]:
    """Values for the conversation, the composer, the dictated mark, the operator view, the voice and the state."""
    emptied = ({"text": "", "files": []}, False) if talk.sent else (gr.skip(), gr.skip())
    return turns(talk), *emptied, operator(talk), list(talk.heard), talk


def cleared() -> tuple[Any, ...]:
    """Values for an empty conversation: what `show` fills, the panel, the status line, the downloads."""
    files = (gr.update(value=None, interactive=False),) * len(EXPORTS)
    emptied = ({"text": "", "files": []}, False)
    return [], *emptied, OPERATOR_EMPTY, [], None, SOURCES_EMPTY, render.line("idle", "Ready"), *files
