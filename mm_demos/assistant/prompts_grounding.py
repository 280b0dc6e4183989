"""Answers held to their sources by code: what is quoted, what a sentence rests on, and what no source says."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mm_demos.assistant import guard
from mm_demos.assistant.prompts_words import COMMON, IN_WORDS, NAMED_DAYS
from mm_demos.assistant.spans import sentences
from mm_demos.assistant.types import Passage, Source, Span
from mm_demos.models.protocols import TextEmbedder

MAX_QUOTE_CHARS = 260  # of one source in the prompt
MAX_FACTS_CHARS = 420  # of all; about 110 tokens, less than a second of prefill on two quiet cores
MAX_MORE = 2  # sentences quoted beside the nearest one
SHARE, SHARE_OF_CHOICE = 0.75, 0.85  # of an answer's words that must stand in its sources
SHARE_OF_ONE = 0.6  # of a sentence's words, also those of the question, that must stand in the one source it rests on
CLOSE = 0.12  # cosine: a sentence this much less like the question than the best one is quoted as well
FAR = 0.2  # a passage whose nearest sentence is this much less like the question is not quoted
ROW = re.compile(r"[\w ]{1,40}: [^;]+; [\w ]{1,40}: ")
FIELD = re.compile(r"; (?=[\w ]{1,40}: )")
UNTOLD = re.compile(r"(?:id|name|picture|image|url): ", re.IGNORECASE)  # columns that answer nothing or stand in the heading
NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
SIGNS = "€$£¥"
WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
NAME = re.compile(r"(?<=[\w,;] )[A-Z][^\W\d_]+")
END = re.compile(r"(?<=[.!?])(?:\s+|$)")
CHOICE = re.compile(
    r"^\W*(?:and |so |but )?(?:is|are|am|do|does|did|can|could|may|will|would|should|have|has|was|were)\b", re.IGNORECASE
)
NEGATIVE = re.compile(
    r"\b(?:not?|never|cannot|can't|don't|doesn't|isn't|aren't|won't|unable|without|neither|except|unless|poisonous|closed)\b"
    r"|: 0(?![.,\d])",
    re.IGNORECASE,
)
REFUSING = re.compile(
    r"\b(?:i(?:'m| am) sorry|i do(?:n't| not) know|i can(?:not|'t)|as an ai|not provided|not mentioned|no information"
    r"|the facts?|the statement|based on)\b",
    re.IGNORECASE,
)
ABBREVIATED = re.compile(r"\b(?:e\.g|i\.e|approx|ca|No|Dr|Mr|Mrs|Ms)\.$")


def quoted(passages: Sequence[Passage], question: str, *, embedder: TextEmbedder) -> tuple[Source, ...]:
    """Numbered quotes for an answer: of each passage the sentences, or a table row's fields, nearest to the question.

    A sentence that gives a model orders is quoted nowhere.
    """
    units = [(number, text) for number, passage in enumerate(passages) for text in _units(passage.span)]
    parts = [(number, text) for number, text in units if not guard.gives_orders(text)]
    if not parts:
        return ()
    titled = [f"{title(passages[number].span)}: {text}" for number, text in parts]
    vectors = embedder.embed_texts([question, *titled])
    nearness = [float(row @ vectors[0]) for row in vectors[1:]]
    sources: list[Source] = []
    room = MAX_FACTS_CHARS
    for number, passage in enumerate(passages):
        own = [i for i, part in enumerate(parts) if part[0] == number]
        if not own or (sources and max(nearness[i] for i in own) < max(nearness) - FAR):
            continue
        joint = "; " if is_row(passage.span) else " "
        quote = _best(own, [text for _, text in parts], nearness, min(room, MAX_QUOTE_CHARS), joint)
        if sources and len(quote) > room:
            continue
        room -= len(quote)
        sources.append(Source(len(sources) + 1, passage.span, quote))
    return tuple(sources)


def title(span: Span) -> str:
    """What a span is about: the lowest heading above it."""
    return span.heading.rpartition(" › ")[2]


def is_row(span: Span) -> bool:
    """Whether a span is a table's row: "column: value; column: value"."""
    return bool(ROW.match(span.text))


def _units(span: Span) -> tuple[str, ...]:
    """What a quote is put together from."""
    if not is_row(span):
        return tuple(span.text[start:end] for start, end in sentences(span.text))
    fields = tuple(field.strip() for field in FIELD.split(span.text) if not UNTOLD.match(field))
    return fields or (span.text,)


