"""What a question about a picture asks for, as far as its wording tells."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

_PICTURE = r"(?:the |this |that |an? )?(?:picture|image|photo|photograph|scene|view)"
_TAIL = rf"(?:\s+(?:(?:in|on|at|inside) (?:{_PICTURE}|it|here|there)|visible|here|shown|present|anywhere|or not))*\s*\??$"
_ARTICLE = r"(?:(?:an?|any|some|the|one)\s+)?"

_PRESENCE = re.compile(
    rf"^(?:(?:is|are) (?:there|this|that|it|these|those|they)|(?:do|can) (?:you|i|we) (?:see|spot|find)"
    rf"|does (?:{_PICTURE}|it) (?:show|contain|have|include)|is {_PICTURE} (?:of|showing))\s+{_ARTICLE}(?P<noun>[\w' -]+?){_TAIL}"
)
_INSIDE = re.compile(rf"^(?:is|are)\s+(?P<noun>(?:an?|any|some|the)\s+[\w' -]+?)\s+(?:in|on|inside) (?:{_PICTURE}|it)\s*\??$")
_YES_NO = re.compile(r"^(is|are|was|were|does|do|did|can|could|has|have|will|would|should)\b")
_COUNT = re.compile(
    rf"^(?:how many|what is the number of|count the)\s+(?P<noun>[\w' -]+?)(?:\s+(?:are|is|do|can|were)\b.*)?{_TAIL}"
)
_TEXT = re.compile(r"\b(says?|written|writing|reads?|text|words?|letters?|spell|inscription|slogan|headline)\b")
_KIND = re.compile(rf"^(?:what|which)\s+(?:(?:kind|type|sort|breed|species) of\s+)?(?P<noun>[\w' -]+?)\s+(?:is|are|do|does|can)\b.*$|^(?:what|which) (?:kind|type|sort|breed|species) of (?P<rest>[\w' -]+?){_TAIL}")  # fmt: skip # noqa: E501
_IDENTIFY = re.compile(
    rf"^(?:what|which|who)(?:'s| is| are)? (?:this|that|it|these|those|here|(?:shown |visible |there )?(?:in|on) {_PICTURE}"
    rf"|{_PICTURE}|the (?:main )?(?:subject|object|thing|animal)\b.*|shown.*|depicted.*){_TAIL}"
    rf"|^what (?:do|can) (?:you|i|we) see\b.*|^what does {_PICTURE} (?:show|depict|contain).*|^(?:name|identify) .*"
)
_ATTRIBUTE = re.compile(r"\b(colou?r|doing|wearing|time|weather|mood|size|shape|material|made of|year|country|name of|age)\b")

# What the answer to a question about text has to look like, by words of the question.
_FORMS = (
    (
        re.compile(r"\b(when|time|hours?|o'clock|opens?|closes?|opening)\b"),
        re.compile(r"(?<![$€£¥\d.])\d{1,2}[:.]\d{2}\b|\d\s*[ap]\.?m\b", re.I),
    ),
    (re.compile(r"\b(days?|weekday|date)\b"), re.compile(r"(mon|tues|wednes|thurs|fri|satur|sun)day|\d{1,2}[./]\d{1,2}", re.I)),
    (re.compile(r"\b(price|cost|costs|how much)\b"), re.compile(r"[$€£¥]|\d+[.,]\d{2}|\d+\s*(?:usd|eur|gbp)", re.I)),
    (re.compile(r"\b(phone|telephone|number to call)\b"), re.compile(r"(?:\d[\s()-]*){6,}")),
)


@dataclass(frozen=True, slots=True)
class PictureQuestion:
    """A question taken apart.

    Args:
        form: "presence" asks whether `noun` is there, "identify" what is there (`noun`: of which kind), "count" how many `noun`,
            "text" what is written, "yes/no" and "open" anything else.
        noun: lower case, without its article; empty when the question has none.
    """

    form: Literal["presence", "identify", "count", "text", "yes/no", "open"]
    noun: str = ""


def parse(question: str) -> PictureQuestion:
    """Read the form of an English question; what fits no form is "open"."""
    asked = " ".join(question.lower().split())
    count, presence = _COUNT.match(asked), _PRESENCE.match(asked) or _INSIDE.match(asked)
    if count:
        return PictureQuestion("count", count["noun"].strip())
    if presence:
        return PictureQuestion("presence", re.sub(r"^(an?|any|some|the)\s+", "", presence["noun"].strip()))
    if _YES_NO.match(asked):
        return PictureQuestion("yes/no")
    if _TEXT.search(asked) or _ATTRIBUTE.search(asked):
        return PictureQuestion("text" if _TEXT.search(asked) else "open")
    if _IDENTIFY.match(asked):
        return PictureQuestion("identify")
    kind = _KIND.match(asked)
    return PictureQuestion("identify", (kind["noun"] or kind["rest"]).strip()) if kind else PictureQuestion("open")


def wanted_lines(question: str, lines: tuple[str, ...]) -> tuple[str, ...]:
    """The lines that have the form the question asks for (a time, a day, a price, a number), or none when it asks for no form."""
    asked = question.lower()
    for words, form in _FORMS:
        if words.search(asked):
            found = tuple(line for line in lines if form.search(line))
            if found:
                return found
    return ()
