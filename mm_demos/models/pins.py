"""Which commit of a hub repository was taken, where the catalog names none: written down at the first download.

The list lies in the data folder as `models/pins.json`, an object from "owner/name" to 40 hexadecimal digits; deleting a line
lets the next download take the newest commit.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from filelock import FileLock

from mm_demos.models.spec import HubRepository, ModelSpec
from mm_demos.settings import settings

COMMIT = re.compile(r"[0-9a-f]{40}")


def path() -> Path:
    """Where the list lies."""
    return settings().data_dir / "models" / "pins.json"


def read() -> dict[str, str]:
    """Every commit written down; a list that cannot be read counts as empty."""
    try:
        listed = json.loads(path().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    found = listed.items() if isinstance(listed, dict) else ()
    return {name: commit for name, commit in found if isinstance(commit, str) and COMMIT.fullmatch(commit)}


def revision(repository: HubRepository) -> str:
    """The commit to use: the catalog's, or the one written down, or empty before the first download."""
    return repository.revision or read().get(repository.id, "")


def write(repository: str, commit: str) -> None:
    """Write down that `commit` was taken; the first one stays."""
    target = path()
    target.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(target.with_suffix(".lock")):
        listed = read()
        listed.setdefault(repository, commit)
        fresh = target.with_name(f"{target.name}.{os.getpid()}")
        fresh.write_text(json.dumps(listed, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        fresh.replace(target)


def pinned_revision(spec: ModelSpec) -> str:
    """The commit or release of a row's weights as far as it is known now; empty where the first download will pin it."""
    return revision(spec.repository) if isinstance(spec.repository, HubRepository) else spec.revision
