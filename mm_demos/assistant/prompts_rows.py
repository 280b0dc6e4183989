"""Whether a table's row can answer a question: naming the product alone is no answer to what is asked of it."""

from __future__ import annotations

import re

from mm_demos.assistant.prompts_grounding import CHOICE, content, is_row
from mm_demos.assistant.types import Span

# What people call a column that is named otherwise.
ASPECTS = {
    "price": r"how much|\bcosts?\b|\bprices?\b|expensive|cheap",
    "size": r"how (?:big|large|tall|high|wide|long|small|heavy|much)|\bsizes?\b|dimension|capacity|\blit[er]{2}s?\b|\bholds?\b",
    "material": r"made (?:of|from|out)|material",
    "in stock": r"\bstock\b|\bavailable\b|\bhave\b|\bleft\b|\bbuy\b|\bsell\b|\bget\b",
    "return": r"\breturn|\bsend back|\bgive back|\bexchange",
    "care": r"\bcare\b|\bclean|\bwash|\bwater|look after|\bkeep\b|\bpolish|\buse\b|\bneeds?\b|how (?:long|often|should|do)",
    "category": r"what (?:is|kind|type|sort)|tell me",
}


def answers(span: Span, question: str) -> bool:
    """Whether a span may answer: prose always; a row when it has a word of the question beside its name, or the column meant."""
    if not is_row(span):
        return True
    named = content(span.heading)
    asked = re.sub(r"[^\w' ]", " ", question.lower())
    known = content(span.text)
    meant = [words for column, words in ASPECTS.items() if column in span.text.lower() and re.search(words, asked)]
    for words in meant:
        if CHOICE.match(question):
            asked = re.sub(words, " ", asked)  # "available in pink" asks for pink
    left = content(asked) - named
    return not left or bool(left & known) or (bool(meant) and not CHOICE.match(question))