def _best(own: list[int], texts: list[str], nearness: list[float], room: int, joint: str) -> str:
    """The nearest part of a passage and those about as near, as long as they fit; a longer one is cut at a space."""
    ranked = sorted(own, key=lambda i: -nearness[i])
    kept, left = [ranked[0]], room - len(texts[ranked[0]])
    for i in ranked[1 : 1 + MAX_MORE]:
        if len(texts[i]) < left and nearness[i] >= nearness[ranked[0]] - CLOSE:
            kept.append(i)
            left -= len(texts[i]) + len(joint)
    quote = joint.join(texts[i] for i in sorted(kept))
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
    """Numbers, signs of currency, weekdays and months of `answer` that do not occur in `grounds`, sorted."""
    lowered = grounds.lower()
    known = numbers(grounds) | {IN_WORDS[word] for word in WORD.findall(lowered) if word in IN_WORDS}
    told = (
        numbers(answer)
        | {f"the sign {sign}" for sign in SIGNS if sign in answer and sign not in grounds}
        | {IN_WORDS[word] for word in WORD.findall(answer.lower()) if word in IN_WORDS and IN_WORDS[word] not in {"0", "1"}}
    )
    return tuple(sorted(told - known))


def holds(answer: str, question: str, sources: Sequence[Source], *, currency: str = "") -> bool:
    """Whether the sources carry an answer: its numbers, its words, and a yes or no that fits them.

    The words of a yes-or-no question prove nothing, so the answer's must all stand in the sources; of another answer, those that
    the question did not bring.
    """
    grounds = " ".join(f"{source.span.heading} {source.quote}" for source in sources)
    if not WORD.search(answer) or REFUSING.search(answer) or unfounded(answer, f"{grounds} {question} {currency}"):
        return False
    there, choosing = content(grounds), bool(CHOICE.match(question))
    new = content(answer) if choosing else content(answer) - content(question)
    if len(new & there) < (SHARE_OF_CHOICE if choosing else SHARE) * len(new):
        return False
    if not new and not numbers(answer) - numbers(question):
        return False
    if _leaves_out_for_whom(answer, question, sources):
        return False
    return all(_stands_in_one(part, question, sources) for part in END.split(answer)) and _same_side(answer, question, sources)


def _leaves_out_for_whom(answer: str, question: str, sources: Sequence[Source]) -> bool:
    """Whether a number holds in its sources only for what has a name, and neither question nor answer has that name.

    "Shipping costs 14.90" does not follow from "to Norway it costs 14.90".
    """
    mentioned = frozenset(WORD.findall(f"{question} {answer}".lower()))
    stated = [sentence for source in sources if not is_row(source.span) for sentence in END.split(source.quote)]
    for number in numbers(answer) - numbers(question):
        named = [_names(sentence) for sentence in stated if number in numbers(sentence)]
        if named and all(names and not names & mentioned for names in named):
            return True
    return False


def _names(sentence: str) -> frozenset[str]:
    """Words that a capital letter makes names; the first one, weekdays and months say nothing of whom."""
    return frozenset(name.lower() for name in NAME.findall(sentence)) - NAMED_DAYS - COMMON


def _stands_in_one(sentence: str, question: str, sources: Sequence[Source]) -> bool:
    """Whether one source alone carries a sentence: the words of one and the number of another make no fact."""
    source = resting_on(sentence, question, sources)
    text = f"{source.span.heading} {source.quote}"
    words = content(sentence)
    return not unfounded(sentence, f"{text} {question} {''.join(SIGNS)}") and len(words & content(text)) >= SHARE_OF_ONE * len(
        words
    )


def _same_side(answer: str, question: str, sources: Sequence[Source]) -> bool:
    """Whether an answer to a yes-or-no question denies exactly when the sentence it rests on denies."""
    if not CHOICE.match(question):
        return True
    best = resting_on(answer, question, sources)
    # A row's cell holds several statements: "dishwasher safe, do not put on the hob".
    ends = r"(?<=[.!?;,])\s+" if is_row(best.span) else r"(?<=[.!?;])\s+"
    clauses = [part for part in re.split(ends, best.quote) if part] or [best.quote]
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


def quotation(question: str, sources: Sequence[Source]) -> str:
    """An answer in the source's own words, for when the model's do not hold."""
    asked = content(question)

    def shared(source: Source) -> float:
        # The search knows better than words in common, unless another source has clearly more of them.
        return len(asked & content(f"{source.span.heading} {source.quote}")) + 1.5 * (source is sources[0])

    best = max(sources, key=lambda source: (shared(source), -source.number))
    quote = " ".join(best.quote.split())
    return f"{title(best.span)} – {quote} [{best.number}]" if is_row(best.span) else f"{quote} [{best.number}]"
