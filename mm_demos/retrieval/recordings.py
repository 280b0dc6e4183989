"""Which files there are to index, and what tells whether they have changed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mm_demos.errors import InvalidInputError
from mm_demos.media.files import sha256_of, shown
from mm_demos.retrieval.storage import Stamp

SUFFIXES = frozenset(
    ".wav .flac .mp3 .ogg .oga .opus .m4a .aac .aiff .aif .au .caf .amr .ac3 .ape .wv .tta .w64"
    " .mp4 .m4v .mov .mkv .webm .avi .mpg .mpeg .ts .flv .3gp .asf .wma .wmv".split()
)


@dataclass(frozen=True, slots=True)
class Source:
    """What to index.

    Args:
        files: absolute paths, each once.
        folder: what is in the library under this folder and not among `files` is dropped; None drops nothing.
    """

    files: tuple[Path, ...]
    folder: Path | None = None


def recordings(source: str | Path | Sequence[str | Path]) -> Source:
    """The recordings of a folder and the folders in it, sorted by path, without hidden ones; or the files of a list.

    Raises:
        InvalidInputError: no such folder, or no recording in it.
    """
    if not isinstance(source, str | Path):
        return Source(tuple(dict.fromkeys(Path(os.path.abspath(path)) for path in source)))
    root = Path(os.path.abspath(source)) if "\0" not in str(source) else Path()
    if "\0" in str(source) or not root.is_dir():
        raise InvalidInputError(f"There is no folder {shown(source)}: check the path.")
    files = tuple(sorted(path for path in root.rglob("*") if _is_recording(path, root)))
    if not files:
        raise InvalidInputError(f"There is no recording in {shown(source)}: put WAV, FLAC, MP3, OGG, M4A or MP4 files there.")
    return Source(files, root)


def _is_recording(path: Path, root: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(root).parts)
    return path.suffix.lower() in SUFFIXES and not hidden and path.is_file()


def file_digest(path: Path) -> str:
    """Sha256 of a file's content, hex.

    Raises:
        InvalidInputError: it cannot be read.
    """
    try:
        return sha256_of(path)
    except OSError as error:
        raise InvalidInputError(f"{shown(path.name)} cannot be read: {error.strerror}.") from None


def stamp(path: Path) -> Stamp:
    """Size and time of change; zeros for a file that is not there, which reading it will say."""
    try:
        found = path.stat()
    except OSError:
        return Stamp(0, 0)
    return Stamp(found.st_size, found.st_mtime_ns)
