"""A tool's call as a run of its endpoint: files are uploaded, progress is passed on, whoever stops listening stops the run."""

from __future__ import annotations

import base64
import binascii
import json
import mimetypes
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from mm_demos.errors import DemoError, InvalidInputError
from mm_demos.serving.tools import FILE
from mm_demos.settings import LOOPBACK, PROXY_HEADERS
from mm_demos.ui.endpoints import Argument, Endpoint

if TYPE_CHECKING:
    import httpx
    from starlette.types import Scope

Json = dict[str, Any]
Hear = Callable[[Any], Awaitable[None]]

FILE_META = {"_type": "gradio.FileData"}
SERVED = "/gradio_api/file="
DATA_URI = re.compile(r"data:(?P<kind>[\w.+-]+/[\w.+-]+)?(?P<about>(?:;[\w=.%+-]+)*?);base64,(?P<data>.*)", re.DOTALL)
KEPT_HEADERS = ("authorization", "cookie", "x-api-key", "accept-language", "x-forwarded-proto", *PROXY_HEADERS)
CONNECT_SECONDS = 30.0
TITLE = "mcp"  # as the call's user agent, for the log


class CallError(DemoError):
    """A call that ended without a result; its sentence is for the client."""


async def call(client: httpx.AsyncClient, endpoint: Endpoint, arguments: Mapping[str, Any], hear: Hear) -> Any:
    """Run an endpoint and give its result; cancelling this coroutine ends the run.

    Raises:
        InvalidInputError: a file cannot be used.
        CallError: the endpoint refused the arguments, or the run ended with a fault.
    """
    body = {}
    files = {argument.name: argument for argument in endpoint.arguments if argument.files}
    for name, value in arguments.items():
        body[name] = await _file_argument(client, files[name], value) if name in files else value
    missing = next((each.name for each in endpoint.arguments if each.required and arguments.get(each.name) in (None, "")), "")
    if missing:
        raise InvalidInputError(f"“{missing}” is missing: {endpoint.name} cannot do without it.")
    address = f"/gradio_api/call/v2/{endpoint.name}"
    started = await client.post(address, json=body)
    if started.status_code >= 400:
        raise CallError(_detail(started))
    run = started.json()["event_id"]
    ended = False
    try:
        async with client.stream("GET", f"{address}/{run}") as stream:
            async for kind, data in _events(stream):
                if kind == "generating":
                    await hear(data[0])
                elif kind in {"complete", "error"}:
                    ended = True
                    return _result(kind, data)
        raise CallError("The run ended without a result: try again.")
    finally:
        if not ended:
            await _cancel(client, run)


async def _cancel(client: httpx.AsyncClient, run: str) -> None:
    import anyio

    with anyio.CancelScope(shield=True):
        await client.post("/gradio_api/cancel", json={"event_id": run})


def _result(kind: str, data: Any) -> Any:
    if kind == "error":
        said = data.get("error") if isinstance(data, dict) else data
        raise CallError(str(said or "The run ended with an error that says nothing: try again."))
    if not data or data[0] is None:
        raise CallError("The run was stopped.")
    return data[0]


async def _events(stream: httpx.Response) -> AsyncIterator[tuple[str, Any]]:
    kind = ""
    async for line in stream.aiter_lines():
        if line.startswith("event: "):
            kind = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield kind, json.loads(line.removeprefix("data: "))


async def _file_argument(client: httpx.AsyncClient, argument: Argument, value: Any) -> Any:
    if value is None or value == "":
        return None
    several = value if isinstance(value, list) else [value]
    if argument.files == "one" and isinstance(value, list):
        raise InvalidInputError(f"“{argument.name}” takes one file, not a list: give one.")
    names = [argument.name if argument.files == "one" else f"{argument.name}-{n}" for n, _ in enumerate(several, start=1)]
    given = [await _file(client, name, item) for name, item in zip(names, several, strict=True)]
    return given if argument.files == "many" else given[0]


async def _file(client: httpx.AsyncClient, name: str, value: Any) -> Json:
    """A file as an endpoint takes it."""
    if isinstance(value, dict) and isinstance(value.get("path") or value.get("url"), str):
        value = value.get("path") or value["url"]  # as a result gave it
    if not isinstance(value, str):
        raise InvalidInputError(f"“{name}” is a file. {FILE}")
    found = DATA_URI.fullmatch(value)
    if found is not None:
        return {"path": await _upload(client, name, found), "meta": FILE_META}
    if value.startswith(("http://", "https://")):
        _, served, path = urlsplit(value).path.partition(SERVED)
        # Only what was uploaded to this server, or made by it, has such a path; the endpoint looks whether that is so.
        return {"path": unquote(path) if served else value, "meta": FILE_META}
    if "/" in value and not value.startswith("data:"):
        return {"path": value, "meta": FILE_META}
    raise InvalidInputError(f"“{name}” is no file that can be read. {FILE}")


async def _upload(client: httpx.AsyncClient, name: str, found: re.Match[str]) -> str:
    """The path that a data URI's content has on the server, under the name that the URI gives it."""
    kind = found["kind"] or ""
    about = dict(part.partition("=")[::2] for part in found["about"].split(";"))
    called = unquote(about.get("name", "")).rpartition("/")[2] or name + (mimetypes.guess_extension(kind) or "")
    try:
        content = base64.b64decode(found["data"], validate=True)
    except binascii.Error:
        raise InvalidInputError(f"“{name}” is no valid base64: encode the file's bytes again.") from None
    answer = await client.post("/gradio_api/upload", files={"files": (called, content, kind or None)})
    if answer.status_code >= 400:
        raise CallError(_detail(answer))
    return str(answer.json()[0])


def _detail(response: httpx.Response) -> str:
    """The sentence of a refusal."""
    try:
        said = response.json()
    except ValueError:
        said = response.text
    detail = said.get("detail") or said.get("error") if isinstance(said, dict) else said
    while isinstance(detail, list) and detail:
        detail = next((item for item in detail if isinstance(item, dict) and not item.get("is_valid", True)), detail[0])
    if isinstance(detail, dict):
        detail = detail.get("message")
    return str(detail or f"The server refused the call with status {response.status_code}.")


def headers_of(scope: Scope) -> dict[str, str]:
    """The headers of a client's request that its run is to have: who it is, and whether it comes from elsewhere."""
    sent = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    kept = {name: sent[name] for name in KEPT_HEADERS if name in sent}
    host = urlsplit(f"//{sent.get('host', '')}").hostname or ""
    client = scope["client"][0] if scope.get("client") else ""
    if client not in LOOPBACK or host not in LOOPBACK or scope.get("http_version") == "1.0":
        kept.setdefault("x-forwarded-for", client or "unknown")  # or else the run would pass for one of this machine
    return kept | {"user-agent": TITLE}


def client_for(scope: Scope) -> httpx.AsyncClient:
    """A client of this very server, which acts for whom the request came from."""
    import httpx

    host, port = scope["server"]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 (compared, not bound)
    base = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    timeout = httpx.Timeout(None, connect=CONNECT_SECONDS)
    return httpx.AsyncClient(base_url=base, headers=headers_of(scope), timeout=timeout, trust_env=False)
