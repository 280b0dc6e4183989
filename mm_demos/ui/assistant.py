"""What the Assistant tab runs and keeps: a visitor's conversation, the public endpoint, downloads."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mm_demos import media
from mm_demos.assistant.knowledge import Knowledge
from mm_demos.assistant.types import Conversation, Exchange, Message, Reply
from mm_demos.errors import InvalidInputError
from mm_demos.media.thumbnails import data_uri
from mm_demos.progress import Progress
from mm_demos.results import Receipt
from mm_demos.tasks import assistant as task
from mm_demos.tasks.transcription import transcribe
from mm_demos.ui.assistant_voice import Voice

if TYPE_CHECKING:
    from mm_demos.ui.assistant_kept import Shelf

THUMBNAIL_SIDE = 360  # pixels
AGAIN_TEMPERATURE = 0.7  # at least; at 0 another try would give the same answer
EMPTYING_SECONDS = 0.5  # after sending; later, what stands in the composer is the next message
EMPTY_MESSAGE = "Write a message, speak, or add a picture first."
UNHEARD = "No speech was heard in the recording: speak closer to the microphone, or type the message."


@dataclass(frozen=True, slots=True)
class Rating:
    """What a visitor thinks of a reply."""

    liked: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Turn:
    """One message and its reply, as the page shows them.

    Args:
        thumbnails: the message's pictures as data URIs.
        spoken: the text was dictated.
    """

    message: Message
    reply: Reply
    thumbnails: tuple[str, ...] = ()
    spoken: bool = False
    rating: Rating | None = None


@dataclass(frozen=True, slots=True)
class Talk:
    """One visitor's conversation.

    Args:
        again: how often the answer that comes next was asked for before.
        sent: the message has just left the composer, which may be emptied.
        heard: the newest answer's sentences as sound, as far as they are read aloud.
    """

    number: str = field(default_factory=lambda: secrets.token_hex(8))
    turns: tuple[Turn, ...] = ()
    again: int = 0
    sent: bool = False
    heard: tuple[str, ...] = ()

    @property
    def receipt(self) -> Receipt | None:
        """The receipt of the newest reply."""
        return self.turns[-1].reply.receipt if self.turns else None

    @property
    def conversation(self) -> Conversation:
        """The turns as the task knows them."""
        return Conversation(tuple(Exchange(turn.message, turn.reply) for turn in self.turns if turn.reply.text))

    def before(self, turn: int) -> Talk:
        """The conversation before a turn, which goes its own way from there."""
        return Talk(turns=self.turns[:turn])

    def rated(self, turn: int, rating: Rating | None) -> Talk:
        """With a reply's rating; a number that no turn has changes nothing."""
        turns = tuple(replace(each, rating=rating) if number == turn else each for number, each in enumerate(self.turns))
        return replace(self, turns=turns, sent=False)


@dataclass(frozen=True, slots=True)
class Documents:
    """A visitor's own knowledge base and what it was made from."""

    knowledge: Knowledge
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Dictated:
    """A spoken message as text to correct, with what stood in the composer already."""

    text: str
    files: tuple[str, ...] = ()
    receipt: Receipt | None = None


def send(  # noqa: PLR0917 (an event receives its components' values by position)
    composer: Mapping[str, Any],
    dictated: bool,
    persona: str,
    policy: str,
    temperature: float,
    aloud: bool,
    documents: Documents | None,
    shelf: Shelf | None,
    talk: Talk | None,
    *,
    progress: Progress | None = None,
) -> Iterator[Talk]:
    """The conversation with the next message, while its answer grows and, if wanted, is read aloud."""
    talk, progress, began = talk or Talk(), progress or Progress(), time.monotonic()
    message = message_of(composer)
    pictures = tuple(data_uri(media.load_image(path), THUMBNAIL_SIDE) for path in message.images)
    turn = Turn(message, Reply("", done=False), pictures, bool(dictated))
    grown = replace(talk, turns=(*talk.turns, turn), again=0, sent=True, heard=())
    yield grown
    replies = task.reply(
        talk.conversation,
        message,
        knowledge=documents.knowledge if documents is not None else None,
        persona=persona or "",
        policy=policy or "",
        temperature=max(float(temperature or 0.0), AGAIN_TEMPERATURE if talk.again else 0.0),
        seed=talk.again,
        progress=progress,
    )
    try:
        for reply, heard in _read_aloud(replies, progress) if aloud else ((reply, ()) for reply in replies):
            sent = time.monotonic() - began < EMPTYING_SECONDS
            grown = replace(grown, turns=(*talk.turns, replace(turn, reply=reply)), heard=heard, sent=sent)
            yield grown
    finally:  # also what was said until Stop
        if shelf is not None:
            shelf.keep(grown)


