"""Questions about a picture to short answers with their confidence and the alternatives."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from mm_demos.cli import UsageError
from mm_demos.cli.inputs import Item, add_inputs, add_model, add_output, check_inputs, items, run_each
from mm_demos.cli.output import Output
from mm_demos.errors import InvalidInputError

KINDS = ("open", "yes/no", "count", "choice")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this verb."""
    batch = 'JSON lines {"image": PATH, "question"?: TEXT, "choices"?: [TEXT, …], "kind"?: KIND}; "-" is standard input'
    add_inputs(parser, "a picture, then one question or more about it", batch)
    parser.add_argument(
        "--question", action="append", default=[], metavar="TEXT", help="asked about every picture; repeat it for several"
    )
    parser.add_argument("--kind", choices=KINDS, default="open", help="kind of answer (default open)")
    parser.add_argument("--choices", metavar="A,B,C", default="", help="answers to choose from")
    parser.add_argument("--top-k", type=int, default=5, help="alternatives shown (default 5)")
    parser.add_argument("--threshold", type=float, default=0.0, metavar="0-1", help='say "not sure" below this confidence')
    parser.add_argument("--check-without-image", action="store_true", help="ask again with the picture blanked")
    parser.add_argument("--seed", type=int, default=0, help="makes sampling repeatable")
    add_model(parser)
    add_output(parser)


def run(flags: argparse.Namespace) -> int:
    """Answer every question."""
    check_inputs(flags)
    if len(flags.inputs) == 1 and not flags.question:
        raise UsageError("a picture alone is no question: give PICTURE QUESTION, or --question TEXT.")

    def work(item: Item, output: Output) -> tuple[Mapping[str, Any], str]:
        return _answer(item, flags, output)

    return run_each(flags, _items(flags), work)


def _items(flags: argparse.Namespace) -> Iterator[Item]:
    """With `--question`, every input is a picture; without, the first is the picture and the others are questions."""
    asked = flags.question or flags.inputs[1:]
    for image in flags.inputs if flags.question else flags.inputs[:1]:
        for question in asked:
            values = {"image": image, "question": question}
            yield Item(values, values)
    for item in items((), flags.batch, "image"):
        if item.fault or "question" in item.values or not flags.question:
            yield item
        else:
            for question in flags.question:
                values = {**item.values, "question": question}
                yield replace(item, shown=values, values=values)


def _answer(item: Item, flags: argparse.Namespace, output: Output) -> tuple[Mapping[str, Any], str]:
    import mm_demos

    choices = item.texts("choices") or tuple(filter(None, map(str.strip, flags.choices.split(","))))
    kind: Any = item.optional("kind") or ("choice" if choices else flags.kind)
    if kind not in KINDS:
        raise InvalidInputError(f"There is no kind {kind!r}: choose {', '.join(KINDS)}.")
    question = item.text("question")
    result = mm_demos.answer(
        item.path("image"),
        question,
        model=flags.model,
        options=mm_demos.AnswerOptions(kind=kind, choices=choices, top_k=flags.top_k, seed=flags.seed),
        threshold=flags.threshold,
        check_without_image=flags.check_without_image,
        progress=output.progress,
    )
    data = mm_demos.as_dict(result)
    receipt, text = data.pop("receipt"), data.pop("text")
    sure = f"not sure, perhaps {result.text}" if result.unsure else result.text
    line = f"{question} {sure} ({result.confidence:.0%})"
    return {"answer": text, **data, **({"receipt": receipt} if flags.receipt else {})}, line
