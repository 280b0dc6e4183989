"""The command line: one row per verb, one module per verb; a verb parses, calls a task and prints."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Any, get_args

FAILED, USAGE, INTERRUPTED = 1, 2, 130  # 128 + SIGINT, as shells count
SERVED = ("users_file", "keys_file", "log", "metrics")  # settings that are flags of `demo` alone


@dataclass(frozen=True, slots=True)
class Verb:
    """A row: `module` has `configure(parser)`, which adds arguments, and `run(args) -> exit status`."""

    name: str
    module: str
    summary: str


VERBS: tuple[Verb, ...] = (
    Verb("transcribe", "mm_demos.cli.transcribe", "speech in audio or video files to text"),
    Verb("caption", "mm_demos.cli.caption", "pictures to captions"),
    Verb("answer", "mm_demos.cli.answer", "questions about pictures to answers"),
    Verb("classify", "mm_demos.cli.classify", "text, pictures and sound into labels of your own"),
    Verb("chat", "mm_demos.cli.chat", "a conversation with the assistant, typed or in a batch"),
    Verb("speak", "mm_demos.cli.speak", "text to speech"),
    Verb("generate", "mm_demos.cli.generate", "prompts to pictures"),
    Verb("train", "mm_demos.cli.train", "a table with labels to a classifier, and a leaderboard"),
    Verb("predict", "mm_demos.cli.predict", "rows to labels, by a model that train made"),
    Verb("embed", "mm_demos.cli.embed", "pictures or texts to vectors, in a NumPy file"),
    Verb("search-pictures", "mm_demos.cli.search_pictures", "pictures of a folder that fit words or a picture"),
    Verb("rank", "mm_demos.cli.rank", "sentences by how well they fit a picture or a recording"),
    Verb("index", "mm_demos.cli.index", "recordings of a folder into a library that can be searched"),
    Verb("search", "mm_demos.cli.search", "moments of a library that fit words, a recording or a picture"),
    Verb("models", "mm_demos.cli.models", "list, fetch, check and find the models"),
    Verb("evaluate", "mm_demos.cli.evaluate", "measure a model on a folder or archive of data"),
    Verb("space", "mm_demos.cli.space", "write, check and upload Spaces of the tabs"),
    Verb("demo", "mm_demos.cli.demo", "open the page with all tabs"),
    Verb("serve", "mm_demos.cli.demo", "the same as demo"),
    Verb("users", "mm_demos.cli.users", "who may log in on the page"),
    Verb("keys", "mm_demos.cli.keys", "keys of programs that call the page, with limits"),
)


class UsageError(Exception):
    """The command line asks for something that cannot be; exit status 2."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; the exit status is 0 all good, 1 some failed, 2 wrong usage, 130 interrupted."""
    from mm_demos.errors import DemoError, SettingError

    parser = _parser()
    flags = parser.parse_args(arguments)
    if flags.verb is None:
        parser.print_help()
        return 0
    try:
        _into_settings(flags)
        with _interrupts() as interrupted:
            status = int(flags.run(flags))
        return INTERRUPTED if interrupted.is_set() and status == 0 else status
    except (UsageError, SettingError) as error:
        print(f"mm-demos {flags.verb}: {error}", file=sys.stderr)
        return USAGE
    except DemoError as error:
        print(f"mm-demos: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("mm-demos: stopped.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader, e.g. `head`, has had enough
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return FAILED


@contextlib.contextmanager
def _interrupts() -> Iterator[threading.Event]:
    """Set once Ctrl-C was pressed: Python drops a KeyboardInterrupt that is raised inside a finaliser or a callback."""
    seen = threading.Event()
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGINT) != signal.default_int_handler:
        yield seen
        return

    def note(number: int, frame: FrameType | None) -> None:
        seen.set()
        signal.default_int_handler(number, frame)

    signal.signal(signal.SIGINT, note)
    try:
        yield seen
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _parser() -> argparse.ArgumentParser:
    import mm_demos

    parser = argparse.ArgumentParser(prog="mm-demos", description="Multimodal demos on your own machine.")
    parser.add_argument("--version", action="version", version=mm_demos.__version__)
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", title="verbs")
    for verb in VERBS:
        module: Any = importlib.import_module(verb.module)
        child = verbs.add_parser(verb.name, help=verb.summary, description=module.__doc__)
        module.configure(child)
        _add_settings(child)
        child.set_defaults(run=module.run)
    return parser


def _add_settings(parser: argparse.ArgumentParser) -> None:
    """Flags that every verb has; each stands for the environment variable of the same name."""
    from mm_demos.settings import Profile

    group = parser.add_argument_group("settings")
    group.add_argument("--profile", choices=get_args(Profile), help="models used where none is named")
    group.add_argument("--device", help="auto, cpu, cuda, cuda:1 or mps")
    group.add_argument("--threads", type=int, help="threads of the CPU engines")
    group.add_argument("--load-as", metavar="NAME=WORD+WORD,…", help="how to load models, e.g. NAME=int8+bfloat16")
    group.add_argument("--offline", action="store_true", default=None, help="never fetch anything")


def _into_settings(flags: argparse.Namespace) -> None:
    """Put the flags where the settings, in this process and its children, are read from, and read them.

    Raises:
        SettingError: a flag or a variable holds what cannot be used.
    """
    from mm_demos.settings import settings

    for name in ("profile", "device", "threads", "load_as", "offline", "host", "port", *SERVED):
        value = getattr(flags, name, None)
        if value is not None:
            os.environ[f"MM_DEMOS_{name.upper()}"] = str(value)
    settings.cache_clear()
    settings()
