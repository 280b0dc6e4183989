"""What of a conversation stands in the prompt: the newest turns as they were, the older ones in a few words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mm_demos.assistant import prompts
from mm_demos.assistant.types import Conversation, Exchange

KEPT_CHARS = 3600  # of earlier turns, about 900 tokens: a small model loses the thread in more
FOLDED_CHARS = 1800  # what is left once turns are folded, so that the prompt's beginning changes rarely and the cache holds
SUMMARY_CHARS = 700
TOPIC_CHARS = 60


@dataclass(frozen=True, slots=True)
class Window:
    """What the model is shown of the earlier turns."""

    summary: str
    exchanges: tuple[Exchange, ...]


def window(conversation: Conversation) -> Window:
    """The turns that fit, and a summary of those before them.

    A function of the conversation alone, and stable: turns are folded many at a time, so for most turns the prompt only grows.
    """
    start, chars = 0, 0
    exchanges = [each for each in conversation.exchanges if is_worth_keeping(each)]
    sizes = [size(each) for each in exchanges]
    for number, each in enumerate(sizes):
        chars += each
        if chars > KEPT_CHARS:
            while start < number and chars > FOLDED_CHARS:
                chars -= sizes[start]
                start += 1
    return Window(summarised(conversation.summary, exchanges[:start]), tuple(exchanges[start:]))


def is_worth_keeping(exchange: Exchange) -> bool:
    """Whether a later turn can lean on this one: it has an answer that is built on something."""
    return bool(exchange.reply.done and exchange.reply.text and (exchange.reply.sources or exchange.reply.steps))


def size(exchange: Exchange) -> int:
    """Characters that an earlier turn takes in the prompt."""
    reply = exchange.reply
    return len(prompts.user_turn(prompts.said(exchange), reply.sources, reply.seen)) + len(reply.text)


def summarised(earlier: str, exchanges: Sequence[Exchange]) -> str:
    """Topics of the folded turns and what was answered, newest last; the oldest go first when it grows too long."""
    parts = [earlier] if earlier else []
    for exchange in exchanges:
        asked = " ".join(prompts.said(exchange).split())
        answer = _shortened(prompts.first_sentence(exchange.reply.text), 2 * TOPIC_CHARS)
        parts.append(f"“{_shortened(asked)}” – {answer}")
    while len(parts) > 1 and sum(map(len, parts)) > SUMMARY_CHARS:
        parts.pop(0)
    return " ".join(parts)[-SUMMARY_CHARS:]


def _shortened(text: str, chars: int = TOPIC_CHARS) -> str:
    return text if len(text) <= chars else text[: chars - 1].rsplit(" ", 1)[0] + "…"
