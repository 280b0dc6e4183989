"""What this machine offers: device, dtype, threads and memory. The only module that imports `spaces`."""

from __future__ import annotations

import ctypes
import gc
import hashlib
import os
import platform
import sys
import threading
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, TypeVar, cast

from mm_demos.settings import settings

Function = TypeVar("Function", bound=Callable[..., Any])

CGROUP = Path("/sys/fs/cgroup")
PROC = Path("/proc")
SAMPLE_SECONDS = 0.02  # how often memory is read where the kernel does not keep a peak
NO_LIMIT_BYTES = 1 << 60  # cgroup v1 writes a number near 2**63 for "no limit"


# -- device ----------------------------------------------------------------------------------------------------------


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
    return Path("/dev/nvidia0").exists() or any((PROC / "driver/nvidia/gpus").glob("*"))


def device_summary() -> str:
    """One line for people: the processor or GPU, its usable cores and the memory free now."""
    free = available_bytes() / 1e9
    if device(("cuda", "mps", "cpu")).startswith("cuda"):
        import torch

        return f"{torch.cuda.get_device_name(0)}, {free:.1f} GB of main memory free"
    cores = usable_cores()
    return f"{cpu_model()}, {cores} core{'s' if cores > 1 else ''}, {free:.1f} GB free"


