"""Keys for programs that call the page: make, remove and list them."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from mm_demos.cli import UsageError
from mm_demos.cli.users import add_file, file_of
from mm_demos.errors import InvalidInputError

if TYPE_CHECKING:
    from mm_demos.serving.keys import Key


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the actions of this verb."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, summary in {
        "add": "make a key and print it, once",
        "remove": "take a key out of force; the page knows at once",
        "list": "the names and their limits",
    }.items():
        action = actions.add_parser(name, help=summary, description=summary)
        if name != "list":
            action.add_argument("name", metavar="NAME", help="who gets it; it appears in logs")
        if name == "add":
            action.add_argument(
                "--per-minute", type=int, default=0, metavar="N", help="requests in any 60 s (default 0: no limit)"
            )
            action.add_argument(
                "--seconds-per-day", type=float, default=0.0, metavar="S", help="of computing (default 0: no limit)"
            )
            action.add_argument("--endpoint", action="append", metavar="NAME", help="open this one alone; may be repeated")
        add_file(action, "keys")


def run(flags: argparse.Namespace) -> int:
    """Do the action."""
    from mm_demos.serving import keys
    from mm_demos.settings import settings

    path = file_of(flags, settings().keys_file, "keys")
    try:
        if flags.action == "list":
            print("\n".join(map(_line, keys.read(path).values())) or "no keys yet")
        elif flags.action == "remove":
            keys.remove(path, flags.name)
            print(f"The key {flags.name} opens nothing any more.")
        else:
            limits: dict[str, Any] = {"per_minute": flags.per_minute, "seconds_per_day": flags.seconds_per_day}
            print(keys.add(path, flags.name, endpoints=tuple(flags.endpoint or ()), **limits))
    except InvalidInputError as error:
        raise UsageError(str(error)) from None
    return 0


def _line(key: Key) -> str:
    limits = [
        f"{key.per_minute} requests per minute" if key.per_minute else "",
        f"{key.seconds_per_day:g} s of computing per day" if key.seconds_per_day else "",
        f"only {', '.join(key.endpoints)}" if key.endpoints else "",
    ]
    return f"{key.name}  {'; '.join(filter(None, limits)) or 'no limits'}"
