"""Tokens of a speech model joined into words with times and probabilities."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from mm_demos.results import Word

UNSPACED_LANGUAGES = frozenset({"zh", "ja", "th", "lo", "my", "yue"})  # written without spaces between words
UNFINISHED = "\ufffd"  # what a decoder gives for some of the bytes of a character


@dataclass(frozen=True, slots=True)
class TimedToken:
    """A token of the text, `start` and `end` in seconds, with its probability in [0, 1]."""

    number: int
    start: float
    end: float
    prob: float


@dataclass(slots=True)
class _Piece:
    """Tokens that decode to whole characters."""

    text: str
    tokens: list[TimedToken] = field(default_factory=list)

    @property
    def is_mark(self) -> bool:
        """Whether it has neither a letter nor a digit."""
        return not any(character.isalnum() for character in self.text)


def join_tokens(tokens: Sequence[TimedToken], decode: Callable[[list[int]], str], *, language: str) -> tuple[Word, ...]:
    """Words of a segment, in order; punctuation belongs to the word beside it.

    Args:
        tokens: of the text alone, without time stamps.
        decode: text of token numbers.
        language: ISO 639-1 code; without spaces between words every character is a word.
    """
    spaced = language not in UNSPACED_LANGUAGES
    joined: list[_Piece] = []
    for piece in _pieces(tokens, decode):
        last = joined[-1] if joined else None
        apart = piece.text.startswith(" ") if spaced else not piece.is_mark
        if last is None or (apart and not (spaced and last.is_mark)):
            joined.append(piece)
        else:
            last.text += piece.text.strip() if last.is_mark else piece.text
            last.tokens += piece.tokens
    return tuple(_word(piece) for piece in joined if piece.text.strip())


def _pieces(tokens: Sequence[TimedToken], decode: Callable[[list[int]], str]) -> list[_Piece]:
    """The shortest runs of tokens that decode to whole characters."""
    pieces: list[_Piece] = []
    open_tokens: list[TimedToken] = []
    for place, token in enumerate(tokens):
        open_tokens.append(token)
        text = decode([each.number for each in open_tokens])
        if not text.endswith(UNFINISHED) or place == len(tokens) - 1:
            pieces.append(_Piece(text, open_tokens))
            open_tokens = []
    return pieces


def _word(piece: _Piece) -> Word:
    probs = [token.prob for token in piece.tokens]
    return Word(piece.tokens[0].start, piece.tokens[-1].end, piece.text.strip(), sum(probs) / len(probs))
