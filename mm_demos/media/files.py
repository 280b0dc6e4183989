"""What holds for every file a visitor brings, whatever is in it."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from mm_demos.errors import InvalidInputError

TEXT_STARTS = (b"<!doctype", b"<html", b"<?xml", b"<svg", b"{", b"[")


def sha256_of(path: Path) -> str:
    """Hex sha256 of a file's content, read in pieces.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def existing_file(source: str | Path, kind: str) -> Path:
    """The path of a regular, non-empty file.

    Args:
        source: path as the visitor gave it.
        kind: what it should hold, for the sentence: "picture", "recording".

    Raises:
        InvalidInputError: nothing there, a folder, a device, no right to read, or an empty file.
    """
    if not isinstance(source, str | os.PathLike):
        raise InvalidInputError(f"The path of a {kind} is needed here, not {type(source).__name__}.")
    if not str(source):
        raise InvalidInputError(f"No file is named: give the path of a {kind}.")
    path = Path(source)
    if str(source).startswith(("http://", "https://")):
        raise InvalidInputError(f"{shown(source)} is an address, not a file: download the {kind} and give the file.")
    try:
        regular, size = path.is_file(), path.stat().st_size
    except (OSError, ValueError):
        raise InvalidInputError(f"There is no file {shown(source)}: check the path.") from None
    if not regular:
        raise InvalidInputError(f"{shown(source)} is not a file: give the path of a {kind}.")
    if not os.access(path, os.R_OK):
        raise InvalidInputError(f"{shown(path.name)} cannot be read: check its permissions.")
    if size == 0:
        raise InvalidInputError(f"{shown(path.name)} is empty: choose a {kind} that has content.")
    return path


def shown(name: object) -> str:
    """A file's name as it may stand in a sentence: one line, at most 80 characters, without control characters."""
    text = "".join(char if char.isprintable() else "?" for char in str(name))
    return text if len(text) <= 80 else f"{text[:40]}…{text[-39:]}"


def looks_like_text(head: bytes) -> bool:
    """Whether the first bytes are markup or JSON rather than a picture or a recording."""
    return head.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(TEXT_STARTS)
