"""A conversation in Python: `Chat().say("Where is my order S-10241?").text`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

from mm_demos.assistant.knowledge import Knowledge
from mm_demos.assistant.tools import Tools
from mm_demos.assistant.types import Conversation, Exchange, Message, Reply
from mm_demos.errors import InvalidInputError
from mm_demos.progress import Progress
from mm_demos.tasks.assistant import reply


@dataclass(slots=True)
class Chat:
    """A conversation that remembers its turns; the arguments are those of `reply`, and the sample shop is its default."""

    knowledge: Knowledge | None = None
    tools: Tools | None = None
    pictures: Mapping[str, Path] | None = None
    persona: str = ""
    policy: str = ""
    temperature: float = 0.0
    today: date | None = None
    seed: int = 0
    model: str | None = None
    conversation: Conversation = field(default_factory=Conversation)

    def say(
        self,
        text: str = "",
        *,
        images: Sequence[str | Path] = (),
        audio: str | Path | None = None,
        progress: Progress | None = None,
    ) -> Reply:
        """Send one message and wait for the whole answer.

        Raises:
            DemoError: what `reply` raises; the conversation is then as it was.
        """
        *_, last = self.stream(text, images=images, audio=audio, progress=progress)
        return last

    def stream(
        self,
        text: str = "",
        *,
        images: Sequence[str | Path] = (),
        audio: str | Path | None = None,
        progress: Progress | None = None,
    ) -> Iterator[Reply]:
        """Like `say`, yielding the answer as it grows; one that was not waited for is not remembered."""
        message = Message(text, tuple(map(Path, images)), None if audio is None else Path(audio))
        before = self.conversation
        for each in reply(
            before,
            message,
            knowledge=self.knowledge,
            tools=self.tools,
            pictures=self.pictures,
            persona=self.persona,
            policy=self.policy,
            temperature=self.temperature,
            today=self.today,
            seed=self.seed,
            model=self.model,
            progress=progress,
        ):
            if each.done:
                self.conversation = replace(before, exchanges=(*before.exchanges, Exchange(message, each)))
            yield each

    def undo(self) -> Message:
        """Forget the last turn and return its message.

        Raises:
            InvalidInputError: there is none.
        """
        if not self.conversation.exchanges:
            raise InvalidInputError("There is no turn to take back: say something first.")
        *kept, last = self.conversation.exchanges
        self.conversation = replace(self.conversation, exchanges=tuple(kept))
        return last.message

    def branch(self) -> Chat:
        """A second conversation with the same turns, which goes its own way."""
        return replace(self)
