"""The shared loader: the only owner of models in the process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from mm_demos.models.catalog import Engine, ModelSpec
from mm_demos.progress import Progress


@dataclass(frozen=True, slots=True)
class LoadRequest:
    """What an adapter's load function is given.

    Args:
        spec: the catalog row.
        engine: the engine chosen for this machine.
        folder: the model's files under the names in `spec.files`; an empty folder when there are none.
        device: "cpu", "cuda:0", "mps".
        dtype: "float32", "float16", "bfloat16", "int8" or "" for the engine's own choice.
        threads: intra-op threads for CPU engines.
        components: loaded models by name, for a model made of others.
        derived_folder: where files computed from the weights (a converted graph) may be kept, content-addressed.
        progress: to report long loads.
    """

    spec: ModelSpec
    engine: Engine
    folder: Path
    device: str
    dtype: str
    threads: int
    components: Mapping[str, Any] = field(default_factory=dict)
    derived_folder: Path = Path()
    progress: Progress = field(default_factory=Progress)


@dataclass(frozen=True, slots=True)
class Resident:
    """A loaded model: `memory_bytes` is the measured growth of the resident set, `leases` how many hold it now."""

    name: str
    engine: str
    device: str
    dtype: str
    memory_bytes: int
    load_seconds: float
    leases: int
    pinned: bool
    idle_seconds: float


@dataclass(frozen=True, slots=True)
class LoadEvent:
    """One step in a model's life, for progress displays."""

    model: str
    kind: Literal["queued", "downloading", "loading", "ready", "evicted", "failed", "notice"]
    message: str = ""
    done: float | None = None
    total: float | None = None


class Loader:
    """Loads on first lease, shares afterwards, evicts the least recently used idle model under a memory budget."""

    @contextmanager
    def lease(self, name: str, *, timeout_seconds: float | None = None, progress: Progress | None = None) -> Iterator[Any]:
        """Hold a model for the length of the block."""
        yield None

    def resident(self) -> tuple[Resident, ...]:
        """What is loaded now, most recently used first."""
        return ()

    def describe(self, name: str) -> Resident | None:
        """The loaded model of this name, or None."""
        return None

    def eject(self, name: str) -> bool:
        """Unload an idle model now; False when it was not resident. BusyError when leased."""
        return False

    def pin(self, name: str, pinned: bool = True) -> None:
        """Keep a model out of eviction and idle unload (it is loaded first if need be), or release it."""

    def subscribe(self, listener: Callable[[LoadEvent], None]) -> Callable[[], None]:
        """Call `listener` on every event; returns the function that ends it."""
        return lambda: None

    @property
    def budget_bytes(self) -> int:
        """How much all resident models may take."""
        return 0

    @property
    def used_bytes(self) -> int:
        """How much they take."""
        return 0


def shared() -> Loader:
    """The loader of this process."""
    return Loader()
