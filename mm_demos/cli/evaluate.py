"""Measurements, some on data of your own; `evaluate SUBJECT --help` shows what one takes."""

from __future__ import annotations

import argparse
import importlib
from typing import Any

from mm_demos.evaluation import SUBJECTS


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this verb."""
    parser.add_argument("subject", choices=SUBJECTS, metavar="SUBJECT", help=f"what to measure: {', '.join(SUBJECTS)}")
    parser.add_argument("rest", nargs=argparse.REMAINDER, metavar="…", help="arguments of the measurement")


def run(flags: argparse.Namespace) -> int:
    """Hand the rest of the command line to the measurement."""
    module: Any = importlib.import_module(SUBJECTS[flags.subject])
    return int(module.main(flags.rest))
