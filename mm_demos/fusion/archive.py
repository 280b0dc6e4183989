"""A ZIP of a table and its media, unpacked into a folder: nothing leaves the folder, nothing grows beyond the limits."""

from __future__ import annotations

import os
import shutil
import stat
import unicodedata
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from mm_demos.errors import InvalidInputError
from mm_demos.media.files import shown
from mm_demos.progress import Progress

MAX_BYTES = 4_000_000_000  # unpacked
MAX_RATIO = 100  # unpacked to packed; media hardly shrink, tables do by ten
FREE_OF_RATIO = 50_000_000  # bytes that any archive may unpack to
MAX_MEMBERS = 100_000
ARCHIVES = frozenset({".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".7z", ".rar", ".jar", ".cab", ".iso"})
UTF8_NAME = 0x800  # flag of a member
ENCRYPTED = 0x1
CHUNK = 1 << 20
FAULTS = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError, MemoryError)


def unpack(file: Path, folder: Path, progress: Progress) -> None:
    """Unpack `file` into the empty `folder`; hidden files and what macOS adds are left out.

    Raises:
        InvalidInputError: damaged, encrypted, too large, with links, archives, or names that leave the folder.
        StoppedError: `progress.stop()` was called.
    """
    name = shown(file.name)
    try:
        with zipfile.ZipFile(file) as archive:
            members = _checked(archive, name, file.stat().st_size, folder)
            for done, (path, member) in enumerate(members):
                progress.report(f"Unpacking {name}", done, len(members), "files")
                _write(archive, member, folder / path)
    except FileExistsError:
        raise InvalidInputError(f"{name} holds two files of one name: give each its own and pack it again.") from None
    except FAULTS as error:
        reason = f": {error.strerror}" if isinstance(error, OSError) and error.strerror else ""
        raise InvalidInputError(f"{name} is damaged or cannot be unpacked{reason}: pack it again as a plain ZIP.") from None


def _checked(archive: zipfile.ZipFile, name: str, packed_bytes: int, folder: Path) -> list[tuple[str, zipfile.ZipInfo]]:
    """Paths and members to write, after everything that the table of contents tells has been looked at."""
    members = archive.infolist()
    if len(members) > MAX_MEMBERS:
        raise InvalidInputError(f"{name} holds {len(members):,} files and the limit is {MAX_MEMBERS:,}: split it.")
    encoding = _encoding(members)
    kept = [(_path(member, encoding, name), member) for member in members]
    for path, member in kept:
        _check_member(path, member, name)
    if any(path == "xl/workbook.xml" for path, _ in kept):
        raise InvalidInputError(f"{name} is an Excel workbook: save the sheet as CSV (UTF-8).")
    whole = sum(member.file_size for member in members)
    limit = min(MAX_BYTES, max(FREE_OF_RATIO, MAX_RATIO * packed_bytes))
    if whole > limit:
        raise InvalidInputError(
            f"{name} would unpack to {whole / 1e9:.1f} GB and its limit is {limit / 1e9:.2f} GB: split it, or give smaller media."
        )
    if whole > shutil.disk_usage(folder).free * 0.9:
        raise InvalidInputError(f"{name} would unpack to {whole / 1e9:.1f} GB, and the disk has no room: free some space.")
    return [(path, member) for path, member in kept if not _is_folder(member) and not _hidden(path)]


def _encoding(members: list[zipfile.ZipInfo]) -> str:
    """Of the names that do not say how they are encoded: what all of them can be read in."""
    names = b"\n".join(member.filename.encode("cp437") for member in members if not member.flag_bits & UTF8_NAME)
    for encoding in ("utf-8", "gb18030"):  # macOS and Linux; a Chinese Windows
        try:
            names.decode(encoding)
        except UnicodeDecodeError:
            continue
        return encoding
    return "cp437"


def _path(member: zipfile.ZipInfo, encoding: str, archive_name: str) -> str:
    """The member's path with `/` and composed accents.

    Raises:
        InvalidInputError: it leads out of the folder.
    """
    text = member.filename
    if not member.flag_bits & UTF8_NAME:
        text = text.encode("cp437").decode(encoding)
    text = unicodedata.normalize("NFC", text.replace("\\", "/"))
    path = PurePosixPath(text)
    if path.is_absolute() or ".." in path.parts or (path.parts and path.parts[0].endswith(":")) or "\0" in text:
        raise InvalidInputError(
            f"{archive_name} holds {shown(text)}, which would be written outside its folder: pack it again with plain paths."
        )
    return str(path)


def _check_member(path: str, member: zipfile.ZipInfo, archive_name: str) -> None:
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
        raise InvalidInputError(f"{archive_name} holds {shown(path)}, which is a link or a device: pack the file itself.")
    if member.flag_bits & ENCRYPTED:
        raise InvalidInputError(f"{archive_name} is locked with a password: pack it again without one.")
    if PurePosixPath(path).suffix.lower() in ARCHIVES and not _hidden(path):
        raise InvalidInputError(f"{archive_name} holds another archive, {shown(path)}: pack the table and the media themselves.")


def _is_folder(member: zipfile.ZipInfo) -> bool:
    return not member.filename or member.filename.endswith(("/", "\\"))


def _hidden(path: str) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in PurePosixPath(path).parts)


def _write(archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> None:
    """Write one member; what comes out is never more than the table of contents says, or the checksum fails."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(member) as source, open(target, "xb") as file:
        shutil.copyfileobj(source, file, CHUNK)
        if file.tell() != member.file_size:
            raise zipfile.BadZipFile("a member is shorter than it claims")
    os.chmod(target, stat.S_IRUSR | stat.S_IWUSR)
