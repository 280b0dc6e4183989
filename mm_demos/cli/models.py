"""The models: list and choose them, add your own, fetch them before they are needed, check their bytes, find their folders."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, get_args

from mm_demos.cli import UsageError, models_added, models_choose, models_running
from mm_demos.cli.inputs import add_output
from mm_demos.cli.output import Output, attempt, standard_output, table
from mm_demos.errors import DemoError, WeightsUnavailableError
from mm_demos.settings import Profile, settings

if TYPE_CHECKING:
    from mm_demos.models.catalog import ModelSpec


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the actions of this verb."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, summary in {
        "list": "every model with size, licence, source and whether it is in the cache",
        "pull": "fetch models and what they are made of; those of the profile when none is named",
        "prepare": "load models once, so that graphs are written and engines are tried before the first visitor comes",
        "verify": "hash the files in the cache; a damaged one is removed and fetched again when needed",
        "path": "the folder with a model's files",
    }.items():
        action = actions.add_parser(name, help=summary, description=summary)
        if name != "list":
            action.add_argument("names", nargs="+" if name == "path" else "*", metavar="NAME", help="as `models list` shows it")
        if name in {"list", "pull", "prepare"}:
            action.add_argument("--profile", choices=get_args(Profile), default=argparse.SUPPRESS, help="models of it")
        add_output(action)
    models_choose.configure(actions)
    models_added.configure(actions)
    models_running.configure(actions)


def run(flags: argparse.Namespace) -> int:
    """Do the action for every model named."""
    if flags.action == models_choose.ACTION:
        return models_choose.run(flags)
    if flags.action in models_running.ACTIONS:
        return models_running.run(flags)
    if flags.action in models_added.ACTIONS:
        return models_added.run(flags)
    rows = _rows(flags)
    step = {"list": _listed, "pull": _pulled, "prepare": _prepared, "verify": _verified, "path": _path}[flags.action]
    with standard_output(as_json=flags.json, quiet=flags.quiet) as output:
        if flags.action == "list" and not flags.json:
            output.write(_table(rows))
            return 0
        for row in rows:
            attempt(output, row.name, partial(_one, row, output, step))
        return output.status


def _one(row: ModelSpec, output: Output, step: Any) -> None:
    data, text = step(row, output)
    output.result(row.name, data, text)


def _rows(flags: argparse.Namespace) -> tuple[ModelSpec, ...]:
    """The models named; otherwise those that the action makes sense for."""
    from mm_demos.models import added, catalog

    added.register_all()
    names: Iterable[str] = getattr(flags, "names", ())
    if names:
        try:
            return tuple(catalog.spec(name) for name in names)
        except DemoError as error:
            raise UsageError(str(error)) from None
    if flags.action == "prepare":
        return catalog.defaults(settings().profile)
    if flags.action == "list":
        return catalog.rows(flags.profile)
    if flags.action == "verify":
        return tuple(row for row in catalog.rows() if row.has_weights and _cached(row))
    wanted = {
        part.name: part for row in catalog.defaults(settings().profile) for part in catalog.expand(row.name, on_demand=True)
    }
    return tuple(row for row in wanted.values() if row.has_weights)


def _parts(row: ModelSpec) -> list[ModelSpec]:
    """The model and what it may need, as far as they have files."""
    from mm_demos.models import catalog

    return [part for part in catalog.expand(row.name, on_demand=True) if part.has_weights]


def _cached(row: ModelSpec) -> bool:
    from mm_demos.models import weights

    return weights.is_cached(row)


def _listed(row: ModelSpec, _: Output) -> tuple[Mapping[str, Any], str]:
    from mm_demos.models import listing

    return listing.entry(row), ""


def _table(rows: Iterable[ModelSpec]) -> str:
    head = ("NAME", "ROLE", "PROFILES", "DOWNLOAD", "CACHED", "LICENCE", "SOURCE")
    return table([head, *map(_cells, rows)])


def _cells(row: ModelSpec) -> tuple[str, ...]:
    size = f"{row.size_bytes / 1e6:,.0f} MB" if row.has_weights else "-"
    cached = ("yes" if _cached(row) else "no") if row.has_weights else "-"
    made_of = "made of " + ", ".join(row.components) if row.components else ""
    return row.name, row.role, ",".join(row.profiles) or "-", size, cached, row.licence or "-", made_of or row.source or "-"


def _pulled(row: ModelSpec, output: Output) -> tuple[Mapping[str, Any], str]:
    from mm_demos.models import weights

    parts = _parts(row)
    fetched = sum(map(weights.missing_bytes, parts))
    folders = [str(weights.ensure(part, output.progress)) for part in parts]
    size = sum(part.size_bytes for part in parts)
    text = f"{row.name}: {'fetched' if fetched else 'already there'} ({size / 1e6:,.0f} MB)"
    return {"paths": folders, "fetched_bytes": fetched, "size_bytes": size}, text


def _prepared(row: ModelSpec, output: Output) -> tuple[Mapping[str, Any], str]:
    from mm_demos.models import preparing

    new = preparing.prepare(row, output.progress)
    return {"prepared": new}, f"{row.name}: {'prepared' if new else 'already prepared'}"


def _verified(row: ModelSpec, output: Output) -> tuple[Mapping[str, Any], str]:
    from mm_demos.models import weights

    checks = [check for part in _parts(row) for check in weights.verify(part, output.progress)]
    problems = ", ".join(f"{check.name} is {check.problem}" for check in checks if not check.ok)
    if problems:
        raise WeightsUnavailableError(f"{problems}: fetch it with `python -m mm_demos models pull {row.name}`.")
    return {"ok": True, "files": [check.name for check in checks]}, f"{row.name}: {len(checks)} files are intact"


def _path(row: ModelSpec, _: Output) -> tuple[Mapping[str, Any], str]:
    from mm_demos.models import weights

    if not row.has_weights:
        raise WeightsUnavailableError(f"{row.name} has no files of its own: {row.summary or 'a library carries them'}.")
    if not _cached(row):
        raise WeightsUnavailableError(f"It is not in the cache: fetch it with `python -m mm_demos models pull {row.name}`.")
    folder = str(weights.ensure(row))
    return {"path": folder}, folder
