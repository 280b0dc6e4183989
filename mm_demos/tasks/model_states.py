"""The models of this machine: what there is, what is on disk and in memory, and how to change that."""

from __future__ import annotations

from dataclasses import dataclass

from mm_demos import accelerator
from mm_demos.models import catalog, loader, pins, weights
from mm_demos.models.choices import sized
from mm_demos.progress import Progress
from mm_demos.settings import settings


@dataclass(frozen=True, slots=True)
class ModelState:
    """A catalog row with what is true of it on this machine now; sizes in bytes, components included in `download_bytes`."""

    name: str
    role: str
    profiles: tuple[str, ...]
    components: tuple[str, ...]
    size_bytes: int
    download_bytes: int
    memory_bytes: int
    licence: str
    source: str
    revision: str
    quality: str
    quality_source: str
    gated: bool
    default: bool
    summary: str
    cached: bool
    resident: bool
    pinned: bool
    engine: str


@dataclass(frozen=True, slots=True)
class Catalog:
    """Every model; `chosen` is the one the last action was about."""

    models: tuple[ModelState, ...]
    budget_bytes: int
    used_bytes: int
    device: str
    profile: str
    chosen: str = ""


def listing(model: str = "", *, progress: Progress | None = None) -> Catalog:  # noqa: ARG001 (every task takes it)
    """Every model of the catalog with its size, licence, source, and whether it is on disk and in memory.

    Args:
        model: the one this is about; named as `chosen` in the answer.
        progress: not needed.
    """
    shared = loader.shared()
    states = tuple(_state(row) for row in catalog.rows())
    device = accelerator.device_summary()
    return Catalog(states, shared.budget_bytes, shared.used_bytes, device, settings().profile, model)


def download(model: str, *, progress: Progress | None = None) -> Catalog:
    """Fetch and verify a model's files and those of the models it may need; nothing when they are there.

    Args:
        model: its name in the catalog.
        progress: told about bytes and steps.
    """
    for row in catalog.expand(model, on_demand=True):
        weights.ensure(row, progress)
    return listing(model)


def load(model: str, *, progress: Progress | None = None) -> Catalog:
    """Bring a model into memory, downloading it first if need be.

    Args:
        model: its name in the catalog.
        progress: told about bytes and steps.
    """
    with loader.shared().lease(model, progress=progress):
        return listing(model)


def eject(model: str, *, progress: Progress | None = None) -> Catalog:  # noqa: ARG001
    """Take an idle model, and what it is made of where nothing else uses it, out of memory.

    Args:
        model: its name in the catalog.
        progress: told about bytes and steps.
    """
    for row in reversed(catalog.expand(model)):
        loader.shared().eject(row.name)
    return listing(model)


def pin(model: str, *, progress: Progress | None = None) -> Catalog:  # noqa: ARG001
    """Keep a model in memory whatever happens, or release it if it was kept.

    Args:
        model: its name in the catalog.
        progress: told about bytes and steps.
    """
    resident = loader.shared().describe(model)
    loader.shared().pin(model, not (resident is not None and resident.pinned))
    return listing(model)


def _state(row: catalog.ModelSpec) -> ModelState:
    parts, everything = catalog.expand(row.name), catalog.expand(row.name, on_demand=True)
    # Two models may share a file.
    sizes = {file.sha256: file.size_bytes for part in everything for file in part.files}
    sizes |= {part.digest: part.size_bytes for part in everything if part.repository is not None}
    shared = loader.shared()
    resident = shared.describe(row.name)
    expected = sum(sized(part, shared.choices(part.name)).memory_bytes for part in parts)
    return ModelState(
        name=row.name,
        role=row.role,
        profiles=row.profiles,
        components=row.components,
        size_bytes=sum(sizes.values()),
        download_bytes=sum(weights.missing_bytes(part) for part in everything),
        memory_bytes=resident.memory_bytes if resident else expected,
        licence=row.licence,
        source=row.source,
        revision=pins.pinned_revision(row),
        quality=row.quality,
        quality_source=row.quality_source,
        gated=isinstance(row.repository, catalog.HubRepository) and row.repository.gated,
        default=catalog.is_default(row),
        summary=row.summary,
        cached=all(weights.is_cached(part) for part in everything),
        resident=resident is not None,
        pinned=resident is not None and resident.pinned,
        engine=resident.engine if resident else ", ".join(engine.name for engine in row.engines),
    )
