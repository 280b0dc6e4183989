"""A Space's folder running on its own: two cores, 16 GB, a home of its own, nothing of this program's environment."""

from __future__ import annotations

import http.client
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from mm_demos.errors import SettingError
from mm_demos.publish.check_report import EndResult, StartResult

PORTS = range(20_000, 32_000)
CORES = 2  # CPU basic: 2 vCPU and 16 GB
MEMORY_BYTES = 16_000_000_000
LOOK_SECONDS = 0.25  # between two readings of the memory
STOP_SECONDS = 15.0
# Certificates, proxies and language of this machine; everything else a Space would not have.
KEPT = re.compile(r"(LANG|LC_\w+|TZ|SSL_CERT_\w+|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|(HTTPS?|NO|ALL)_PROXY)", re.IGNORECASE)
TRACEBACK = "Traceback (most recent call last)"


class RunningSpace:
    """One copy of a folder as a process group.

    Args:
        folder: of the Space; it is copied, and only the copy is run.
        python: interpreter with the Space's packages.
        room: an empty folder, for the copy, the home and every cache; the caller removes it.
        app_file: what to run.
        weights: a folder as MM_DEMOS_WEIGHTS_DIR takes it; None to let the Space fetch its own.
        memory_bytes: above this the group is killed.
    """

    def __init__(
        self,
        folder: Path,
        python: Path,
        room: Path,
        *,
        app_file: str = "app.py",
        weights: Path | None = None,
        memory_bytes: int = MEMORY_BYTES,
    ) -> None:
        self._copy = Path(shutil.copytree(folder, room / "app", ignore=shutil.ignore_patterns("__pycache__")))
        self._python, self._room, self._app_file, self._weights = python, room, app_file, weights
        self._memory_bytes = memory_bytes
        self._log = room / "log.txt"
        self._port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._family: dict[int, psutil.Process] = {}
        self._peak, self._too_large = 0, False
        self._over = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._begun = 0.0

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def seconds(self) -> float:
        """Since the process was started."""
        return time.perf_counter() - self._begun

    def start(self, timeout_seconds: float) -> StartResult:
        """Start the copy and wait for its first page."""
        fault = self._foreign_package()
        if fault:
            return StartResult(faults=(fault,))
        with self._log.open("wb") as log, _two_cores() as cores:
            self._begun = time.perf_counter()
            self._process = subprocess.Popen(
                [str(self._python), self._app_file],
                cwd=self._copy,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._watcher.start()
        fault = self._first_page(timeout_seconds)
        return StartResult(faults=(fault,) if fault else (), seconds=self.seconds, cores=cores)

    def died(self) -> str:
        """A sentence when the process ended by itself; empty while it runs."""
        status = self._process.poll() if self._process is not None else None
        if self._too_large:
            return (
                f"The Space took {self._peak / 1e9:.1f} GB, more than the {self._memory_bytes / 1e9:.0f} GB of the free "
                "hardware, and was stopped: give it smaller models or a smaller memory budget."
            )
        if status is None:
            return ""
        return f"{self._app_file} ended with status {status} ({self._last_line()}): mend it, build the folder and check again."

    def stop(self) -> EndResult:
        """End every process of the Space, and say what stood in its log that should not."""
        begun = time.perf_counter()
        faults = [died] if (died := self.died()) else []
        self._over.set()
        if self._process is not None:
            self._watcher.join()
            self._family |= {process.pid: process for process in self._members()}
            for pid in self._family:
                _signal(pid, signal.SIGTERM)
            _, left = psutil.wait_procs(self._family.values(), timeout=STOP_SECONDS)
            for process in left:
                process.kill()
            if any(process.pid == self._process.pid for process in left):
                faults.append(
                    f"The Space did not end within {STOP_SECONDS:.0f} s of being asked to and was killed: mend its shutdown."
                )
            _, left = psutil.wait_procs(left, timeout=STOP_SECONDS)
            faults += [f"The process {process.pid} of the Space could not be ended: end it by hand." for process in left]
            self._process.wait()
            faults += self._tracebacks()
        return EndResult(faults=tuple(faults), seconds=time.perf_counter() - begun, peak_rss_bytes=self._peak)

    def _environment(self) -> dict[str, str]:
        home = self._room / "home"
        folders = {"HOME": home, "TMPDIR": self._room / "tmp", "HF_HOME": home / "huggingface"}
        folders |= {"MM_DEMOS_CACHE_DIR": self._room / "cache", "MM_DEMOS_DATA_DIR": self._room / "data"}
        folders |= {"MM_DEMOS_WEIGHTS_DIR": self._weights} if self._weights is not None else {}
        for folder in folders.values():
            folder.mkdir(parents=True, exist_ok=True)
        kept = {name: value for name, value in os.environ.items() if KEPT.fullmatch(name)}
        return kept | {name: str(folder) for name, folder in folders.items()} | {
            "PATH": f"{self._python.parent}{os.pathsep}{os.defpath}",
            "PYTHONUNBUFFERED": "1",
            "PYTHONNOUSERSITE": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "SYSTEM": "spaces",
            # A Space listens at every address; here it must not.
            "MM_DEMOS_HOST": "127.0.0.1",
            "MM_DEMOS_PORT": str(self._port),
            "GRADIO_SERVER_NAME": "127.0.0.1",
            "GRADIO_SERVER_PORT": str(self._port),
        }  # fmt: skip

    def _foreign_package(self) -> str:
        """A sentence when the copy would run on another package than its own."""
        code = "import mm_demos; print(mm_demos.__file__)"
        done = subprocess.run(
            [str(self._python), "-c", code], cwd=self._copy, env=self._environment(), capture_output=True, text=True, check=False
        )
        if done.returncode:
            return f"The folder has no package mm_demos that can be imported ({_last(done.stderr)}): build the folder again."
        if not Path(done.stdout.strip()).resolve().is_relative_to(self._copy.resolve()):
            return f"The folder runs on the package in {Path(done.stdout.strip()).parent} and not on its own: build it again."
        return ""

    def _first_page(self, timeout_seconds: float) -> str:
        while self.seconds < timeout_seconds:
            if died := self.died():
                return died
            if self._answers():
                return ""
            self._over.wait(0.1)
        said = self._last_line()
        return f"No page came within {timeout_seconds:.0f} s ({said}): look at what {self._app_file} does before it serves."

    def _answers(self) -> bool:
        door = http.client.HTTPConnection("127.0.0.1", self._port, timeout=5)
        try:
            door.request("GET", "/")
            return door.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):  # not yet
            return False
        finally:
            door.close()

    def _members(self) -> Iterator[psutil.Process]:
        """All processes of the Space: its session, and children that made a session of their own."""
        assert self._process is not None  # noqa: S101 (for the type checker: only called while it runs)
        for pid in psutil.pids():
            try:
                if os.getsid(pid) == self._process.pid:
                    member = psutil.Process(pid)
                    yield member
                    yield from member.children(recursive=True) if pid == self._process.pid else ()
            except (ProcessLookupError, PermissionError, psutil.Error):
                continue  # it ended meanwhile, or is another user's

    def _watch(self) -> None:
        """Keep the largest memory of the group, and end the group when it is too large."""
        ended = False
        while not ended:
            ended = self._over.wait(LOOK_SECONDS)  # and a last look after the end was asked for
            members = {process.pid: process for process in self._members()}
            self._family |= members
            self._peak = max(self._peak, sum(_resident(process) for process in members.values()))
            if self._peak > self._memory_bytes:
                self._too_large = True
                for process in members.values():
                    _signal(process.pid, signal.SIGKILL)
                return

    def _text(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace") if self._log.is_file() else ""

    def _last_line(self) -> str:
        return _last(self._text())

    def _tracebacks(self) -> list[str]:
        told = self._text().split(TRACEBACK)[1:]
        ends = [next((line for line in part.splitlines()[1:] if line and not line.startswith(" ")), "no reason") for part in told]
        return [f"The log has a traceback ({end[:200]}): mend its cause." for end in dict.fromkeys(ends)]


@contextmanager
def _two_cores() -> Iterator[int]:
    """Let children of this thread have two cores; gives how many they have, 0 where the system cannot limit them."""
    if not hasattr(os, "sched_setaffinity"):
        yield 0
        return
    before = os.sched_getaffinity(0)  # of this thread alone
    chosen = set(sorted(before)[:CORES])
    os.sched_setaffinity(0, chosen)
    try:
        yield len(chosen)
    finally:
        os.sched_setaffinity(0, before)


def _free_port() -> int:
    """A port below those that systems give to outgoing connections: a poll from the very port it asks would occupy it."""
    for port in random.sample(PORTS, len(PORTS)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise SettingError("Every port from 20000 to 32000 is taken: stop what listens there.")


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:  # it ended meanwhile
        return 0


def _signal(pid: int, number: signal.Signals) -> None:
    """Send a signal to the group that this process leads, or to the process alone."""
    try:
        if os.getpgid(pid) == pid:
            os.killpg(pid, number)
        else:
            os.kill(pid, number)
    except ProcessLookupError:
        return


def _last(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:200].rstrip(".") if lines else "it said nothing"
