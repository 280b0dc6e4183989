"""Recordings of a folder into a library: what is said and how it sounds; run it again to bring the library up to date."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from mm_demos.cli import FAILED, INTERRUPTED, UsageError
from mm_demos.cli.inputs import add_output
from mm_demos.cli.output import Output, standard_output

LINE_SECONDS = 5.0  # between two lines of progress where no terminal can rewrite one


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this verb."""
    parser.add_argument("folder", nargs="?", metavar="FOLDER", help="recordings and videos, with the folders in it")
    parser.add_argument("--library", required=True, metavar="NAME", help="made if it is not there")
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
        if flags.export and status != INTERRUPTED:
            _export(flags, output)
        return status


def _index(flags: argparse.Namespace, output: Output) -> int:
    from mm_demos.results import as_dict
    from mm_demos.retrieval.types import IndexSummary
    from mm_demos.tasks.retrieval import index_while_reading

    progress = _Lines(output, quiet=flags.quiet)
    told = output.progress
    summary: Any = None
    steps = index_while_reading(flags.folder, library=flags.library, progress=told)
    try:
        for step in steps:
            if isinstance(step, IndexSummary):
                summary = step
            else:
                progress.show(step)
    except KeyboardInterrupt:  # what is done is kept
        return INTERRUPTED
    data = as_dict(summary)
    if not flags.receipt:
        del data["receipt"]
    output.write(data)
    return FAILED if summary.faults else 0


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

    def __init__(self, output: Output, *, quiet: bool) -> None:
        self._output = output
        self._quiet = quiet
        self._next = 0.0

    def show(self, step: Any) -> None:
        if step.fault:
            self._output.error(step.file, step.fault)
        if self._quiet or sys.stderr.isatty() or not step.files_done:
            return
        if time.monotonic() >= self._next or step.files_done == step.files_total:
            self._next = time.monotonic() + LINE_SECONDS
            from mm_demos.tasks.retrieval import progress_line

            print(progress_line(step), file=sys.stderr, flush=True)
