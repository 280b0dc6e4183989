"""Keys for programs: a file of names, hashes of keys and limits, one JSON object a line."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mm_demos.errors import InvalidInputError, SettingError
from mm_demos.serving.private_file import read_lines, write_lines
from mm_demos.serving.users import NAME

PREFIX = "mmd_"  # lets our keys be told from a token for the proxy in front of us, and found by scanners for secrets
KEY_BYTES = 32


class Key(BaseModel):
    """What the holder of a key may do; the key itself is kept nowhere.

    Args:
        name: who has it; it appears in logs.
        sha256: of the key, as hexadecimal digits. A random key of 256 bits needs no slow hash.
        per_minute: requests in any 60 seconds; 0 sets no limit.
        seconds_per_day: of computing, from midnight to midnight UTC; 0 sets no limit.
        endpoints: names as /docs/api lists them, and "metrics"; none allows all.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=f"^{NAME.pattern}$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    per_minute: int = Field(default=0, ge=0)
    seconds_per_day: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    endpoints: tuple[str, ...] = ()

    def allows(self, endpoint: str) -> bool:
        """Whether this key opens an endpoint."""
        return not self.endpoints or endpoint in self.endpoints


def digest(key: str) -> str:
    """What is kept of a key."""
    return hashlib.sha256(key.encode()).hexdigest()


def read(path: Path) -> Mapping[str, Key]:
    """Keys by the hash that tells them.

    Raises:
        SettingError: a line cannot be used; the sentence gives its number and nothing of what it holds.
    """
    keys: dict[str, Key] = {}
    names: set[str] = set()
    for number, line in read_lines(path):
        try:
            key = Key.model_validate_json(line)
        except ValidationError as error:
            where = ".".join(map(str, error.errors()[0]["loc"])) or "the line"
            raise SettingError(f"Line {number} of {path} cannot be used ({where} is wrong): use `keys add`.") from None
        if key.name in names or key.sha256 in keys:
            raise SettingError(f"Line {number} of {path} has a name or a key that a line above has: remove one of them.")
        names.add(key.name)
        keys[key.sha256] = key
    return keys


def add(path: Path, name: str, *, per_minute: int = 0, seconds_per_day: float = 0.0, endpoints: tuple[str, ...] = ()) -> str:
    """Make a key and return it; it cannot be shown again.

    Raises:
        InvalidInputError: the name is taken, or a value cannot be used.
        SettingError: the file cannot be read or written.
    """
    keys = read(path)
    if any(key.name == name for key in keys.values()):
        raise InvalidInputError(f"{path} has a key called {name} already: remove it first, or choose another name.")
    made = PREFIX + secrets.token_urlsafe(KEY_BYTES)
    try:
        key = Key(name=name, sha256=digest(made), per_minute=per_minute, seconds_per_day=seconds_per_day, endpoints=endpoints)
    except ValidationError as error:
        field = error.errors()[0]["loc"][0]
        raise InvalidInputError(f"The value for {field} cannot be used: names take letters, digits and . _ @ -.") from None
    _write(path, [*keys.values(), key])
    return made


def remove(path: Path, name: str) -> None:
    """Take a key out of force.

    Raises:
        InvalidInputError: no key has this name.
        SettingError: the file cannot be read or written.
    """
    keys = read(path).values()
    if all(key.name != name for key in keys):
        raise InvalidInputError(f"{path} has no key called {name[:64]!r}: `keys list` shows what there is.")
    _write(path, [key for key in keys if key.name != name])


def _write(path: Path, keys: list[Key]) -> None:
    write_lines(path, [key.model_dump_json() for key in keys])
