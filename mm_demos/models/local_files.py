"""Models in a user's own folder: their files are read where they are, and nothing there is touched."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from mm_demos.errors import WeightsUnavailableError
from mm_demos.media.files import sha256_of
from mm_demos.models.spec import ModelSpec, WeightFile


def file_sha256(path: Path) -> str:
    """The sha256 of a file, hex; read once in a process as long as nobody writes to it."""
    status = path.stat()
    return _sha256_at(path, status.st_ino, status.st_mtime_ns)


@lru_cache(maxsize=256)
def _sha256_at(path: Path, _inode: int, _time_ns: int) -> str:
    return sha256_of(path)


def folder_at(place: str) -> Path | None:
    """The folder that a user's words name, resolved; None where they name none, or nothing that the system can look at."""
    try:
        folder = Path(place.strip()).expanduser()
        return folder.resolve() if place.strip() and folder.is_dir() else None
    except (OSError, RuntimeError, ValueError):
        return None


def missing(spec: ModelSpec, folder: Path) -> list[WeightFile]:
    """The files that are gone, or hold other bytes than when the model was registered."""
    return [file for file in spec.files if not _is_same(folder / file.name, file)]


def check(spec: ModelSpec, folder: Path) -> Path:
    """The folder, if every file in it is still the one that was registered.

    Raises:
        WeightsUnavailableError: one is gone or has changed.
    """
    wrong = missing(spec, folder)
    if wrong:
        raise WeightsUnavailableError(f"The file {wrong[0].name} in {folder} is gone or has changed: register {spec.name} again.")
    return folder


def _is_same(path: Path, file: WeightFile) -> bool:
    return path.is_file() and path.stat().st_size == file.size_bytes and file_sha256(path) == file.sha256
