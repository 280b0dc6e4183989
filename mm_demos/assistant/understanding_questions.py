"""Questions that lean on what was said before, made to stand alone for searching."""

from __future__ import annotations

import re
from collections.abc import Sequence

LEANING = re.compile(r"^\W*(?:and|but|so|also|then|what about|how about|or)\b", re.IGNORECASE)
ELLIPTIC = re.compile(
    r"^\W*(?:and|or|but)?\s*(?:for|to|in|with|on|what about|how about|the|an?)\b(?!.*\b(?:is|are|do|does|can)\b)", re.IGNORECASE
)
PRONOUN = re.compile(r"\b(?:it|its|they|them|their|that|this|those|these|one|there|then|same)\b", re.IGNORECASE)
SHORT = 4  # words up to which a question rarely says what it is about
MAX_CHARS = 300
YES = re.compile(
    r"^\W*(?:yes|yeah|yep|yes please|please|please do|sure|ok|okay|of course|go ahead|do it|do that)\b[\s\w,.!]{0,20}$", re.I
)
NO = re.compile(r"^\W*(?:no|nope|not now|no thanks?|no thank you)\b[\s\w,.!]{0,20}$", re.I)


def leans(question: str) -> bool:
    """Whether a question may need the one before it to be understood."""
    words = question.split()
    return bool(LEANING.match(question) or len(words) <= SHORT or (len(words) <= 12 and PRONOUN.search(question)))


def elliptic(question: str) -> bool:
    """Whether a question leaves out its verb: "and for candles?", "what about Norway?"."""
    return bool(ELLIPTIC.match(question)) and len(question.split()) <= 2 * SHORT


def whole(question: str) -> bool:
    """Whether a question says all that it asks, though it goes on from another: "and how long does a refund take?"."""
    return len(question.split()) > SHORT and not elliptic(question) and not PRONOUN.search(question)


def standalone(question: str, earlier: Sequence[str]) -> str:
    """`question` after the newest earlier one that said all it asked, when it leans on it; itself otherwise."""
    if not earlier or not leans(question):
        return question
    before = next((each for each in reversed(earlier) if each.strip() and (whole(each) or not leans(each))), earlier[-1])
    return f"{before.strip()[:MAX_CHARS]} {question.strip()}"


def agrees(text: str) -> bool:
    """Whether the whole message is a yes."""
    return bool(YES.match(text.strip()))


def declines(text: str) -> bool:
    """Whether the whole message is a no."""
    return bool(NO.match(text.strip()))
