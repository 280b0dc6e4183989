"""A catalog row as `models list --json` and the Models tab's download write it; `catalog_schema.json` says what each field is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from mm_demos.models import catalog, pins, weights
from mm_demos.models.catalog import HubRepository, ModelSpec
from mm_demos.settings import Profile

UNPINNED = "pinned at first download"


def entry(row: ModelSpec) -> Mapping[str, Any]:
    """One row with what is true of it on this machine."""
    parts = catalog.expand(row.name)
    return {
        "role": row.role,
        "family": row.family,
        "profiles": list(row.profiles),
        "default_in": [profile for profile in get_args(Profile) if catalog.is_default(row, profile)],
        "size_bytes": row.size_bytes,
        "missing_bytes": sum(map(weights.missing_bytes, parts)),
        "cached": all(map(weights.is_cached, parts)),
        "memory_bytes": row.memory_bytes,
        "total_size_bytes": sum(part.size_bytes for part in parts),
        "total_memory_bytes": sum(part.memory_bytes for part in parts),
        "licence": row.licence,
        "gated": isinstance(row.repository, HubRepository) and row.repository.gated,
        "source": row.source,
        "revision": revision(row),
        "engines": [engine.name for engine in row.engines],
        "components": list(row.components),
        "languages": list(row.languages),
        "capabilities": list(row.capabilities),
        "quality": row.quality,
        "quality_source": row.quality_source,
        "summary": row.summary,
    }


def revision(row: ModelSpec) -> str:
    """The commit or release of its weights, or that the first download will pin it."""
    known = pins.pinned_revision(row)
    return known or (UNPINNED if isinstance(row.repository, HubRepository) else "")
