"""Models for tests of the loader: they count their loads, and load slowly, fail, or weigh something on demand."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from mm_demos.models import catalog
from mm_demos.models.catalog import Engine, ModelSpec
from mm_demos.models.loader import LoadRequest

MEGABYTE = 1_000_000
loads: Counter[str] = Counter()
closed: Counter[str] = Counter()
before_load: dict[str, Callable[[LoadRequest], None]] = {}  # what a test wants to happen in the load of one model
counting = threading.Lock()


class Double:
    """A model that knows its parts and whether it was closed while someone used it."""

    def __init__(self, request: LoadRequest) -> None:
        self.name = request.spec.name
        self.parts = dict(request.components)
        self.closed = False

    def close(self) -> None:
        self.closed = True
        with counting:
            closed[self.name] += 1


def load(request: LoadRequest) -> Double:
    with counting:
        loads[request.spec.name] += 1
    before_load.get(request.spec.name, lambda request: None)(request)
    return Double(request)


def load_heavy(request: LoadRequest) -> Any:
    """200 MB in 2 000 blocks of 100 kB, with as much again thrown away on the way, as real loads do."""
    model = Double(request)
    passing = []
    model.blocks = [(np.ones(12_500), passing.append(np.ones(12_500)))[0] for _ in range(2_000)]
    before_load.get(request.spec.name, lambda request: None)(request)
    return model


def load_never(request: LoadRequest) -> Any:
    raise AssertionError(f"{request.engine.name} must not be used")


def row(name: str, *, parts: tuple[str, ...] = (), megabytes: int = 0, engines: tuple[Engine, ...] = ()) -> ModelSpec:
    return ModelSpec(
        name,
        "chat",
        "double",
        (),
        engines or (Engine("double", "loading_doubles:load"),),
        components=parts,
        memory_bytes=megabytes * MEGABYTE,
        revision="r1",
    )


@contextmanager
def registered(*rows: ModelSpec) -> Iterator[None]:
    for counter in (loads, closed, before_load):
        counter.clear()
    for one in rows:
        catalog.register(one)
    try:
        yield
    finally:
        for one in rows:
            catalog.unregister(one.name)
