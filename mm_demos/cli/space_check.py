"""The action `space check`: tries folders of Spaces one after the other, and writes a table or one object a folder."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mm_demos.cli.inputs import add_output
from mm_demos.cli.output import Output, attempt, standard_output, table

if TYPE_CHECKING:
    from mm_demos.publish.check import CheckOptions
    from mm_demos.publish.check_report import CheckReport

OWN_CACHE = Path()  # stands for the cache folder of this program


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this action."""
    parser.add_argument("--fresh", action="store_true", help="make the environments anew, also where one fits")
    parser.add_argument(
        "--weights-cache",
        nargs="?",
        type=Path,
        const=OWN_CACHE,
        metavar="DIR",
        help="read weights from this cache folder, or without DIR from this program's own; by default a Space fetches its own",
    )
    parser.add_argument("--no-browser", action="store_true", help="call the endpoints instead of clicking through the pages")
    parser.add_argument("--python", type=Path, metavar="PATH", help="run Spaces with this interpreter; resolves no requirements")
    parser.add_argument("--start-seconds", type=float, default=180.0, metavar="N", help="longest wait for a page (default 180)")
    parser.add_argument("--run-seconds", type=float, default=900.0, metavar="N", help="longest wait for an answer (default 900)")
    parser.add_argument("--idle-seconds", type=float, default=0.0, metavar="N", help="the first visitor comes after N seconds")
    add_output(parser)


def run(flags: argparse.Namespace, names: Iterable[str], folder_of: Callable[[str], Path]) -> int:
    """Check the Spaces of these names; `folder_of(name)` gives the folder, built if need be."""
    folders = [folder_of(name) for name in names]  # a wrong name is told before the first of them is tried
    reports: list[CheckReport] = []
    with standard_output(as_json=flags.json, quiet=flags.quiet) as output:
        options = _options(flags)
        for folder in folders:
            attempt(output, folder.name, partial(_checked, folder, options, output, reports.append, quiet=flags.quiet))
        if not flags.json and reports:
            _write(reports, output)
    return 1 if output.failed or not all(report.ok for report in reports) else 0


def _options(flags: argparse.Namespace) -> CheckOptions:
    from mm_demos.publish.check import CheckOptions
    from mm_demos.settings import settings

    return CheckOptions(
        fresh=flags.fresh,
        python=flags.python,
        weights_cache=settings().cache_dir if flags.weights_cache == OWN_CACHE else flags.weights_cache,
        browser=not flags.no_browser,
        start_seconds=flags.start_seconds,
        run_seconds=flags.run_seconds,
        idle_seconds=flags.idle_seconds,
    )


def _checked(folder: Path, options: CheckOptions, output: Output, keep: Callable[[CheckReport], None], *, quiet: bool) -> None:
    from mm_demos.publish.check import check
    from mm_demos.results import as_dict

    def tell(line: str) -> None:
        if not quiet:
            print(f"{folder.name}: {line}", file=sys.stderr, flush=True)

    report = check(folder, options, tell=tell)
    keep(report)
    if output.as_json:
        output.result(folder.name, {"ok": report.ok, **as_dict(report)}, "")


def _write(reports: list[CheckReport], output: Output) -> None:
    """The table, then what was not looked at, then what is wrong."""
    from mm_demos.publish.check_report import rows

    output.write(table(rows(reports)))
    starts = dict.fromkeys(f"Weights: {report.start.weights}." for report in reports if report.start is not None)
    notes = dict.fromkeys(f"{report.name}: {note}" for report in reports for note in report.notes)
    faults = [f"{report.name}: {fault}" for report in reports for fault in report.faults]
    for line in (*starts, *notes, *(faults or ["All is well."])):
        output.write(line)
