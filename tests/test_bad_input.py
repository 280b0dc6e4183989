"""Texts that should not reach a model as they are."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from peaks import Peak, is_one_sentence

from mm_demos.errors import InvalidInputError
from mm_demos.media import clean_text


@pytest.mark.parametrize(
    ("given_text", "cleaned"),
    [
        ("a cat", "a cat"),
        ("a\0b\x07c\x1b[31md\x7f\x85", "abc[31md"),
        ("one\r\ntwo\rthree\n\tfour", "one\ntwo\nthree\n\tfour"),
        ("half \ud83d pair \udc31", "half � pair �"),
        ("joined \ud83d\udc31", "joined 🐱"),
        ("\ufeffstart", "\ufeffstart"),
        ("שלום \u200f عربى 👩\u200d🚀", "שלום \u200f عربى 👩\u200d🚀"),
        ("", ""),
    ],
)
def test_what_is_kept_and_what_goes(given_text: str, cleaned: str) -> None:
    assert clean_text(given_text) == cleaned


def test_ten_megabytes_are_refused_at_once() -> None:
    with Peak() as peak, pytest.raises(InvalidInputError, match=r"10,000,000 characters.*MM_DEMOS_MAX_TEXT_CHARS") as caught:
        clean_text("x" * 10_000_000)
    assert is_one_sentence(str(caught.value))
    assert peak.seconds < 1


@pytest.mark.parametrize("value", [None, 3, b"bytes", ["list"]])
def test_only_text_is_text(value: object) -> None:
    with pytest.raises(InvalidInputError):
        clean_text(value)  # type: ignore[arg-type]


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.text(st.characters(codec=None, exclude_categories=()), max_size=40))
def test_any_text_comes_out_printable_in_utf_8_and_stays_so(text: str) -> None:
    cleaned = clean_text(text)
    cleaned.encode("utf-8")
    assert "\0" not in cleaned
    assert clean_text(cleaned) == cleaned
