"""Who asks, and may they: log-in of the page, keys of programs, and the limits that all doors share."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterable, MutableMapping
from dataclasses import dataclass
from math import ceil

from mm_demos.errors import DemoError
from mm_demos.serving import keys, users
from mm_demos.serving.keys import Key
from mm_demos.serving.limits import Limits, Throttle
from mm_demos.serving.private_file import Watched
from mm_demos.settings import Settings

Headers = Iterable[tuple[bytes, bytes]]

HASHES_AT_ONCE = 2  # each takes 32 MB and a core for a quarter of a second
LOG_INS_WAITING = 20  # more would make people wait longer than a log-in is worth
SIGN_IN = "Give a key in the header Authorization: Bearer … or X-API-Key, or log in on the page."


class RefusedAccessError(DemoError):
    """A request that must not go on; its sentence is the answer.

    Args:
        status: 401, 403 or 429.
        sentence: for whoever asked.
        retry_seconds: when to try again; None when trying again does not help.
    """

    def __init__(self, status: int, sentence: str, retry_seconds: float | None = None) -> None:
        super().__init__(sentence)
        self.status = status
        self.retry_seconds = None if retry_seconds is None else max(1, ceil(retry_seconds))


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody whose log-in or key is good.

    Args:
        name: of the user or of the key.
        key: what limits them; None for a user.
        on_page: they came with the cookie of a log-in, not with a key in a header.
    """

    name: str
    key: Key | None = None
    on_page: bool = False


class Access:
    """The users and keys of one page and what they have used up.

    Raises:
        SettingError: a file that the settings name is missing or cannot be used.
    """

    def __init__(self, settings: Settings) -> None:
        self._users = Watched(settings.users_file, users.read)
        self._keys = Watched(settings.keys_file, keys.read)
        self.restricted = settings.users_file is not None or settings.keys_file is not None
        self.limits = Limits()
        self.throttle = Throttle()
        self._hashing = asyncio.Semaphore(HASHES_AT_ONCE)
        self._waiting = 0
        self._passes: dict[str, str] = {}

    async def log_in(self, name: str, password: str) -> bool:
        """Whether this name and password, or name of a key and key, open the page; an unknown name costs the same.

        Raises:
            RefusedAccessError: too many wrong passwords, or too many at once.
        """
        known = name if users.NAME.fullmatch(name) else ""
        wait = self.throttle.wait(known)
        if wait:
            raise RefusedAccessError(429, f"Too many wrong passwords: wait {ceil(wait)} seconds and try again.", wait)
        if self._waiting >= LOG_INS_WAITING:
            raise RefusedAccessError(429, "Too many log-ins at once: wait a few seconds and try again.", 5)
        self.throttle.failed(known)
        kept = self._users.entries().get(known, users.NOBODY)
        good = await self._matches(password, kept)
        if kept is users.NOBODY:
            key = self._keys.entries().get(keys.digest(password))
            good = key is not None and key.name == known and not key.endpoints
        if good:
            self.throttle.succeeded(known)
        return good

    async def _matches(self, password: str, kept: str) -> bool:
        self._waiting += 1
        try:
            async with self._hashing:
                return await asyncio.to_thread(users.matches, password, kept)
        finally:
            self._waiting -= 1

    def caller(self, headers: Headers, cookies: Iterable[str], tokens: MutableMapping[str, str]) -> Caller | None:
        """Who sent these headers; None when they name nobody.

        Args:
            headers: as ASGI gives them.
            cookies: values that may be a log-in.
            tokens: log-ins of the page: name by token.

        Raises:
            RefusedAccessError: there is a key and it is not good, or there are two.
        """
        key = self._key([(name.lower(), value) for name, value in headers])
        return Caller(key.name, key) if key is not None else self._person(cookies, tokens)

    def token(self, caller: Caller, tokens: MutableMapping[str, str]) -> str:
        """What Gradio's own check of the log-in is shown for a caller whose key is good."""
        token = self._passes.setdefault(caller.name, secrets.token_urlsafe(32))
        tokens[token] = caller.name
        return token

    def require(self, caller: Caller, endpoint: str | None) -> None:
        """Make sure that a caller may use an endpoint; None stands for one that has no public name.

        Raises:
            RefusedAccessError: they may not.
        """
        if caller.key is None or not caller.key.endpoints or (endpoint is not None and caller.key.allows(endpoint)):
            return
        allowed = ", ".join(caller.key.endpoints)
        raise RefusedAccessError(403, f"The key {caller.name} is for {allowed}: ask for one that opens this too.")

    def charge(self, caller: Caller) -> None:
        """Count a request.

        Raises:
            RefusedAccessError: a limit of the key is reached.
        """
        if caller.key is None:
            return
        self.require_rest(caller.key)
        wait = self.limits.admit(caller.key)
        if wait:
            limit = f"{caller.key.per_minute} requests per minute"
            raise RefusedAccessError(429, f"The key {caller.name} has had its {limit}: try again in {ceil(wait)} s.", wait)

    def require_rest(self, key: Key) -> None:
        """Make sure that a key has computing left today.

        Raises:
            RefusedAccessError: it has not.
        """
        wait = self.limits.rest(key)
        if wait:
            spent = f"{key.seconds_per_day:g} seconds of computing per day"
            raise RefusedAccessError(429, f"The key {key.name} has had its {spent}: it has more after midnight UTC.", wait)

    def _key(self, headers: list[tuple[bytes, bytes]]) -> Key | None:
        plain = [value for name, value in headers if name == b"x-api-key"]
        bearer = [value for name, value in headers if name == b"authorization"]
        # A proxy in front of the page may have a token of its own there; beside a key it is none of ours.
        ours = [value for value in bearer if value.partition(b" ")[2].strip().startswith(keys.PREFIX.encode())]
        given = plain + (ours if plain else bearer)
        if not given:
            return None
        if len(given) > 1:
            raise RefusedAccessError(401, "There are two keys in this request: send one, in one header.")
        value = given[0].decode("latin-1").strip()
        if not plain:
            scheme, _, value = value.partition(" ")
            if scheme.lower() != "bearer":
                raise RefusedAccessError(401, "A key in the header Authorization is written as: Bearer mmd_….")
        key = self._keys.entries().get(keys.digest(value.strip()))
        if key is None:
            raise RefusedAccessError(401, "This key is not known here: check it, or ask for a new one.")
        return key

    def _person(self, cookies: Iterable[str], tokens: MutableMapping[str, str]) -> Caller | None:
        for cookie in cookies:
            name = tokens.get(cookie)
            if name is None or cookie in self._passes.values():
                continue
            if name in self._users.entries():
                return Caller(name, on_page=True)
            key = next((key for key in self._keys.entries().values() if key.name == name and not key.endpoints), None)
            if key is not None:
                return Caller(name, key, on_page=True)
            del tokens[cookie]  # whoever it was has been taken out of the file
        return None
