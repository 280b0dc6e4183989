"""What a request asks for, read from its path and its body without taking the body away from who answers it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message, Receive

from mm_demos.settings import settings

CALL = re.compile(r"/gradio_api/call(?:/v2)?/([^/]+)")
DIRECT = re.compile(r"/gradio_api/(?:run|api)/([^/]+)")
HEARTBEAT = re.compile(r"/gradio_api/heartbeat/([^/]+)")
GOES_ON = ("/gradio_api/stream/", "/gradio_api/reset", "/gradio_api/mcp")  # a tool's call comes again as a call of its endpoint
WITH_BODY = ("/gradio_api/queue/join", "/gradio_api/cancel", "/gradio_api/component_server")
LARGEST_FACTOR = 2  # a body of JSON may hold a file as text, which is a third longer than the file


class TooLongError(HTTPException):
    """The body of a request is longer than any that is answered; FastAPI lets this pass while it reads one."""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(
            413, f"The body is longer than {limit_bytes // 1_000_000} MB: upload files with POST /gradio_api/upload first."
        )


@dataclass(frozen=True, slots=True)
class Asked:
    """What one request wants.

    Args:
        endpoint: public name of what it would run; None when that has no public name.
        runs: it would run something.
        light: what it would run belongs to the page and does not compute.
        sessions: those it speaks for; which one counts, where it names two, is for Gradio to say.
    """

    endpoint: str | None = None
    runs: bool = False
    light: bool = False
    sessions: tuple[str, ...] = ()


async def asked(request: Request, path: str, blocks: Any) -> tuple[Asked, Receive]:
    """What a request wants, and a `receive` that gives its body again.

    Raises:
        TooLongError: a body that has to be read is longer than `limit_bytes()`.
    """
    call, direct, heart = CALL.fullmatch(path), DIRECT.fullmatch(path), HEARTBEAT.fullmatch(path)
    sessions = (*(heart.groups() if heart is not None else ()), *request.query_params.getlist("session_hash"))
    if request.method != "POST" or path.startswith(GOES_ON):
        return Asked(sessions=sessions), request.receive
    if not (call or direct or path in WITH_BODY):
        return Asked(runs=True, sessions=sessions), request.receive
    body = await read(request)
    given = _object(body)
    said = given.get("session_hash")
    sessions = (*sessions, said) if isinstance(said, str) else sessions
    again = replayed(body, request.receive)
    if call is not None:
        return Asked(call[1], runs=True, sessions=sessions), again
    if path == "/gradio_api/cancel":
        return Asked(sessions=sessions), again
    if path == "/gradio_api/component_server":
        return Asked(runs=True, sessions=sessions), again
    fn = _function(blocks, given, direct[1] if direct is not None else None)
    public = str(fn.api_name) if fn is not None and fn.api_visibility == "public" else None
    return Asked(public, runs=True, light=fn is not None and not fn.queue, sessions=sessions), again


def _function(blocks: Any, given: Mapping[str, Any], name: str | None) -> Any:
    """The event that Gradio would run, None when that is not plain."""
    index = given.get("fn_index")
    if index is None:
        return next((fn for fn in blocks.fns.values() if fn.api_name == name), None)
    return blocks.fns.get(index) if type(index) is int else None


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return given if isinstance(given, dict) else {}


def limit_bytes() -> int:
    """How long the body of a request may be that is no upload."""
    return settings().max_upload_mb * LARGEST_FACTOR * 1_000_000


async def read(request: Request) -> bytes:
    """The whole body.

    Raises:
        TooLongError: it is longer than `limit_bytes()`.
    """
    body = bytearray()
    async for chunk in Request(request.scope, bounded(request.receive)).stream():
        body += chunk
    return bytes(body)


def bounded(receive: Receive) -> Receive:
    """The same `receive`, which raises `TooLongError` once it has given more than `limit_bytes()`."""
    left = limit_bytes()

    async def counted() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        if left < 0:
            raise TooLongError(limit_bytes())
        return message

    return counted


def replayed(body: bytes, rest: Receive) -> Receive:
    """A `receive` that gives a body that was read already, and then whatever the connection says."""
    left: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return left.pop() if left else await rest()

    return receive
