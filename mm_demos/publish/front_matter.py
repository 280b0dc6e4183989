"""The block at the top of a Space's README.md that tells the hub what it is.

Source: https://huggingface.co/docs/hub/spaces-config-reference
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from mm_demos.models.catalog import HubRepository, HubSource, ModelSpec
from mm_demos.publish import needs
from mm_demos.publish.selection import SUITE, SpaceSpec

Value = str | bool | Sequence[str]

PYTHON = "3.12"  # the newest that ZeroGPU has; a Space's own default, 3.10, is too old for numpy 2.4
COLOURS = (
    ("indigo", "green"),
    ("green", "blue"),
    ("yellow", "green"),
    ("blue", "indigo"),
    ("purple", "pink"),
    ("pink", "yellow"),
)
TAGS = ("multimodal", "demo", "gradio", "cpu", "offline")


def fields(space: SpaceSpec) -> dict[str, Value]:
    """Keys of the documented schema with their values, in the order they are written."""
    start, end = COLOURS[sum(map(ord, space.name)) % len(COLOURS)] if space.name != SUITE else COLOURS[0]
    found: dict[str, Value] = {
        "title": space.title,
        "emoji": space.emoji,
        "colorFrom": start,
        "colorTo": end,
        "sdk": "gradio",
        "sdk_version": needs.gradio_version(),
        "python_version": PYTHON,
        "app_file": "app.py",
        "fullWidth": True,
        "short_description": space.short,
        "suggested_hardware": space.hardware,
        "license": "apache-2.0",
        "tags": tags(space),
        "models": hub_models(space),
        "preload_from_hub": preloaded(space),
    }
    return {name: value for name, value in found.items() if value != ()}


def block(values: Mapping[str, Value]) -> str:
    """The fields between their lines of dashes; strings as JSON, which is YAML too."""
    lines = ["---"]
    for name, value in values.items():
        if isinstance(value, str | bool):
            lines.append(f"{name}: {json.dumps(value, ensure_ascii=False)}")
        else:
            lines += [f"{name}:", *(f"  - {json.dumps(item, ensure_ascii=False)}" for item in value)]
    return "\n".join([*lines, "---", ""])


def tags(space: SpaceSpec) -> tuple[str, ...]:
    """Words by which the Space is found: those of all demos, and what its models do."""
    return (*TAGS, *(role for role in space.roles))


def hub_models(space: SpaceSpec) -> tuple[str, ...]:
    """Ids of the hub's repositories that its models come from: of its own profile, and of the default one for a GPU."""
    from mm_demos.models import catalog

    others = [catalog.spec(catalog.default(role, "base")) for role in space.roles]
    return tuple(sorted({name for row in (*space.models(), *others) for name in repositories(row)}))


def repositories(row: ModelSpec) -> tuple[str, ...]:
    """Ids of the hub's repositories that a row's files come from."""
    if isinstance(row.repository, HubRepository):
        return (row.repository.id,)
    return tuple({source.repository for file in row.files for source in file.sources if isinstance(source, HubSource)})


def preloaded(space: SpaceSpec) -> tuple[str, ...]:
    """Files of the hub that the build fetches, so that the first visitor need not wait: "repository file,file commit".

    Gated repositories cannot be fetched without a token, and files in folders with blanks could not be written here.
    """
    wanted: dict[tuple[str, str], set[str]] = {}
    for row in space.models():
        if isinstance(row.repository, HubRepository) and row.repository.revision and not row.repository.gated:
            wanted.setdefault((row.repository.id, row.repository.revision), set()).update(row.repository.patterns)
        for file in row.files:
            for source in file.sources:
                if isinstance(source, HubSource):
                    wanted.setdefault((source.repository, source.revision), set()).add(source.path)
    return tuple(f"{name} {','.join(sorted(files))} {commit}" for (name, commit), files in sorted(wanted.items()))
