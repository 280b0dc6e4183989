"""Order numbers, dates and products out of text, as people write and say them."""

from __future__ import annotations

from datetime import date

import pytest

from mm_demos.assistant.arguments import read_arguments
from mm_demos.assistant.arguments_dates import dates_in
from mm_demos.assistant.arguments_numbers import masked, order_numbers
from mm_demos.assistant.arguments_products import products_in
from mm_demos.assistant.tools import Tools
from mm_demos.assistant.tools_orders import Shop
from mm_demos.assistant.types import ToolName

TODAY = date(2026, 11, 20)
KNOWN = tuple(f"S-{number}" for number in range(10234, 10260))


@pytest.fixture(scope="module")
def shop() -> Shop:
    return Tools.sample().shop


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("S-10234", ("S-10234",)),
        ("where is order s10235?", ("S-10235",)),
        ("order S 10 236", ("S-10236",)),
        ("It's S-10,237.", ("S-10237",)),
        ("S–10238 please", ("S-10238",)),
        ("number ten two thirty-seven", ("S-10237",)),
        ("one oh two three eight please", ("S-10238",)),
        ("S. one, zero, two, four, zero", ("S-10240",)),
        ("ten thousand two hundred and forty one", ("S-10241",)),
        ("order 1-0-2-4-4", ("S-10244",)),
        ("order 10,242, 2 mugs", ("S-10242",)),
        ("compare 10240 and S-10241 and 10240", ("S-10240", "S-10241")),
        ("order 99999", ("S-99999",)),
        ("order 12", ("12",)),
        ("I want to order 3 mugs", ()),
        ("2 mugs for 30 euros", ()),
        ("it cost 10250 euros, or €10251", ()),
        ("on 2026-11-17 or 17.11.2026", ()),
        ("call 555 0145", ()),
        ("two mugs and three cups", ()),
        ("", ()),
    ],
)
def test_order_numbers(text: str, numbers: tuple[str, ...]) -> None:
    assert order_numbers(text, KNOWN) == numbers


def test_numbers_of_a_shop_without_letters() -> None:
    assert order_numbers("Where is 2041, or order 77?", ("2041", "77")) == ("2041", "77")
    assert order_numbers("I bought 77 mugs", ("2041", "77")) == ()


def test_digits_that_two_orders_share_name_neither() -> None:
    assert order_numbers("order 10234", ("A-10234", "B-10234")) == ("10234",)


def test_any_order_number_is_masked_alike() -> None:
    assert masked("Where is order S-10234?") == masked("Where is order 99321?") == "Where is order 2041?"


@pytest.mark.parametrize(
    ("text", "dates"),
    [
        ("delivered on 2026-11-02", [date(2026, 11, 2)]),
        ("on 3.11.2026", [date(2026, 11, 3)]),
        ("it came on 3 November", [date(2026, 11, 3)]),
        ("the 3rd of November 2025", [date(2025, 11, 3)]),
        ("Nov 3rd, 2025", [date(2025, 11, 3)]),
        ("on December 24", [date(2025, 12, 24)]),
        ("two weeks ago", [date(2026, 11, 6)]),
        ("10 days ago", [date(2026, 11, 10)]),
        ("a month ago", [date(2026, 10, 21)]),
        ("yesterday", [date(2026, 11, 19)]),
        ("the day before yesterday", [date(2026, 11, 18)]),
        ("last Monday", [date(2026, 11, 16)]),
        ("last Friday", [date(2026, 11, 13)]),
        ("ordered 1 November, came 5 November", [date(2026, 11, 1), date(2026, 11, 5)]),
        ("31 February", []),
        ("99.99.2026", []),
        ("may I?", []),
    ],
)
def test_dates(text: str, dates: list[date]) -> None:
    assert list(dates_in(text, today=TODAY)) == dates


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Is the Moss Teapot safe?", ["Moss Teapot"]),
        ("the kettle", ["Heron Kettle"]),
        ("my tea towels", ["Linen Tea Towel"]),
        ("chamomile tea", ["Evening Chamomile Tea"]),
        ("the tea", ["Quay Breakfast Tea", "Evening Chamomile Tea"]),
        ("the cups", ["Tide Cup Set"]),
        ("my cacti", ["Little Cactus"]),
        ("a ketle", ["Heron Kettle"]),
        ("Pebble Mugs and a moss teapot", ["Pebble Mug", "Moss Teapot"]),
        ("can I pay by credit card this evening", []),
        ("a little glass of water", []),
        ("", []),
    ],
)
def test_products(text: str, names: list[str], shop: Shop) -> None:
    assert list(products_in(text, [product.name for product in shop.products.values()])) == names


def test_a_kind_is_no_product() -> None:
    assert products_in("a plant", ["Snake Plant", "Boston Fern"], kinds=["plants"]) == ()
    assert products_in("the snake plant", ["Snake Plant", "Boston Fern"], kinds=["plants"]) == ("Snake Plant",)


@pytest.mark.parametrize(
    ("tool", "words", "arguments"),
    [
        ("order_status", "Where is S-10241?", {"order": "S-10241"}),
        ("order_status", "Where is my order?", {}),
        ("refund_rule", "Can I return S-10239?", {"order": "S-10239"}),
        ("refund_rule", "The mugs from S-10234 are cracked", {"order": "S-10234", "product": "Pebble Mug", "reason": "faulty"}),
        ("refund_rule", "S-10237 is not what I ordered", {"order": "S-10237", "reason": "wrong item"}),
        ("refund_rule", "Can I return the cactus I got last Monday?", {"product": "Little Cactus", "delivered": "2026-11-16"}),
        ("refund_rule", "I bought tea at Fern & Kettle from order S-10252", {"order": "S-10252"}),
        ("hand_over", "A person please, about S-10240", {"order": "S-10240", "summary": "A person please, about S-10240"}),
    ],
)
def test_arguments_of_a_turn(tool: ToolName, words: str, arguments: dict[str, str], shop: Shop) -> None:
    assert read_arguments(tool, words, shop=shop, today=TODAY) == arguments


def test_what_was_said_before_counts_where_this_turn_is_silent(shop: Shop) -> None:
    earlier = ("Where is S-10241?", "And S-10240?")
    assert read_arguments("order_status", "When does it come?", earlier, shop=shop, today=TODAY) == {"order": "S-10240"}
    assert read_arguments("order_status", "And S-10242?", earlier, shop=shop, today=TODAY) == {"order": "S-10242"}


def test_a_ticket_remembers_the_problem_when_only_the_number_follows(shop: Shop) -> None:
    found = read_arguments("ticket_draft", "Order S-10240", ("My lamp arrived broken.",), shop=shop, today=TODAY)
    assert found == {"order": "S-10240", "description": "My lamp arrived broken. Order S-10240"}


def test_a_number_in_a_picture_counts_when_the_words_have_none_and_the_order_is_there(shop: Shop) -> None:
    seen = ("Packing slip\nOrder S-10239", "Order S-99999")
    assert read_arguments("order_status", "Where is this?", shop=shop, today=TODAY, seen=seen) == {"order": "S-10239"}
    assert read_arguments("order_status", "Where is S-10241?", shop=shop, today=TODAY, seen=seen) == {"order": "S-10241"}
    assert read_arguments("order_status", "Where is this?", shop=shop, today=TODAY, seen=seen[1:]) == {}
