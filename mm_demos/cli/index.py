"""Recordings of a folder into a library: what is said and how it sounds; run it again to bring the library up to date."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from mm_demos.cli import FAILED, UsageError
from mm_demos.cli.inputs import add_output
from mm_demos.cli.output import Output, standard_output

if TYPE_CHECKING:
    from mm_demos.retrieval.types import IndexProgress
    from mm_demos.retrieval.windows import Cut

CLEAR_LINE = "\r\x1b[K"
LINE_SECONDS = 5.0  # between two lines of progress where no terminal can rewrite one


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this verb."""
    parser.add_argument("folder", nargs="?", metavar="FOLDER", help="recordings and videos, with the folders in it")
    parser.add_argument("--library", required=True, metavar="NAME", help="made if it is not there")
    parser.add_argument("--window", type=float, metavar="SECONDS", help="length of a window, 1 to 30 (a new library: 10)")
    parser.add_argument("--overlap", type=float, metavar="SHARE", help="of a window that the next repeats, 0 to 0.9 (0.5)")
    parser.add_argument(
        "--hear-with", metavar="NAME", help="sound model (as the library has, or the profile's); see `models list`"
    )
    parser.add_argument("--import", dest="source", type=Path, metavar="FILE", help="make the library from an exported file first")
    parser.add_argument("--export", type=Path, metavar="FILE", help="write the library to one file afterwards")
    parser.add_argument("--receipt", action="store_true", help="add models, options, seconds and memory to the summary")
    add_output(parser)


def run(flags: argparse.Namespace) -> int:
    """Index; a file that cannot be read is told in the summary, and the others are read."""
    if not (flags.folder or flags.source or flags.export):
        raise UsageError("nothing to do: give a FOLDER, --import FILE or --export FILE.")
    if flags.folder and not Path(flags.folder).is_dir():
        raise UsageError(f"there is no folder {flags.folder}.")
    if flags.export is not None and (not flags.export.absolute().parent.is_dir() or flags.export.is_dir()):
        raise UsageError(f"--export {flags.export}: there is no such folder, or it is a folder itself.")
    with standard_output(as_json=True, quiet=flags.quiet) as output:
        status = 0
        if flags.source:
            _import(flags, output)
        if flags.folder:
            status = _index(flags, output)
        if flags.export:
            _export(flags, output)
        return status


def _index(flags: argparse.Namespace, output: Output) -> int:
    from mm_demos.results import as_dict
    from mm_demos.retrieval.types import IndexSummary
    from mm_demos.tasks.retrieval import index_while_reading

    lines = _Lines(quiet=flags.quiet)
    status = 0
    for step in index_while_reading(
        flags.folder, library=flags.library, windows=_cut(flags), hear_with=flags.hear_with, progress=output.progress
    ):
        if not isinstance(step, IndexSummary):
            lines.show(step)
            continue
        data = as_dict(step)
        if not flags.receipt:
            del data["receipt"]
        output.write(data)
        status = FAILED if step.faults else 0
    return status


def _cut(flags: argparse.Namespace) -> Cut | None:
    """How to cut; None for as the library is cut already."""
    from mm_demos.retrieval.windows import DEFAULT_CUT, Cut

    if flags.window is None and flags.overlap is None:
        return None
    return Cut(
        DEFAULT_CUT.seconds if flags.window is None else flags.window,
        DEFAULT_CUT.overlap if flags.overlap is None else flags.overlap,
    )


def _import(flags: argparse.Namespace, output: Output) -> None:
    from mm_demos.results import as_dict
    from mm_demos.retrieval.exchange import import_library

    with import_library(flags.source, flags.library) as library:
        if not flags.folder:
            output.write(as_dict(library.info()))


def _export(flags: argparse.Namespace, output: Output) -> None:
    from mm_demos.results import as_dict
    from mm_demos.retrieval.exchange import export_library
    from mm_demos.retrieval.library import Library

    with Library.open(flags.library) as library:
        export_library(library, flags.export)
        if not flags.folder:
            output.write(as_dict(library.info()))


class _Lines:
    """Faults, and where there is no terminal a line of progress now and then, on standard error."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._terminal = sys.stderr.isatty()
        self._next = 0.0

    def show(self, step: IndexProgress) -> None:
        from mm_demos.tasks.retrieval_progress import progress_line

        if step.fault:
            print(f"{CLEAR_LINE if self._terminal else ''}{step.file}: {step.fault}", file=sys.stderr, flush=True)
        if self._quiet or self._terminal or not step.files_done:
            return
        if time.monotonic() >= self._next or step.files_done == step.files_total:
            self._next = time.monotonic() + LINE_SECONDS
            print(progress_line(step), file=sys.stderr, flush=True)
