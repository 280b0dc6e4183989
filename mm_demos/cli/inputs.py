"""Inputs of a command: paths on the line, then the lines of a batch file, read as they are needed."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from mm_demos.cli import UsageError
from mm_demos.cli.output import Output, attempt, standard_output
from mm_demos.errors import InvalidInputError

MAX_LINE_CHARS = 1_000_000


@dataclass(frozen=True, slots=True)
class Item:
    """One input.

    Args:
        shown: what stands under "input" in its result: the path, or the line's object.
        values: the fields, e.g. {"image": "a.jpg", "question": "…"}.
        fault: why it cannot be used; empty when it can.
        folder: where relative paths of a batch file are looked for when they are not in the current folder.
    """

    shown: Any
    values: Mapping[str, Any] = field(default_factory=dict)
    fault: str = ""
    folder: Path = Path()

    def text(self, key: str) -> str:
        """A field that must be there, as text.

        Raises:
            InvalidInputError: it is missing or is no text.
        """
        if self.fault:
            raise InvalidInputError(self.fault)
        value = self.optional(key)
        if value is None:
            raise InvalidInputError(f'"{key}" is missing: give it in this line.')
        return value

    def optional(self, key: str) -> str | None:
        """A field that may be missing, as text."""
        value = self.values.get(key)
        if value is not None and not isinstance(value, str):
            raise InvalidInputError(f'"{key}" must be text: put it in quotes.')
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts; empty when it is missing."""
        value = self.values.get(key) or []
        if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
            raise InvalidInputError(f'"{key}" must be a list of texts: write ["one", "two"].')
        return tuple(value)

    def path(self, key: str) -> Path:
        """The file that a field names."""
        return self._resolved(self.text(key))

    def optional_path(self, key: str) -> Path | None:
        """The file that a field names, or None."""
        name = self.optional(key)
        return None if name is None else self._resolved(name)

    def _resolved(self, name: str) -> Path:
        near = self.folder / name
        return near if "\0" not in name and not Path(name).exists() and near.exists() else Path(name)


def add_inputs(parser: argparse.ArgumentParser, what: str, batch: str) -> None:
    """Add the positional inputs and `--batch`."""
    parser.add_argument("inputs", nargs="*", metavar="INPUT", help=what)
    parser.add_argument("--batch", metavar="FILE", help=batch)


def add_output(parser: argparse.ArgumentParser) -> None:
    """Add what every verb that writes results has."""
    parser.add_argument("--json", action="store_true", help="one JSON object per input, in order, and nothing else")
    parser.add_argument("--quiet", action="store_true", help="no progress on standard error")


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add `--model` and `--receipt`."""
    parser.add_argument("--model", metavar="NAME", help="model to use; `models list` shows them")
    parser.add_argument("--receipt", action="store_true", help="add models, options, seconds and memory to each JSON object")


def items(paths: Iterable[str], batch: str | None, key: str) -> Iterator[Item]:
    """Paths as items with one field `key`, then the lines of the batch file (JSON objects, or a bare JSON text for `key`)."""
    for path in paths:
        yield Item(path, {key: path})
    if batch is not None:
        yield from (_item(line, key, _folder(batch)) for line in lines(batch))


def lines(batch: str) -> Iterator[str]:
    """Lines of a text file in UTF-8 that are not blank; "-" is standard input.

    Raises:
        UsageError: there is no such file.
    """
    with _open(batch) as file:
        for line in file:
            if line.strip():
                yield line.rstrip("\r\n")


def check_inputs(flags: argparse.Namespace) -> None:
    """Refuse a command line without inputs, or with a batch file that is not there, before any model is loaded.

    Raises:
        UsageError: with the reason.
    """
    if not flags.inputs and flags.batch is None:
        raise UsageError("nothing to do: give an input or --batch FILE.")
    if flags.batch not in {None, "-"} and not Path(flags.batch).is_file():
        raise UsageError(f"there is no batch file {flags.batch}.")
    if getattr(flags, "model", None):
        check_model(flags.model, flags.verb)


def check_model(name: str, verb: str) -> None:
    """Refuse a model of another kind.

    Raises:
        UsageError: no such model, or one that cannot do this.
    """
    from mm_demos.errors import UnknownModelError
    from mm_demos.models import catalog

    roles = {
        "transcribe": ("speech",),
        "caption": ("captioner",),
        "answer": ("answerer",),
        "embed": ("joint-embedder", "text-embedder"),
        "search-pictures": ("joint-embedder",),
        "speak": ("speaker",),
        "chat": ("chat",),
        "generate": ("image-generator",),
    }
    try:
        row = catalog.spec(name)
    except UnknownModelError as error:
        raise UsageError(str(error)) from None
    if row.role not in roles.get(verb, (row.role,)):
        fitting = ", ".join(row.name for role in roles[verb] for row in catalog.rows(role=role))  # type: ignore[arg-type]
        raise UsageError(f"{name} is a model for something else: choose {fitting}.")


Work = Callable[[Item, Output], tuple[Mapping[str, Any], str]]


def run_each(flags: argparse.Namespace, inputs: Iterable[Item], work: Work) -> int:
    """Give every input to `work`, write its result at once, and go on whatever happens; returns the exit status.

    Args:
        work: returns the fields of the JSON object and the text for people.
    """
    with standard_output(as_json=flags.json, quiet=flags.quiet) as output:
        for item in inputs:
            attempt(output, item.shown, partial(_one, item, output, work))
        return output.status


def _one(item: Item, output: Output, work: Work) -> None:
    output.result(item.shown, *work(item, output))


def _open(batch: str) -> TextIO:
    if batch == "-":
        return open(sys.stdin.fileno(), encoding="utf-8-sig", errors="replace", closefd=False)
    try:
        return open(batch, encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise UsageError(f"the batch file {batch} cannot be read: {error.strerror}.") from None


def _folder(batch: str) -> Path:
    return Path() if batch == "-" else Path(batch).parent


def _item(line: str, key: str, folder: Path) -> Item:
    if len(line) > MAX_LINE_CHARS:
        return Item(line[:100] + "…", fault=f"This line has more than {MAX_LINE_CHARS:,} characters: split it.")
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return Item(line, fault='This line is not JSON: write an object such as {"' + key + '": "…"}.')
    if isinstance(value, str):
        return Item(value, {key: value}, folder=folder)
    if not isinstance(value, dict):
        return Item(value, fault='This line is not a JSON object: write one such as {"' + key + '": "…"}.')
    return Item(value, value, folder=folder)
