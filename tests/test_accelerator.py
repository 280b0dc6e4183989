"""What the machine offers is read from its own files, control groups included, without importing torch."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from mm_demos import accelerator, machine
from mm_demos.settings import settings

GIGABYTE = 10**9
Write = Callable[[str, str], None]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes files of a pretended machine, which has 8 GB free and no control group of its own."""
    monkeypatch.setattr(machine, "CGROUP", tmp_path / "cgroup")
    monkeypatch.setattr(machine, "PROC", tmp_path / "proc")
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)

    def put(path: str, text: str) -> None:
        target = tmp_path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    put("proc/meminfo", "MemTotal:       16000000 kB\nMemAvailable:    8000000 kB\n")
    put("proc/self/cgroup", "0::/\n")
    return put


@pytest.fixture
def device_setting(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    def choose(device: str) -> None:
        monkeypatch.setenv("MM_DEMOS_DEVICE", device)
        settings.cache_clear()

    yield choose
    settings.cache_clear()


def test_machine_without_limits(write: Write) -> None:
    assert accelerator.usable_cores() == 8
    assert accelerator.available_bytes() == 8_000_000 * 1024


def test_cgroup_v2_limits_count_and_droppable_cache_is_free(write: Write) -> None:
    write("proc/self/cgroup", "0::/app.slice/run\n")
    write("cgroup/app.slice/memory.max", str(4 * GIGABYTE))
    write("cgroup/app.slice/memory.current", str(3 * GIGABYTE))
    write("cgroup/app.slice/memory.stat", f"anon 5\ninactive_file {GIGABYTE}\nactive_file 7\n")
    write("cgroup/app.slice/run/memory.max", "max")
    write("cgroup/app.slice/run/memory.current", str(3 * GIGABYTE))
    write("cgroup/app.slice/run/cpu.max", "250000 100000")
    assert accelerator.available_bytes() == 2 * GIGABYTE
    assert accelerator.usable_cores() == 2


def test_cgroup_v1_limits_count(write: Write) -> None:
    write("proc/self/cgroup", "4:memory:/box\n3:cpu,cpuacct:/box\n1:name=systemd:/\n0::/\n")
    write("cgroup/memory/box/memory.limit_in_bytes", str(2 * GIGABYTE))
    write("cgroup/memory/box/memory.usage_in_bytes", str(GIGABYTE))
    write("cgroup/memory/box/memory.stat", "cache 4\ntotal_inactive_file 500\n")
    write("cgroup/memory/memory.limit_in_bytes", "9223372036854771712")
    write("cgroup/memory/memory.usage_in_bytes", "5")
    write("cgroup/cpu,cpuacct/box/cpu.cfs_quota_us", "50000")
    write("cgroup/cpu,cpuacct/box/cpu.cfs_period_us", "100000")
    assert accelerator.available_bytes() == GIGABYTE + 500
    assert accelerator.usable_cores() == 1


def test_inside_a_container_the_limits_are_at_the_root(write: Write) -> None:
    write("proc/self/cgroup", "0::/host/path/that/is/not/here\n")
    write("cgroup/cpu.max", "400000 100000")
    write("cgroup/memory.max", str(GIGABYTE))
    write("cgroup/memory.current", str(2 * GIGABYTE))
    assert accelerator.usable_cores() == 4
    assert accelerator.available_bytes() == 0


def test_threads_follow_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    settings.cache_clear()
    assert accelerator.threads() == accelerator.usable_cores()
    monkeypatch.setenv("MM_DEMOS_THREADS", "3")
    settings.cache_clear()
    assert accelerator.threads() == 3
    settings.cache_clear()


def test_device_setting_wins_where_the_engine_can_use_it(device_setting: Callable[[str], None]) -> None:
    device_setting("cuda:1")
    assert accelerator.device(("cpu", "cuda")) == "cuda:1"
    assert accelerator.device(("cpu",)) == "cpu"
    device_setting("cpu")
    assert accelerator.device(("cuda", "cpu")) == "cpu"


def test_no_torch_where_no_gpu_is_in_sight() -> None:
    code = (
        "import sys\nfrom mm_demos import accelerator as a\n"
        "assert a.device(('cuda', 'cpu')) == 'cpu'; a.dtype('cpu'); a.device_summary(); a.release_memory(); a.threads()\n"
        "assert not {'torch', 'spaces', 'transformers'} & set(sys.modules)"
    )
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "MM_DEMOS_DEVICE": "auto"}
    subprocess.run(
        [sys.executable, "-c", code], check=True, timeout=60, env=environment, cwd=Path(accelerator.__file__).parents[1]
    )


def test_outside_zero_gpu_the_decorator_changes_nothing() -> None:
    def function() -> int:
        return 3

    assert accelerator.gpu(duration=10)(function) is function
    assert not accelerator.zero_gpu()


def test_a_bare_folder_named_spaces_is_not_zero_gpu() -> None:
    # What `import spaces` gives where only a folder of that name is found.
    code = "import sys, types; sys.modules['spaces'] = types.ModuleType('spaces')\n"
    code += "from mm_demos import accelerator as a; print(a.zero_gpu(), a.gpu(5)(len) is len)"
    environment = {**os.environ, "SPACES_ZERO_GPU": "true"}
    root = Path(accelerator.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60, env=environment, cwd=root
    )
    assert done.stdout.split() == ["False", "True"]


def test_peak_memory_sees_what_was_freed_before_the_end() -> None:
    with accelerator.PeakMemory() as outer:
        ballast = np.ones(10_000_000)
        del ballast
        with accelerator.PeakMemory() as inner:
            pass
    with accelerator.PeakMemory() as after:
        pass
    assert outer.bytes - inner.bytes > 50_000_000
    assert abs(after.bytes - inner.bytes) < 30_000_000


def test_peak_memory_samples_where_the_kernel_keeps_no_record(monkeypatch: pytest.MonkeyPatch) -> None:
    readings = iter([100, *[900] * 3, *[200] * 10_000])
    seen = []

    def read() -> int:
        seen.append(next(readings))
        return seen[-1]

    monkeypatch.setattr(machine, "_reset_peak", lambda: False)
    monkeypatch.setattr(machine, "resident_bytes", read)
    with accelerator.PeakMemory() as memory:
        while memory.bytes < 900:  # the sampling thread gets there
            os.sched_yield()
    assert memory.bytes == 900


def test_summary_is_one_line_for_people() -> None:
    summary = accelerator.device_summary()
    assert "GB" in summary
    assert "\n" not in summary
