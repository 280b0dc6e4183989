"""What a chat model's answer cost: how many tokens were read anew, how many were remembered, how many were written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens and seconds of one answer, by the model's own count.

    Args:
        prompt_tokens: of the whole prompt.
        evaluated_tokens: of the prompt that the model had to read, those it read twice counted twice; the rest was in its cache.
        new_tokens: written, up to where it was stopped.
        prompt_seconds: spent reading.
        decode_seconds: spent writing.
    """

    prompt_tokens: int = 0
    evaluated_tokens: int = 0
    new_tokens: int = 0
    prompt_seconds: float = 0.0
    decode_seconds: float = 0.0

    @property
    def decode_tokens_per_second(self) -> float:
        """Of the tokens after the first, which comes with the prompt; 0.0 where there are none."""
        return (self.new_tokens - 1) / self.decode_seconds if self.new_tokens > 1 and self.decode_seconds > 0 else 0.0


class MeasuredStream(Iterator[str]):
    """Pieces of an answer as they come; closing it ends generation, and `usage` tells what it has cost so far.

    Args:
        pieces: a generator, closed with this.
        meter: changed by whoever generates.
    """

    def __init__(self, pieces: Iterator[str], meter: Meter) -> None:
        self._pieces = pieces
        self._meter = meter

    def __next__(self) -> str:
        return next(self._pieces)

    def close(self) -> None:
        """End generation; returns once it has ended."""
        close = getattr(self._pieces, "close", None)
        if close is not None:
            close()

    @property
    def usage(self) -> Usage:
        """The cost until now; complete when the last piece has come or the stream is closed."""
        return self._meter.usage


class Meter:
    """Adds up what the parts of one answer cost; one thread writes, others may read."""

    def __init__(self) -> None:
        self.usage = Usage()


def usage_of(stream: Iterator[str]) -> Usage | None:
    """What an answer cost; None where the model does not count."""
    return stream.usage if isinstance(stream, MeasuredStream) else None


def with_timings(usage: Usage, timings: Mapping[str, float]) -> Usage:
    """`usage` and one more run, by the timings that llama.cpp gives with a reply; what a run over a stage wrote is no answer."""
    return Usage(
        usage.prompt_tokens,
        usage.evaluated_tokens + int(timings.get("prompt_n", 0)),
        int(timings.get("predicted_n", 0)),
        usage.prompt_seconds + timings.get("prompt_ms", 0.0) / 1000,
        timings.get("predicted_ms", 0.0) / 1000,
    )
