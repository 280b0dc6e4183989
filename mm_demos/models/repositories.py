"""Checkpoints of many files: a hub repository at one commit, fetched whole, or a folder of the user's own.

Under the cache folder `repositories/<owner>--<name>/<commit>-<patterns>/` appears only when every file is there and has the
checksum that the hub gives for it; until then the files wait in `incoming/`, where the next attempt goes on.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from mm_demos.errors import WeightsUnavailableError
from mm_demos.models import pins
from mm_demos.models.hub import HubError, HubFile, Snapshot, fetch_file, look_up
from mm_demos.models.spec import HubRepository, LocalFolder, ModelSpec
from mm_demos.models.transfers import CHUNK_BYTES, Meter, SourceError, check_space, held
from mm_demos.progress import Progress
from mm_demos.settings import settings

CONTENTS = ".contents.json"  # what the folder holds: written last, so that a folder without it is none
PICKLE_STARTS = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"PK\x03\x04")  # torch's old and new formats
WEIGHTS = ("*.safetensors", "*.gguf", "*.bin", "*.onnx")


@dataclass(frozen=True, slots=True)
class Problem:
    """A file of a checkpoint that is not as it should be; `problem` is empty when it is."""

    name: str
    problem: str = ""


def folder(spec: ModelSpec) -> Path:
    """Where the checkpoint lies or will lie: the user's own folder, or the one in the cache."""
    repository = spec.repository
    if isinstance(repository, LocalFolder):
        return repository.path
    assert repository is not None, "a row without a repository"  # noqa: S101
    return _own_copy(spec) or _folder(repository, pins.revision(repository))


def is_cached(spec: ModelSpec) -> bool:
    """Whether the whole checkpoint is on this machine; its files are looked at, not read."""
    if isinstance(spec.repository, LocalFolder):
        return _has_weights(spec.repository.path)
    return _own_copy(spec) is not None or _whole(folder(spec))


def missing_bytes(spec: ModelSpec) -> int:
    """About how many bytes `ensure` would have to fetch."""
    return 0 if isinstance(spec.repository, LocalFolder) or is_cached(spec) else spec.size_bytes


def ensure(spec: ModelSpec, progress: Progress) -> Path:
    """Make sure that the checkpoint is there, and return its folder.

    Raises:
        WeightsUnavailableError: the hub cannot be reached, has no such repository, or wants its terms accepted; a file came
            damaged or as a pickle; the disk has no room; or the user's folder is gone.
        StoppedError: the visitor pressed Stop; what was fetched so far is kept for the next time.
    """
    if is_cached(spec):
        return folder(spec)
    repository = spec.repository
    if not isinstance(repository, HubRepository):
        raise WeightsUnavailableError(
            f"The folder of {spec.name}, {folder(spec)}, is gone or holds no weights: bring it back, or run "
            f"`python -m mm_demos models remove {spec.name}`."
        )
    if settings().offline:
        raise _unavailable(spec, repository, HubError("MM_DEMOS_OFFLINE is set", "unset MM_DEMOS_OFFLINE"))
    try:
        progress.report(f"Asking the hub for {spec.name}")
        snapshot = look_up(repository.id, pins.revision(repository) or "main", repository.patterns)
        place = _fetch(spec, repository, snapshot, progress)
    except SourceError as error:
        raise _unavailable(spec, repository, error) from error
    if not repository.revision:
        pins.write(repository.id, snapshot.commit)
    return place


def verify(spec: ModelSpec, progress: Progress) -> tuple[Problem, ...]:
    """Hash every file of the cache again; a damaged one is removed, so that the next `ensure` fetches it."""
    place = folder(spec)
    held = _contents(place)
    if not is_cached(spec) and not held:
        return (Problem(str(place), "not in the cache"),)
    if not held:  # a folder of the user's own: nothing to compare with
        return tuple(Problem(path.name) for path in sorted(place.iterdir()) if path.is_file())
    meter = Meter(progress, f"Verifying {spec.name}", sum(file.size_bytes for file in held))
    return tuple(_check(place, file, meter) for file in held)


def _check(place: Path, file: HubFile, meter: Meter) -> Problem:
    path = place / file.name
    if not path.is_file():
        return Problem(file.name, "not in the cache")
    wrong = _differs(path, file, meter)
    meter.done += file.size_bytes
    if not wrong:
        return Problem(file.name)
    path.unlink()
    return Problem(file.name, "damaged, removed")


def _folder(repository: HubRepository, commit: str) -> Path:
    patterns = hashlib.sha256("|".join(repository.patterns).encode()).hexdigest()[:8]
    name = f"{commit[:12] or 'unpinned'}-{patterns}"
    return settings().cache_dir / "repositories" / repository.id.replace("/", "--") / name


def _own_copy(spec: ModelSpec) -> Path | None:
    """The user's own copy, `MM_DEMOS_WEIGHTS_DIR/<model>` or `…/<repository's name>`; read where it lies."""
    home, repository = settings().weights_dir, spec.repository
    if home is None or not isinstance(repository, HubRepository):
        return None
    places = (home / spec.name, home / repository.id.rpartition("/")[2])
    return next((place for place in places if _has_weights(place)), None)


