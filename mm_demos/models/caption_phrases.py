"""The wording of captions: sentences made by code, notes and examples for the language model, and what it may not say."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from mm_demos.models.evidence import MENTIONED, SURE, singulars, with_article
from mm_demos.models.label_groups import columns_by_word

if TYPE_CHECKING:
    from mm_demos.models.evidence import Sight
    from mm_demos.models.protocols import CaptionOptions

ALT_TEXT_CHARS = 125  # what screen readers read out in one go
QUOTED_CHARS = 45  # of the text read in a picture
LANGUAGES = {
    "en": "English", "zh": "Chinese", "fr": "French", "es": "Spanish", "pt": "Portuguese", "de": "German", "it": "Italian",
    "ru": "Russian", "ja": "Japanese", "ko": "Korean", "vi": "Vietnamese", "th": "Thai", "ar": "Arabic",
}  # fmt: skip

# Frames for captions made by code; {it} is what the captioner says, {It} the same with a capital letter.
_FRAMES = {
    "short": ("{It}", "A photo in which {it}", "Here, {it}", "In this picture, {it}"),
    "detailed": ("{It}", "In this picture, {it}", "The photo shows the following: {it}", "What can be seen here: {it}"),
    "alt-text": ("{It}", "Photo: {it}", "Picture: {it}", "Image: {it}"),
    "playful": ("Guess what: {it}!", "Breaking news: {it}!", "Stop scrolling: {it}!", "Once upon a time, {it}!",
                "Hold the front page: {it}!", "Plot twist: {it}!", "Meanwhile, {it}!", "Ta-da: {it}!"),
}  # fmt: skip
_PLAYFUL_ENDS = ("{It}!", "{It}, ta-da!", "{It}, and why not!", "{It}, what a day!")  # after a prefix, which must come first

_CLEAR = "a brown dog runs through the grass; surely a dog, likely a beagle; no text"
_VAGUE = "two children are playing on a beach; nothing known; no text"
_TEXT = "a man is standing on a street; possibly a street sign; text “MAIN STREET”"
_EXAMPLES: dict[str, tuple[tuple[str, ...], ...]] = {
    "detailed": (
        (
            "A brown dog, probably a beagle, is running through the grass, and there is nothing to read in the picture.",
            "The picture shows a brown dog that looks like a beagle as it runs through the grass.",
        ),
        (
            "Two children are playing on a beach, and there is nothing to read in the picture.",
            "The photo shows a beach on which two children are playing.",
        ),
        (
            "A man is standing on a street, and the words “MAIN STREET” can be read there.",
            "The picture shows a man on a street with what may be a street sign that reads “MAIN STREET”.",
        ),
    ),
    "alt-text": (
        ("Brown dog, probably a beagle, running through the grass.", "A brown dog runs through the grass."),
        ("Two children playing on a beach.", "A beach with two children at play."),
        ("Man standing on a street with the text “MAIN STREET”.", "A man on a street; “MAIN STREET” can be read."),
    ),
    "playful": (
        ("Catch me if you can, says this brown dog!", "Grass, a dog and nothing else to worry about!"),
        ("Two children, one beach, no homework!", "Life is a beach when you are two children!"),
        ("Lost? This man is on “MAIN STREET”!", "All roads lead this man to “MAIN STREET”!"),
    ),
}


def examples(sight: Sight, style: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Notes with their captions, of pictures with text when there is text in this one."""
    clear, vague, text = _EXAMPLES[style]
    return ((_CLEAR, clear), (_TEXT, text) if sight.text else (_VAGUE, vague))


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


def safe_captions(sight: Sight, options: CaptionOptions) -> list[str]:
    """Sentences that say what the captioner says, with label and text where the style has room, the plainest first."""
    frames = _FRAMES[options.style]
    if options.prefix:
        frames = _PLAYFUL_ENDS if options.style == "playful" else ("{It}",)
    added = _added(sight, options.style)
    said = [_clause(caption, options.prefix) for caption in sight.captions]
    found = []
    for turn in range(len(frames)):
        for i, it in enumerate(said):
            line = frames[(turn + i) % len(frames) if options.style == "playful" else turn].format(
                it=it[:1].lower() + it[1:], It=it
            )
            found.append(fitted(f"{line}{added}", options))
    return found


def _clause(caption: str, prefix: str) -> str:
    """A caption without its full stop, to be built upon; its first letter is a capital unless the prefix has it otherwise."""
    bare = caption.strip().rstrip(".!")
    return bare if prefix else bare[:1].upper() + bare[1:]


def _added(sight: Sight, style: str) -> str:
    """What label and text add to a caption: sentences in the detailed style, the text alone in alt text."""
    text = f"“{_quoted(sight)}”" if sight.text else ""
    if style == "alt-text":
        return f", with the text {text}." if text else ""
    if style != "detailed":
        return ""
    things = sight.things()[:1]
    label = with_article(things[0].exact if things[0].exact_prob >= SURE else things[0].name) if things else ""
    named = f" The main subject looks like {label}." if things and things[0].prob >= SURE and not sight.says(things[0]) else ""
    read = f" The words {text} can be read in it." if text else ""
    return f".{named}{read}" if named or read else ""


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
    said = "".join(f"{caption.rstrip('.').lower()}; " for caption in sight.captions[:1])
    return f"{said}{seen}; " + (f"text “{_quoted(sight)}”" if sight.text else "no text")


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
    return sure or quotes_only or bool(sight.captions) or bool(HEDGES.search(text))


def _quoted(sight: Sight) -> str:
    """The text read, cut at a word where it is long."""
    text = sight.text.replace("“", "").replace("”", "")
    return text if len(text) <= QUOTED_CHARS else text[:QUOTED_CHARS].rsplit(" ", 1)[0] + " …"


def _evidence_words(sight: Sight) -> set[str]:
    """Words that the evidence can vouch for."""
    found = _words(sight.text) | {form for word in _words(" ".join(sight.captions)) for form in singulars(word)}
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