@cache
def cpu_model() -> str:
    """Name of the processor, e.g. "Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz"."""
    try:
        for line in (PROC / "cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass  # not Linux: the platform module knows
    return platform.processor() or platform.machine()


@cache
def cpu_identity() -> str:
    """Name of the processor with a digest of what it can do: virtual machines hide instructions under the same name."""
    words = " ".join(_words(PROC / "cpuinfo"))
    flags = words.partition("flags :")[2].partition("bugs :")[0]
    return f"{cpu_model()} {platform.machine()} {hashlib.sha256(flags.encode()).hexdigest()[:8]}"


# -- threads ---------------------------------------------------------------------------------------------------------


def threads() -> int:
    """Intra-op threads for CPU engines: the setting, or every usable core."""
    return settings().threads or usable_cores()


def usable_cores() -> int:
    """Cores this process may really use: its affinity, cut to the control group's quota, rounded down; at least 1."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([cores, *(int(quota) for quota in _cpu_quotas())]))


def _cpu_quotas() -> list[float]:
    """Cores' worth of time that each control group around this process allows."""
    quotas = []
    for folder in _cgroup_folders("cpu"):
        words = _words(folder / "cpu.max") or _words(folder / "cpu.cfs_quota_us") + _words(folder / "cpu.cfs_period_us")
        if len(words) == 2 and words[0] not in {"max", "-1"} and float(words[1]) > 0:
            quotas.append(float(words[0]) / float(words[1]))
    return quotas


def _words(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii").split()
    except (OSError, UnicodeDecodeError):
        return []


def _cgroup_folders(controller: str) -> list[Path]:
    """Control groups around this process for `controller`, innermost first, in version 2 and version 1 layout."""
    folders: list[Path] = []
    for line in (" ".join(_words(PROC / "self/cgroup"))).split():
        _, _, rest = line.partition(":")
        names, _, group = rest.partition(":")
        if names and controller not in names.split(","):
            continue
        root = CGROUP / names if names else CGROUP
        parts = [part for part in group.split("/") if part and part != ".."]
        folders += [root.joinpath(*parts[:n]) for n in range(len(parts), -1, -1)]
    # Inside a container the group's path is that of the host, but the container's own files are at the root.
    return [folder for folder in dict.fromkeys([*folders, CGROUP, CGROUP / controller]) if folder.is_dir()]


# -- memory ----------------------------------------------------------------------------------------------------------


def resident_bytes() -> int:
    """Resident set size of this process."""
    pages = _words(PROC / "self/statm")
    if len(pages) > 1:
        return int(pages[1]) * os.sysconf("SC_PAGE_SIZE")
    import psutil

    return int(psutil.Process().memory_info().rss)


def available_bytes() -> int:
    """Memory that may still be taken without swapping, within the control group's limit."""
    free = [room for room in map(_cgroup_room, _cgroup_folders("memory")) if room is not None]
    words = _words(PROC / "meminfo")
    if "MemAvailable:" in words:
        free.append(int(words[words.index("MemAvailable:") + 1]) * 1024)
    else:
        import psutil

        free.append(int(psutil.virtual_memory().available))
    return max(0, min(free))


def _cgroup_room(folder: Path) -> int | None:
    """Bytes left under one control group's limit; file cache that the kernel can drop counts as free."""
    v1 = (folder / "memory.limit_in_bytes").exists()
    limit = _words(folder / ("memory.limit_in_bytes" if v1 else "memory.max"))
    used = _words(folder / ("memory.usage_in_bytes" if v1 else "memory.current"))
    if not limit or not used or limit[0] == "max" or int(limit[0]) >= NO_LIMIT_BYTES:
        return None
    stat = _words(folder / "memory.stat")
    key = "total_inactive_file" if v1 else "inactive_file"
    cached = int(stat[stat.index(key) + 1]) if key in stat else 0
    return int(limit[0]) - int(used[0]) + cached


def release_memory() -> None:
    """Give freed memory back to the operating system, and a GPU's cached blocks back to the driver."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
    trim = _malloc_trim()
    if trim is not None:
        trim(0)


@cache
def _malloc_trim() -> Callable[[int], int] | None:
    """The allocator's `malloc_trim`, which glibc alone has."""
    if sys.platform != "linux":
        return None
    return cast("Callable[[int], int] | None", getattr(ctypes.CDLL(None), "malloc_trim", None))


class PeakMemory:
    """Measures the highest resident set size of the process inside a `with` block, as `bytes`; blocks may overlap."""

    _open: ClassVar[list[PeakMemory]] = []
    _lock: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self) -> None:
        self.bytes = 0
        self._done = threading.Event()
        self._sampler: threading.Thread | None = None

    def __enter__(self) -> PeakMemory:
        with self._lock:
            peak = _kernel_peak()
            for meter in self._open:  # the kernel keeps one record for the process: hand it out before it is wiped
                meter.bytes = max(meter.bytes, peak)
            exact = _reset_peak()
            self.bytes = resident_bytes()
            if exact:
                self._open.append(self)
        if not exact:
            self._sampler = threading.Thread(target=self._sample, name="peak-memory", daemon=True)
            self._sampler.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._done.set()
        if self._sampler is not None:
            self._sampler.join()
        self.bytes = self.peak()
        with self._lock:
            if self in self._open:
                self._open.remove(self)

    def peak(self) -> int:
        """The highest resident set size so far."""
        with self._lock:
            return max(self.bytes, resident_bytes(), _kernel_peak() if self in self._open else 0)

    def _sample(self) -> None:
        while not self._done.wait(SAMPLE_SECONDS):
            self.bytes = max(self.bytes, resident_bytes())


def _reset_peak() -> bool:
    """Ask Linux to start its record of the peak anew; False where it may not be asked."""
    try:
        (PROC / "self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return False
    return True


def _kernel_peak() -> int:
    words = _words(PROC / "self/status")
    return int(words[words.index("VmHWM:") + 1]) * 1024 if "VmHWM:" in words else 0


# -- ZeroGPU ---------------------------------------------------------------------------------------------------------


@cache
def zero_gpu() -> bool:
    """Whether this is a Space on ZeroGPU, where models are placed at start and a GPU exists only inside decorated calls."""
    if os.environ.get("SPACES_ZERO_GPU", "").lower() not in {"1", "t", "true"}:
        return False
    import spaces

    return hasattr(spaces, "GPU")  # a bare folder named `spaces` imports as an empty package


def gpu(duration: int = 60) -> Callable[[Function], Function]:
    """Decorate a function that needs the GPU for at most `duration` seconds; no effect outside ZeroGPU."""

    def decorate(function: Function) -> Function:
        if not zero_gpu():
            return function
        import spaces

        return cast("Function", spaces.GPU(duration=duration)(function))

    return decorate
