"""Who may log in on the page: add, remove and list them."""

from __future__ import annotations

import argparse
import getpass
import sys
from pathlib import Path

from mm_demos.cli import UsageError
from mm_demos.errors import DemoError, InvalidInputError


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the actions of this verb."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, summary in {
        "add": "add somebody, or change their password; it is asked for, or read from the standard input",
        "remove": "take somebody out; the page knows at once",
        "list": "the names",
    }.items():
        action = actions.add_parser(name, help=summary, description=summary)
        if name != "list":
            action.add_argument("name", metavar="NAME")
        add_file(action, "users")


def add_file(parser: argparse.ArgumentParser, what: str) -> None:
    """The flag that names the file of users or keys."""
    parser.add_argument("--file", type=Path, metavar="FILE", help=f"default: what MM_DEMOS_{what.upper()}_FILE says")


def file_of(flags: argparse.Namespace, setting: Path | None, what: str) -> Path:
    """The file to work on.

    Raises:
        UsageError: nobody named one.
    """
    found: Path | None = flags.file or setting
    if found is None:
        raise UsageError(f"name the file with --file, or set MM_DEMOS_{what.upper()}_FILE.")
    return found


def run(flags: argparse.Namespace) -> int:
    """Do the action."""
    from mm_demos.serving import users
    from mm_demos.settings import settings

    path = file_of(flags, settings().users_file, "users")
    try:
        if flags.action == "list":
            print("\n".join(users.read(path)) or "nobody yet")
        elif flags.action == "remove":
            users.remove(path, flags.name)
            print(f"{flags.name} is out of {path}.")
        else:
            new = users.add(path, flags.name, _password())
            print(f"{flags.name} {'may log in now' if new else 'has a new password'}: serve with --users-file {path}.")
    except InvalidInputError as error:
        raise UsageError(str(error)) from None
    return 0


def _password() -> str:
    """The password without a trace on the screen, typed twice; from a pipe, its first line."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Once more: ") != password:
        raise DemoError("These were two different passwords: try again.")
    return password
