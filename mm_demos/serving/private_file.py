"""Files that say who may come in: written for their owner alone, read again when they change."""

from __future__ import annotations

import logging
import os
import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Generic, TypeVar

from mm_demos.errors import SettingError

log = logging.getLogger(__name__)

Entry = TypeVar("Entry")
Reader = Callable[[Path], Mapping[str, Entry]]


def write_lines(path: Path, lines: list[str]) -> None:
    """Replace a file in one step, readable by its owner only.

    Raises:
        SettingError: the folder is missing or nothing may be written there.
    """
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # made with mode 0600
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.writelines(f"{line}\n" for line in lines)
            os.replace(name, path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise SettingError(f"{path} cannot be written ({error.strerror}): choose a file in a folder of yours.") from None


def read_lines(path: Path) -> list[tuple[int, str]]:
    """Number and text of every line that is neither empty nor a comment; none when there is no file yet.

    Raises:
        SettingError: the file cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
    except (OSError, UnicodeDecodeError):
        raise SettingError(f"{path} cannot be read: give a text file that this program may read.") from None
    lines = enumerate((line.strip() for line in text.splitlines()), 1)
    return [(number, line) for number, line in lines if line and not line.startswith("#")]


class Watched(Generic[Entry]):
    """The entries of a file by name, read again when it changes, so that who is taken out of it is out at once.

    Args:
        path: the file; None stands for no entries.
        reader: gives the entries of a file.

    Raises:
        SettingError: at the start, the file is missing or holds what cannot be used. Later on the last good state stays.
    """

    def __init__(self, path: Path | None, reader: Reader[Entry]) -> None:
        self.path = path
        self._reader = reader
        self._lock = threading.Lock()
        self._entries: Mapping[str, Entry] = {}
        self._stamp: tuple[int, int] | None = None
        if path is not None:
            if not path.is_file():
                raise SettingError(f"{path} is missing: make it with `python -m mm_demos users add` or `keys add`.")
            self._entries, self._stamp = reader(path), _stamp(path)

    def entries(self) -> Mapping[str, Entry]:
        """What the file says now; a file that was removed lets nobody in."""
        if self.path is None:
            return self._entries
        with self._lock:
            stamp = _stamp(self.path)
            if stamp != self._stamp:
                self._stamp = stamp
                try:
                    self._entries = self._reader(self.path)
                except SettingError as error:
                    log.error("%s The entries read before stay in force.", error)
            return self._entries


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_mtime_ns, state.st_size
