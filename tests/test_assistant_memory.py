"""What of a conversation is shown to the model, and that its beginning stays the same."""

from __future__ import annotations

from itertools import pairwise

from mm_demos.assistant import prompts
from mm_demos.assistant.memory import KEPT_CHARS, SUMMARY_CHARS, size, window
from mm_demos.assistant.types import Conversation, Exchange, Message, Reply, Source, Span

SOURCE = Source(1, Span("a.md", 1, "x"), "Mugs are grey. " * 15)


def turn(number: int) -> Exchange:
    """An answered question."""
    return Exchange(Message(f"Question {number} about the mugs?"), Reply(f"Answer {number} is grey. [1]", sources=(SOURCE,)))


def conversation(count: int) -> Conversation:
    """So many turns."""
    return Conversation(tuple(map(turn, range(count))))


def test_few_turns_stand_as_they_were() -> None:
    shown = window(conversation(3))
    assert shown.exchanges == conversation(3).exchanges
    assert shown.summary == ""


def test_turns_without_sources_or_tools_are_left_out() -> None:
    talk = Exchange(Message("hello"), Reply(prompts.GREETING))
    assert window(Conversation((talk, turn(1)))).exchanges == (turn(1),)


def test_a_long_conversation_fits_and_its_topics_are_kept() -> None:
    shown = window(conversation(40))
    assert sum(map(size, shown.exchanges)) <= KEPT_CHARS
    assert shown.exchanges[-1] == turn(39)
    assert 0 < len(shown.summary) <= SUMMARY_CHARS
    first = int(shown.exchanges[0].message.text.split()[1])
    assert f"Question {first - 1}" in shown.summary


def test_the_prompt_only_grows_for_most_turns() -> None:
    starts = [window(conversation(count)).exchanges[0] for count in range(1, 60)]
    changes = sum(before != after for before, after in pairwise(starts))
    assert changes <= 60 // 4


def test_the_same_conversation_gives_the_same_prompt() -> None:
    assert window(conversation(30)) == window(conversation(30))


def test_an_earlier_summary_goes_on() -> None:
    shown = window(Conversation(conversation(2).exchanges, summary="They asked about tea."))
    assert shown.summary == "They asked about tea."
