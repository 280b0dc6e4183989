"""How a row of the hub is written down: what all of them share is filled in here."""

from __future__ import annotations

from typing import Any

from mm_demos.models.spec import SAFE_PATTERNS, Engine, HubRepository, ModelSpec, Role
from mm_demos.settings import Profile

BASE: tuple[Profile, ...] = ("base",)
LARGE: tuple[Profile, ...] = ("large",)
BOTH: tuple[Profile, ...] = ("base", "large")
MB = 1_000_000
MEMORY_SHARE = 1.1  # of the size of the weights: what a loaded checkpoint takes on top is buffers and its library's objects


def hub_row(
    name: str,
    role: Role,
    family: str,
    engine: Engine,
    repository: tuple[str, str],
    *,
    size_mb: float,
    memory_mb: float = 0,
    patterns: tuple[str, ...] = SAFE_PATTERNS,
    gated: bool = False,
    **values: Any,
) -> ModelSpec:
    """A row whose weights are a repository.

    Args:
        name: in the catalog.
        role: which protocol it fulfils.
        family: see `mm_demos.models.families`.
        engine: what runs it.
        repository: "owner/name" and the commit; an empty commit is pinned by the first download.
        size_mb: of the files fetched, in millions of bytes.
        memory_mb: once loaded; by default a tenth more than its files.
        patterns: files fetched.
        gated: the publisher wants its terms accepted.
        values: further fields of `ModelSpec`.
    """
    place, revision = repository
    hub = HubRepository(place, revision, patterns, round(size_mb * MB), gated)
    values.setdefault("profiles", ())
    return ModelSpec(
        name=name,
        role=role,
        family=family,
        engines=(engine,),
        repository=hub,
        source=hub.url,
        revision=revision,
        memory_bytes=round((memory_mb or size_mb * MEMORY_SHARE) * MB),
        **values,
    )


def answering(row: ModelSpec, **values: Any) -> ModelSpec:
    """The same checkpoint in the other role: made of `row`, so that both share its files and its memory."""
    from mm_demos.models.hub_engines import ANSWERER

    fields = {
        "profiles": row.profiles,
        "quality": row.quality,
        "quality_source": row.quality_source,
        "capabilities": row.capabilities,
        "summary": f"Answers about pictures by {row.name}: one checkpoint, shared",
        **values,
    }
    return ModelSpec(
        name=f"{row.name}-answers",
        role="answerer",
        family=row.family,
        engines=(ANSWERER,),
        components=(row.name,),
        licence=row.licence,
        source=row.source,
        revision=row.revision,
        memory_bytes=1 * MB,
        languages=row.languages,
        **fields,
    )
