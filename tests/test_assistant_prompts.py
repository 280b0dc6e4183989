"""Prompts that only grow, and answers held to their sources by code."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm_demos.assistant import prompts
from mm_demos.assistant.memory import Window
from mm_demos.assistant.prompts_grounding import holds, marked, normal, quotation, unfounded
from mm_demos.assistant.prompts_rows import answers
from mm_demos.assistant.types import Exchange, Message, Reply, Source, Span, ToolStep
from mm_demos.models.protocols import ChatMessage, GenerateOptions
from mm_demos.progress import Progress
from mm_demos.tasks.assistant_wording import Wording, worded

DELIVERY = "Standard delivery takes 3 to 5 working days in the European Union. Express delivery costs €9.90."
SOURCES = (
    Source(1, Span("shipping.md", 2, DELIVERY, "Shipping › Delivery times"), DELIVERY),
    Source(2, Span("returns.md", 1, "Gift cards cannot be returned.", "Returns › Exceptions"), "Gift cards cannot be returned."),
)
ROW = Span("products.csv", 9, "name: Wool Tea Cosy; price: 26.00; in stock: 0", "Wool Tea Cosy")


class Scripted:
    """Says one text, a word at a time, and counts the words that were asked for."""

    context_tokens = 2048

    def __init__(self, text: str) -> None:
        self.text = text
        self.asked = 0

    def stream(self, messages: Sequence[ChatMessage], *, options: GenerateOptions) -> Iterator[str]:
        """The text's words."""
        for word in self.text.split(" "):
            self.asked += 1
            yield f"{word} "

    def score(self, messages: Sequence[ChatMessage], choices: Sequence[str]) -> object:
        """Never asked for."""
        raise AssertionError((messages, choices))


def answered(text: str, question: str = "How long does delivery take?", currency: str = "€") -> tuple[str, bool]:
    """What `worded` makes of a model that says `text`, and whether the source was quoted instead."""
    *_, last = worded(Wording(question, SOURCES, Window("", ()), currency=currency), Scripted(text), progress=Progress())
    assert last.done
    return last.text, last.quoted


def test_a_prompt_begins_with_the_whole_prompt_before_it() -> None:
    first = prompts.messages("system", (), "How long does delivery take?", SOURCES[:1])
    turn = Exchange(Message("How long does delivery take?"), Reply("3 to 5 working days. [1]", sources=SOURCES[:1]))
    second = prompts.messages("system", (turn,), "And express?", SOURCES[1:])
    assert second[: len(first)] == first
    assert second[len(first)] == ChatMessage("assistant", "3 to 5 working days.")


def test_what_a_tool_said_stands_shortened_in_later_prompts() -> None:
    step = ToolStep("order_status", {"order": "S-1"}, {"text": "It was shipped. It comes on Monday."})
    turn = Exchange(Message("Where is S-1?"), Reply("It was shipped. It comes on Monday.", steps=(step,)))
    assert prompts.messages("system", (turn,), "Thanks", ())[2] == ChatMessage("assistant", "It was shipped.")


def test_persona_policy_and_summary_follow_the_constant_beginning() -> None:
    text = prompts.system_text("warm\nand brief", "Never promise a date.", "asked about mugs", "€")
    assert text.startswith(prompts.SYSTEM)
    assert "Tone: warm and brief" in text
    assert "Never promise a date." in text
    assert "asked about mugs" in text
    assert prompts.system_text() == prompts.SYSTEM


def test_the_words_of_a_voice_message_stand_in_later_prompts() -> None:
    turn = Exchange(Message(), Reply("Yes. [1]", transcript="Do you deliver?", sources=SOURCES[:1]))
    assert "Do you deliver?" in prompts.messages("s", (turn,), "Thanks", ())[1].content


@pytest.mark.parametrize(
    ("number", "same"), [("4,90", "4.9"), ("4.90", "4.9"), ("1,000", "1000"), ("007", "7"), ("13:00", "13:00"), ("0.50", "0.5")]
)
def test_numbers_are_compared_in_one_spelling(number: str, same: str) -> None:
    assert normal(number) == same


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ("It takes 3 to 5 days.", ()),
        ("It takes three to five days.", ()),
        ("It takes 7 days.", ("7",)),
        ("It costs $9.90.", ("the sign $",)),
        ("It comes on Monday.", ("monday",)),
        ("It may take one day.", ()),
    ],
)
def test_numbers_signs_and_days_that_no_source_gives_are_found(answer: str, found: tuple[str, ...]) -> None:
    assert unfounded(answer, DELIVERY) == found


@given(st.integers(0, 10_000))
def test_a_number_that_a_text_has_is_never_unfounded_in_it(number: int) -> None:
    assert unfounded(f"It is {number}.", f"There are {number:,} of them.") == ()


@pytest.mark.parametrize(
    ("question", "answer", "right"),
    [
        ("Can I return a gift card?", "No, gift cards cannot be returned.", True),
        ("Can I return a gift card?", "Yes, gift cards can be returned.", False),
        ("Is express delivery waterproof?", "Yes, express delivery is waterproof.", False),
        ("What does express delivery cost?", "Express delivery costs €9.90.", True),
        ("What does express delivery cost?", "I am sorry, I do not know.", False),
        ("Who pays?", "The bank and the insurance pay for everything.", False),
    ],
)
def test_an_answer_holds_when_its_words_and_its_yes_or_no_fit(question: str, answer: str, right: bool) -> None:
    assert holds(answer, question, SOURCES) is right


ABROAD = "Standard delivery costs €4.90. To Norway and to Switzerland it costs €14.90."


