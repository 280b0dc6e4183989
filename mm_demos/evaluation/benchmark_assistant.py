"""Measures the assistant on this machine: seconds to the first token, decoding against the bare binding, what a turn reads anew.

The binding is called directly on the same file in the same process, with its own defaults but for threads and context. The two
take turns, so that whatever else the machine does slows both.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from mm_demos import accelerator
from mm_demos.assistant.types import Conversation, Exchange, Message
from mm_demos.errors import InvalidInputError
from mm_demos.evaluation.arguments import positive, run
from mm_demos.models import catalog, loader, weights
from mm_demos.models.protocols import ChatMessage, ChatModel, GenerateOptions
from mm_demos.models.usage import Usage, usage_of
from mm_demos.tasks.assistant import reply

STORY = "Tell a long story about the sea."
SYSTEM = "You answer customers of a shop in one short sentence, from the facts given."
FACTS = (
    "Facts:\n[1] Returns: most products can be sent back within 30 days of delivery.\nQuestion: How long can I return a kettle?",
    "Facts:\n[1] Delivery: standard delivery takes 3 to 5 working days.\nQuestion: How long does delivery take?",
)
QUESTIONS = ("How long does delivery take?", "Can I send a product back?", "Do you ship abroad?", "How can I pay?")
NEW_TOKENS, CONTEXT_TOKENS = 48, 4096


@dataclass(frozen=True, slots=True)
class Turn:
    """What one turn of a conversation cost; `new_tokens` of the prompt were in no earlier one and in no answer."""

    prompt_tokens: int
    new_tokens: int
    evaluated_tokens: int
    first_token_seconds: float


@dataclass(frozen=True, slots=True)
class AssistantSpeed:
    """Seconds of wall time; a ratio above 1 means faster than the binding alone.

    Args:
        first_token_seconds: median over short text turns of one conversation on the sample shop, from sending, models warm.
        first_token_cpu_seconds: the same in CPU seconds of all threads; divided by the threads, what a quiet machine needs.
        decode_ratio: median over the rounds of this suite's tokens per second by the binding's.
        decode_ratio_cpu: the same of tokens per CPU second, which hardly depends on what else the machine does.
        model_turns: a conversation with the language model alone.
    """

    threads: int
    first_token_seconds: float
    slowest_first_token_seconds: float
    first_token_cpu_seconds: float
    decode_tokens_per_second: float
    direct_tokens_per_second: float
    decode_ratio: float
    decode_ratio_cpu: float
    model_turns: tuple[Turn, ...]


@dataclass(frozen=True, slots=True)
class Pace:
    """Tokens after the first by wall seconds and by CPU seconds of the process."""

    per_second: float
    per_cpu_second: float


def measure(model: str, rounds: int) -> AssistantSpeed:
    """Measure with warm weights.

    Raises:
        InvalidInputError: the model does not run on llama.cpp.
    """
    if catalog.spec(model).engines[0].name != "llama.cpp":
        raise InvalidInputError(f"{model} does not run on llama.cpp, so there is nothing to compare it with.")
    with loader.shared().lease(model) as chat:
        ours, direct = _paces(model, chat, rounds)
        turns = tuple(_turns(chat))
        firsts = list(_first_tokens(model))
    return AssistantSpeed(
        accelerator.threads(),
        statistics.median(wall for wall, _ in firsts),
        max(wall for wall, _ in firsts),
        statistics.median(cpu for _, cpu in firsts),
        statistics.median(pace.per_second for pace in ours),
        statistics.median(pace.per_second for pace in direct),
        statistics.median(a.per_second / b.per_second for a, b in zip(ours, direct, strict=True)),
        statistics.median(a.per_cpu_second / b.per_cpu_second for a, b in zip(ours, direct, strict=True)),
        turns,
    )


def _paces(model: str, chat: ChatModel, rounds: int) -> tuple[list[Pace], list[Pace]]:
    """Paces of the suite and of the binding, round by round; a first round warms both up and is not counted."""
    story = [ChatMessage("user", STORY)]

    def stream(on_piece: Callable[[], None]) -> None:
        for _ in chat.stream(story, options=GenerateOptions(NEW_TOKENS)):
            on_piece()

    with _bare(model) as bare:
        _pace(stream), _pace(bare)
        ours: list[Pace] = []
        direct: list[Pace] = []
        for number in range(rounds):
            for run_one, paces in ((stream, ours), (bare, direct))[:: 1 if number % 2 else -1]:
                paces.append(_pace(run_one))
    return ours, direct


@contextmanager
def _bare(model: str) -> Iterator[Callable[[Callable[[], None]], None]]:
    """The binding itself on the model's file."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(next(weights.ensure(catalog.spec(model)).glob("*.gguf")))
    params.n_ctx, params.n_parallel, params.verbosity = CONTEXT_TOKENS, 1, -1
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = accelerator.threads()
    server = xllamacpp.Server(params)
    request = {"messages": [{"role": "user", "content": STORY}], "max_tokens": NEW_TOKENS, "temperature": 0.0, "stream": True}

    def stream(on_piece: Callable[[], None]) -> None:
        def on_reply(reply: dict[str, Any]) -> bool:
            if any(choice.get("delta", {}).get("content") for choice in reply.get("choices", ())):
                on_piece()
            return False

        server.handle_chat_completions(request, on_reply)

    yield stream


