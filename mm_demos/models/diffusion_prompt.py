"""How much of a prompt the text encoders of a pipeline read."""

from __future__ import annotations

import inspect
from typing import Any

MAX_SHOWN = 80  # characters of what was cut off


def cut_off(pipeline: Any, prompt: str) -> tuple[str, ...]:
    """A notice with the end of the prompt that no text encoder reads; empty when all of it is read."""
    tokenizers = [getattr(pipeline, name, None) for name in ("tokenizer", "tokenizer_2", "tokenizer_3")]
    ends = [_unread(pipeline, tokenizer, prompt) for tokenizer in tokenizers if tokenizer is not None]
    end = min(ends, key=len, default="")
    if not end:
        return ()
    shown = end if len(end) <= MAX_SHOWN else f"{end[:MAX_SHOWN]}…"
    return (f"The prompt is longer than this model reads: “{shown}” was cut off.",)


def _unread(pipeline: Any, tokenizer: Any, prompt: str) -> str:
    """The words beyond the longest input."""
    limit = _limit(pipeline, tokenizer)
    whole = len(tokenizer(prompt, truncation=False, verbose=False).input_ids)
    if whole <= limit:
        return ""
    words = prompt.split()
    low, high = 0, len(words)  # words that fit
    while high - low > 1:
        middle = (low + high) // 2
        fits = len(tokenizer(" ".join(words[:middle]), truncation=False, verbose=False).input_ids) <= limit
        low, high = (middle, high) if fits else (low, middle)
    return " ".join(words[low:])


def _limit(pipeline: Any, tokenizer: Any) -> int:
    """Tokens with those of start and end: pipelines give encoders other than CLIP's a length of their own."""
    longest = inspect.signature(pipeline.__call__).parameters.get("max_sequence_length")
    if longest is not None and isinstance(longest.default, int) and "CLIP" not in type(tokenizer).__name__:
        return int(longest.default)
    return int(tokenizer.model_max_length)
