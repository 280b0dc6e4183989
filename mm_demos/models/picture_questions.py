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

Subject = Literal["", "colour", "action", "place", "object", "who"]
_SUBJECTS: tuple[tuple[Subject, re.Pattern[str]], ...] = (
    ("colour", re.compile(r"^(?:what|which|in what|of what)\b.*\bcolou?rs?\b")),
    ("action", re.compile(r"^what(?:'s| is| are| was)\b.*\b(?:doing|happening|going on)\b")),
    ("place", re.compile(r"^where\b")),
    ("who", re.compile(r"^who\b")),
    ("object", re.compile(r"^what\b.*\b(?:mouth|hands?|wear|hold|carry|ride|throw|chase|catch|kick|climb|eat|pull)\b")),
    ("object", re.compile(
        r"^what\b.*\b(?:riding|holding|carrying|throwing|catching|chasing|kicking|climbing|eating|pulling|wearing|playing|running|"
        r"jumping|sitting|standing|swimming|walking|lying|sleeping|flying)\b")),
)  # fmt: skip

COLOURS = ("red", "blue", "green", "black", "white", "yellow", "brown", "orange", "pink", "purple", "gray", "tan", "silver",
           "blond", "golden")  # fmt: skip
PLACES = ("air", "beach", "bed", "bench", "city", "couch", "dirt", "field", "floor", "grass", "hill", "lake", "mountain", "ocean",
          "park", "path", "playground", "pool", "ramp", "restaurant", "river", "rock", "sand", "sidewalk", "snow", "stage",
          "street", "track", "trampoline", "water", "woods", "yard")  # fmt: skip
# Words of yes/no questions that the answer model was trained on although they are no answers of its own.
LEARNT = frozenset(
    {"bridge", "building", "bus", "chair", "collar", "fire", "phone", "skis", "snowboard", "table", "tent", "train", "truck"}
)
SPELLINGS = {
    "grey": "gray", "blonde": "blond", "gold": "golden", "children": "child", "kid": "child", "kids": "child", "men": "man",
    "guy": "man", "women": "woman", "lady": "woman", "person": "people", "persons": "people", "puppy": "dog", "puppies": "dog",
    "kitten": "cat", "bicycle": "bike", "bicycles": "bike", "motorbike": "motorcycle", "sofa": "couch", "sea": "ocean",
    "forest": "woods", "sunglasses": "glasses", "jeans": "pants", "trousers": "pants", "cap": "hat", "coat": "jacket",
    "pavement": "sidewalk",
}  # fmt: skip
_FUNCTION_WORDS = re.compile(
    r"an?|any|some|the|this|that|these|those|it|they|he|she|is|are|was|were|be|being|do|does|did|can|could|you|i|we|see|spot|find|"
    r"there|here|in|on|at|of|with|to|and|or|picture|image|photo|photograph|scene|view|shows?|contain|have|has|(some|any)(one|body)|"
    r"something|person|wearing|visible|one|front|near"
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


def about(question: str) -> Subject:
    """What kind of answer an open English question wants, of those the answer model was trained on; else empty."""
    asked = " ".join(question.lower().split())
    return next((subject for subject, form in _SUBJECTS if form.search(asked)), "")


def content_words(text: str) -> tuple[str, ...]:
    """The words that decide a question: nouns, colours, actions."""
    return tuple(word for word in re.findall(r"[a-z]+", text.lower()) if not _FUNCTION_WORDS.fullmatch(word))
