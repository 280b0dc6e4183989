"""A conversation as files: to read, for programs, and as a ticket."""

from __future__ import annotations

import json

from mm_demos.results import as_dict
from mm_demos.ui.assistant import Talk
from mm_demos.ui.events import Export


def _markdown(talk: Talk) -> str:
    """The conversation to read: who said what, with the quotes below each answer."""
    parts = ["# Conversation"]
    for turn in talk.turns:
        said = turn.message.text or turn.reply.transcript
        pictures = "".join(f"\n\n*(picture: {path.name})*" for path in turn.message.images)
        parts.append(f"**You:** {said}{pictures}".strip())
        parts.append(f"**Assistant:** {turn.reply.text}")
        parts += [f"> [{source.number}] {source.quote} — *{source.span.source}*" for source in turn.reply.sources]
        parts += [f"`{step.tool}` {step.error or step.result.get('text', '')}" for step in turn.reply.steps]
    return "\n\n".join(parts) + "\n"


def _json(talk: Talk) -> str:
    turns = [
        {
            "message": {"text": turn.message.text, "images": [path.name for path in turn.message.images], "spoken": turn.spoken},
            "reply": as_dict(turn.reply),
            "rating": as_dict(turn.rating),
        }
        for turn in talk.turns
    ]
    return json.dumps({"id": talk.number, "turns": turns}, ensure_ascii=False, indent=2, default=str) + "\n"


def _ticket(talk: Talk) -> str:
    """The newest ticket draft or hand-over, or else the conversation as one that nobody has sorted yet."""
    drafted = [
        step for turn in talk.turns for step in turn.reply.steps if step.tool in {"ticket_draft", "hand_over"} and step.result
    ]
    if drafted:
        ticket = {"from": drafted[-1].tool, **drafted[-1].result}
    else:
        last = talk.turns[-1]
        ticket = {"from": "conversation", "intent": last.reply.intent, "sentiment": last.reply.sentiment, "status": "draft"}
    said = [turn.message.text or turn.reply.transcript for turn in talk.turns]
    return json.dumps({**ticket, "messages": said}, ensure_ascii=False, indent=2, default=str) + "\n"


EXPORTS = (
    Export("Markdown", "conversation.md", _markdown),
    Export("JSON", "conversation.json", _json),
    Export("Ticket", "ticket.json", _ticket),
)
