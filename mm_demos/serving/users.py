"""Who may log in: a file of names and salted scrypt hashes; a password itself is kept nowhere."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from pathlib import Path

from mm_demos.errors import InvalidInputError, SettingError
from mm_demos.serving.private_file import read_lines, write_lines

# OWASP's password storage cheat sheet: N = 2^15, r = 8, p = 3, which takes 32 MB for the moment of a log-in.
LOG2_N, R, P = 15, 8, 3
MAX_MEMORY_BYTES = 64 * 1024 * 1024
SALT_BYTES, HASH_BYTES = 16, 32
SHORTEST, LONGEST = 8, 256  # characters of a password
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
HASH = re.compile(r"scrypt\$(\d{1,2})\$(\d{1,2})\$(\d{1,2})\$([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+)")
NOBODY = f"scrypt${LOG2_N}${R}${P}${'A' * 24}${'A' * 44}"  # costs as much to compare with as a real one


def hashed(password: str) -> str:
    """A password as it is kept: algorithm, cost, salt and hash.

    Raises:
        InvalidInputError: too short or too long.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise InvalidInputError(f"A password has {SHORTEST} to {LONGEST} characters: choose another one.")
    salt = secrets.token_bytes(SALT_BYTES)
    parts = (base64.b64encode(part).decode() for part in (salt, _scrypt(password, salt, LOG2_N, R, P)))
    return "$".join(("scrypt", str(LOG2_N), str(R), str(P), *parts))


def matches(password: str, kept: str) -> bool:
    """Whether a password is the one that was hashed; the time does not depend on the answer."""
    found = HASH.fullmatch(kept)
    if found is None or len(password) > LONGEST:
        return False
    salt, wanted = (base64.b64decode(part) for part in found.groups()[3:])
    return hmac.compare_digest(_scrypt(password, salt, *map(int, found.groups()[:3])), wanted)


def _scrypt(password: str, salt: bytes, log2_n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=1 << log2_n, r=r, p=p, maxmem=MAX_MEMORY_BYTES, dklen=HASH_BYTES)


def read(path: Path) -> Mapping[str, str]:
    """Hashes by name.

    Raises:
        SettingError: a line is not `name:scrypt-hash`; the sentence gives its number and nothing of what it holds.
    """
    users: dict[str, str] = {}
    for number, line in read_lines(path):
        name, _, kept = line.partition(":")
        if not NAME.fullmatch(name) or not _usable(kept) or name in users:
            raise SettingError(f"Line {number} of {path} cannot be used: write it with `python -m mm_demos users add NAME`.")
        users[name] = kept
    return users


def _usable(kept: str) -> bool:
    found = HASH.fullmatch(kept)
    if found is None:
        return False
    log2_n, r, p = map(int, found.groups()[:3])
    try:
        salt, digest = (base64.b64decode(part, validate=True) for part in found.groups()[3:])
    except binascii.Error:
        return False
    affordable = 1 <= log2_n <= 20 and 1 <= p <= 16 and 128 * r * (p + (1 << log2_n)) < MAX_MEMORY_BYTES
    return affordable and len(salt) >= SALT_BYTES and len(digest) == HASH_BYTES


def add(path: Path, name: str, password: str) -> bool:
    """Add somebody, or change their password; whether the name is new.

    Raises:
        InvalidInputError: the name or the password cannot be taken.
        SettingError: the file cannot be read or written.
    """
    if not NAME.fullmatch(name):
        raise InvalidInputError("A name has up to 64 letters, digits and . _ @ -, and begins with a letter or a digit.")
    users = dict(read(path))
    new = name not in users
    users[name] = hashed(password)
    _write(path, users)
    return new


def remove(path: Path, name: str) -> None:
    """Take somebody out.

    Raises:
        InvalidInputError: nobody has this name.
        SettingError: the file cannot be read or written.
    """
    users = dict(read(path))
    if name not in users:
        raise InvalidInputError(f"{path} has no user {name[:64]!r}: `users list` shows who there is.")
    del users[name]
    _write(path, users)


def _write(path: Path, users: Mapping[str, str]) -> None:
    write_lines(path, [f"{name}:{kept}" for name, kept in users.items()])
