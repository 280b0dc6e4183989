"""The media that a table names: where they are, whether they decode, and their content's hash; each file once."""

from __future__ import annotations

import os
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath
from typing import Literal

from mm_demos import media
from mm_demos.errors import InvalidInputError
from mm_demos.fusion.table import Table
from mm_demos.media.files import existing_file, sha256_of, shown

Medium = Literal["image", "audio"]
NOUNS = {"image": "picture", "audio": "recording"}


@dataclass(frozen=True, slots=True)
class MediaFault:
    """A cell that names no usable file; `dropped`: its row has nothing else."""

    kind: str
    row: int
    sentence: str
    dropped: bool = False


@dataclass(slots=True)
class Media:
    """Files by path and by content: one that many rows name is read and decoded once."""

    table: Table
    _digests: dict[Path, str] = field(default_factory=dict)
    _faults: dict[tuple[str, str], str] = field(default_factory=dict)

    def find(self, cell: str | None, medium: Medium, row: int) -> Path | MediaFault | None:
        """The file that a cell names, decoded once to see that it can be; None for an empty cell."""
        if not cell:
            return None
        try:
            file = existing_file(self._located(cell, NOUNS[medium]), NOUNS[medium])
        except InvalidInputError as error:
            return MediaFault("missing file", row, str(error))
        try:
            digest = self._read(file)
        except OSError as error:
            return MediaFault("unreadable media", row, f"{shown(file.name)} cannot be read: {error.strerror}.")
        if (medium, digest) not in self._faults:
            self._faults[medium, digest] = _decoding_fault(file, medium)
        fault = self._faults[medium, digest]
        return MediaFault("unreadable media", row, fault) if fault else file

    def digest(self, file: Path | None) -> str:
        """sha256 of a file that `find` has returned; empty for None."""
        return self._digests[file] if file is not None else ""

    def _read(self, file: Path) -> str:
        if file not in self._digests:
            self._digests[file] = sha256_of(file)
        return self._digests[file]

    def _located(self, cell: str, noun: str) -> Path | str:
        """Where a cell points to: relative to the table's folder, in the spelling of this machine.

        Raises:
            InvalidInputError: it leads out of the folder and may not.
        """
        if cell.startswith(("http://", "https://")) or "\0" in cell:
            return cell
        ways = [cell, cell.replace("\\", "/")]
        ways += [unicodedata.normalize(form, way) for form in ("NFC", "NFD") for way in ways]
        paths = [Path(os.path.normpath(self.table.root / way)) for way in dict.fromkeys(ways)]
        path = next((path for path in paths if _exists(path)), None)
        outside = PureWindowsPath(cell).drive or not all(map(self._inside, [path] if path else paths))
        if self.table.confined and outside:
            raise InvalidInputError(f"{shown(cell)} is outside the table's folder: give the {noun} beside the table.")
        if path is None:
            raise InvalidInputError(f"There is no file {shown(cell)} beside the table: check the path.")
        return path

    def _inside(self, path: Path) -> bool:
        try:
            real = path.resolve()
        except (OSError, RuntimeError):
            return False
        folders = [self.table.root, *([self.table.unpacked] if self.table.unpacked else [])]
        return any(real.is_relative_to(folder.resolve()) for folder in folders)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _decoding_fault(file: Path, medium: Medium) -> str:
    try:
        if medium == "image":
            media.load_image(file)
        else:
            media.load_audio(file)
    except InvalidInputError as error:
        return str(error)
    return ""
