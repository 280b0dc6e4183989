"""What stands around Gradio's routes on every page: observer, gate, health and metrics."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from mm_demos.serving import health, log
from mm_demos.serving.access import SIGN_IN, Access, Caller, RefusedAccessError
from mm_demos.serving.gate import CALLER, Gate, log_in_of, refusal
from mm_demos.serving.measures import Measures
from mm_demos.serving.observer import Observer, Runs
from mm_demos.settings import LOOPBACK, PROXY_HEADERS, settings
from mm_demos.tabs import TabSpec

SIGN_IN_TEXT = (
    "Log in with your name and password, or with the name of your key and the key. After five wrong passwords wait a minute."
)


class Doors:
    """One page's log-in, keys, logs, metrics and health.

    Args:
        specs: the tabs of the page.
        host: the address it listens at.
        share: it has a public link.

    Raises:
        SettingError: the files of users or keys cannot be used.
    """

    def __init__(self, specs: Sequence[TabSpec], host: str, *, share: bool = False) -> None:
        self.access = Access(settings())
        self.measures = Measures()
        self._specs = specs
        self._began = time.monotonic()
        self._private = host in LOOPBACK and not share
        if settings().log == "json":
            log.to_json()

    def middleware(self) -> list[Middleware]:
        """The outermost first."""
        runs = Runs(self.measures, self.access)
        return [Middleware(Observer, measures=self.measures, runs=runs), Middleware(Gate, access=self.access)]

    def routes(self) -> list[BaseRoute]:
        """Health and metrics."""
        return [Route("/health", self.health), Route("/health/live", _alive), Route("/metrics", self.metrics)]

    def log_in(self) -> dict[str, Any]:
        """Gradio's options for the log-in page."""
        auth = log_in_of(self.access)
        return {"auth": auth, "auth_message": SIGN_IN_TEXT} if auth is not None else {}

    async def health(self, request: Request) -> Response:
        """200 when the next run can begin or wait, 503 otherwise."""
        state = await run_in_threadpool(health.examine, request.app.get_blocks(), self._specs, self._began)
        full = not self.access.restricted or CALLER in request.scope
        status = 200 if state.status == "ready" else 503
        return JSONResponse(state.as_json(full=full), status, {"Cache-Control": "no-store"})

    async def metrics(self, request: Request) -> Response:
        """Figures in the text format of Prometheus, for those who may see them."""
        from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

        try:
            self._may_measure(request)
        except RefusedAccessError as refused:
            return refusal(refused)
        text = await run_in_threadpool(generate_latest, self.measures.registry)
        return Response(text, headers={"Content-Type": CONTENT_TYPE_LATEST, "Cache-Control": "no-store"})

    def _may_measure(self, request: Request) -> None:
        caller: Caller | None = request.scope.get(CALLER)
        rule = settings().metrics
        if caller is not None and rule != "off":
            self.access.require(caller, "metrics")
        elif rule == "off":
            raise RefusedAccessError(403, "The metrics are off here: the owner opens them with MM_DEMOS_METRICS.")
        elif self.access.restricted and rule != "open":
            raise RefusedAccessError(401, SIGN_IN)
        elif rule == "private" and not (self._private and _direct(request)):
            raise RefusedAccessError(
                403, "The metrics are for this machine only: the owner opens them with MM_DEMOS_METRICS=open, or with a key."
            )


def _direct(request: Request) -> bool:
    """Whether a program of this machine asks this very address, with no proxy between them."""
    host = urlsplit(f"//{request.headers.get('host', '')}").hostname
    plain = request.scope.get("http_version") != "1.0"  # which nginx speaks where nothing else tells that it is there
    return plain and host in LOOPBACK and not any(name in request.headers for name in PROXY_HEADERS)


async def _alive(_request: Request) -> Response:
    return JSONResponse({"status": "alive"}, headers={"Cache-Control": "no-store"})
