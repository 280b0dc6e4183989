"""Rows of text, picture and sound to labels, by a model that `train` made."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mm_demos.cli import UsageError
from mm_demos.cli.inputs import Item, add_output, items, run_each
from mm_demos.cli.output import Output, standard_output
from mm_demos.errors import InvalidInputError


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this verb."""
    parser.add_argument("model", metavar="MODEL", help="the folder that `train --out` wrote")
    parser.add_argument("--text", metavar="TEXT", help="one row: its text")
    parser.add_argument("--image", metavar="FILE", help="its picture")
    parser.add_argument("--audio", metavar="FILE", help="its sound")
    parser.add_argument("--batch", metavar="FILE", help='JSON lines {"text"?, "image"?, "audio"?}; "-" is standard input')
    add_output(parser)


def run(flags: argparse.Namespace) -> int:
    """Predict one row, or every line of the batch file."""
    values = {name: value for name in ("text", "image", "audio") if (value := getattr(flags, name)) is not None}
    if bool(values) == bool(flags.batch):
        raise UsageError("give --batch FILE, or some of --text, --image and --audio.")
    if flags.batch not in {None, "-"} and not Path(flags.batch).is_file():
        raise UsageError(f"there is no batch file {flags.batch}.")
    from mm_demos.fusion.model_folder import load_model
    from mm_demos.tasks.studio_predict import predict

    with standard_output(as_json=True, quiet=True):  # what loading prints must not stand among the results
        model = load_model(Path(flags.model))

    def work(item: Item, output: Output) -> tuple[Mapping[str, Any], str]:
        try:
            (prediction,) = predict(model, [_values(item)], progress=output.progress)
        except InvalidInputError as error:
            said = str(error).removeprefix("Row 1: ").replace("Row 1 has", "This row has", 1)
            raise InvalidInputError(said) from None
        scores = {each.label: each.score for each in prediction.scores}
        shares = ", ".join(f"{name} {share:.0%}" for name, share in prediction.contributions.items())
        line = f"{_shown(item)}: {prediction.label} ({scores[prediction.label]:.0%}; {shares})"
        data = {"label": prediction.label, "scores": scores, "contributions": prediction.contributions}
        return {**data, **({"notices": prediction.notices} if prediction.notices else {})}, line

    given = [Item(values, values)] if values else items((), flags.batch, "text")
    return run_each(flags, given, work)


def _values(item: Item) -> dict[str, str | Path | None]:
    if item.fault:
        raise InvalidInputError(item.fault)
    values = {"text": item.optional("text"), "image": item.optional_path("image"), "audio": item.optional_path("audio")}
    if not any(values.values()):
        raise InvalidInputError('There is nothing in this line to classify: give "text", "image" or "audio".')
    return values


def _shown(item: Item) -> str:
    return item.shown if isinstance(item.shown, str) else " + ".join(f"{value}" for value in item.values.values())
