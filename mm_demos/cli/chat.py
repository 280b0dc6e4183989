"""A conversation with the assistant: typed at the prompt, given on the line, or read from a batch of conversations."""

from __future__ import annotations

import argparse
import secrets
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mm_demos.cli import UsageError
from mm_demos.cli.inputs import Item, add_inputs, add_model, add_output, check_inputs, items, run_each
from mm_demos.cli.output import Output, attempt, standard_output

if TYPE_CHECKING:
    from mm_demos.assistant.knowledge import Knowledge
    from mm_demos.assistant.types import Reply
    from mm_demos.progress import Progress, Update
    from mm_demos.tasks.assistant_chat import Chat

BATCH = 'JSON lines {"text"?, "image"?, "audio"?}, or {"turns": [such messages]} for a conversation; "-" is standard input'
COMMANDS = """/image FILE   send a picture with the next message
/audio FILE   send a recording as the next message
/undo         take the last turn back
/new          begin a new conversation
/quit         leave (as Ctrl+D does); Ctrl+C stops an answer"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this verb."""
    add_inputs(parser, "messages, each a conversation of its own; without any, the conversation is typed", BATCH)
    parser.add_argument("--image", action="append", type=Path, default=[], metavar="FILE", help="sent with the message")
    parser.add_argument("--audio", type=Path, metavar="FILE", help="voice message")
    parser.add_argument(
        "--documents", nargs="+", type=Path, metavar="FILE", help="Markdown, PDF, CSV or TXT to answer from, not the sample shop"
    )
    parser.add_argument("--persona", default="", metavar="TEXT", help='tone of the answers, e.g. "warm and brief"')
    parser.add_argument("--policy", default="", metavar="TEXT", help="house rules for the language model")
    parser.add_argument("--temperature", type=float, default=0.0, metavar="0-2", help="0 always gives the same answer (default)")
    parser.add_argument("--seed", type=int, default=0, help="makes sampling repeatable")
    parser.add_argument("--continue", dest="resume", action="store_true", help="go on with the conversation typed last")
    parser.add_argument("--private", action="store_true", help="do not keep the conversation that is typed")
    add_model(parser)
    add_output(parser)


def run(flags: argparse.Namespace) -> int:
    """Answer what is given, or else what is typed."""
    given = bool(flags.inputs or flags.batch is not None or flags.image or flags.audio)
    if given and flags.resume:
        raise UsageError("--continue is for a typed conversation: leave the message and the batch out.")
    if (flags.image or flags.audio) and (flags.batch is not None or len(flags.inputs) > 1):
        raise UsageError("--image and --audio go with one message: give a single one, or name files in the lines of the batch.")
    if not given:
        return _Typed(flags).run()
    flags.inputs = flags.inputs or ([] if flags.batch is not None else [""])
    check_inputs(flags)
    knowledge: list[Knowledge | None] = []  # made with the first conversation, when standard output is already kept clean

    def work(item: Item, output: Output) -> tuple[Mapping[str, Any], str]:
        if not knowledge:
            knowledge.append(_knowledge(flags.documents, output.progress))
        return _answered(item, _chat(flags, knowledge[0]), flags, output)

    return run_each(flags, items(flags.inputs, flags.batch, "text"), work)


def _chat(flags: argparse.Namespace, knowledge: Knowledge | None) -> Chat:
    import mm_demos

    return mm_demos.Chat(
        knowledge=knowledge,
        persona=flags.persona,
        policy=flags.policy,
        temperature=flags.temperature,
        seed=flags.seed,
        model=flags.model,
    )


def _knowledge(documents: Sequence[Path] | None, progress: Progress) -> Knowledge | None:
    """What the answers rest on; None is the sample shop."""
    if not documents:
        return None
    from mm_demos.assistant.knowledge import Knowledge
    from mm_demos.models import catalog, loader

    with loader.shared().lease(catalog.default("text-embedder"), progress=progress) as embedder:
        knowledge = Knowledge.build(documents, embedder=embedder, progress=progress)
    for fault in knowledge.faults:
        print(fault, file=sys.stderr)
    return knowledge


def _answered(item: Item, chat: Chat, flags: argparse.Namespace, output: Output) -> tuple[Mapping[str, Any], str]:
    """One message: the fields of its reply. A conversation: "replies", one for each turn."""
    if "turns" not in item.values:
        reply = _sent(item, chat, flags, output)
        return _fields(reply, flags), _readable(reply)
    turns = item.values["turns"]
    if not isinstance(turns, list) or not turns or not all(isinstance(turn, dict) for turn in turns):
        from mm_demos.errors import InvalidInputError

        raise InvalidInputError('"turns" must be a list of messages: write [{"text": "…"}, …].')
    replies = [_sent(Item(turn, turn, folder=item.folder), chat, flags, output) for turn in turns]
    return {"replies": [_fields(reply, flags) for reply in replies]}, "\n\n".join(map(_readable, replies))


def _sent(item: Item, chat: Chat, flags: argparse.Namespace, output: Output) -> Reply:
    """Send one message with its files."""
    if item.fault:
        item.text("text")  # says what is wrong
    several = Item(item.values, {"images": [str(path) for path in flags.image], **item.values}, folder=item.folder)
    names = [*several.texts("images"), *filter(None, [item.optional("image")])]
    images = [Item(name, {"image": name}, folder=item.folder).path("image") for name in names]
    audio = item.optional_path("audio") or flags.audio
    return chat.say(item.optional("text") or "", images=images, audio=audio, progress=output.progress)


