"""Text, pictures and sound, alone or together, into labels of your own."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mm_demos.cli import UsageError
from mm_demos.cli.inputs import Item, add_output, items, run_each
from mm_demos.cli.output import Output
from mm_demos.errors import InvalidInputError

if TYPE_CHECKING:
    from mm_demos.results import Classification

MODALITIES = ("text", "image", "audio")
FUSIONS = ("weighted-average", "maximum", "attention")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this verb."""
    parser.add_argument("--labels", required=True, metavar="A,B,C", help='the labels; or a JSON list such as ["a, b", "c"]')
    parser.add_argument("--batch", metavar="FILE", help='JSON lines {"text"?, "image"?, "audio"?}; "-" is standard input')
    for modality in MODALITIES:
        parser.add_argument(f"--{modality}", help=f"one input: its {modality}" + ("" if modality == "text" else " file"))
    parser.add_argument("--template", action="append", default=[], metavar="TEXT", help='e.g. "a photo of a {}"; may be repeated')
    parser.add_argument("--weights", default="", metavar="text=1,image=2", help="share of each modality in the fused score")
    parser.add_argument("--fusion", choices=FUSIONS, default=FUSIONS[0], help=f"how scores are joined (default {FUSIONS[0]})")
    parser.add_argument("--threshold", type=float, default=0.0, metavar="0-1", help="abstain below this score")
    parser.add_argument("--transcribe-with", metavar="NAME", help="speech model for audio")
    parser.add_argument("--receipt", action="store_true", help="add models, options, seconds and memory to each JSON object")
    add_output(parser)


def run(flags: argparse.Namespace) -> int:
    """Classify every input."""
    single = any(getattr(flags, modality) is not None for modality in MODALITIES)
    if not single and flags.batch is None:
        raise UsageError("nothing to do: give --text, --image, --audio or --batch FILE.")
    if flags.batch not in {None, "-"} and not Path(flags.batch).is_file():
        raise UsageError(f"there is no batch file {flags.batch}.")
    labels, weights = _labels(flags.labels), _weights(flags.weights)

    def work(item: Item, output: Output) -> tuple[Mapping[str, Any], str]:
        return _classify(item, flags, output, labels, weights)

    return run_each(flags, _items(flags), work)


def _labels(text: str) -> list[str]:
    if text.lstrip().startswith("["):
        try:
            entries = json.loads(text)
        except ValueError:
            raise UsageError('--labels is not a JSON list: write ["one", "two"], or one,two.') from None
    else:
        entries = text.split(",")
    labels = [entry.strip() for entry in entries if isinstance(entry, str) and entry.strip()]
    if len(set(labels)) != len(labels) or len(labels) < 2:
        raise UsageError("--labels needs at least two labels, each once.")
    return labels


def _weights(text: str) -> dict[str, float] | None:
    weights: dict[str, float] = {}
    for part in filter(None, text.split(",")):
        name, _, value = part.partition("=")
        try:
            weights[name.strip()] = float(value)
        except ValueError:
            raise UsageError(f"--weights {part} is not of the form text=0.5.") from None
    if not set(weights) <= set(MODALITIES):
        raise UsageError(f"--weights knows {', '.join(MODALITIES)}.")
    return weights or None


def _items(flags: argparse.Namespace) -> Iterator[Item]:
    values = {modality: getattr(flags, modality) for modality in MODALITIES if getattr(flags, modality) is not None}
    if values:
        yield Item(values, values)
    yield from items((), flags.batch, "text")


def _classify(
    item: Item, flags: argparse.Namespace, output: Output, labels: list[str], weights: dict[str, float] | None
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
        progress=output.progress,
    )
    given = ", ".join(str(item.values[modality]) for modality in MODALITIES if item.values.get(modality))
    best = result.label or "no label is sure enough"
    return _data(result, flags), f"{given}: {best} ({result.scores[0].score:.0%})"


def _data(result: Classification, flags: argparse.Namespace) -> dict[str, Any]:
    from mm_demos.results import as_dict

    data: dict[str, Any] = as_dict(result)
    data["scores"] = {score.label: score.score for score in result.scores}
    data["per_modality"] = {name: {score.label: score.score for score in scores} for name, scores in result.per_modality.items()}
    receipt = data.pop("receipt")
    return {**data, **({"receipt": receipt} if flags.receipt else {})}
