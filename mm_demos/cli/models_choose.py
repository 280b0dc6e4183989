"""`models choose`: load a model in another way and see what that changes on this machine."""

from __future__ import annotations

import argparse
from functools import partial
from typing import TYPE_CHECKING, Any

from mm_demos.cli.inputs import add_output
from mm_demos.cli.output import Output, attempt, standard_output, table
from mm_demos.models.choices import DTYPES, OFFLOADS, QUANTISATIONS

if TYPE_CHECKING:
    from mm_demos.tasks.model_choices import Choosing

ACTION = "choose"


def configure(actions: Any) -> None:
    """Add the action to those of `models`."""
    summary = "load a model in another way, and measure what that changes here: load, memory and speed, before and after"
    action: argparse.ArgumentParser = actions.add_parser(ACTION, help=summary, description=summary)
    action.add_argument("name", metavar="NAME", help="as `models list` shows it")
    action.add_argument("--dtype", choices=DTYPES, default="auto", help="what it computes with (default auto)")
    action.add_argument("--quantisation", choices=QUANTISATIONS, default="none", help="how weights are packed (default none)")
    action.add_argument("--offload", choices=OFFLOADS, default="none", help="where layers wait (default none)")
    action.add_argument("--compile", choices=("yes", "no"), default="no", help="let torch.compile write code for it (default no)")
    add_output(action)


def run(flags: argparse.Namespace) -> int:
    """Load, measure, and say how the next program is told the same."""
    with standard_output(as_json=flags.json, quiet=flags.quiet) as output:
        attempt(output, flags.name, partial(_chosen, flags, output))
        return output.status


def _chosen(flags: argparse.Namespace, output: Output) -> None:
    from mm_demos.results import as_dict
    from mm_demos.tasks import model_choices

    state = model_choices.choose(
        flags.name, flags.dtype, flags.quantisation, flags.offload, flags.compile == "yes", progress=output.progress
    )
    output.result(flags.name, as_dict(state), _text(state))


def _text(state: Choosing) -> str:
    rows = [("LOADED", "ENGINE", "DTYPE", "LOAD", "MEMORY", "SPEED")]
    for each in state.measured:
        speed = f"{each.speed:.3g} {each.unit}" if each.unit else "-"
        size = f"{each.memory_bytes / 1e6:,.0f} MB"
        rows.append((each.choices, each.engine, each.dtype, f"{each.load_seconds:.1f} s", size, speed))
    words = state.chosen.words
    kept = (
        f'\nTo load it so every time: --load-as {state.model}={words}, or MM_DEMOS_LOAD_AS="{state.model}={words}"'
        if words
        else ""
    )
    return table(rows) + kept
