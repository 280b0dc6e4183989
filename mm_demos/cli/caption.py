"""Pictures to captions, best first, with the evidence they are built on."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from mm_demos.cli.inputs import Item, add_inputs, add_model, add_output, check_inputs, items, run_each
from mm_demos.cli.output import Output

STYLES = ("short", "detailed", "alt-text", "playful")
METHODS = ("beam", "sampling")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this verb."""
    add_inputs(parser, "picture", 'JSON lines {"image": PATH, "prefix"?: TEXT}; "-" is standard input')
    parser.add_argument("--style", choices=STYLES, default="short", help="kind of caption (default short)")
    parser.add_argument("--language", metavar="CODE", default="en", help="ISO 639-1 code (default en)")
    parser.add_argument("--prefix", metavar="TEXT", default="", help="words that every caption begins with")
    parser.add_argument("-n", "--number", type=int, choices=range(1, 9), metavar="1-8", default=3, help="captions (default 3)")
    parser.add_argument(
        "--method", choices=METHODS, default="beam", help="search for the likeliest words or draw them (default beam)"
    )
    parser.add_argument(
        "--beams", type=int, choices=range(1, 9), metavar="1-8", default=4, help="width of the search (default 4)"
    )
    parser.add_argument("--seed", type=int, default=0, help="makes sampling repeatable")
    add_model(parser)
    add_output(parser)


def run(flags: argparse.Namespace) -> int:
    """Caption every input."""
    check_inputs(flags)

    def work(item: Item, output: Output) -> tuple[Mapping[str, Any], str]:
        return _caption(item, flags, output)

    return run_each(flags, items(flags.inputs, flags.batch, "image"), work)


def _caption(item: Item, flags: argparse.Namespace, output: Output) -> tuple[Mapping[str, Any], str]:
    import mm_demos

    options = mm_demos.CaptionOptions(
        style=flags.style,
        language=flags.language,
        prefix=item.optional("prefix") or flags.prefix,
        n=flags.number,
        seed=flags.seed,
        method=flags.method,
        beams=flags.beams,
    )
    image = item.path("image")
    result = mm_demos.caption(image, model=flags.model, options=options, progress=output.progress)
    data = mm_demos.as_dict(result)
    receipt = data.pop("receipt")
    lines = "\n".join(f"  {caption.score:+.3f}  {caption.text}" for caption in result.captions)
    return {**data, **({"receipt": receipt} if flags.receipt else {})}, f"{image}:\n{lines}"
