"""A hub on the loopback interface that takes Spaces: what its API answers to a creation and an upload, and how it can refuse."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

COMMIT = "0123456789abcdef0123456789abcdef01234567"
TOKEN = "hf_AbCdEfGhIjKlMnOpQrStUvWxYz012345"  # noqa: S105 — opens nothing


class SpacesHub(ThreadingHTTPServer):
    """`files` by Space; `refusal` is the status and the message that every request gets, once set."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, dict[str, bytes]] = {}
        self.created: list[dict[str, Any]] = []
        self.refusal: tuple[int, str] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: SpacesHub

    def do_GET(self) -> None:
        path = self.path.partition("?")[0].split("/")
        name = "/".join(path[3:5])
        if self.server.refusal is not None or name not in self.server.files:
            self._send({"error": "Repository not found"}, 404)
        elif len(path) == 5:
            self._send({"id": name, "sha": COMMIT, "siblings": []})
        else:
            self._send(self._tree(name))

    def _tree(self, name: str) -> list[dict[str, Any]]:
        return [{"type": "file", "path": file, "size": 1, "oid": "0" * 40} for file in self.server.files[name]]

    def do_POST(self) -> None:
        given = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._send({"error": "Invalid username or password."}, 401)
            return
        if self.server.refusal is not None:
            status, message = self.server.refusal
            self._send({"error": message}, status)
            return
        parts = self.path.partition("?")[0].split("/")
        name = "/".join(parts[3:5])
        if self.path == "/api/repos/create":
            asked = json.loads(given)
            self.server.created.append(asked)
            name = f"{asked['organization']}/{asked['name']}"
            self.server.files.setdefault(name, {})
            self._send({"url": f"{self.server.url}/spaces/{name}", "name": name, "id": name})
        elif "preupload" in parts:
            files = json.loads(given)["files"]
            self._send({"files": [{"path": file["path"], "uploadMode": "regular", "shouldIgnore": False} for file in files]})
        elif "commit" in parts:
            self._commit(name, [json.loads(line) for line in given.splitlines() if line])
        else:
            self._send({})

    def _commit(self, name: str, lines: list[dict[str, Any]]) -> None:
        kept = self.server.files[name]
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                kept[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "deletedFile":
                kept.pop(value["path"], None)
        self._send({"commitUrl": f"{self.server.url}/spaces/{name}/commit/{COMMIT}", "commitOid": COMMIT, "success": True})

    def _send(self, body: Any, status: int = 200) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""


@contextmanager
def running() -> Iterator[SpacesHub]:
    with SpacesHub() as hub:
        threading.Thread(target=hub.serve_forever, daemon=True).start()
        yield hub
        hub.shutdown()
