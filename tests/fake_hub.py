"""A hub on the loopback interface: what the real one answers for repositories made on the spot, and how it can fail."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"
OTHER_COMMIT = "fedcba9876543210fedcba9876543210fedcba98"


@dataclass
class Repository:
    """Files by name at one commit; `state` is "open", "gated" or "private"."""

    files: dict[str, bytes]
    commit: str = COMMIT
    state: str = "open"
    card: dict[str, str] = field(default_factory=lambda: {"license": "mit"})

    def info(self, name: str) -> dict[str, object]:
        siblings = [_sibling(path, data) for path, data in self.files.items()]
        return {
            "id": name,
            "sha": self.commit,
            "siblings": siblings,
            "cardData": self.card,
            "gated": "manual" if self.state == "gated" else False,
            "private": self.state == "private",
            "tags": [],
            "downloads": 0,
            "likes": 0,
        }


def _sibling(path: str, data: bytes) -> dict[str, object]:
    found: dict[str, object] = {
        "rfilename": path,
        "size": len(data),
        "blobId": hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest(),  # noqa: S324 — git's name of the bytes
    }
    if path.endswith(".safetensors"):
        found["lfs"] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}
    return found


class Hub(ThreadingHTTPServer):
    """Serves `repositories`; `hang_ups` of its answers end early, `silent` ones never come."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.repositories: dict[str, Repository] = {}
        self.requests: list[str] = []  # method, path and Range of every request
        self.hang_ups = 0
        self.silent = threading.Event()
        self.answers_probe_only = False
        self.done = threading.Event()
        self.corrupt = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, *_: object) -> None:
        """A client that stops reading is part of the tests."""


class Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        hub, wanted = self.server, self.headers.get("Range", "")
        hub.requests.append(f"{self.command} {self.path} {wanted}".strip())
        self.close_connection = True
        if hub.silent.is_set() and not (hub.answers_probe_only and self.path in {"", "/"}):
            hub.done.wait(30)
            return
        if self.path in {"", "/"}:
            self._send(200, b"hub", body=body)
            return
        parts = self.path.partition("?")[0].strip("/").split("/")
        is_api = parts[:2] == ["api", "models"]
        name = "/".join(parts[2:4] if is_api else parts[:2])
        repository = hub.repositories.get(name)
        if repository is None or repository.state == "private":
            self._send(401 if repository else 404, b"{}", body=body, error="RepoNotFound")
        elif is_api:
            revision = parts[5] if len(parts) > 5 else "main"
            if revision not in {"main", repository.commit}:
                self._send(404, b"{}", body=body, error="RevisionNotFound")
                return
            self._send(200, json.dumps(repository.info(name)).encode(), body=body, kind="application/json")
        elif repository.state == "gated":
            self._send(403, b"{}", body=body, error="GatedRepo")
        else:
            self._file(repository, "/".join(parts[4:]), wanted, body=body)

    def _file(self, repository: Repository, path: str, wanted: str, *, body: bool) -> None:
        data = repository.files[path]
        etag = hashlib.sha256(data).hexdigest()
        if self.server.corrupt:
            data = b"x" * len(data)
        start = int(wanted.removeprefix("bytes=").partition("-")[0]) if wanted else 0
        headers = {"ETag": f'"{etag}"', "X-Repo-Commit": repository.commit, "Accept-Ranges": "bytes"}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        self._send(206 if start else 200, data[start:], body=body, headers=headers)

    def _send(
        self, status: int, data: bytes, *, body: bool, error: str = "", kind: str = "", headers: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        for name, value in {
            "Content-Length": str(len(data)),
            "Content-Type": kind or "application/octet-stream",
            "Connection": "close",
            **({"X-Error-Code": error, "X-Error-Message": error} if error else {}),
            **(headers or {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        if not body:
            return
        if self.server.hang_ups > 0 and len(data) > 1000:
            self.server.hang_ups -= 1
            data = data[: len(data) // 2]
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@contextmanager
def running() -> Iterator[Hub]:
    """A hub that serves until the end of the block."""
    with Hub() as hub:
        threading.Thread(target=hub.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        try:
            yield hub
        finally:
            hub.done.set()
            hub.shutdown()
