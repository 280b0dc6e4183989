"""Sentences ranked by how well they fit a picture, or a recording by what is said in it and by how it sounds."""

from __future__ import annotations

import argparse
from typing import Any

from mm_demos.cli import UsageError
from mm_demos.cli.inputs import add_output, lines
from mm_demos.cli.output import Output, attempt, standard_output


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this verb."""
    parser.add_argument("sentences", nargs="*", metavar="SENTENCE", help="in quotes")
    parser.add_argument("--image", metavar="FILE", help="the picture they may fit")
    parser.add_argument("--audio", metavar="FILE", help="the recording or video they may fit")
    parser.add_argument("--batch", metavar="FILE", help='more sentences, one a line; "-" is standard input')
    add_output(parser)


def run(flags: argparse.Namespace) -> int:
    """Rank the sentences."""
    if bool(flags.image) == bool(flags.audio):
        raise UsageError("give either --image FILE or --audio FILE.")
    sentences = [*flags.sentences, *(lines(flags.batch) if flags.batch is not None else ())]
    if not sentences:
        raise UsageError("nothing to rank: give sentences in quotes or --batch FILE.")
    with standard_output(as_json=flags.json, quiet=flags.quiet) as output:
        attempt(output, flags.image or flags.audio, lambda: _ranked(flags, sentences, output))
        return output.status


def _ranked(flags: argparse.Namespace, sentences: list[str], output: Output) -> None:
    import mm_demos

    rank: Any = mm_demos.rank_sentences if flags.image else mm_demos.describe_sound
    found = rank(flags.image or flags.audio, sentences, progress=output.progress)
    for item in found.sentences:
        data = {"sentence": item.text, "score": round(item.score, 6)}
        output.write(data if flags.json else f"{item.score:6.3f}  {item.text}")
