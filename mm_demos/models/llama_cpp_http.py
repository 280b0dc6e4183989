"""The few words spoken to llama.cpp's own listener: JSON over a UNIX socket or a loopback port."""

from __future__ import annotations

import http.client
import json
import socket
from typing import Any

TIMEOUT_SECONDS = 30.0


class LocalClient:
    """Posts JSON to `address`, "unix:///path" or "http://127.0.0.1:port", with the key that guards it."""

    def __init__(self, address: str, key: str) -> None:
        self._address = address
        self._headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """The decoded reply.

        Raises:
            ConnectionError: the listener is gone or answered with an error.
        """
        return self._request("POST", path, json.dumps(body))

    def get(self, path: str) -> dict[str, Any]:
        """The decoded reply, as `post`."""
        return self._request("GET", path, None)

    def _request(self, method: str, path: str, body: str | None) -> dict[str, Any]:
        connection = self._connect()
        try:
            connection.request(method, path, body, self._headers)
            response = connection.getresponse()
            text = response.read()
        finally:
            connection.close()
        if response.status != 200:
            raise ConnectionError(f"llama.cpp answered {response.status} to {path}")
        return dict(json.loads(text))

    def _connect(self) -> http.client.HTTPConnection:
        if self._address.startswith("unix://"):
            return _UnixConnection(self._address.removeprefix("unix://"))
        host, _, port = self._address.removeprefix("http://").rstrip("/").rpartition(":")
        return http.client.HTTPConnection(host, int(port), timeout=TIMEOUT_SECONDS)


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a UNIX socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=TIMEOUT_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)
