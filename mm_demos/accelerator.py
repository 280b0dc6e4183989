"""What this machine offers: device, dtype, threads and memory. The only module that imports `spaces`."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

from mm_demos.machine import (
    PeakMemory,
    available_bytes,
    cpu_flags,
    cpu_identity,
    cpu_model,
    free_disk_bytes,
    let_waiting_threads_sleep,
    release_memory,
    resident_bytes,
    usable_cores,
    use_one_heap,
)
from mm_demos.settings import settings

__all__ = [
    "PeakMemory",
    "available_bytes",
    "cpu_flags",
    "cpu_identity",
    "cpu_model",
    "device",
    "device_summary",
    "dtype",
    "free_disk_bytes",
    "gpu",
    "let_waiting_threads_sleep",
    "release_memory",
    "resident_bytes",
    "threads",
    "usable_cores",
    "use_one_heap",
    "zero_gpu",
]

Function = TypeVar("Function", bound=Callable[..., Any])


def device(spec_devices: Sequence[str] = ("cpu",)) -> str:
    """The best device of the kinds in `spec_devices` here: "cuda:0", "mps" or "cpu" (also when nothing else fits)."""
    wanted = settings().device
    if wanted != "auto":
        return wanted if wanted.partition(":")[0] in spec_devices else "cpu"
    if "cuda" in spec_devices and _cuda_works():
        return "cuda:0"
    if "mps" in spec_devices and sys.platform == "darwin" and platform.machine() == "arm64":
        return "mps"
    return "cpu"


def dtype(device: str) -> str:
    """The dtype models should use on `device`; empty on the CPU, where each engine knows its own best."""
    kind = device.partition(":")[0]
    if kind == "cuda":
        import torch

        return "bfloat16" if torch.cuda.is_bf16_supported() else "float16"
    return "float16" if kind == "mps" else ""


def _cuda_works() -> bool:
    """Whether torch can compute on a GPU; torch is imported only when a GPU can be seen without it."""
    if zero_gpu():
        return True  # the GPU appears inside decorated calls; models are placed on "cuda" beforehand
    if "torch" not in sys.modules and not _gpu_in_sight():
        return False
    try:
        import torch
    except ImportError:
        return False
    return bool(torch.cuda.is_available())


def _gpu_in_sight() -> bool:
    """Whether the driver shows an NVIDIA GPU that this process may use."""
    if os.environ.get("CUDA_VISIBLE_DEVICES", "0") in {"", "-1"}:
        return False
    return Path("/dev/nvidia0").exists() or any(Path("/proc/driver/nvidia/gpus").glob("*"))


def device_summary() -> str:
    """One line for people: the processor or GPU, its usable cores and the memory free now."""
    free = available_bytes() / 1e9
    if device(("cuda", "mps", "cpu")).startswith("cuda"):
        import torch

        return f"{torch.cuda.get_device_name(0)}, {free:.1f} GB of main memory free"
    cores = usable_cores()
    return f"{cpu_model()}, {cores} core{'s' if cores > 1 else ''}, {free:.1f} GB free"


def threads() -> int:
    """Intra-op threads for CPU engines: the setting, or every usable core."""
    return settings().threads or usable_cores()


@cache
def zero_gpu() -> bool:
    """Whether this is a Space on ZeroGPU, where models are placed at start and a GPU exists only inside decorated calls."""
    if os.environ.get("SPACES_ZERO_GPU", "").lower() not in {"1", "t", "true"}:
        return False
    import spaces

    return hasattr(spaces, "GPU")  # a bare folder named `spaces` imports as an empty package


def gpu(duration: int | Callable[..., int] = 60) -> Callable[[Function], Function]:
    """Decorate a function that needs the GPU for at most `duration` seconds; no effect outside ZeroGPU.

    Args:
        duration: or a function that tells it from the arguments; what is not used is not counted, but has to be left.
    """

    def decorate(function: Function) -> Function:
        if not zero_gpu():
            return function
        import spaces

        return cast("Function", spaces.GPU(duration=duration)(function))

    return decorate
