"""How a model is loaded, changed by the visitor, with what that does to it on this machine."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from mm_demos.errors import BusyError, InsufficientMemoryError
from mm_demos.models import catalog, loader, loading, weights
from mm_demos.models.choices import ModelChoices, Taken, named, taken
from mm_demos.progress import Progress
from mm_demos.tasks.model_speed import speed_of

FILE = "measured.json"


@dataclass(frozen=True, slots=True)
class Measured:
    """A model as it was loaded here once.

    Args:
        choices: in words, e.g. "int8, bfloat16".
        engine: that ran it.
        dtype: of its numbers.
        load_seconds: from the files on disk until it was ready.
        memory_bytes: how much the process grew.
        speed: in `unit`; 0.0 where its kind of model is not timed.
        unit: "tokens/s", "× real time" or "runs/s".
    """

    choices: str
    engine: str
    dtype: str
    load_seconds: float
    memory_bytes: int
    speed: float = 0.0
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Choosing:
    """The choices of one model: what is chosen, what its engine here offers, and what was measured here, oldest first."""

    model: str
    chosen: ModelChoices
    offered: Taken
    measured: tuple[Measured, ...] = ()

    @property
    def now(self) -> Measured | None:
        """What was measured for the present choices."""
        return next((each for each in self.measured if each.choices == str(self.chosen)), None)


def choosing(model: str, *, progress: Progress | None = None) -> Choosing:  # noqa: ARG001 (every task takes it)
    """What may be chosen for a model and what was measured; nothing is loaded."""
    row = catalog.spec(model)
    engine, _ = loading.expected(row)
    return Choosing(model, loader.shared().choices(model), taken(engine), _read(row))


def choose(
    model: str,
    dtype: str | None = "auto",
    quantisation: str | None = "none",
    offload: str | None = "none",
    compile: bool | None = False,
    *,
    progress: Progress | None = None,
) -> Choosing:
    """Load a model in another way and measure what that changes; how it was loaded before is measured first, once, if it fits.

    Args:
        model: catalog name.
        dtype: auto, float32, bfloat16 or float16: what it computes with.
        quantisation: none, int8 or int4: how the weights of linear layers are packed.
        offload: none, cpu or disk: where layers wait for their turn.
        compile: let torch.compile write code for it.
        progress: told about loads and timing.

    Raises:
        InvalidInputError: the model or this machine cannot do that; nothing was unloaded then.
        BusyError: it is in use; nothing was changed then.
    """
    told, shared = progress or Progress(), loader.shared()
    wanted = named(dtype or "auto", quantisation or "none", offload or "none", bool(compile))
    before = shared.choices(model)
    shared.check_choices(model, wanted)
    if choosing(model).now is None:
        with suppress(InsufficientMemoryError):  # it may be too large as it was, which is why it is packed
            measure(model, progress=told)
    shared.choose(model, wanted)
    try:
        return measure(model, progress=told)
    except BaseException:
        with suppress(BusyError):  # who uses it meanwhile keeps it; the next choice is theirs
            shared.choose(model, before)
        raise


def measure(model: str, *, progress: Progress | None = None) -> Choosing:
    """Load a model as it is chosen, time it, and remember what came out."""
    shared, row = loader.shared(), catalog.spec(model)
    with shared.lease(model, progress=progress):
        resident = shared.describe(model)
        speed = speed_of(model, progress)
    choices = str(shared.choices(model))
    if resident is not None:
        how = (choices, resident.engine, resident.dtype, resident.load_seconds, resident.memory_bytes)
        _write(row, Measured(*how, speed.rate, speed.unit) if speed else Measured(*how))
    return choosing(model)


def _file(row: catalog.ModelSpec) -> Path:
    return weights.derived_folder(row) / FILE


def _read(row: catalog.ModelSpec) -> tuple[Measured, ...]:
    """What was measured on this machine before; nothing when it cannot be read, since it can be measured again."""
    names = {field.name for field in fields(Measured)}
    try:
        rows = json.loads(_file(row).read_text(encoding="utf-8"))
        return tuple(Measured(**{name: each[name] for name in names}) for each in rows)
    except (OSError, ValueError, KeyError, TypeError):
        return ()


def _write(row: catalog.ModelSpec, new: Measured) -> None:
    kept = [each for each in _read(row) if each.choices != new.choices]
    path = _file(row)
    part = path.with_name(f"{FILE}.{os.getpid()}.part")
    part.write_text(json.dumps([asdict(each) for each in (*kept, new)]), encoding="utf-8")
    part.replace(path)
