"""Receipts: which models took part in a run, how long it took and what it cost; the run's leases end with it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import mm_demos
from mm_demos import accelerator
from mm_demos.models import catalog, loader
from mm_demos.progress import Progress
from mm_demos.results import ModelUse, Option, Receipt


class Run:
    """One run of a task; `lease` models through it, and ask for the `receipt` when the result is there."""

    def __init__(
        self,
        task: str,
        *,
        options: Mapping[str, Option],
        seed: int | None,
        progress: Progress,
        stack: ExitStack,
        memory: accelerator.PeakMemory,
    ) -> None:
        self._task = task
        self._options = dict(options)
        self._seed = seed
        self._progress = progress
        self._stack = stack
        self._memory = memory
        self._started = time.monotonic()
        self._uses: dict[str, ModelUse] = {}
        self._load_seconds = 0.0

    def lease(self, name: str, *, timeout_seconds: float | None = None) -> Any:
        """A model, held until the run ends; loading it first if need be.

        Raises:
            DemoError: what `Loader.lease` raises.
        """
        shared = loader.shared()
        was_resident = shared.describe(name) is not None
        started = time.monotonic()
        model = self._stack.enter_context(shared.lease(name, timeout_seconds=timeout_seconds, progress=self._progress))
        waited = 0.0 if was_resident else time.monotonic() - started
        self._load_seconds += waited
        for row in catalog.expand(name):
            self._note(row, waited if row.name == name else 0.0)
        return model

    def _note(self, row: catalog.ModelSpec, waited: float) -> None:
        resident = loader.shared().describe(row.name)
        before = self._uses.get(row.name)
        if resident is not None:
            waited += before.load_seconds if before else 0.0
            self._uses[row.name] = ModelUse(row.name, row.revision, resident.engine, resident.device, resident.dtype, waited)

    def receipt(self) -> Receipt:
        """What it took until now."""
        return Receipt(
            task=self._task,
            models=tuple(self._uses.values()),
            options=dict(self._options),
            seed=self._seed,
            run_seconds=max(0.0, time.monotonic() - self._started - self._load_seconds),
            peak_memory_bytes=self._memory.peak(),
            version=mm_demos.__version__,
        )


@contextmanager
def record(
    task: str, *, options: Mapping[str, Option] | None = None, seed: int | None = None, progress: Progress | None = None
) -> Iterator[Run]:
    """Measure one run of `task` and hold its models; everything is released however the block ends.

    Args:
        task: the verb, e.g. "transcribe".
        options: the options after defaults were filled in.
        seed: None where nothing is random.
        progress: told about loads.
    """
    with ExitStack() as stack:
        memory = stack.enter_context(accelerator.PeakMemory())
        yield Run(task, options=options or {}, seed=seed, progress=progress or Progress(), stack=stack, memory=memory)
