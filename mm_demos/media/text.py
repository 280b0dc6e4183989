"""Prompts, questions and labels as visitors type or paste them."""

from __future__ import annotations

from mm_demos.errors import InvalidInputError
from mm_demos.settings import settings

KEPT_CONTROLS = "\n\t"


def clean_text(text: str) -> str:
    """`text` without control characters, with lone surrogates as U+FFFD and line ends as `\\n`; valid UTF-8 afterwards.

    Raises:
        InvalidInputError: not a string, or longer than `max_text_chars`.
    """
    if not isinstance(text, str):
        raise InvalidInputError(f"A text is needed here, not {type(text).__name__}.")
    limit = settings().max_text_chars
    if len(text) > limit:
        raise InvalidInputError(
            f"The text has {len(text):,} characters and the limit is {limit:,}: shorten it, or raise MM_DEMOS_MAX_TEXT_CHARS."
        )
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")  # joins pairs, replaces halves
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(char for char in text if char in KEPT_CONTROLS or not _is_control(char))


def _is_control(char: str) -> bool:
    """C0, DEL and C1; not the marks that right-to-left scripts and emoji need."""
    return char < " " or "\x7f" <= char <= "\x9f"
