"""The wording of captions: sentences made by code, notes and examples for the language model, and what it may not say."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from mm_demos.models.evidence import MENTIONED, SURE, Thing, singulars, with_article
from mm_demos.models.label_groups import columns_by_word

if TYPE_CHECKING:
    from mm_demos.models.evidence import Sight
    from mm_demos.models.protocols import CaptionOptions

ALT_TEXT_CHARS = 125  # what screen readers read out in one go
QUOTED_CHARS = 45  # of the text read in a picture
LIKELY = 0.25  # below, two guesses are given instead of one
LANGUAGES = {
    "en": "English", "zh": "Chinese", "fr": "French", "es": "Spanish", "pt": "Portuguese", "de": "German", "it": "Italian",
    "ru": "Russian", "ja": "Japanese", "ko": "Korean", "vi": "Vietnamese", "th": "Thai", "ar": "Arabic",
}  # fmt: skip

# Frames for the safe captions; {it} is what the picture shows, with its article and its "possibly".
_FRAMES = {
    "short": ("A photo of {it}", "A picture showing {it}", "{It}", "An image of {it}", "A view of {it}", "A snapshot of {it}",
              "A photograph of {it}", "This is {it}", "Pictured: {it}"),
    "detailed": ("A photo whose main subject is {it}", "The picture shows {it} as its main subject",
                 "A photograph in which the most prominent thing is {it}", "The main subject of this image is {it}",
                 "What this photo is about is {it}", "An image that mainly shows {it}", "The photo is mostly about {it}",
                 "Most of what can be recognised here is {it}", "The subject of this photograph is {it}"),
    "alt-text": ("Photo of {it}", "Image of {it}", "Picture of {it}", "Photograph of {it}", "Image showing {it}",
                 "Picture showing {it}", "Photo showing {it}", "View of {it}", "Snapshot of {it}"),
    "playful": ("Say hello to {it}!", "Guess what we have here: {it}!", "Behold, {it}!", "Nothing to see but {it}!",
                "Stop scrolling, here is {it}!", "The star of today: {it}!", "And the winner is {it}!", "Make way for {it}!",
                "Once upon a time there was {it}!"),
}  # fmt: skip

_SURE, _MAYBE, _TEXT = "surely a dog, likely a beagle; no text", "possibly a tram; no text", "surely a mug; text “GOOD DAY”"
_EXAMPLES: dict[str, tuple[tuple[str, ...], ...]] = {
    "short": (
        ("A dog, likely a beagle, in a photograph.", "Picture of a dog that looks like a beagle."),
        ("Possibly a tram in a snapshot.", "What may be a tram, in a photograph."),
        ("A mug with the words “GOOD DAY”.", "“GOOD DAY” says this mug."),
    ),
    "detailed": (
        (
            "The picture shows a dog as its main subject, probably a beagle, and there is nothing to read in it.",
            "A dog that looks like a beagle is the main subject of this photograph, which holds no text.",
        ),
        (
            "The picture possibly shows a tram as its main subject, and there is nothing to read in it.",
            "What may be a tram is the main subject of this photograph, which holds no text.",
        ),
        (
            "The main subject of the picture is a mug, and the words “GOOD DAY” can be read in it.",
            "A photograph of a mug on which the words “GOOD DAY” are written.",
        ),
    ),
    "alt-text": (
        ("Photo of a dog, probably a beagle.", "Image of a dog that looks like a beagle."),
        ("Photo of what may be a tram.", "Image that possibly shows a tram."),
        ("Photo of a mug with the words “GOOD DAY”.", "Mug that reads “GOOD DAY”."),
    ),
    "playful": (
        ("This dog was born to be famous!", "Who could say no to a beagle?"),
        ("Is it a tram, perhaps?", "Maybe a tram, maybe a dream!"),
        ("This mug says it all: “GOOD DAY”!", "“GOOD DAY”, dear mug!"),
    ),
}


def examples(sight: Sight, style: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Notes with their captions, of pictures with text when there is text in this one."""
    sure, maybe, text = _EXAMPLES[style]
    return ((_SURE, sure), (_TEXT, text) if sight.text else (_MAYBE, maybe))


