"""The language model's part: a short answer from numbered quotes, held to them while it grows."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

from mm_demos.assistant import prompts
from mm_demos.assistant.memory import Window
from mm_demos.assistant.prompts_grounding import holds, marked, quotation, title, unfounded
from mm_demos.assistant.types import Seen, Source
from mm_demos.models.protocols import ChatMessage, ChatModel, GenerateOptions
from mm_demos.models.usage import Usage, usage_of
from mm_demos.progress import Progress

MAX_NEW_TOKENS = 80
MAX_SENTENCES = 2
OPENING = re.compile(r"^\s*Answer:\s*|\s*\[\d\]")
BASED = re.compile(
    r"^(?:Based on|According to) [^,.]{1,60}, (?:(?:we|I) can \w+ (?:that )?|it is \w+ that )?|^The facts? \w+ that ",
    re.IGNORECASE,
)
PRICE = re.compile(r"\b(price: )(?=\d)", re.IGNORECASE)  # a table names the currency rarely
STOPS = ("\n\n", "\nQuestion:", "\nFacts:", "\n[")


@dataclass(frozen=True, slots=True)
class Worded:
    """An answer so far; `done` with the last one, `quoted` when the source's own words replaced the model's.

    `usage` is what the model's part cost; None until it is done, and where the model does not count.
    """

    text: str
    done: bool = False
    quoted: bool = False
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class Wording:
    """What an answer is worded from, and how."""

    question: str
    sources: tuple[Source, ...]
    window: Window
    seen: tuple[Seen, ...] = ()
    persona: str = ""
    policy: str = ""
    temperature: float = 0.0
    seed: int = 0
    currency: str = ""

    def messages(self) -> tuple[ChatMessage, ...]:
        """The prompt."""
        system = prompts.system_text(self.persona, self.policy, self.window.summary, self.currency)
        return prompts.messages(system, self.window.exchanges, self.question, self.sources, self.seen)

    def grounds(self) -> str:
        """All that an answer may take numbers and names from."""
        return f"{prompts.facts(self.sources)} {self.question} {self.currency}"

    def quotation(self) -> Worded:
        """The source's own words."""
        text = quotation(self.question, self.sources)
        return Worded(PRICE.sub(rf"\g<1>{self.currency}", text) if self.currency else text, done=True, quoted=True)


def worded(
    wording: Wording, chat: ChatModel, *, allowed: Callable[[str], bool] = lambda _: True, progress: Progress
) -> Iterator[Worded]:
    """Yield the answer as it grows, with [n] after each sentence; the last one is done and verified.

    A number, price or day that no source gives ends generation at once, and the source is quoted instead.

    Args:
        allowed: False for a text that must not be shown, whatever the sources say.
    """
    options = GenerateOptions(MAX_NEW_TOKENS, wording.temperature, seed=wording.seed, stop=STOPS)
    grounds, answer, failed = wording.grounds(), "", False
    stream = chat.stream(wording.messages(), options=options)
    with closing(_pieces(stream)) as pieces:
        for piece in pieces:
            progress.checkpoint()
            answer = self_spoken(answer + piece, wording.sources)
            whole_words = answer[: _last_word(answer)]
            if failed := bool(unfounded(whole_words, grounds)) or not allowed(answer):
                break
            if whole_words.strip():
                yield Worded(marked(whole_words.lstrip(), wording.question, wording.sources, complete=False))
            if _sentences(answer) >= MAX_SENTENCES:
                break
    answer = finished(answer)
    if failed or not holds(answer, wording.question, wording.sources, currency=wording.currency) or not allowed(answer):
        yield replace(wording.quotation(), usage=usage_of(stream))
        return
    text = marked(answer, wording.question, wording.sources, complete=True)
    yield Worded(text, done=True, usage=usage_of(stream))


def self_spoken(answer: str, sources: Sequence[Source]) -> str:
    """The answer without what small models put around it: marks of their own, a heading, "Based on the facts, …"."""
    answer = OPENING.sub("", answer).lstrip()
    for source in sources:
        answer = answer.removeprefix(f"{title(source.span)}: ")
    answer = BASED.sub("", answer)
    return answer[:1].upper() + answer[1:]


def _pieces(stream: Iterator[str]) -> Generator[str]:
    """The stream as a generator: closing it closes the stream, if that can be closed."""
    yield from stream


def _last_word(text: str) -> int:
    """End of the last word that cannot grow any more: "costs 4" may become "costs 4.90"."""
    return text.rfind(" ") if " " in text else 0


def _sentences(text: str) -> int:
    """Sentences that are finished beyond doubt."""
    return sum(text.count(f"{mark} ") for mark in ".!?")


def finished(text: str) -> str:
    """An answer without a sentence that the limit cut off, when a whole one stands before it."""
    text = " ".join(text.split())
    if text.endswith((".", "!", "?", "…", "”", '"')):
        return text
    end = max(text.rfind(f"{mark} ") for mark in ".!?")
    return text[: end + 1] if end > 0 else text
