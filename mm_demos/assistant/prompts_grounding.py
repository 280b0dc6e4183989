"""Answers held to their sources by code: what is quoted, what a sentence rests on, and what no source says."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mm_demos.assistant.spans import sentences
from mm_demos.assistant.types import Passage, Source
from mm_demos.models.protocols import TextEmbedder

MAX_QUOTE_CHARS = 300  # of one source in the prompt
MAX_FACTS_CHARS = 560  # of all; about 140 tokens, a second of prefill on two quiet cores
MIN_SHARE = 0.5  # of an answer's content words that must stand in its sources or its question
CLOSE = 0.12  # cosine: a sentence this much less like the question than the best one is quoted as well
NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
END = re.compile(r"(?<=[.!?])(?:\s+|$)")
# "9 euros" and "nine euros" say the same; so a number may be written either way on either side.
IN_WORDS = {
    word: str(number)
    for number, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
        "eighteen nineteen twenty".split()
    )
} | {
    "thirty": "30",
    "forty": "40",
    "fifty": "50",
    "sixty": "60",
    "seventy": "70",
    "eighty": "80",
    "ninety": "90",
    "hundred": "100",
}
NAMED_DAYS = frozenset(
    "monday tuesday wednesday thursday friday saturday sunday january february march april june july august september october "
    "november december".split()
)
NEGATIVE = re.compile(
    r"\b(?:not?|never|cannot|can't|don't|doesn't|isn't|aren't|won't|unable|without|neither|except|unless)\b", re.I
)
CHOICE = re.compile(r"^\W*(?:and |so |but )?(?:is|are|am|do|does|did|can|could|may|will|would|should|have|has|was|were)\b", re.I)
REFUSING = re.compile(
    r"\b(?:i(?:'m| am) sorry|i do(?:n't| not) know|i can(?:not|'t)|as an ai|not provided|not mentioned|no information)\b", re.I
)
COMMON = frozenset(
    "a an and any are as at be been but by can do does for from have has if in into is it its may more no not of on or our shall so "
    "such than that the their them then there these they this to us was we when where which who will with you your yes i me my "
    "would could should please also just very here what how".split()
)


def quoted(passages: Sequence[Passage], question: str, *, embedder: TextEmbedder) -> tuple[Source, ...]:
    """Numbered quotes for an answer: of each passage the sentences nearest to the question, whole and in their order."""
    parts = [(passage, *bounds) for passage in passages for bounds in sentences(passage.span.text)]
    texts = [passage.span.text[start:end] for passage, start, end in parts]
    if not texts:
        return ()
    titled = [f"{passage.span.heading.rpartition(' › ')[2]}: {text}" for (passage, *_), text in zip(parts, texts, strict=True)]
    vectors = embedder.embed_texts([question, *titled])
    nearness = [float(row @ vectors[0]) for row in vectors[1:]]
    sources: list[Source] = []
    room = MAX_FACTS_CHARS
    for passage in passages:
        own = [i for i, part in enumerate(parts) if part[0] is passage]
        if not own:
            continue
        quote = _best(own, texts, nearness, min(room, MAX_QUOTE_CHARS))
        if sources and len(quote) > room:
            continue
        room -= len(quote)
        sources.append(Source(len(sources) + 1, passage.span, quote))
    return tuple(sources)


def _best(own: list[int], texts: list[str], nearness: list[float], room: int) -> str:
    """The nearest sentence of a passage and those about as near, as long as they fit; a longer one is cut at a space."""
    ranked = sorted(own, key=lambda i: -nearness[i])
    kept, left = [ranked[0]], room - len(texts[ranked[0]])
    for i in ranked[1:]:
        if len(texts[i]) < left and nearness[i] >= nearness[ranked[0]] - CLOSE:
            kept.append(i)
            left -= len(texts[i]) + 1
    quote = " ".join(texts[i] for i in sorted(kept))
    return quote if len(quote) <= room or room < 1 else quote[:room].rsplit(" ", 1)[0] + " …"


def numbers(text: str) -> frozenset[str]:
    """Every number, price, date, weekday and month in a text, written one way."""
    found = {normal(number) for number in NUMBER.findall(text)}
    for word in WORD.findall(text.lower()):
        if word in NAMED_DAYS:
            found.add(word)
    return frozenset(found)


def normal(number: str) -> str:
    """ "4,90" and "4.90" → "4.9"; "1,000" → "1000"; "13:00" stays."""
    if ":" in number:
        return number
    if re.fullmatch(r"\d{1,3}(?:,\d{3})+", number):
        number = number.replace(",", "")
    head, _, tail = number.replace(",", ".").partition(".")
    tail = tail.rstrip("0")
    return f"{head.lstrip('0') or '0'}.{tail}" if tail else head.lstrip("0") or "0"


def unfounded(answer: str, grounds: str) -> tuple[str, ...]:
    """Numbers, prices, weekdays and months of `answer` that do not occur in `grounds`, sorted."""
    lowered = grounds.lower()
    known = numbers(grounds) | {IN_WORDS[word] for word in WORD.findall(lowered) if word in IN_WORDS}
    told = numbers(answer) | {
        IN_WORDS[word] for word in WORD.findall(answer.lower()) if word in IN_WORDS and IN_WORDS[word] not in {"0", "1"}
    }
    return tuple(sorted(told - known))


def holds(answer: str, question: str, sources: Sequence[Source]) -> bool:
    """Whether the sources carry an answer: its numbers, most of its words, and a yes or no that fits them."""
    grounds = " ".join(f"{source.span.heading} {source.quote}" for source in sources)
    if not WORD.search(answer) or REFUSING.search(answer) or unfounded(answer, f"{grounds} {question}"):
        return False
    words = content(answer)
    if words and len(words & (content(grounds) | content(question))) < MIN_SHARE * len(words):
        return False
    return _same_side(answer, question, sources)


def _same_side(answer: str, question: str, sources: Sequence[Source]) -> bool:
    """Whether an answer to a yes-or-no question denies exactly when the sentence it rests on denies."""
    if not CHOICE.match(question):
        return True
    best = resting_on(answer, question, sources)
    clauses = [part for part in re.split(r"(?<=[.!?;])\s+", best.quote) if part] or [best.quote]
    words = content(answer) | content(question)
    nearest = max(clauses, key=lambda clause: len(words & content(clause)))
    return bool(NEGATIVE.search(answer)) == bool(NEGATIVE.search(nearest))


def resting_on(sentence: str, question: str, sources: Sequence[Source]) -> Source:
    """The source that shares most numbers and words with a sentence; the first of them when several do."""
    told, words, asked = numbers(sentence), content(sentence), content(question)

    def shared(source: Source) -> float:
        text = f"{source.span.heading} {source.quote}"
        there = content(text)
        return 2.0 * len(told & numbers(text)) + len(words & there) + 0.5 * len(asked & there)

    return max(sources, key=lambda source: (shared(source), -source.number))


def content(text: str) -> frozenset[str]:
    """Beginnings of the words that carry meaning: "returned" and "returns" are the same."""
    return frozenset(word[:5] for word in WORD.findall(text.lower()) if word not in COMMON and len(word) > 1)


def marked(answer: str, question: str, sources: Sequence[Source], *, complete: bool) -> str:
    """The answer with [n] after each sentence that is finished; taking the marks out gives the answer back."""
    if not sources:
        return answer
    pieces: list[str] = []
    start = 0
    for end in END.finditer(answer):
        sentence = answer[start : end.start()]
        last = end.end() == len(answer)
        if not sentence.strip() or ABBREVIATED.search(sentence) or (last and not complete and end.start() == end.end()):
            continue
        pieces.append(f"{sentence} [{resting_on(sentence, question, sources).number}]{answer[end.start() : end.end()]}")
        start = end.end()
    rest = answer[start:]
    if complete and rest.strip():
        rest = f"{rest} [{resting_on(rest, question, sources).number}]"
    return "".join(pieces) + rest


ABBREVIATED = re.compile(r"(?:\b(?:e\.g|i\.e|approx|ca|No|Dr|Mr|Mrs|Ms)\.|\b\d{1,2}\.)$")


def quotation(question: str, sources: Sequence[Source]) -> str:
    """An answer in the source's own words, for when the model's do not hold."""
    best = resting_on(question, question, sources) if len(sources) > 1 else sources[0]
    best = (
        sources[0] if len(content(question) & content(best.quote)) <= len(content(question) & content(sources[0].quote)) else best
    )
    return f"{_as_sentence(best)} [{best.number}]"


def _as_sentence(source: Source) -> str:
    """A quote as it stands; a table's row gets its heading in front."""
    quote = " ".join(source.quote.split())
    about = source.span.heading.rpartition(" › ")[2]
    if about and ": " in quote and "; " in quote:
        return f"{about} – {quote}"
    return quote