def _pace(stream: Callable[[Callable[[], None]], None]) -> Pace:
    """The pace of one answer, from its first piece to its last."""
    clock: list[tuple[float, float]] = []
    stream(lambda: clock.append((time.perf_counter(), time.process_time())))
    wall, cpu = (end - start for start, end in zip(clock[0], clock[-1], strict=True))
    return Pace((len(clock) - 1) / wall, (len(clock) - 1) / cpu)


def _turns(chat: ChatModel) -> Iterator[Turn]:
    """Two turns with the language model; the system turn of the first is read anew, since the story was told before."""
    messages = [ChatMessage("system", SYSTEM)]
    known = 0
    for facts in FACTS:
        messages.append(ChatMessage("user", facts))
        answer, usage, first = _answered(chat, messages)
        yield Turn(usage.prompt_tokens, usage.prompt_tokens - known, usage.evaluated_tokens, first)
        known = usage.prompt_tokens + usage.new_tokens - 1  # the token that ends an answer is written but never read
        messages.append(ChatMessage("assistant", answer))


def _answered(chat: ChatModel, messages: list[ChatMessage]) -> tuple[str, Usage, float]:
    """The answer, its cost, and the seconds to its first piece."""
    started, first, pieces = time.perf_counter(), 0.0, []
    stream = chat.stream(messages, options=GenerateOptions(NEW_TOKENS))
    for piece in stream:
        first = first or time.perf_counter() - started
        pieces.append(piece)
    return "".join(pieces), usage_of(stream) or Usage(), first


def _first_tokens(model: str) -> Iterator[tuple[float, float]]:
    """Wall and CPU seconds to the first words of each answer of a conversation; a first turn warms the models up."""
    conversation = Conversation()
    for number, question in enumerate((QUESTIONS[-1], *QUESTIONS)):
        message = Message(question)
        wall, cpu, first = time.perf_counter(), time.process_time(), (0.0, 0.0)
        for last in reply(conversation, message, model=model):
            if last.text and not first[0]:
                first = (time.perf_counter() - wall, time.process_time() - cpu)
        if number:
            conversation = Conversation((*conversation.exchanges, Exchange(message, last)))
            yield first


def main(arguments: list[str] | None = None) -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(prog="python -m mm_demos evaluate assistant-speed", description=__doc__)
    parser.add_argument("--model", default=catalog.default("chat"), help="a catalog name; default: %(default)s")
    parser.add_argument("--rounds", type=positive, default=5, metavar="N", help="answers of each that are compared (default 5)")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    flags = parser.parse_args(arguments)
    return run(lambda: measure(flags.model, flags.rounds), as_json=flags.json)


if __name__ == "__main__":
    sys.exit(main())
