"""The gate in front of every door: with users or keys, nothing but the log-in page answers those who are neither."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import MutableMapping
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from mm_demos.serving.access import SIGN_IN, Access, Caller, RefusedAccessError
from mm_demos.serving.bodies import Asked, TooLongError, asked

CALLER = "mm_demos.caller"  # its key in the ASGI scope
SESSIONS_KEPT = 10_000
# What a browser needs to show the log-in, and what says no more than that the page is up.
OPEN = frozenset(
    {"/", "/login", "/logout", "/theme.css", "/favicon.ico", "/robots.txt", "/manifest.json", "/pwa_icon"}
    | {"/health", "/health/live", "/metrics"}
    | {"/gradio_api/startup-events", "/gradio_api/theme.css", "/gradio_api/app_id"}
)
OPEN_FOLDERS = ("/assets/", "/static/", "/svelte/", "/pwa_icon/", "/languages/")
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Gate:
    """ASGI middleware; it lets a request through, with who sent it in its scope, or answers 401, 403 or 429.

    Args:
        app: what is behind the gate.
        access: users, keys and limits.
    """

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self.app = app
        self._access = access
        self._owners: OrderedDict[str, tuple[str, str]] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one connection through or refuse it."""
        if scope["type"] == "lifespan" or not self._access.restricted:
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":  # no part of the page speaks by WebSocket
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": "Use HTTP."})
            return
        try:
            receive = await self._passed(Request(scope, receive))
        except RefusedAccessError as refused:
            await refusal(refused)(scope, receive, send)
            return
        except ClientDisconnect:  # in the middle of its body: nobody is there to answer
            return
        await self.app(scope, receive, send)

    async def _passed(self, request: Request) -> Receive:
        """The request's `receive` when it may go on.

        Raises:
            RefusedAccessError: it may not.
        """
        scope = request.scope
        path = local_path(scope)
        is_open = path in OPEN or path.startswith(OPEN_FOLDERS)
        tokens: MutableMapping[str, str] = scope["app"].tokens
        names = [f"{name}-{scope['app'].cookie_id}" for name in ("access-token", "access-token-unsecure")]
        cookies = [request.cookies[name] for name in names if name in request.cookies]
        try:
            caller = self._access.caller(scope["headers"], cookies, tokens)
        except RefusedAccessError:
            if is_open:
                return request.receive
            raise
        if caller is None:
            if is_open:
                return request.receive
            raise RefusedAccessError(401, SIGN_IN)
        scope[CALLER] = caller
        if not caller.on_page:
            self._show_token(scope, names[0], self._access.token(caller, tokens))
        if is_open:
            return request.receive
        if caller.on_page and request.method not in SAFE_METHODS and request.headers.get("sec-fetch-site") == "cross-site":
            raise RefusedAccessError(403, "Another site sent this request with your log-in: use the page itself.")
        return await self._admitted(request, path, caller)

    async def _admitted(self, request: Request, path: str, caller: Caller) -> Receive:
        try:
            wanted, receive = await asked(request, path.rstrip("/"), request.scope["app"].get_blocks())
        except TooLongError as error:
            raise RefusedAccessError(error.status_code, error.detail) from None
        for session in wanted.sessions:
            self._own(session, caller)
        if wanted.runs and path.rstrip("/") != "/gradio_api/upload":
            self._access.require(caller, wanted.endpoint)
        if path.rstrip("/") == "/gradio_api/component_server" and not wanted.sessions:  # a form could hide whose it is
            raise RefusedAccessError(403, "This request names no session: send it as JSON with its session_hash.")
        if wanted.runs and not self._free(wanted, caller):
            self._access.charge(caller)
        return receive

    def _free(self, wanted: Asked, caller: Caller) -> bool:
        """The page of somebody who logged in with a key refreshes itself all the time."""
        return caller.on_page and wanted.light

    def _own(self, session: str, caller: Caller) -> None:
        """Give a session to who speaks for it first, and to nobody else after that.

        Raises:
            RefusedAccessError: it belongs to somebody else.
        """
        who = ("user" if caller.key is None else "key", caller.name)  # a key may be called like somebody else
        owner = self._owners.setdefault(session, who)
        if owner != who:
            raise RefusedAccessError(403, "This session belongs to somebody else: use one of your own.")
        self._owners.move_to_end(session)
        if len(self._owners) > SESSIONS_KEPT:
            self._owners.popitem(last=False)

    @staticmethod
    def _show_token(scope: Scope, cookie: str, token: str) -> None:
        """Gradio's own check of the log-in sees a cookie that stands for the key; no other cookie goes on."""
        kept = [(name, value) for name, value in scope["headers"] if name.lower() != b"cookie"]
        scope["headers"] = [*kept, (b"cookie", f"{cookie}={token}".encode())]


def local_path(scope: Scope) -> str:
    """The path below the address at which the page is mounted."""
    path, root = str(scope.get("path", "")), str(scope.get("root_path", ""))
    return path[len(root) :] if root and path.startswith(f"{root}/") else path


def refusal(refused: RefusedAccessError) -> JSONResponse:
    """The answer to a request that must not go on; Gradio's clients show `detail`."""
    headers = {"Cache-Control": "no-store"}
    if refused.retry_seconds is not None:
        headers["Retry-After"] = str(refused.retry_seconds)
    if refused.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse({"error": str(refused), "detail": str(refused)}, refused.status, headers)


def log_in_of(access: Access) -> Any:
    """Gradio's `auth` for a page with users or keys, None for one that is open."""
    if not access.restricted:
        return None

    async def log_in(name: str, password: str) -> bool:
        from fastapi import HTTPException

        try:
            return await access.log_in(name, password)
        except RefusedAccessError as refused:
            raise HTTPException(refused.status, str(refused), {"Retry-After": str(refused.retry_seconds)}) from None

    return log_in
