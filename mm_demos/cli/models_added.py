"""`models add` and `models remove`: checkpoints of the user's own, from the hub or from a folder."""

from __future__ import annotations

import argparse
from functools import partial
from typing import Any

from mm_demos.cli.inputs import add_output
from mm_demos.cli.output import Output, attempt, standard_output

ACTIONS = ("add", "remove")


def configure(actions: Any) -> None:
    """Add the actions to those of `models`."""
    adding = "put a hub repository or a folder of a known family into the catalog; weights are fetched when it is used"
    add: argparse.ArgumentParser = actions.add_parser("add", help=adding, description=adding)
    add.add_argument(
        "place", metavar="ID_OR_FOLDER", help="owner/name on the hub (owner/name:q4_k_m picks a GGUF file), or a folder"
    )
    add.add_argument("--revision", metavar="REV", help="commit, branch or tag (default: the newest commit, kept from then on)")
    add.add_argument("--name", help="what it is called in the catalog (default: the last part of the id or the folder)")
    removing = "forget models that were added; their files stay"
    remove: argparse.ArgumentParser = actions.add_parser("remove", help=removing, description=removing)
    remove.add_argument("names", nargs="+", metavar="NAME", help="as `models list` shows it")
    for action in (add, remove):
        add_output(action)


def run(flags: argparse.Namespace) -> int:
    """Add one, or remove those named."""
    from mm_demos.models import added

    added.register_all()
    with standard_output(as_json=flags.json, quiet=flags.quiet) as output:
        if flags.action == "add":
            attempt(output, flags.place, partial(_added, flags, output))
        else:
            for name in flags.names:
                attempt(output, name, partial(_removed, name, output))
        return output.status


def _added(flags: argparse.Namespace, output: Output) -> None:
    from mm_demos.models import added, listing

    row = added.add(flags.place, flags.revision, flags.name, progress=output.progress)
    text = f"{row.name}: added as a {row.family} model for {row.role} ({row.size_bytes / 1e6:,.0f} MB)"
    output.result(flags.place, {"name": row.name, **listing.entry(row)}, text)


def _removed(name: str, output: Output) -> None:
    from mm_demos.models import added

    added.remove(name)
    output.result(name, {"removed": True}, f"{name}: removed; its files stay where they are")
