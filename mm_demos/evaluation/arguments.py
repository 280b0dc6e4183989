"""What the measurements of the picture models share on the command line: arguments, errors, and how a report is printed."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from mm_demos.errors import DemoError
from mm_demos.evaluation.photos import SPLITS
from mm_demos.results import as_dict

Item = TypeVar("Item")
USAGE = 2


def parser(subject: str, description: str | None, model: str) -> argparse.ArgumentParser:
    """A parser with --data, --split, --limit, --model and --json."""
    made = argparse.ArgumentParser(
        prog=f"python -m mm_demos evaluate {subject}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--data", type=Path, required=True, metavar="DIR", help="tars or folders of KEY.jpg beside KEY.json")
    made.add_argument(
        "--split", choices=SPLITS, default="validation", help="the photos held out from training (default), or every photo there"
    )
    made.add_argument("--limit", type=positive, metavar="N", help="the first N photos only")
    made.add_argument("--model", default=model, help="a catalog name; default: %(default)s")
    made.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    return made


def positive(text: str) -> int:
    """A whole number from 1 on."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is less than 1")
    return number


def run(measure: Callable[[], Any], *, as_json: bool) -> int:
    """Measure and print; exit status 0, or 2 when the data or the model cannot be had."""
    try:
        report = measure()
    except DemoError as error:
        print(error, file=sys.stderr)
        return USAGE
    print(json.dumps(as_dict(report), indent=2) if as_json else "\n".join(lines(as_dict(report))))
    return 0


def lines(report: dict[str, Any], indent: str = "") -> Iterator[str]:
    """A report for people: a line for each figure, those of a part indented under its name."""
    for name, value in report.items():
        label = f"{indent}{name.replace('_', ' ')}"
        if isinstance(value, dict):
            yield label
            yield from lines(value, f"{indent}  ")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            yield label
            yield from table(value, f"{indent}  ")
        else:
            yield f"{label:<34} {shown(value)}"


def table(rows: list[dict[str, Any]], indent: str) -> Iterator[str]:
    """Rows of the same names as columns under them."""
    cells = [[name.replace("_", " ") for name in rows[0]], *([shown(value) for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        yield indent + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def shown(value: Any) -> str:
    """Four digits of a fraction; other values as they are."""
    if isinstance(value, list):
        return " ".join(map(shown, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def counted(items: Sequence[Item], what: str, every: int = 100) -> Iterator[Item]:
    """The items, one by one; how far it is goes to standard error."""
    for number, item in enumerate(items):
        if number and number % every == 0:
            print(f"{number} of {len(items)} {what}", file=sys.stderr, flush=True)
        yield item
