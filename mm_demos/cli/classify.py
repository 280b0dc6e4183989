"""Text, pictures and sound, alone or together, into labels of your own."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mm_demos.cli import UsageError
from mm_demos.cli.inputs import Item, add_output, items, run_each
from mm_demos.cli.output import Output
from mm_demos.errors import InvalidInputError
from mm_demos.tasks.labels import Labels, read_labels, split_labels

if TYPE_CHECKING:
    from mm_demos.results import Classification

INPUTS = ("text", "image", "audio")
WEIGHED = ("text", "image", "speech", "sound", "audio")
LABELS_HELP = 'the labels; or JSON such as ["a, b", "c"] or {"cat": "a small furry pet", "dog": ""}; or @FILE with one a line'
WEIGHTS_HELP = f"weight of each of {', '.join(WEIGHED)}; audio is a factor on speech (what is said) and sound (how it sounds)"
FUSIONS = ("weighted-average", "maximum", "attention")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this verb."""
    parser.add_argument("--labels", required=True, metavar="A,B,C", help=LABELS_HELP)
    parser.add_argument("--batch", metavar="FILE", help='JSON lines {"text"?, "image"?, "audio"?}; "-" is standard input')
    for modality in INPUTS:
        parser.add_argument(f"--{modality}", help=f"one input: its {modality}" + ("" if modality == "text" else " file"))
    parser.add_argument("--template", action="append", default=[], metavar="TEXT", help='e.g. "a photo of a {}"; may be repeated')
    parser.add_argument("--weights", default="", metavar="text=1,image=2", help=WEIGHTS_HELP)
    parser.add_argument("--fusion", choices=FUSIONS, default=FUSIONS[0], help=f"how scores are joined (default {FUSIONS[0]})")
    parser.add_argument("--threshold", type=float, default=0.0, metavar="0-1", help="abstain below this score")
    parser.add_argument("--transcribe-with", metavar="NAME", help="speech model for audio")
    parser.add_argument("--hear-with", metavar="NAME", help="sound model for audio; a CLAP takes labels of any sound")
    parser.add_argument("--receipt", action="store_true", help="add models, options, seconds and memory to each JSON object")
    add_output(parser)


def run(flags: argparse.Namespace) -> int:
    """Classify every input."""
    single = any(getattr(flags, modality) is not None for modality in INPUTS)
    if not single and flags.batch is None:
        raise UsageError("nothing to do: give --text, --image, --audio or --batch FILE.")
    if flags.batch not in {None, "-"} and not Path(flags.batch).is_file():
        raise UsageError(f"there is no batch file {flags.batch}.")
    labels, weights = _labels(flags.labels), _weights(flags.weights)

    def work(item: Item, output: Output) -> tuple[Mapping[str, Any], str]:
        return _classify(item, flags, output, labels, weights)

    return run_each(flags, _items(flags), work)


def _labels(text: str) -> Labels:
    """A list, or label → description; the task checks the rest."""
    if text.startswith("@") and Path(text[1:]).is_file():
        text = Path(text[1:]).read_text(encoding="utf-8", errors="replace")
    try:
        found = split_labels(text)
        read_labels(found)
    except InvalidInputError as error:
        raise UsageError(f"--labels: {error}") from None
    names = [label.strip() for label in found if label.strip()]
    if len(set(names)) < len(names):
        raise UsageError("--labels needs each label once.")
    return found


def _weights(text: str) -> dict[str, float] | None:
    weights: dict[str, float] = {}
    for part in filter(None, text.split(",")):
        name, _, value = part.partition("=")
        try:
            weights[name.strip()] = float(value)
        except ValueError:
            raise UsageError(f"--weights {part} is not of the form text=0.5.") from None
    if not set(weights) <= set(WEIGHED):
        raise UsageError(f"--weights knows {', '.join(WEIGHED)}.")
    return weights or None


def _items(flags: argparse.Namespace) -> Iterator[Item]:
    values = {modality: getattr(flags, modality) for modality in INPUTS if getattr(flags, modality) is not None}
    if values:
        yield Item(values, values)
    yield from items((), flags.batch, "text")


def _classify(
    item: Item, flags: argparse.Namespace, output: Output, labels: Labels, weights: dict[str, float] | None
) -> tuple[Mapping[str, Any], str]:
    import mm_demos

    if item.fault:
        raise InvalidInputError(item.fault)
    result = mm_demos.classify(
        labels=labels,
        text=item.optional("text"),
        image=item.optional_path("image"),
        audio=item.optional_path("audio"),
        templates=tuple(flags.template),
        weights=weights,
        fusion=flags.fusion,
        threshold=flags.threshold,
        transcribe_with=flags.transcribe_with,
        hear_with=flags.hear_with,
        progress=output.progress,
    )
    given = ", ".join(str(item.values[modality]) for modality in INPUTS if item.values.get(modality))
    best = result.label or "no label is sure enough"
    return _data(result, flags), f"{given}: {best} ({result.scores[0].score:.0%})"


def _data(result: Classification, flags: argparse.Namespace) -> dict[str, Any]:
    from mm_demos.results import as_dict

    data: dict[str, Any] = as_dict(result)
    data["scores"] = {score.label: score.score for score in result.scores}
    data["per_modality"] = {name: {score.label: score.score for score in scores} for name, scores in result.per_modality.items()}
    receipt = data.pop("receipt")
    return {**data, **({"receipt": receipt} if flags.receipt else {})}
