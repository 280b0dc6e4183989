"""Faults of the HTTP door in words: whatever Gradio or FastAPI refuses leaves as one sentence with its cause and its fix."""

from __future__ import annotations

import json
import logging
import re
import secrets
from collections.abc import Sequence
from html import unescape
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mm_demos.serving import arguments, runs
from mm_demos.serving.arguments import LISTED, RefusedError
from mm_demos.serving.bodies import TooLongError, bounded, read, replayed
from mm_demos.settings import settings

logger = logging.getLogger(__name__)

CALL = re.compile(r"/gradio_api/call(?P<named>/v2)?/(?P<name>[^/]+)(?:/(?P<event>[^/]+))?/?")
TOOLS = "/gradio_api/mcp"  # speaks a protocol of its own, with faults of its own
UPLOAD = "/gradio_api/upload"  # Gradio counts the bytes of its files itself


class PlainFaults:
    """ASGI middleware around Gradio's routes.

    Calls are checked against the endpoints' own parameters before Gradio sees them, and answers of 400 and above get a body
    `{"detail": "one sentence"}`: always under `/gradio_api/call/`, elsewhere as far as Gradio's own clients understand it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer or pass on one request."""
        path = str(scope.get("path", ""))
        if scope["type"] == "http" and not path.startswith((TOOLS, UPLOAD)):
            receive = bounded(receive)
        if scope["type"] != "http" or not path.startswith("/gradio_api/") or path.startswith(TOOLS):
            await self.app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            receive = await self._checked(request, path)
        except RefusedError as refused:
            await _answer(path, refused.status, str(refused))(scope, receive, send)
            return
        except TooLongError as error:
            await _answer(path, error.status_code, error.detail)(scope, receive, send)
            return
        except ClientDisconnect:  # in the middle of its body: nobody is there to answer
            return
        held = _Held(request, path, send)
        try:
            await self.app(scope, receive, held.send)
        except Exception as error:
            if held.streaming:
                raise
            if isinstance(error, KeyError) and path.startswith("/gradio_api/queue/join"):
                await _answer(path, 404, "This page has no such event any more: load it again.")(scope, receive, send)
                return
            number = secrets.token_hex(4)
            logger.error("unexpected error %s at %r", number, path, exc_info=error)
            sentence = f"An unexpected error ended this request; please report it with the number {number}."
            await _answer(path, 500, sentence)(scope, receive, send)

    async def _checked(self, request: Request, path: str) -> Receive:
        """The request's `receive`, replayed where its body had to be read."""
        blocks = request.scope["app"].get_blocks()
        kind = request.headers.get("content-type", "")
        call = CALL.fullmatch(path)
        if call is not None and request.method == "GET":
            runs.require(blocks, call["name"], call["event"])
        elif call is not None and request.method == "POST" and not call["event"]:
            names = arguments.names_of(blocks, call["name"])
            body = await read(request)
            arguments.check(call["name"], names, arguments.as_object(body, kind), named=bool(call["named"]))
            return replayed(body, request.receive)
        elif path.rstrip("/") == "/gradio_api/cancel" and request.method == "POST":
            given = arguments.as_object(await read(request), kind)
            return replayed(json.dumps(runs.cancellation(blocks, given)).encode(), request.receive)
        return request.receive


class _Held:
    """Lets good answers stream through, and holds those of 400 and above back until their sentence is known."""

    def __init__(self, request: Request, path: str, send: Send) -> None:
        self.streaming = False
        self._request, self._path, self._send = request, path, send
        self._start: Message = {}
        self._body = bytearray()

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            if message["status"] < 400:
                self.streaming = True
                await self._send(message)
        elif self.streaming:
            await self._send(message)
        else:
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                response = rewritten(self._request, self._path, self._start["status"], bytes(self._body))
                if response is None:
                    await self._send(self._start)
                    await self._send({"type": "http.response.body", "body": bytes(self._body)})
                else:
                    await response(self._request.scope, self._request.receive, self._send)


def rewritten(request: Request, path: str, status: int, body: bytes) -> Response | None:
    """An answer of 400 and above with its sentence in the shape that who asked can read; None leaves Gradio's."""
    detail = _detail(body)
    if path.startswith("/gradio_api/queue/join") and status in {400, 422}:
        return _joined(request, status, detail)
    if path.startswith("/gradio_api/call/") and status == 400:
        status = 422  # Gradio's number for a value that does not fit depends on whether the endpoint has a validator
    if path.startswith(("/gradio_api/call/", "/gradio_api/cancel", "/gradio_api/upload")) or detail in ("", "Not Found"):
        return _answer(path, status, sentence_of(path, status, detail))
    if isinstance(detail, dict) and detail.get("error", "") is None:  # Gradio hides what it did not expect, and says nothing
        return JSONResponse({**detail, "error": f"This could not be run: {LISTED}."}, status)
    return None


def sentence_of(path: str, status: int, detail: Any) -> str:
    """One sentence for what Gradio or FastAPI said."""
    if status == 413:
        limit = settings().max_upload_mb
        return (
            f"A file is larger than the maximum allowed size of {limit} MB: send a smaller one, "
            f"or let the owner of the page raise MM_DEMOS_MAX_UPLOAD_MB."
        )
    if status == 503:
        return "The queue is full: try again in a moment."
    if status == 404:
        return f"There is nothing at {path[:80]}: {LISTED}."
    if isinstance(detail, dict):
        detail = detail.get("error") or detail.get("message") or ""
    if isinstance(detail, list):
        detail = _first_sentence(detail)
    if path.startswith("/gradio_api/upload"):
        return "The upload could not be read: send it as multipart/form-data with one or more fields called “files”."
    text = unescape(str(detail)).strip()
    return text if text.endswith(".") else f"{text or 'This request cannot be answered'}: {LISTED}."


def _joined(request: Request, status: int, detail: Any) -> Response:
    """A refusal before the queue: Gradio's Python client and its page read a list, its JavaScript client reads a sentence."""
    sentence = sentence_of("", status, detail)
    verdict = {"__type__": "validate", "is_valid": False, "message": sentence, "parameter_name": "input"}
    if request.headers.get("user-agent", "").startswith("gradio_client"):
        return JSONResponse({"detail": detail if isinstance(detail, list) else [verdict]}, 422)
    if request.headers.get("x-gradio-user") == "api":
        return JSONResponse({"detail": sentence}, 422)
    return JSONResponse({"detail": detail}, status)


def _first_sentence(verdicts: Sequence[Any]) -> str:
    """The sentence of a validator's verdicts, or of pydantic's list of faults in the request itself."""
    for item in verdicts:
        if isinstance(item, dict) and item.get("is_valid") is False:
            return str(item.get("message", ""))
        if isinstance(item, dict) and "loc" in item:
            where = ".".join(str(part) for part in item["loc"])
            return f"The request cannot be read at “{where}” ({item.get('msg', 'wrong')}): {LISTED}."
    return ""


def _detail(body: bytes) -> Any:
    try:
        said = json.loads(body)
    except ValueError:
        return body.decode("utf-8", "replace")
    return said.get("detail", said) if isinstance(said, dict) else said


def _answer(path: str, status: int, sentence: str) -> Response:
    if path.startswith("/gradio_api/upload"):  # Gradio's clients show the body as it is
        return PlainTextResponse(sentence, status)
    # What a program sent and the sentence quotes may hold half a character, which is no text that can be sent.
    return JSONResponse({"detail": sentence.encode("utf-8", "replace").decode()}, status)
