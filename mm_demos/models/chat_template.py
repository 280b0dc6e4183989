"""A checkpoint's own chat template: what every family wants otherwise is settled here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mm_demos.models.language import template_input
from mm_demos.models.protocols import ChatMessage

# Qwen3 and SmolLM3 would think aloud before each answer; templates without the switch do not look at it.
SWITCHES = {"enable_thinking": False}


class ChatTemplate:
    """Turns messages into the prompt of one checkpoint.

    Args:
        tokenizer: with a chat template.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        special = [str(token) for token in tokenizer.added_tokens_decoder.values() if token.special]
        self._marks = sorted((mark for mark in special if len(mark) > 1), key=len, reverse=True)
        self._takes_system = self._accepts([{"role": "system", "content": "a"}, {"role": "user", "content": "b"}])

    def tokens(self, messages: Sequence[ChatMessage]) -> Any:
        """Token numbers (1, n_tokens) that an answer continues.

        Raises:
            InvalidInputError: there is no message, or the last one is empty.
        """
        batch = self._tokenizer.apply_chat_template(
            self._turns(messages), add_generation_prompt=True, return_tensors="pt", return_dict=True, **SWITCHES
        )
        return batch["input_ids"]

    def end(self) -> int | None:
        """The token that follows an answer; None where the template puts nothing there."""
        turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "@answer@"}]
        text = self._tokenizer.apply_chat_template(turns, tokenize=False, **SWITCHES).rpartition("@answer@")[2]
        tokens = self._tokenizer.encode(text, add_special_tokens=False)
        return int(tokens[0]) if tokens else None

    def _turns(self, messages: Sequence[ChatMessage]) -> list[dict[str, str]]:
        """Turns as the template takes them: no special tokens in their text, no role that it refuses."""
        turns = template_input(messages)
        for turn in turns:
            for mark in self._marks:
                turn["content"] = turn["content"].replace(mark, f"{mark[0]} {mark[1:]}")
        if self._takes_system or turns[0]["role"] != "system" or len(turns) == 1:
            return turns
        system, first, *rest = turns  # the first turn of the user says both, as these checkpoints were trained
        return [{"role": first["role"], "content": f"{system['content']}\n\n{first['content']}"}, *rest]

    def _accepts(self, turns: list[dict[str, str]]) -> bool:
        from jinja2 import TemplateError

        try:
            self._tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True, **SWITCHES)
        except TemplateError:
            return False
        return True