HEDGES = re.compile(
    r"\b(possibl[ey]|perhaps|maybe|may|might|could|likely|probably|looks like|seems?|apparently)\b|\?", re.IGNORECASE
)
# Common things outside ImageNet, parts, colours, actions and numbers: nothing in the evidence can vouch for them.
_UNSEEN = """
person people man men woman women boy girl child children kid baby family crowd owner human guy lady friend group couple pair
tree sky grass street road city town park house home room floor wall window door water river snow rain sun sunset moon
field garden forest kitchen office bedroom wood background foreground couch sofa table bed yard machine animal
tail eye ear paw leg nose fur head face hand mouth wheel roof leaf
black white red green blue yellow brown grey gray pink purple golden silver colorful colourful orange
sit sits sitting stand stands standing sleep sleeps sleeping lying run runs running play playing eat eating drinking walking
jumping close closeup note notes caption captions website two three four five six seven eight nine ten several many dozen hundred
"""
# Words that name an ImageNet class but mean something else in a caption.
_NEUTRAL = """photo picture image camera view frame screen stage spotlight light cup star file fly swing web site sign one
great big large small little common wild full standard grand king sweet mark marked
and the with for can stop day high dark hard fixed"""


def safe_captions(sight: Sight, options: CaptionOptions, *, exact: bool = True) -> list[str]:
    """Sentences that say what the evidence says and no more, in the style asked for, the plainest first.

    Args:
        exact: also name the likeliest class inside a group: "a cat, possibly a tabby".
    """
    subject = _subject(sight, exact=exact)
    if options.prefix:
        variants = [subject, *_variants(sight)]
        return [fitted(f"{options.prefix} {variant}", options) for variant in dict.fromkeys(variants)]
    frames = _FRAMES[options.style]
    return [fitted(frame.format(it=subject, It=subject[:1].upper() + subject[1:]), options) for frame in frames]


def fitted(text: str, options: CaptionOptions) -> str:
    """`text` as one sentence with its end mark, begun with the prefix, and for alt text cut at a word to 125 characters."""
    text = " ".join(text.split()).replace(" of possibly ", ", possibly of ").replace(" showing possibly ", " possibly showing ")
    if options.prefix and not text.lower().startswith(options.prefix.lower()):
        text = f"{options.prefix} {text[:1].lower()}{text[1:]}"
    if not options.prefix:
        text = text[:1].upper() + text[1:]
    text = re.sub(r"\b([Aa]) (?=[aeioAEIO])(?!one\b|eu)", r"\1n ", text)
    if not text.endswith((".", "!", "?", "…", ".”")):
        text += "."
    if options.style == "alt-text" and len(text) > ALT_TEXT_CHARS:
        text = text[: ALT_TEXT_CHARS - 1].rsplit(" ", 1)[0].rstrip(" ,;:.“”") + "…"
    return text


def notes(sight: Sight) -> str:
    """The evidence in a few words, as the language model gets it."""
    found = sight.things()[:1]
    seen = "nothing known"
    if found:
        first = found[0]
        seen = f"{'surely' if first.prob >= SURE else 'possibly'} {with_article(first.name)}"
        if first.exact != first.name and first.exact_prob > first.prob / 2:
            seen += f", likely {with_article(first.exact)}"
    return f"{seen}; text “{_quoted(sight)}”" if sight.text else f"{seen}; no text"