def _fields(reply: Reply, flags: argparse.Namespace) -> dict[str, Any]:
    import mm_demos

    fields: dict[str, Any] = mm_demos.as_dict(reply)
    del fields["done"]
    if not flags.receipt:
        fields.pop("receipt", None)
    return fields


def _readable(reply: Reply) -> str:
    """An answer with what it rests on."""
    return "\n".join([reply.text, *_below(reply)])


def _below(reply: Reply) -> Iterator[str]:
    """What stands under an answer: what was heard, tools called, sources quoted, notices."""
    if reply.transcript:
        yield f"  heard: “{reply.transcript}”"
    for step in reply.steps:
        yield f"  · {step.tool} {', '.join(step.arguments.values())}{' failed' if step.error else ''}".rstrip()
    for source in reply.sources:
        page = f", page {source.span.page}" if source.span.page else ""
        yield f"  [{source.number}] {source.span.source}{page}: “{source.quote}”"
    for notice in reply.notices:
        yield f"  ! {notice}"


@dataclass(slots=True)
class _Growing:
    """Writes an answer as it grows; one that was worded anew half-way is written again."""

    output: Output
    shown: str = ""

    def show(self, text: str) -> None:
        if text.startswith(self.shown):
            self.output.piece(text[len(self.shown) :])
        else:
            self.output.piece(f"\n{text}")
        self.shown = text


class _Typed:
    """A conversation at the prompt; a line is a message or a command."""

    def __init__(self, flags: argparse.Namespace) -> None:
        self._flags = flags
        self._images: list[Path] = []
        self._number = secrets.token_hex(8)

    def run(self) -> int:
        if self._flags.model:
            check_inputs(argparse.Namespace(inputs=["typed"], batch=None, model=self._flags.model, verb="chat"))
        with standard_output(as_json=self._flags.json, quiet=self._flags.quiet) as output:
            chat = _chat(self._flags, _knowledge(self._flags.documents, output.progress))
            self._chat = chat
            if self._flags.resume:
                self._resume()
            self._hint("Write a message; /help shows the commands.")
            for line in self._lines():
                if line in {"/quit", "/exit"}:
                    break
                attempt(output, line, lambda line=line: self._take(line, output))  # type: ignore[misc]
            return output.status

    def _lines(self) -> Iterator[str]:
        terminal = sys.stdin.isatty()
        while True:
            try:
                line = input("you › ") if terminal else sys.stdin.readline()
            except EOFError:
                return
            if not line and not terminal:
                return
            if line.strip() or self._images:
                yield line.strip()

    def _take(self, line: str, output: Output) -> None:
        command, _, rest = line.partition(" ")
        if not command.startswith("/"):
            self._say(output, line)
        elif command == "/image":
            self._images.append(_file(rest))
            self._hint("The picture goes with your next message; an empty line sends it alone.")
        elif command == "/audio":
            self._say(output, "", audio=_file(rest))
        elif command == "/undo":
            self._hint(f"Taken back: {self._chat.undo().text or 'the last turn'}")
            self._keep()
        elif command == "/new":
            self._chat = _chat(self._flags, self._chat.knowledge)
            self._number, self._images = secrets.token_hex(8), []
            self._hint("A new conversation.")
        else:
            print(COMMANDS, file=sys.stderr)

    def _say(self, output: Output, text: str, *, audio: Path | None = None) -> None:
        """Send a message and write its answer as it grows."""
        from mm_demos.errors import StoppedError

        images, self._images = self._images, []
        growing = _Growing(output)
        narrate = output.progress.on_update

        def told(update: Update) -> None:
            if narrate is not None and not growing.shown:  # afterwards it would wipe the answer's line
                narrate(update)

        progress = output.progress.part(told)
        try:
            with _stops(progress):
                for reply in self._chat.stream(text, images=images, audio=audio, progress=progress):
                    if not output.as_json:
                        growing.show(reply.text)
        except StoppedError:
            output.piece("\n")
            self._hint("Stopped.")
            return
        if output.as_json:
            output.result(text, _fields(reply, self._flags), "")
        else:
            output.write("\n".join(["", *_below(reply), ""]))
        self._keep()

    def _keep(self) -> None:
        if self._flags.private:
            return
        from mm_demos.assistant.store import ConversationStore, Kept

        turns = [Kept(exchange.message, exchange.reply) for exchange in self._chat.conversation.exchanges]
        ConversationStore().keep(self._number, turns)

    def _resume(self) -> None:
        from mm_demos.assistant.store import ConversationStore

        store = ConversationStore()
        newest = store.conversations()[:1]
        if not newest:
            raise UsageError("there is no conversation to go on with: leave --continue out.")
        self._number = newest[0].number
        self._chat.conversation = store.conversation(self._number)
        self._hint(f"Going on with “{newest[0].title}”; turns so far: {newest[0].turns}.")

    def _hint(self, text: str) -> None:
        if not self._flags.quiet:
            print(text, file=sys.stderr, flush=True)


def _file(name: str) -> Path:
    from mm_demos.media.files import existing_file

    return existing_file(name.strip().strip("\"'"), "file")


@contextmanager
def _stops(progress: Progress) -> Iterator[None]:
    """Ctrl+C stops the answer, a second one the program."""

    def stop(*_: object) -> None:
        signal.signal(signal.SIGINT, before)
        progress.stop()

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
