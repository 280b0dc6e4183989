"""The prompt cache: what is read anew, that it changes no answer, and that Stop is heard while a prompt is read."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from mm_demos.models import catalog, weights
from mm_demos.models.fake import FakeChat
from mm_demos.models.language import load_llama_cpp
from mm_demos.models.llama_cpp import LlamaCppChat
from mm_demos.models.llama_cpp_cache import Pass, PromptCache
from mm_demos.models.loader import LoadRequest
from mm_demos.models.protocols import ChatMessage, GenerateOptions
from mm_demos.models.usage import Meter, Usage, usage_of

ROW = catalog.spec("qwen2.5-coder-0.5b")
SYSTEM = ChatMessage("system", "You answer customers of a shop in one short sentence.")
FIRST = ChatMessage("user", "The parcel is late. Fact: delivery takes five days.")
SECOND = ChatMessage("user", "And how long does a refund take? Fact: ten days.")


@pytest.fixture(scope="module")
def chat() -> Iterator[LlamaCppChat]:
    model = load_llama_cpp(LoadRequest(ROW, ROW.engines[0], weights.ensure(ROW), "cpu", "", 2))
    assert isinstance(model, LlamaCppChat)
    yield model
    model.close()


def ask(chat: LlamaCppChat, *messages: ChatMessage, temperature: float = 0.0, max_new_tokens: int = 12) -> tuple[str, Usage]:
    stream = chat.stream(messages, options=GenerateOptions(max_new_tokens, temperature, seed=3))
    return "".join(stream), stream.usage


def test_the_second_turn_reads_only_what_is_new(chat: LlamaCppChat) -> None:
    text, first = ask(chat, SYSTEM, FIRST)
    _, second = ask(chat, SYSTEM, FIRST, ChatMessage("assistant", text), SECOND)
    new = second.prompt_tokens - first.prompt_tokens - first.new_tokens
    assert 0 < new < second.prompt_tokens / 2
    assert second.evaluated_tokens <= new + 2  # the last token before the turn is read twice, and the one that ended the answer
    assert second.prompt_seconds > 0 and second.decode_seconds > 0


def test_a_new_conversation_keeps_the_system_turn(chat: LlamaCppChat) -> None:
    ask(chat, SYSTEM, FIRST)
    _, usage = ask(chat, SYSTEM, SECOND)
    assert usage.evaluated_tokens < usage.prompt_tokens - 10


def test_what_ran_before_changes_no_answer(chat: LlamaCppChat) -> None:
    restored = (SYSTEM, FIRST, ChatMessage("assistant", "It should arrive soon."), SECOND)
    ask(chat, ChatMessage("user", "Hello!"), max_new_tokens=1)
    cold, _ = ask(chat, *restored, temperature=1.3)
    ask(chat, SYSTEM, ChatMessage("user", "The parcel is late. Fact: delivery takes ten weeks."), max_new_tokens=2)
    warm, usage = ask(chat, *restored, temperature=1.3)
    assert warm == cold
    assert usage.evaluated_tokens < usage.prompt_tokens


def test_a_regenerated_answer_is_the_same_and_reads_only_its_turn(chat: LlamaCppChat) -> None:
    text, _ = ask(chat, SYSTEM, FIRST)
    conversation = (SYSTEM, FIRST, ChatMessage("assistant", text), SECOND)
    answer, first = ask(chat, *conversation, temperature=1.3)
    again, usage = ask(chat, *conversation, temperature=1.3)
    assert again == answer
    assert usage.evaluated_tokens <= first.evaluated_tokens


def test_stop_ends_within_one_token(chat: LlamaCppChat, monkeypatch: pytest.MonkeyPatch) -> None:
    written, complete = [], chat._server.handle_completions

    def counted(request: dict[str, object], on_reply: object) -> None:
        assert callable(on_reply)
        complete(request, lambda reply: (written.append(reply["choices"][0]["text"]), on_reply(reply))[1])

    class Counting:
        handle_completions = staticmethod(counted)

    monkeypatch.setattr(chat, "_server", Counting())
    stream = chat.stream([SYSTEM, ChatMessage("user", "Count from 1 to 300.")], options=GenerateOptions(300))
    next(stream)
    before = len([text for text in written if text])
    stream.close()
    assert len([text for text in written if text]) <= before + 2  # the one under way, and the one waiting to be taken
    assert next(stream, None) is None


def test_stop_is_heard_while_a_long_conversation_is_read(chat: LlamaCppChat) -> None:
    stop, meter = threading.Event(), Meter()
    tokens, stages = chat._prompt([SYSTEM, ChatMessage("user", "rain " * 1500), ChatMessage("assistant", "Yes."), SECOND])
    with chat._lock:
        chat._prime(stages[:1], stop, meter)
        threading.Timer(0.05, stop.set).start()
        chat._prime(stages, stop, meter)
    assert meter.usage.evaluated_tokens < len(tokens) / 2
    assert ask(chat, SYSTEM, FIRST)[1].evaluated_tokens > 20  # nothing half-read is taken for whole


def test_a_model_that_does_not_count_says_so() -> None:
    assert usage_of(FakeChat().stream([FIRST], options=GenerateOptions())) is None
    assert Usage().decode_tokens_per_second == 0.0


def test_stages_are_planned_once_and_gone_back_to() -> None:
    cache, system, turns = PromptCache(), [1, 2], [1, 2, 3, 4]
    assert cache.passes([system, turns]) == [Pass(system, keep=False), Pass(system), Pass(turns), Pass(turns)]
    assert cache.passes([system, turns]) == [Pass(turns)]
    assert cache.passes([system]) == [Pass(system)]
    assert cache.passes([system, [1, 2, 3, 5]]) == [Pass(system), Pass([1, 2, 3, 5]), Pass([1, 2, 3, 5])]
    assert cache.passes([[9], [9, 1]]) == [Pass([9], keep=False), Pass([9]), Pass([9, 1]), Pass([9, 1])]


def test_an_answer_is_kept_by_the_prompt_that_continues_it_and_by_no_other() -> None:
    cache, system = PromptCache(), [1, 2]
    cache.passes([system])
    cache.answered([1, 2, 3, 4])
    longer = [1, 2, 3, 4, 7, 8]
    assert cache.passes([system, longer]) == [Pass(longer), Pass(longer)]
    cache.answered([*longer, 9])
    assert cache.passes([system, [1, 2, 5]]) == [Pass(system), Pass([1, 2, 5]), Pass([1, 2, 5])]
    cache.answered([1, 2, 5, 6])
    cache.forget()
    assert cache.passes([system, [1, 2, 5, 6, 7]])[0] == Pass(system, keep=False)
