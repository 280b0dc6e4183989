"""How one model comes into memory: weights, choice of engine and device, the adapter's call, and what it weighs."""

from __future__ import annotations

import importlib
import importlib.util
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mm_demos import accelerator
from mm_demos.errors import MissingDependencyError
from mm_demos.models import weights
from mm_demos.models.catalog import Engine, ModelSpec
from mm_demos.models.choices import AS_PUBLISHED, ModelChoices, check
from mm_demos.progress import Progress

# transformers and diffusers patch torch's module globals while they load, so two loads at once can spoil each other.
TORCH_LOCK = threading.Lock()

Trial = Callable[[ModelSpec, Engine, Progress], str]  # why the engine cannot be trusted here; empty when it can


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
        choices: what the visitor chose for this model; adapters that leave no choice need not look.
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
    choices: ModelChoices = AS_PUBLISHED


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model just loaded; `weight_bytes` is None when its weight could not be told from that of others."""

    model: Any
    engine: str
    device: str
    dtype: str
    weight_bytes: int | None


class Scale:
    """Weighs loads by the growth of the resident set; loads and unloads that overlap cannot be told apart."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._moving = 0
        self._moved = 0

    def after_fork(self) -> None:
        """In a forked child no other thread moves memory."""
        self._lock = threading.Lock()
        self._moving = 0

    @contextmanager
    def weigh(self) -> Iterator[list[int]]:
        """Put the growth in bytes into the list it yields, unless something else was loaded or unloaded meanwhile."""
        growth: list[int] = []
        with self._lock:
            alone = self._moving == 0
            self._moving += 1
            self._moved += 1
            turn = self._moved
        before = accelerator.resident_bytes()
        try:
            yield growth
        finally:
            with self._lock:
                self._moving -= 1
                if alone and self._moved == turn:
                    growth.append(accelerator.resident_bytes() - before)


def load(
    spec: ModelSpec,
    components: Mapping[str, Any],
    progress: Progress,
    *,
    scale: Scale,
    trial: Trial,
    notice: Callable[[str], None],
    choices: ModelChoices = AS_PUBLISHED,
) -> Loaded:
    """Load a model with the first engine and device that work here.

    Args:
        spec: the catalog row.
        components: loaded models by name.
        progress: receives the steps and can stop them.
        scale: weighs the load.
        trial: asked about engines that must be probed.
        notice: told in one sentence when an engine is passed over.
        choices: how to load it.

    Raises:
        MissingDependencyError: no engine works here; the message says why for each.
        InvalidInputError: the model or the machine cannot take the choices.
    """
    if choices != AS_PUBLISHED:
        check(spec, choices, *expected(spec))  # those of the settings were not checked when they were made
    folder, derived_folder = weights.ensure(spec, progress), weights.derived_folder(spec)
    reasons: list[str] = []
    for engine in _engines(spec):
        for device in _devices(engine):
            request = LoadRequest(
                spec,
                engine,
                folder,
                device,
                choices.dtype if choices.dtype != "auto" else accelerator.dtype(device),
                accelerator.threads(),
                components,
                derived_folder,
                progress,
                choices,
            )
            try:
                return _call(request, scale, trial)
            except (ImportError, MissingDependencyError) as error:
                reasons.append(f"{engine.name}: {error}".rstrip("."))
            except Exception as error:
                if device == "cpu" or not out_of_memory(error):
                    raise
                reasons.append(f"{engine.name}: {device} has too little memory")
            notice(f"{spec.name} goes on without {reasons[-1]}.")
    causes = "; ".join(reasons) or f"none of its engines can use {accelerator.device(('cuda', 'mps', 'cpu'))}"
    raise MissingDependencyError(
        f"{spec.name} cannot run on this machine ({causes}): install what is missing or choose another model."
    )


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, on the CPU or on a GPU."""
    return isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"


def expected(spec: ModelSpec) -> tuple[Engine, str]:
    """The engine and device that a load will try first here, as far as can be told without loading anything.

    Raises:
        MissingDependencyError: no engine can run here.
    """
    for engine in _engines(spec):
        devices = _devices(engine)
        if devices and not _missing(engine):
            return engine, devices[0]
    raise MissingDependencyError(f"{spec.name} cannot run on this machine: install {' or '.join(_wants(spec))}.")


def _engines(spec: ModelSpec) -> list[Engine]:
    """Those that make sense on this processor, best first."""
    return [engine for engine in spec.engines if engine.cpu_flags <= accelerator.cpu_flags()]


def _missing(engine: Engine) -> list[str]:
    """Libraries it needs that are not installed."""
    return [library for library in engine.libraries if importlib.util.find_spec(library) is None]


def _wants(spec: ModelSpec) -> list[str]:
    return sorted({" and ".join(missing) for engine in spec.engines if (missing := _missing(engine))}) or ["another model"]


def _devices(engine: Engine) -> list[str]:
    """Devices to try, best first."""
    best = accelerator.device(engine.devices)
    kinds = [best, "cpu"] if best != "cpu" else ["cpu"]
    return [device for device in kinds if device.partition(":")[0] in engine.devices]


def _call(request: LoadRequest, scale: Scale, trial: Trial) -> Loaded:
    """Load with one engine on one device."""
    engine = request.engine
    if missing := _missing(engine):
        raise MissingDependencyError(f"{' and '.join(missing)} not installed")
    reason = trial(request.spec, engine, request.progress) if engine.probe else ""
    if reason:
        raise MissingDependencyError(reason)
    request.progress.report(f"Loading {request.spec.name}")
    module, _, function = engine.adapter.partition(":")
    accelerator.let_waiting_threads_sleep()
    with TORCH_LOCK if engine.uses_torch else nullcontext():
        for library in engine.libraries:
            importlib.import_module(library)  # libraries stay when the model goes, so they are not part of its weight
        adapter = getattr(importlib.import_module(module), function)
        with scale.weigh() as growth:
            model = adapter(request)
            # What the load only needed in passing is no part of its weight.
            accelerator.release_memory(collect=request.spec.has_weights)
    device, dtype = getattr(model, "device", request.device), getattr(model, "dtype", request.dtype)
    grown = getattr(model, "weight_bytes", growth[0] if growth else None)  # a model that knows its weight says it
    return Loaded(model, engine.name, str(device), str(dtype), grown)