@pytest.mark.parametrize(
    ("question", "answer", "right"),
    [
        ("How much does standard delivery cost?", "Standard delivery costs €4.90.", True),
        ("How much does standard delivery cost?", "Standard delivery costs €14.90.", False),
        ("How much does standard delivery to Norway cost?", "Standard delivery costs €14.90.", True),
        ("How much does standard delivery cost?", "Standard delivery costs €14.90 to Switzerland.", True),
    ],
)
def test_a_number_does_not_hold_without_the_name_it_holds_for(question: str, answer: str, right: bool) -> None:
    source = Source(1, Span("shipping.md", 3, ABROAD, "Shipping › Costs"), ABROAD)
    assert holds(answer, question, (source,)) is right


def test_no_stock_is_a_no() -> None:
    source = (Source(1, ROW, "in stock: 0"),)
    assert holds("No, the wool tea cosy is not in stock.", "Is the wool tea cosy in stock?", source)
    assert not holds("Yes, the wool tea cosy is in stock.", "Is the wool tea cosy in stock?", source)


def test_each_sentence_is_marked_with_what_it_rests_on_and_the_marks_come_off() -> None:
    raw = "Express delivery costs €9.90. Gift cards cannot be returned."
    text = marked(raw, "", SOURCES, complete=True)
    assert text == "Express delivery costs €9.90. [1] Gift cards cannot be returned. [2]"
    assert prompts.unmarked(text) == raw


def test_a_sentence_that_still_grows_has_no_mark() -> None:
    assert marked("Express delivery costs €9.", "", SOURCES, complete=False) == "Express delivery costs €9."


def test_a_row_is_quoted_with_what_it_is_about() -> None:
    assert quotation("Is it in stock?", (Source(1, ROW, "in stock: 0"),)) == "Wool Tea Cosy – in stock: 0 [1]"


def test_an_answer_that_holds_is_streamed_with_marks() -> None:
    text = "Standard delivery takes 3 to 5 working days in the European Union."
    assert answered(text) == (f"{text} [1]", False)


def test_an_invented_number_ends_generation_and_quotes_the_source() -> None:
    chat = Scripted("It takes 9 weeks and then some more words that nobody will ever read at all")
    *_, last = worded(Wording("How long does delivery take?", SOURCES, Window("", ())), chat, progress=Progress())
    assert last.quoted
    assert DELIVERY in last.text
    assert chat.asked < 6


def test_no_growing_text_shows_an_invented_number() -> None:
    texts = [
        each.text
        for each in worded(Wording("How long?", SOURCES, Window("", ())), Scripted("It takes 9 weeks."), progress=Progress())
    ]
    assert not any("9 weeks" in text for text in texts)


@pytest.mark.parametrize(
    "said",
    [
        "[1] Delivery times: Standard delivery takes 3 to 5 working days in the European Union.",
        "Based on the given facts, standard delivery takes 3 to 5 working days in the European Union.",
        "Answer: Standard delivery takes 3 to 5 working days in the European Union. [2]",
    ],
)
def test_what_small_models_put_around_an_answer_is_left_out(said: str) -> None:
    assert answered(said) == ("Standard delivery takes 3 to 5 working days in the European Union. [1]", False)


def test_a_text_that_must_not_be_shown_is_replaced() -> None:
    wording = Wording("How long?", SOURCES, Window("", ()))
    *_, last = worded(wording, Scripted("Delivery takes 3 working days."), allowed=lambda _: False, progress=Progress())
    assert last.quoted


def test_a_table_without_currency_is_quoted_with_the_shops() -> None:
    source = (Source(1, ROW, "price: 26.00"),)
    *_, last = worded(
        Wording("What is the price?", source, Window("", ()), currency="€"), Scripted("It costs $3."), progress=Progress()
    )
    assert last.text == "Wool Tea Cosy – price: €26.00 [1]"


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("hello", prompts.GREETING),
        ("thanks a lot", prompts.THANKS),
        ("bye!", prompts.FAREWELL),
        ("are you a robot?", prompts.ABOUT),
    ],
)
def test_small_talk_needs_no_model(text: str, answer: str) -> None:
    assert prompts.small_talk(text) == answer


def test_not_knowing_asks_one_question() -> None:
    vague, clear = prompts.unknown(asked_before=False, vague=True), prompts.unknown(asked_before=True, vague=True)
    assert vague.endswith(prompts.WHICH)
    assert clear.endswith(prompts.OFFER)
    assert vague.count("?") == clear.count("?") == 1


def test_the_words_of_one_source_and_the_number_of_another_make_no_fact() -> None:
    kept = Source(2, Span("privacy.md", 1, "Invoices are kept for 7 years."), "Invoices are kept for 7 years.")
    assert not holds("Express delivery takes 7 years.", "How long does express delivery take?", (SOURCES[0], kept))


LAMP = Span(
    "products.csv", 10, "name: Dusk Lamp; price: 79.00; material: brass and paper; size: 38 cm high; in stock: 5", "Dusk Lamp"
)


@pytest.mark.parametrize(
    ("question", "may"),
    [
        ("How much is the Dusk Lamp?", True),
        ("What is the Dusk Lamp made of?", True),
        ("Do you have the Dusk Lamp in stock?", True),
        ("Is the Dusk Lamp made of paper?", True),
        ("", True),
        ("Is the Dusk Lamp also available in purple?", False),
        ("Can I hire the Dusk Lamp?", False),
        ("Who designed the Dusk Lamp?", False),
    ],
)
def test_a_row_answers_what_it_has_a_word_or_a_column_for(question: str, may: bool) -> None:
    assert answers(LAMP, question) is may


def test_prose_is_left_to_the_search() -> None:
    assert answers(SOURCES[0].span, "Who designed the Dusk Lamp?")