def _has_weights(place: Path) -> bool:
    """Whether a folder holds weights, itself or one level down as pipelines of several networks do."""
    return any(path.is_file() for level in ("", "*/") for kind in WEIGHTS for path in place.glob(level + kind))


def _contents(place: Path) -> tuple[HubFile, ...]:
    try:
        listed = json.loads((place / CONTENTS).read_text(encoding="utf-8"))
        return tuple(HubFile(**file) for file in listed["files"])
    except (OSError, ValueError, TypeError, KeyError):
        return ()


def _whole(place: Path) -> bool:
    """Whether a folder of the cache has every file, each as long as it should be."""
    held = _contents(place)
    return bool(held) and all(_size(place / file.name) == file.size_bytes for file in held)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


def _fetch(spec: ModelSpec, repository: HubRepository, snapshot: Snapshot, progress: Progress) -> Path:
    """Bring every file into `incoming/`, check it, and show them all at once."""
    root, place = settings().cache_dir, _folder(repository, snapshot.commit)
    incoming = root / "incoming" / f"{place.parent.name}-{place.name}"
    (root / "locks").mkdir(parents=True, exist_ok=True)
    with held(root / "locks" / f"{incoming.name}.lock", progress):
        try:
            if _whole(place):  # whoever held the lock before has fetched it, and may be reading it by now
                return place
            _reuse(place, incoming)
            there = sum(file.size_bytes for file in snapshot.files if _size(incoming / file.name) == file.size_bytes)
            total = sum(file.size_bytes for file in snapshot.files)
            check_space(spec.name, total - there, root)
            meter = Meter(progress, f"Fetching {spec.name}", total)
            for file in snapshot.files:
                _obtain(repository.id, snapshot.commit, file, incoming, meter)
                meter.done += file.size_bytes
                meter.show(0)
            _show(snapshot, incoming, place)
        finally:
            _sweep(incoming)
    return place


def _sweep(incoming: Path) -> None:
    """Remove what a transfer that brought nothing leaves behind; what it brought waits for the next one."""
    files = [path for path in incoming.rglob("*") if path.is_file()]
    if not any(path.suffix == ".incomplete" or ".cache" not in path.relative_to(incoming).parts for path in files):
        shutil.rmtree(incoming, ignore_errors=True)
        with contextlib.suppress(OSError):
            incoming.parent.rmdir()


def _obtain(repository: str, commit: str, file: HubFile, incoming: Path, meter: Meter) -> None:
    """One file at its place in `incoming`, with the right bytes."""
    path = incoming / file.name
    fresh = _size(path) != file.size_bytes or _differs(path, file, meter)
    if fresh:
        path.unlink(missing_ok=True)
        fetch_file(repository, commit, file.name, incoming, meter)
    with path.open("rb") as opened:
        start = opened.read(4)
    if start.startswith(PICKLE_STARTS):
        path.unlink()
        raise SourceError(f"{file.name} is a pickle, which may run code when it is read")
    if fresh and (_size(path) != file.size_bytes or _differs(path, file, meter)):
        path.unlink()
        raise SourceError(f"{file.name} came damaged")


def _reuse(place: Path, incoming: Path) -> None:
    """Move what is left of a damaged folder to where it is completed."""
    if place.is_dir() and not incoming.exists():
        incoming.parent.mkdir(parents=True, exist_ok=True)
        place.replace(incoming)
        (incoming / CONTENTS).unlink(missing_ok=True)


def _show(snapshot: Snapshot, incoming: Path, place: Path) -> None:
    shutil.rmtree(incoming / ".cache", ignore_errors=True)  # what the library remembers of the transfer
    listed = {"commit": snapshot.commit, "files": [asdict(file) for file in snapshot.files]}
    (incoming / CONTENTS).write_text(json.dumps(listed, indent=1) + "\n", encoding="utf-8")
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(place, ignore_errors=True)
    incoming.replace(place)


def _differs(path: Path, file: HubFile, meter: Meter) -> bool:
    """Whether the bytes are others than the hub says: by sha256, or for small files by git's own hash."""
    digest: Any = hashlib.sha256()
    if not file.sha256:
        digest = hashlib.sha1(usedforsecurity=False)
        digest.update(f"blob {_size(path)}\0".encode())
    done = 0
    with path.open("rb") as opened:
        while chunk := opened.read(CHUNK_BYTES):
            digest.update(chunk)
            done += len(chunk)
            meter.show(done)
    wanted = file.sha256 or file.git_sha1
    return bool(wanted) and digest.hexdigest() != wanted


def _unavailable(spec: ModelSpec, repository: HubRepository, error: SourceError) -> WeightsUnavailableError:
    """The sentence: what is missing, why, and what to do."""
    way_out = error.way_out if isinstance(error, HubError) else "try again later"
    return WeightsUnavailableError(
        f"{spec.name} could not be had from the Hugging Face hub, {repository.id} ({error}): {way_out} and run "
        f"`python -m mm_demos models pull {spec.name}`, or put its files into a folder {spec.name} in MM_DEMOS_WEIGHTS_DIR."
    )


def matching(names: Iterable[str], patterns: Iterable[str]) -> list[str]:
    """The names that one of `patterns` matches."""
    wanted = tuple(patterns)
    return [name for name in names if any(fnmatch(name, pattern) for pattern in wanted)]
