"""What the operating system says about this machine: processor, cores and memory, within the limits of control groups."""

from __future__ import annotations

import ctypes
import gc
import hashlib
import os
import platform
import shutil
import sys
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import ClassVar, cast

CGROUP = Path("/sys/fs/cgroup")
PROC = Path("/proc")
SAMPLE_SECONDS = 0.02  # how often memory is read where the kernel does not keep a peak
M_ARENA_MAX = -8  # option number in glibc's malloc.h
NO_LIMIT_BYTES = 1 << 60  # cgroup v1 writes a number near 2**63 for "no limit"


def child_search_path() -> str:
    """PYTHONPATH of a child process that is to find what this one finds, also when the project is not installed."""
    return os.pathsep.join([str(Path(__file__).resolve().parents[1]), *filter(None, sys.path)])


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
    return f"{cpu_model()} {platform.machine()} {hashlib.sha256(_flags().encode()).hexdigest()[:8]}"


@cache
def cpu_flags() -> frozenset[str]:
    """Instruction sets of the processor as Linux names them, e.g. "avx512f", "amx_bf16"; empty elsewhere."""
    return frozenset(_flags().split())


def _flags() -> str:
    words = " ".join(_words(PROC / "cpuinfo"))
    return words.partition("flags :")[2].partition("bugs :")[0]


def let_waiting_threads_sleep() -> None:
    """Have OpenMP's idle threads sleep instead of spin; call it before the first library that brings OpenMP in.

    Threads that spin while they wait take busy cores from those that compute: llama.cpp falls from 8 tokens/s to 1.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")


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


def resident_bytes() -> int:
    """Resident set size of this process."""
    pages = _words(PROC / "self/statm")
    if len(pages) > 1:
        return int(pages[1]) * os.sysconf("SC_PAGE_SIZE")
    import psutil

    return int(psutil.Process().memory_info().rss)


def free_disk_bytes(folder: Path) -> int:
    """What the disk of `folder`, which need not exist yet, has free."""
    there = next((path for path in (folder, *folder.parents) if path.exists()), Path())
    return shutil.disk_usage(there).free


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


def release_memory(collect: bool = True) -> None:
    """Give freed memory back to the operating system, and a GPU's cached blocks back to the driver.

    Args:
        collect: break reference cycles first, which takes some 0.1 s in a process with a page.
    """
    if collect:
        gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
    trim = _glibc("malloc_trim")
    if trim is not None:
        trim(0)


def use_one_heap() -> None:
    """Let all threads share glibc's main heap, the only one that `malloc_trim` gives back whole; call it before threads start.

    With a heap per thread, 60 to 110 MB stayed behind after each unload of Whisper base; computing takes as long either way.
    """
    set_option = _glibc("mallopt")
    if set_option is not None:
        set_option(M_ARENA_MAX, 1)


@cache
def _glibc(name: str) -> Callable[..., int] | None:
    """A function of the GNU allocator; None on other systems."""
    if sys.platform != "linux":
        return None
    return cast("Callable[..., int] | None", getattr(ctypes.CDLL(None), name, None))


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
