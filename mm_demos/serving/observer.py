"""Looks at every request and every run of a page: counts them, logs them, and charges them to the key they came with."""

from __future__ import annotations

import re
import time
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mm_demos.serving import log
from mm_demos.serving.access import Access, Caller
from mm_demos.serving.gate import CALLER, OPEN_FOLDERS, local_path
from mm_demos.serving.measures import Measures
from mm_demos.ui.watch import LISTENER, Run, RunEnd

# Labels name a kind of request, so that there is a bounded number of them and none quotes a path that a visitor chose.
CALL = re.compile(r"/gradio_api/call(?:/v2)?/([^/]+)(/[^/]+)?/?")
KINDS = (
    ("/gradio_api/file", "file"),
    ("/gradio_api/upload", "upload"),
    ("/gradio_api/queue/join", "queue/join"),
    ("/gradio_api/queue/data", "queue/data"),
    ("/gradio_api/run/", "run"),
    ("/gradio_api/api/", "run"),
    ("/gradio_api/component_server", "component_server"),
    ("/gradio_api/cancel", "cancel"),
    ("/gradio_api/heartbeat", "heartbeat"),
    ("/gradio_api/stream", "stream"),
    ("/gradio_api/mcp", "mcp"),
    ("/gradio_api/", "gradio_api"),
    ("/docs", "docs"),
    ("/config", "config"),
    ("/login", "login"),
    ("/health", "health"),
    ("/metrics", "metrics"),
)


class Runs:
    """Told by every run of the page, see `mm_demos.ui.watch.RunListener`."""

    def __init__(self, measures: Measures, access: Access) -> None:
        self._measures = measures
        self._access = access

    def began(self, run: Run) -> None:
        """Count a run that begins.

        Raises:
            RefusedAccessError: its key has no computing left today; it may have been used up while this run waited.
        """
        caller: Caller | None = run.scope.get(CALLER)
        if caller is not None and caller.key is not None:
            self._access.require_rest(caller.key)
        self._measures.queue_seconds.observe(run.queue_seconds)
        self._measures.running.inc()

    def ended(self, run: Run, end: RunEnd) -> None:
        """Count, charge and log a run that is over."""
        caller: Caller | None = run.scope.get(CALLER)
        if caller is not None and caller.key is not None:
            self._access.limits.spend(caller.key.name, end.seconds)
        self._measures.running.dec()
        self._measures.runs.labels(run.endpoint, end.status).inc()
        self._measures.run_seconds.labels(run.endpoint).observe(end.seconds)
        log.note(
            "run",
            endpoint=run.endpoint,
            status=end.status,
            reason=end.reason or None,
            seconds=round(end.seconds, 3),
            queue_seconds=round(run.queue_seconds, 3),
            models=list(end.models) or None,
            key=key_name(run.scope),
        )


class Observer:
    """ASGI middleware, the outermost: sees refusals too.

    Args:
        app: what is observed.
        measures: where requests are counted.
        runs: what the page's runs tell.
    """

    def __init__(self, app: ASGIApp, measures: Measures, runs: Runs) -> None:
        self.app = app
        self._measures = measures
        self._runs = runs

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on and note how it went."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        scope[LISTENER] = self._runs
        began = time.monotonic()
        status, streams = 500, False

        async def noting(message: Message) -> None:
            nonlocal status, streams
            if message["type"] == "http.response.start":
                status = int(message["status"])
                streams = any(
                    bytes(name).lower() == b"content-type" and bytes(value).startswith(b"text/event-stream")
                    for name, value in message.get("headers", [])
                )
            await send(message)

        try:
            await self.app(scope, receive, noting)
        finally:
            self._note(scope, status, time.monotonic() - began, streams)

    def _note(self, scope: Scope, status: int, seconds: float, streams: bool) -> None:
        endpoint = kind_of(scope)
        self._measures.requests.labels(endpoint, str(status)).inc()
        if not streams:
            self._measures.request_seconds.labels(endpoint).observe(seconds)
        log.note(
            "request",
            endpoint=endpoint,
            method=str(scope["method"]),
            status=status,
            seconds=round(seconds, 3),
            key=key_name(scope),
        )


def kind_of(scope: Scope) -> str:
    """What a request is about, as one of a few words."""
    path = local_path(scope)
    if path == "/":
        return "page"
    if path.startswith(OPEN_FOLDERS) or path in {"/theme.css", "/favicon.ico", "/manifest.json", "/robots.txt"}:
        return "assets"
    call = CALL.fullmatch(path)
    if call is not None:
        known = any(fn.api_name == call[1] and fn.api_visibility == "public" for fn in _functions(scope))
        return (f"call/{call[1]}" if known else "call") + ("/events" if call[2] else "")
    return next((word for start, word in KINDS if path.startswith(start)), "other")


def key_name(scope: Any) -> str | None:
    """The key that a request came with; a user who logged in is not named."""
    caller: Caller | None = scope.get(CALLER)
    return caller.key.name if caller is not None and caller.key is not None else None


def _functions(scope: Scope) -> list[Any]:
    return list(scope["app"].get_blocks().fns.values())
