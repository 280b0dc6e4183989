"""Measurements, some on data of your own; `evaluate SUBJECT --help` shows what one takes."""

from __future__ import annotations

import argparse
import importlib
from typing import Any

# A measurement is a row: its module has `main(arguments) -> exit status`.
SUBJECTS = {
    "startup": "mm_demos.evaluation.benchmark_startup",
    "memory": "mm_demos.evaluation.benchmark_memory",
    "speech-overhead": "mm_demos.evaluation.benchmark_speech",
    "language-speed": "mm_demos.evaluation.benchmark_language",
    "speech": "mm_demos.evaluation.speech",
    "zero-shot": "mm_demos.evaluation.zero_shot",
}
NEEDS_DATA = ("speech", "zero-shot")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this verb."""
    parser.add_argument("subject", choices=SUBJECTS, metavar="SUBJECT", help=f"what to measure: {', '.join(SUBJECTS)}")
    parser.add_argument("rest", nargs=argparse.REMAINDER, metavar="…", help="arguments of the measurement")


def run(flags: argparse.Namespace) -> int:
    """Hand the rest of the command line to the measurement."""
    module: Any = importlib.import_module(SUBJECTS[flags.subject])
    return int(module.main(flags.rest))
