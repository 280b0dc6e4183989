"""Which beginning of a prompt stands in the model's cache, and how to bring it there in the same way every time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Tokens = list[int]


@dataclass(frozen=True, slots=True)
class Pass:
    """One run over `tokens`; with `keep` what the cache shares with them is used, otherwise all of them are read."""

    tokens: Tokens
    keep: bool = True


class PromptCache:
    """Plans the passes that bring the cache to the beginning of a prompt.

    A token read alone and one read in a batch differ in the last digits, and sampling magnifies the difference. Therefore a
    beginning is read in stages (the system turn, then the earlier turns), the last token of each stage alone, and later prompts
    go back to a stage exactly, whatever stood behind it. The one exception is a prompt that continues the one just answered:
    it keeps the answer as it was written, token by token, because reading it again would take seconds in a long conversation.
    """

    def __init__(self) -> None:
        self._tokens: Tokens = []
        self._stages: list[int] = []  # lengths of the beginnings in the cache, ascending
        self._asked: Tokens = []  # the prompt just answered; its answer stands behind it

    def forget(self) -> None:
        """Nothing is known of the cache: a run was broken off, or something else was read."""
        self._tokens, self._stages, self._asked = [], [], []

    def answered(self, prompt: Tokens) -> None:
        """`prompt` was read on top of its stages, and its answer, whole or not, was written behind it."""
        self._asked = prompt

    def passes(self, stages: Sequence[Tokens]) -> list[Pass]:
        """What to read, in this order, so that the cache ends with the last of `stages` and nothing behind it.

        The cache counts as brought there: call `forget` if a pass fails.

        Args:
            stages: beginnings of the prompt, each longer than the one before and beginning with it.
        """
        asked, self._asked = self._asked, []
        target = stages[-1]
        if asked and len(target) > len(asked) and target[: len(asked)] == asked:
            self._tokens = target
            self._stages.append(len(target))
            return [Pass(target), Pass(target)]
        known = max((length for length in self._stages if self._tokens[:length] == target[:length]), default=0)
        self._tokens, self._stages = target, [length for length in self._stages if length <= known]
        planned = [Pass(target[:known])] if known else []  # drops what stands behind
        for stage in stages:
            if len(stage) > known:
                planned += [Pass(stage, keep=bool(planned)), Pass(stage)]
                self._stages.append(len(stage))
        return planned
