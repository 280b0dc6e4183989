"""Word error rate: counts by hand, and the same normalisation as OpenAI's package."""

from __future__ import annotations

import pytest

from mm_demos.errors import InvalidInputError
from mm_demos.evaluation.wer import corpus_word_errors, normalizer, word_errors


def test_edits_are_counted_by_kind() -> None:
    result = word_errors("red fox ran over the hill", "very red dog ran over hill")
    assert (result.substitutions, result.deletions, result.insertions, result.reference_words) == (1, 1, 1, 6)
    assert result.wer == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("reference", "hypothesis"),
    [
        ("Mr. Smith's colour TV cost twenty-five dollars!", "mister smith's color tv cost $25"),
        ("It's what you can't see.", "it is what you can not see"),
        ("Um, hello [applause] there", "Hello there."),
    ],
)
def test_spelling_numbers_and_fillers_do_not_count(reference: str, hypothesis: str) -> None:
    assert word_errors(reference, hypothesis).wer == 0.0


def test_an_empty_hypothesis_misses_everything_and_an_empty_reference_is_refused() -> None:
    assert word_errors("three little words", "").deletions == 3
    with pytest.raises(InvalidInputError):
        word_errors(" … ", "words")
    with pytest.raises(InvalidInputError):
        corpus_word_errors([])


def test_a_corpus_is_summed_before_it_is_divided() -> None:
    assert corpus_word_errors([("a b c d", "a b c d"), ("x", "y")]).wer == pytest.approx(0.2)


def test_unspaced_scripts_are_counted_by_character() -> None:
    result = word_errors("今天天气很好", "今天天气不好", language="zh")
    assert (result.substitutions, result.reference_words) == (1, 6)


def test_the_rules_are_those_of_openai_whisper() -> None:
    from whisper.normalizers import BasicTextNormalizer, EnglishTextNormalizer

    lines = [
        "And so, my fellow Americans: ask not…",
        "He'd paid £3.50 at 7:30 p.m. on the 21st of July, nineteen ninety-nine",
        "I've got one hundred and one dalmatians; they're won't gonna",
        "Crème brûlée, naïve Ångström (aside) <tag> grey colour organise",
        "",
        "Ünïcödé 你好 мир",
    ]
    english, basic = EnglishTextNormalizer(), BasicTextNormalizer()
    for line in lines:
        assert normalizer("en")(line).split() == english(line).split()
        assert normalizer("fr")(line).split() == basic(line).split()
