"""Spans: every word of a document once, at sentence ends, short enough to be quoted."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from mm_demos.assistant.documents import Part, assemble
from mm_demos.assistant.spans import MAX_CHARS, MIN_CHARS, cut, sentences

TEXT = st.text(alphabet="ab. ?!\n;，。é1", min_size=1, max_size=3_000).filter(lambda text: text.strip())


def split(text: str) -> list[str]:
    return [text[start:end] for start, end in sentences(text)]


def test_sentences_end_where_they_end() -> None:
    text = 'It costs 4.90 euros, e.g. to Spain. Dr. Okafor pots ferns! Really? "Yes." So be it.\nA line\n\nAnother'
    assert split(text) == [
        "It costs 4.90 euros, e.g. to Spain.",
        "Dr. Okafor pots ferns!",
        "Really?",
        '"Yes.',
        "So be it.",
        "A line",
        "Another",
    ]
    assert split("周二营业。周一休息！") == ["周二营业。", "周一休息！"]


@given(st.lists(TEXT, min_size=1, max_size=4))
def test_spans_hold_every_character_that_shows_once_and_in_order(texts: list[str]) -> None:
    document = assemble("a", [Part(text, f"h{number}", number) for number, text in enumerate(texts)])
    spans = cut(document)
    assert [span.number for span in spans] == list(range(1, len(spans) + 1))
    assert all(document.text[span.start : span.end] == span.text for span in spans)
    assert all(0 < len(span.text) <= MAX_CHARS + MIN_CHARS for span in spans)
    assert all(first.end <= second.start for first, second in pairwise(spans))


@given(st.text(alphabet="ab. \n", min_size=1, max_size=3_000).filter(lambda text: text.strip()))
def test_nothing_is_lost(text: str) -> None:
    document = assemble("a", [Part(text)])
    assert "".join("".join(span.text for span in cut(document)).split()) == "".join(document.text.split())


def test_sections_do_not_run_into_each_other() -> None:
    spans = cut(assemble("a", [Part("One.", "first", 1), Part("Two.", "second", 2)]))
    assert [(span.text, span.heading, span.page) for span in spans] == [("One.", "first", 1), ("Two.", "second", 2)]


def test_a_short_end_joins_what_stands_before() -> None:
    long = "This sentence fills its span well and says nothing more. " * 8 + "Its end."
    spans = cut(assemble("a", [Part(long)]))
    assert len(spans) == 1
    assert spans[0].text.endswith("Its end.")


def test_words_without_end_are_cut_between_words() -> None:
    spans = cut(assemble("a", [Part("word " * 400)]))
    assert all(set(span.text.split()) == {"word"} for span in spans)
    assert [len(span.text) for span in cut(assemble("a", [Part("x" * 1_000)]))] == [480, 520]