def faithful(text: str, sight: Sight) -> bool:
    """Whether a caption speaks of the evidence, of nothing else, and no more surely than it may."""
    words = re.findall(r"[^\W\d_]+", text.lower())
    allowed = _evidence_words(sight)
    quotes = re.findall(r"[“\"](.+?)[”\"]", text)
    if text.count("“") != text.count("”") or any(quote.strip(" .!?…").lower() not in sight.text.lower() for quote in quotes):
        return False
    named = {form for word in words for form in singulars(word)} & allowed
    if not named or any(_is_thing(word) and not set(singulars(word)) & allowed for word in words):
        return False
    things = sight.things()
    # Numbers only inside a quotation: a small model turns "9:00 - 18:00" into closing at 9 in the morning.
    if re.search(r"\d", re.sub(r"[“\"].+?[”\"]", "", text)):
        return False
    exact_only = bool(things) and _words(things[0].exact) - _words(things[0].name) & set(words)
    sure = bool(things) and (things[0].exact_prob if exact_only else things[0].prob) >= SURE
    quotes_only = named <= _words(sight.text)
    return sure or quotes_only or bool(HEDGES.search(text))


def _subject(sight: Sight, *, exact: bool) -> str:
    """What the picture shows, as a phrase."""
    things = sight.things()
    text = f"the text “{_quoted(sight)}”" if sight.text else ""
    if things and things[0].prob >= SURE:
        named = _thing(things[0]) if exact else with_article(things[0].name)
        return f"{named} with {text}" if text else named
    if text:
        return text
    if not things:
        return "something that could not be recognised"
    return f"possibly {with_article(things[0].name)}" if things[0].prob >= LIKELY else _guesses(things)


def _variants(sight: Sight) -> list[str]:
    """The subject in other words, for captions that all begin with the same prefix."""
    phrases: list[str] = []
    for thing in sight.things()[:4]:
        if thing.prob >= MENTIONED or not phrases:
            hedge = "" if thing.prob >= SURE else "possibly "
            phrases += [
                f"{hedge}{with_article(thing.name)}",
                f"what {'looks' if hedge else 'is'} like {with_article(thing.name)}",
            ]
            phrases.append(f"possibly {with_article(thing.exact)}")
    return phrases


def _thing(thing: Thing) -> str:
    if thing.exact != thing.name and thing.exact_prob > thing.prob / 2:
        return f"{with_article(thing.name)}, possibly {with_article(thing.exact)}"
    return with_article(thing.name)


def _guesses(things: tuple[Thing, ...]) -> str:
    """Two guesses where none is likely."""
    return "possibly " + " or ".join(with_article(thing.name) for thing in things[:2])


def _quoted(sight: Sight) -> str:
    """The text read, cut at a word where it is long."""
    text = sight.text.replace("“", "").replace("”", "")
    return text if len(text) <= QUOTED_CHARS else text[:QUOTED_CHARS].rsplit(" ", 1)[0] + " …"


def _evidence_words(sight: Sight) -> set[str]:
    """Words that the evidence can vouch for."""
    found = _words(sight.text)
    for i, thing in enumerate(sight.things()):
        if thing.prob >= MENTIONED or i == 0:
            found |= _words(thing.name) | _words(thing.exact)
            columns = sight.columns_of(thing.exact) or frozenset()
            found |= {word for word, group in _names().items() if columns and columns <= group}
    return found


def _words(text: str) -> set[str]:
    return {word for word in re.findall(r"[^\W\d_]+", text.lower()) if len(word) > 2}


@cache
def _names() -> dict[str, frozenset[int]]:
    """Names of one word and the classes they cover."""
    return {word: columns for word, columns in columns_by_word().items() if word.isalpha()}


@cache
def _thing_words() -> frozenset[str]:
    """Words that name a thing: those of every class and group, and common things outside ImageNet."""
    names = frozenset(word for name in columns_by_word() for word in name.lower().split() if len(word) > 2)
    return (names | frozenset(_UNSEEN.split())) - frozenset(_NEUTRAL.split())


def _is_thing(word: str) -> bool:
    return any(form in _thing_words() for form in singulars(word))