def _read_aloud(replies: Iterator[Reply], progress: Progress) -> Iterator[tuple[Reply, tuple[str, ...]]]:
    """Each growing reply with the sound of its sentences so far."""
    voice = Voice(progress)
    reply = Reply("")
    try:
        for reply in replies:
            voice.feed(reply.text)
            yield reply, tuple(voice.sounds)
        for _ in voice.finish():
            yield reply, tuple(voice.sounds)
        if voice.fault:
            yield replace(reply, notices=(*reply.notices, voice.fault)), tuple(voice.sounds)
    finally:
        voice.close()


def reply_once(
    text: str = "",
    image: str | None = None,
    audio: str | None = None,
    history: Sequence[Any] = (),
    *,
    progress: Progress | None = None,
) -> Iterator[Reply]:
    """Answer a message of text, a picture and speech, in any mixture, from the sample shop; the last result is complete.

    Args:
        text: the message.
        image: a picture that belongs to it.
        audio: a spoken message.
        history: the turns before: [message, reply] pairs, or {"role", "content"} messages.
        progress: told about loads and steps.
    """
    message = Message((text or "").strip(), (Path(image),) if image else (), Path(audio) if audio else None)
    return task.reply(conversation_of(history), message, progress=progress)


def dictate(recording: str, composer: Mapping[str, Any] | None, *, progress: Progress | None = None) -> Dictated:
    """Speech as text in the composer, to be corrected before it is sent.

    Raises:
        InvalidInputError: there is no recording, or nobody speaks in it.
    """
    if not recording:
        raise InvalidInputError("The recording is empty: press the microphone, speak, then press stop.")
    heard = transcribe(Path(recording), progress=progress)
    if not heard.text.strip():
        raise InvalidInputError(UNHEARD)
    typed = message_of(composer or {})
    text = " ".join(filter(None, [typed.text, heard.text.strip()]))
    return Dictated(text, tuple(map(str, typed.images)), heard.receipt)


def message_of(composer: Mapping[str, Any] | None) -> Message:
    """What stands in the composer."""
    composer = composer or {}
    files = [file if isinstance(file, str) else file.get("path", "") for file in composer.get("files") or ()]
    return Message((composer.get("text") or "").strip(), tuple(Path(file) for file in files if file))


def conversation_of(history: Sequence[Any] | None) -> Conversation:
    """Earlier turns as a program gives them.

    Raises:
        InvalidInputError: they have another shape.
    """
    said = [_said(item) for item in _listed(history)]
    turns: list[Exchange] = []
    question = ""
    for role, text in (pair for pairs in said for pair in pairs):
        if role == "assistant":
            turns.append(Exchange(Message(question), Reply(text)))
        question = "" if role == "assistant" else " ".join(filter(None, [question, text]))
    return Conversation(tuple(turns))


WRONG_HISTORY = 'The history is a list of [message, reply] pairs or of {"role", "content"} messages.'


def _listed(history: Any) -> Sequence[Any]:
    if not isinstance(history, list | tuple | None):
        raise InvalidInputError(WRONG_HISTORY)
    return history or ()


def _said(item: Any) -> tuple[tuple[str, str], ...]:
    """Role and text of one item: of a message one pair, of a turn two."""
    if isinstance(item, Mapping) and item.get("role") in {"user", "assistant"}:
        return ((item["role"], _text(item.get("content"))),)
    if isinstance(item, list | tuple) and len(item) == 2:
        return ("user", _text(item[0])), ("assistant", _text(item[1]))
    raise InvalidInputError(WRONG_HISTORY)


def _text(content: Any) -> str:
    """The words of a message's content, which Gradio gives as a string or in parts; files are left out."""
    if isinstance(content, list | tuple):
        return " ".join(filter(None, map(_text, content)))
    if isinstance(content, Mapping):
        content = content.get("text") or ""
    return media.clean_text(content).strip() if isinstance(content, str) else ""


def check_send(composer: Mapping[str, Any] | None, *_rest: Any) -> None:
    """Refuse an empty message, or one that is too long, before it queues."""
    message = message_of(composer)
    if not message.text and not message.images:
        raise InvalidInputError(EMPTY_MESSAGE)
    task.checked(message)


def check_once(text: str | None, image: str | None, audio: str | None, history: Any = None, *_rest: Any) -> None:
    """Refuse what the endpoint cannot answer."""
    if not (text or "").strip() and not image and not audio:
        raise InvalidInputError("Give a text, an image or an audio file.")
    task.checked(Message((text or "").strip() or "."))
    conversation_of(history)
