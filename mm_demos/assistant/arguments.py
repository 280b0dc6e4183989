"""What a tool is to be called with, read out of the user's words by code."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date

from mm_demos.assistant.arguments_dates import dates_in
from mm_demos.assistant.arguments_numbers import MASK, masked, order_numbers
from mm_demos.assistant.arguments_products import products_in
from mm_demos.assistant.tools_orders import Order, Shop
from mm_demos.assistant.tools_schema import MAX_CHARS
from mm_demos.assistant.types import ToolName

FAULTY = re.compile(
    r"\b(?:broken?|broke|damaged|defect\w*|fault\w*|crack\w*|shatter\w*|smash\w*|chipped|leak\w*|torn|dead|dying"
    r"|stopped working|(?:not|n't|never) work\w*|came off|fell apart|a hole)\b",
    re.IGNORECASE,
)
WRONG_ITEM = re.compile(r"\b(?:wrong (?:item|one|colou?r|product|thing|article)|not what i ordered|instead of)\b", re.IGNORECASE)
SHOP_NAME = re.compile(r"\bfern (?:&|and) kettle\b", re.IGNORECASE)


def read_arguments(
    tool: ToolName, words: str, earlier: Sequence[str] = (), *, shop: Shop, today: date, seen: Sequence[str] = ()
) -> Mapping[str, str]:
    """Arguments for `tool`; what was not said is not there.

    Args:
        words: the user's own, written and spoken, of this turn.
        earlier: the user's own words of the turns before, oldest first.
        seen: text in the pictures of this turn; an order number in it counts when the words have none.
    """
    number = _order_number(words, seen, earlier, shop)
    order = shop.orders.get(number.lower())
    found = {"order": number, "product": _product(words, earlier, shop, order)}
    if tool == "order_status":
        found = {"order": number}
    elif tool == "refund_rule":
        found |= {"reason": _reason(words)}
        if not number:
            found |= {"delivered": _delivered(words, earlier, today)}
    elif tool == "ticket_draft":
        found |= {"description": _description(words, earlier)}
    else:
        found = {"order": number, "summary": " / ".join([*earlier, words])[-MAX_CHARS:]}
    return {name: value for name, value in found.items() if value}


def _order_number(words: str, seen: Sequence[str], earlier: Sequence[str], shop: Shop) -> str:
    """The first number of the newest text that has one; of pictures only numbers of orders that are there."""
    known = [order.number for order in shop.orders.values()]
    own = order_numbers(words, known)
    if own:
        return own[0]
    shown = [number for text in seen for number in order_numbers(text, known) if number in known]
    if shown:
        return shown[0]
    return next((numbers[0] for text in reversed(earlier) if (numbers := order_numbers(text, known))), "")


def _product(words: str, earlier: Sequence[str], shop: Shop, order: Order | None) -> str:
    """The one product that is meant, of the order where it is known; empty when none or several may be."""
    bought = [item.name for item in order.items] if order else []
    for text in (words, *reversed(earlier)):
        said = SHOP_NAME.sub(" ", text)
        found = products_in(said, bought)
        if not found:
            found = products_in(said, [product.name for product in shop.products.values()], kinds=_kinds(shop))
            if bought and len(found) == 1 and found[0].lower() not in said.lower():
                found = ()  # another of the shop's, guessed from one word, is not what the order is about
        if found:
            return found[0] if len(found) == 1 else ""
        if bought:  # an earlier turn may have been about another order
            return ""
    return ""


def _kinds(shop: Shop) -> set[str]:
    """Categories of several products."""
    kinds = [product.category for product in shop.products.values()]
    return {kind for kind in kinds if kind and kinds.count(kind) > 1}


def _reason(words: str) -> str:
    if WRONG_ITEM.search(words):
        return "wrong item"
    return "faulty" if FAULTY.search(words) else ""


def _delivered(words: str, earlier: Sequence[str], today: date) -> str:
    for text in (words, *reversed(earlier)):
        past = [day for day in dates_in(text, today=today) if day <= today]
        if past:
            return past[0].isoformat()
    return ""


def _description(words: str, earlier: Sequence[str]) -> str:
    """What went wrong in the user's words; a turn that only gives the order number follows what was said before."""
    bare = not re.search(r"[a-z]{4,}", masked(words).replace(MASK, "").lower().replace("order", "").replace("number", ""))
    return (" ".join([*earlier[-1:], words]) if bare else words)[:MAX_CHARS].strip()
