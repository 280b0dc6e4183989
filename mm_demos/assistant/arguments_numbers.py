"""Order numbers in a text, as people write and say them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

# The place of a word is its number.
DIGIT_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
TEEN_WORDS = ("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen")
TEN_WORDS = ("", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
UNITS = {**{word: digit for digit, word in enumerate(DIGIT_WORDS)}, "oh": 0, "o": 0}
TEENS = {word: number for number, word in enumerate(TEEN_WORDS, 10)}
TENS = {word: 10 * number for number, word in enumerate(TEN_WORDS) if number > 1}
TIMES = {"double": 2, "triple": 3}
SPOKEN = {**UNITS, **TEENS, **TENS, **dict.fromkeys(TIMES, 0), "hundred": 100, "thousand": 1000}
SPOKEN_RUN = re.compile(rf"\b(?:{'|'.join(SPOKEN)})(?:[\s,-]+(?:and\s+)?(?:{'|'.join(SPOKEN)}))+\b", re.IGNORECASE)
MASK = "2041"  # stands for every order number where only the rest of the sentence matters
MIN_DIGITS, MAX_DIGITS = 4, 12
NO_LETTERS = "a|i|is|at|was|my|the|of|in|on|no|nr|to|for|by|and|or|cost|than|paid|with|its|order|from"
LETTERS = rf"(?:(?P<letters>(?!(?:{NO_LETTERS})\b)[A-Za-z]{{1,4}})[\s.#–-]{{0,2}})?"
DIGITS = r"(?P<digits>\d+(?:[ ,.–-]{1,2}\d+)*)"
NO_AMOUNT = r"(?![\w%€$£])(?!\s*(?:euros?|dollars?|pounds?|eur|usd|gbp)\b)"
# Digits in groups as speech recognition writes them: "10-234", "10,234", "1 0 2 3 4", after letters or not.
GROUPS = re.compile(rf"(?<![\w€$£.]){LETTERS}{DIGITS}{NO_AMOUNT}", re.IGNORECASE)
NAMED = re.compile(r"(?:order|number|no\.?|nr\.?|#)[\s:#]*(?:is|was|number|no\.?)?[\s:#]*$", re.IGNORECASE)
DATE = re.compile(r"\b(?:\d{4}-\d{2}-\d{2}|\d{1,2}[./]\d{1,2}[./]\d{2,4})\b")


def order_numbers(text: str, known: Collection[str] = ()) -> tuple[str, ...]:
    """Order numbers in `text`, in its order, once each.

    Digits that belong to a known order are found however they are written or said ("S-10234", "s 10 234",
    "one oh two three four") and given in its spelling. A number of nobody's order is found when it is called one
    ("order 99999") or looks like one, and given as it stands.
    """
    by_digits, written = _by_digits(known), _in_digits(text)
    found: dict[str, None] = {}
    for match in GROUPS.finditer(written):
        found |= dict.fromkeys(_meant(match, by_digits))
    return tuple(found)


def has_order_number(text: str) -> bool:
    """Whether the text has what may be an order number."""
    return bool(order_numbers(text))


def masked(text: str) -> str:
    """The text with one and the same number in place of every order number."""
    return GROUPS.sub(lambda match: MASK if any(_meant(match, {})) else match[0], _in_digits(text))


def _in_digits(text: str) -> str:
    """The text with runs of spoken digits written as digits, and without its dates."""
    return SPOKEN_RUN.sub(lambda match: _spoken(match[0]), DATE.sub(" ", text))


def _spoken(run: str) -> str:
    """ "one oh two three four" → "10234", "ten two thirty-four" → "10234", "ten thousand two hundred thirty four" → "10234"."""
    words = re.findall(r"[a-z]+", run.lower().replace(" and ", " "))
    if "thousand" in words or "hundred" in words:
        return str(_value(words))
    digits, times, after_ten = "", 1, False
    for word in words:
        if word in TIMES:
            times = TIMES[word]
            continue
        number = str(SPOKEN[word])
        if after_ten and word in UNITS and word not in {"zero", "oh", "o"}:
            digits = digits[:-1] + number
        else:
            digits += number * times
        times, after_ten = 1, word in TENS
    return digits


def _value(words: list[str]) -> int:
    total = part = 0
    for word in words:
        if word == "thousand":
            total, part = total + max(part, 1) * 1000, 0
        elif word == "hundred":
            part = max(part, 1) * 100
        elif word not in TIMES:
            part += SPOKEN[word]
    return total + part


def _meant(match: re.Match[str], by_digits: Mapping[str, str]) -> tuple[str, ...]:
    """Numbers in one run of digit groups: known ones first, else the whole run where it must be meant as a number."""
    groups, letters = re.findall(r"\d+", match["digits"]), match["letters"] or ""
    called = bool(NAMED.search(match.string[: match.start()]))
    hits = tuple(
        by_digits[joined]
        for first in range(len(groups))
        for last in range(first + 1, len(groups) + 1)
        if (joined := "".join(groups[first:last])) in by_digits and (called or len(joined) >= MIN_DIGITS)
    )
    return hits or _unknown(letters, groups, _spelling(by_digits), called=called and _may_be_called(match))


def _may_be_called(match: re.Match[str]) -> bool:
    """Whether digits after "order" are its number: "order 77." is, "order 3 mugs" is not."""
    return len(match["digits"]) >= MIN_DIGITS or bool(re.match(r"\s*(?:$|[.,;:!?)])", match.string[match.end() :]))


def _unknown(letters: str, groups: list[str], spelling: tuple[str, int] | None, *, called: bool) -> tuple[str, ...]:
    """A number that no known order has, in the spelling of the known ones where it is as long as they are."""
    joined = "".join(groups)
    if spelling and len(joined) == spelling[1] and len(joined) >= MIN_DIGITS:
        return (spelling[0] + joined,)
    lettered = len(letters) == 1 or letters.isupper()
    long = MIN_DIGITS - lettered <= len(joined) <= MAX_DIGITS
    if called or (long and (lettered or (spelling is None and len(groups) == 1))):
        return (f"{letters.upper()}-{joined}" if lettered else joined,)
    return ()


def _by_digits(known: Collection[str]) -> Mapping[str, str]:
    """Known numbers by their digits; digits that two orders share name neither."""
    found: dict[str, str] = {}
    shared = set()
    for number in known:
        digits = "".join(re.findall(r"\d+", number))
        if digits in found:
            shared.add(digits)
        found[digits] = number
    return {digits: number for digits, number in found.items() if digits and digits not in shared}


def _spelling(by_digits: Mapping[str, str]) -> tuple[str, int] | None:
    """What stands before the digits of every known number, and how many digits there are; None when they differ."""
    shapes = {(number[: number.find(digits)], len(digits)) for digits, number in by_digits.items() if number.endswith(digits)}
    return shapes.pop() if len(shapes) == 1 else None
