"""Makes a follow-up question stand alone: "and what colour is it?" after "Is there a dog?" asks for the dog's colour."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mm_demos.models.picture_questions import parse

Turn = tuple[str, str]  # an earlier question and its answer

_OPENING = re.compile(r"^(?:and|so|but|then|ok(?:ay)?|well|now)\b[,\s]+", re.IGNORECASE)
_INSTEAD = re.compile(r"^(?:(?:what|how) about\s+|(?=(?:the|a|an)\s))(?P<thing>[\w' -]+?)\s*\?*$", re.IGNORECASE)
_NOUN = re.compile(
    r"\b(?:the|an?|any|some)\s+(?!picture\b|image\b|photo|scene\b|colou?r\b|number\b)(?P<noun>[\w'-]+)", re.IGNORECASE
)
# "Is it raining?" and "Is it a dog?" ask about the picture, not about what was spoken of.
_ABOUT_PICTURE = re.compile(
    r"\bis it\s+(?:an?\b|raining|snowing|sunny|cloudy|windy|cold|warm|hot|dark|day|night|daytime|nighttime|winter|summer|spring|"
    r"autumn|indoors|outdoors|inside|outside)|\btime is it\b|\bweather\b",
    re.IGNORECASE,
)
_PRONOUNS = re.compile(r"\b(?:(?P<own>its|their|his|her(?=\s+\w))|(?P<one>it|they|them|he|she|him|her))\b", re.IGNORECASE)
_NOTHING = frozenset({"yes", "no", "unknown", "none", "no text", "not sure"})


def standalone(question: str, history: Sequence[Turn]) -> str:
    """`question` with what it refers to in `history` put in its place; what refers to nothing stays as it is."""
    asked = _OPENING.sub("", question.strip()) if history else question.strip()
    other = _INSTEAD.match(asked)
    if history and other:
        return _capital(_about(history[-1][0], other["thing"].strip()))
    thing = next((found for turn in reversed(history) if (found := spoken_of(turn))), "")
    if thing and _PRONOUNS.search(asked) and not _ABOUT_PICTURE.search(asked):
        asked = _PRONOUNS.sub(lambda found: f"the {thing}'s" if found["own"] else f"the {thing}", asked)
    return _capital(asked) if asked != question.strip() else question.strip()


def spoken_of(turn: Turn) -> str:
    """The noun that a question and its answer were about, without its article; empty when there was none."""
    question, answer = turn
    asked = parse(question)
    if asked.form == "identify":
        said = answer.strip().lower()
        return "" if said in _NOTHING else re.sub(r"^(?:an?|the)\s+", "", said)
    # "Is it sunny?" has the form of "is there …" as well, but speaks of no thing.
    if asked.noun and (
        asked.form == "count" or re.search(rf"\b(?:an?|any|some|the) {re.escape(asked.noun)}\b", question.lower())
    ):
        return asked.noun
    found = _NOUN.search(question.lower())
    return found["noun"] if found else ""


def _about(question: str, thing: str) -> str:
    """The earlier question, asked of another thing."""
    noun = re.sub(r"^(?:an?|the)\s+", "", thing, flags=re.IGNORECASE)
    earlier = parse(question)
    if earlier.form == "count":
        return f"How many {noun} are there?"
    if earlier.form == "presence":
        article = "an" if noun[:1].lower() in "aeiou" else "a"
        return f"Is there {article} {noun}?"
    found = _NOUN.search(question)
    return question[: found.start("noun")] + noun + question[found.end("noun") :] if found else f"What about the {noun}?"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
