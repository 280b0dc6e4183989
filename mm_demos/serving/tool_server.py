"""The address of the tools: the Model Context Protocol over streamable HTTP, loaded with the first request."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

import mm_demos
from mm_demos.errors import DemoError
from mm_demos.serving import tool_calls, tools
from mm_demos.settings import settings
from mm_demos.ui.endpoints import endpoints_of

if TYPE_CHECKING:
    from mcp import types
    from mcp.server import Server
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

PATH = "/gradio_api/mcp"
IDLE_SECONDS = 1800.0  # a client that says nothing this long has to begin anew
MAX_SESSIONS = 1000
BASE64 = 2  # how much longer than a file a call may be: as text it grows by a third, and one that is too large gets a sentence
NOTICE_SECONDS = 0.25  # between two lines of progress
ABOUT = (
    f"This is the address of {tools.INSTRUCTIONS.split(', computed')[0].lower()} for programs that speak the Model Context "
    "Protocol over streamable HTTP: give it to one. People find the page one level up.\n"
)


class ToolServer:
    """An ASGI application with every verb as a tool."""

    def __init__(self) -> None:
        self._manager: StreamableHTTPSessionManager | None = None
        self._serving: asyncio.Task[None] | None = None
        self._begins = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope)
        if not _same_origin(request):
            refusal = {"detail": "A page of another site may not use these tools: call them from a program."}
            await JSONResponse(refusal, 403)(scope, receive, send)
        elif scope["path"].rstrip("/").endswith("/schema"):
            await JSONResponse(_listed(scope["app"].get_blocks()))(scope, receive, send)
        elif request.method == "GET" and "text/event-stream" not in request.headers.get("accept", ""):
            await PlainTextResponse(ABOUT)(scope, receive, send)
        else:
            manager = await self._begun(scope["app"].get_blocks())
            await manager.handle_request(scope, receive, send)

    async def _begun(self, blocks: Any) -> StreamableHTTPSessionManager:
        async with self._begins:
            if self._manager is None:
                from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

                # It logs every client that leaves as a fault; what goes wrong in a call is told to the client.
                logging.getLogger("mcp").setLevel(logging.CRITICAL)
                manager = StreamableHTTPSessionManager(
                    server_of(blocks),
                    session_idle_timeout=IDLE_SECONDS,
                    max_sessions=MAX_SESSIONS,
                    max_request_body_size=settings().max_upload_mb * 1_000_000 * BASE64,
                )
                ready = asyncio.Event()
                self._serving = asyncio.create_task(_serve(manager, ready), name="tools")
                await ready.wait()
                self._manager = manager
            return self._manager


def routes() -> list[BaseRoute]:
    """What `launch` adds to the page's own routes."""
    server = ToolServer()
    return [Route(path, server) for path in (PATH, f"{PATH}/", f"{PATH}/schema")]


async def _serve(manager: StreamableHTTPSessionManager, ready: asyncio.Event) -> None:
    """Keep the sessions alive until the server's loop ends, in one task, as their scopes demand."""
    async with manager.run():
        ready.set()
        await asyncio.Event().wait()


def server_of(blocks: Any) -> Server[Any, Any]:
    """The protocol's side: lists the page's endpoints as they are now, and runs one."""
    from mcp import types
    from mcp.server import Server

    server: Server[Any, Any] = Server("mm-demos", mm_demos.__version__, tools.INSTRUCTIONS)

    async def list_tools() -> list[types.Tool]:
        return list(tools.tools_of(blocks))

    async def call_tool(name: str, arguments: dict[str, Any]) -> types.CallToolResult:
        try:
            return await _called(server, blocks, name, arguments)
        except DemoError as error:
            return types.CallToolResult(content=[types.TextContent(type="text", text=str(error))], isError=True)

    server.list_tools()(list_tools)  # type: ignore[no-untyped-call]
    server.call_tool(validate_input=False)(call_tool)  # the endpoints refuse in better words
    return server


async def _called(server: Server[Any, Any], blocks: Any, name: str, arguments: dict[str, Any]) -> types.CallToolResult:
    from mcp import types

    endpoint = next((each for each in endpoints_of(blocks) if each.name == name), None)
    if endpoint is None:
        raise tool_calls.CallError(f"There is no tool called “{name[:60]}”: list the tools to see what there is.")
    context = server.request_context
    token = context.meta.progressToken if context.meta is not None else None
    began, last = time.monotonic(), 0.0

    async def hear(step: Any) -> None:
        nonlocal last
        spent = time.monotonic() - began
        if token is not None and spent - last >= NOTICE_SECONDS:
            last = spent
            session, request = context.session, str(context.request_id)
            await session.send_progress_notification(token, spent, message=tools.told(step), related_request_id=request)

    assert context.request is not None  # noqa: S101 (for the type checker: this transport brings one)
    scope = context.request.scope
    async with tool_calls.client_for(scope) as client:
        content = tools.content_of(await tool_calls.call(client, endpoint, arguments, hear))
    for file in content.files:
        file["url"] = f"{_root(scope)}{file['url']}"
    structured = content.data if isinstance(content.data, dict) else {"result": content.data}
    return types.CallToolResult(content=tools.blocks_of(content), structuredContent=structured)


def _same_origin(request: Request) -> bool:
    """Whether no page, or one of this server, sends it; another site's could otherwise use what only this machine reaches."""
    origin = request.headers.get("origin")
    hosts = {request.headers.get("host"), request.headers.get("x-forwarded-host")} - {None, ""}
    return origin is None or urlsplit(origin).netloc in hosts  # "null", of a page without an address, names no host


def _root(scope: Scope) -> str:
    """The server's address as the client sees it."""
    headers = Request(scope).headers
    scheme = headers.get("x-forwarded-proto", scope.get("scheme", "http")).partition(",")[0].strip()
    return f"{scheme}://{headers.get('x-forwarded-host') or headers.get('host', '')}"


def _listed(blocks: Any) -> list[dict[str, Any]]:
    """The tools as Gradio's page and the hub's directory of tools read them."""
    return [
        {
            "name": tool.name,
            "description": tool.description,
            "inputSchema": tool.inputSchema,
            "meta": {"file_data_present": False, "mcp_type": "tool", "endpoint_name": tool.name},
        }
        for tool in tools.tools_of(blocks)
    ]
