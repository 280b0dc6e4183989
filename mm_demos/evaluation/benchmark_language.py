"""Measures the language side on this machine: load, memory, prefill, decode, and seconds a caption and an answer."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import TypeVar

from mm_demos import accelerator, samples
from mm_demos.models import catalog, loader
from mm_demos.models.protocols import CaptionOptions, ChatMessage, ChatModel, GenerateOptions
from mm_demos.tasks.captioning import caption
from mm_demos.tasks.visual_qa import answer

PICTURES = ("cat.jpg", "coffee.jpg", "rocket.jpg", "sign.png", "temple.jpg")
QUESTIONS = ("Is there a dog?", "What is this?", "What does the sign say?", "Is it old?")
Item = TypeVar("Item")
PROMPT_WORDS, NEW_TOKENS = 400, 48


@dataclass(frozen=True, slots=True)
class Speed:
    """Times in seconds of wall time; `cpu_seconds_…` are of all threads, and hardly depend on what else the machine does."""

    threads: int
    load_seconds: float
    resident_bytes: int
    first_token_seconds: float
    prefill_tokens_per_second: float
    decode_tokens_per_second: float
    cpu_seconds_prompt_token: float
    cpu_seconds_decoded_token: float
    caption_seconds: float
    cpu_seconds_caption: float
    answer_seconds: float
    cpu_seconds_answer: float


def measure(model: str) -> Speed:
    """Measure once, with warm weights; captions and answers are medians over the samples that ship."""
    started = time.perf_counter()
    with loader.shared().lease(model) as chat:
        loaded = time.perf_counter() - started
        first, prefill, decode, *cpu = _chat_speed(chat)
    resident = loader.shared().describe(model)
    captions = [_timed(partial(caption, samples.path(name), options=CaptionOptions())) for name in _warm(PICTURES)][1:]
    pairs = [(name, question) for name in PICTURES[:2] for question in QUESTIONS]
    answers = [_timed(partial(answer, samples.path(name), question)) for name, question in _warm(pairs)][1:]
    medians = [statistics.median(column) for timed in (captions, answers) for column in zip(*timed, strict=True)]
    memory = resident.memory_bytes if resident else 0
    return Speed(accelerator.threads(), loaded, memory, first, prefill, decode, *cpu, *medians)


def _chat_speed(chat: ChatModel) -> tuple[float, ...]:
    """Seconds to a short question's first token, prefill and decode in tokens/s, CPU seconds a prompt and a decoded token."""
    short = [ChatMessage("user", "Hello!")]
    "".join(chat.stream(short, options=GenerateOptions(max_new_tokens=2)))
    first, first_cpu = _timed(lambda: next(iter(chat.stream(short, options=GenerateOptions(max_new_tokens=1))), ""))
    long = [ChatMessage("user", "rain " * PROMPT_WORDS)]  # one token a word
    prefill, prefill_cpu = _timed(lambda: list(chat.stream(long, options=GenerateOptions(max_new_tokens=1))))
    story = [ChatMessage("user", "Tell a long story about the sea.")]
    brief, brief_cpu = _timed(lambda: list(chat.stream(story, options=GenerateOptions(max_new_tokens=1))))
    whole, whole_cpu = _timed(lambda: list(chat.stream(story, options=GenerateOptions(max_new_tokens=NEW_TOKENS + 1))))
    cpu = (prefill_cpu - first_cpu) / PROMPT_WORDS, (whole_cpu - brief_cpu) / NEW_TOKENS
    return first, PROMPT_WORDS / (prefill - first), NEW_TOKENS / (whole - brief), *cpu


def _warm(items: Sequence[Item]) -> list[Item]:
    """The items with the first one twice: its first run pays for loads and is not counted."""
    return [items[0], *items]


def _timed(work: Callable[[], object]) -> tuple[float, float]:
    """Wall seconds and CPU seconds of this process."""
    started, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - started, time.process_time() - cpu


def main(arguments: list[str] | None = None) -> int:
    """Print the figures as one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default=catalog.default("chat"))
    print(json.dumps(asdict(measure(parser.parse_args(arguments).model)), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
