"""What the assistant passes from part to part: turns, evidence, sources, tool steps, replies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, get_args

from mm_demos.results import LabelScore, Receipt

if TYPE_CHECKING:
    from pathlib import Path

Intent = Literal["order status", "refund", "product question", "policy question", "complaint", "human", "small talk", "other"]
INTENTS: tuple[Intent, ...] = get_args(Intent)
Sentiment = Literal["positive", "neutral", "negative"]
ToolName = Literal["order_status", "refund_rule", "ticket_draft", "hand_over"]
TOOLS: tuple[ToolName, ...] = get_args(ToolName)


@dataclass(frozen=True, slots=True)
class Span:
    """A passage of the knowledge base that can be quoted and opened.

    Args:
        source: name of the document, as the user knows it.
        number: of the span in its document, from 1.
        heading: the headings above it, joined by " › "; empty where there are none.
        page: of a PDF, from 1; 0 elsewhere.
        start: first character in the document's text.
        end: after its last character.
    """

    source: str
    number: int
    text: str
    heading: str = ""
    page: int = 0
    start: int = 0
    end: int = 0


@dataclass(frozen=True, slots=True)
class Passage:
    """A span that was found; `score` in [0, 1] is how surely it supports an answer to the question."""

    span: Span
    score: float


@dataclass(frozen=True, slots=True)
class Source:
    """A numbered quote under a reply; `number` is what stands in the text as [1], `quote` the sentence that supports it."""

    number: int
    span: Span
    quote: str


@dataclass(frozen=True, slots=True)
class ToolStep:
    """One tool that was called.

    Args:
        arguments: as they went to the tool.
        result: what it returned, as JSON-ready values; empty when it failed.
        error: one sentence when it failed; a failed tool has no result, and the reply says so.
    """

    tool: ToolName
    arguments: Mapping[str, str]
    result: Mapping[str, object] = field(default_factory=dict)
    error: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """What the user sends in one turn; at least one part is there."""

    text: str = ""
    images: tuple[Path, ...] = ()
    audio: Path | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """What a picture was understood as: data, never instructions."""

    name: str
    caption: str
    labels: tuple[LabelScore, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, complete or growing.

    Args:
        text: with [1], [2] … where a source supports a statement.
        abstained: there was no supporting source; the text says so and asks one question or offers to hand over.
        transcript: of the voice message; empty without one.
        done: False while the answer grows.
        first_token_seconds: from sending to the first piece of the answer; 0 while there is none.
    """

    text: str
    sources: tuple[Source, ...] = ()
    steps: tuple[ToolStep, ...] = ()
    intent: Intent = "other"
    intent_score: float = 0.0
    sentiment: Sentiment = "neutral"
    abstained: bool = False
    transcript: str = ""
    seen: tuple[Seen, ...] = ()
    notices: tuple[str, ...] = ()
    done: bool = True
    first_token_seconds: float = 0.0
    receipt: Receipt | None = None


@dataclass(frozen=True, slots=True)
class Exchange:
    """One turn of a conversation: what was sent and what came back."""

    message: Message
    reply: Reply


@dataclass(frozen=True, slots=True)
class Conversation:
    """Turns so far, oldest first; `summary` stands for turns that no longer fit the context."""

    exchanges: tuple[Exchange, ...] = ()
    summary: str = ""
