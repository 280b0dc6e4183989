"""The doors that programs use: gradio_client, plain curl, the Model Context Protocol, the command line."""

from __future__ import annotations

import asyncio
import base64
import json
import mimetypes
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from gradio_client import Client, handle_file
from mcp import ClientSession, types
from mcp.client.streamable_http import streamable_http_client

from mm_demos.cli import main

CURL = str(shutil.which("curl"))
SECONDS = 300  # that a busy machine may take for one call
Arguments = dict[str, Any]


def by_gradio_client(client: Client, endpoint: str, arguments: Arguments) -> Any:
    """The result that Gradio's own client gets; files are given by path."""

    def given(value: Any) -> Any:
        if isinstance(value, list):
            return [given(item) for item in value]
        return handle_file(value) if isinstance(value, Path) else value

    return client.predict(**{name: given(value) for name, value in arguments.items()}, api_name=f"/{endpoint}")


def by_curl(url: str, endpoint: str, arguments: Arguments) -> Any:
    """The result that plain curl gets: uploads, named JSON arguments, server-sent events."""

    def curl(*words: str) -> str:
        command = [CURL, "-sS", "--noproxy", "*", *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=True).stdout

    def given(value: Any) -> Any:
        if isinstance(value, list):
            return [given(item) for item in value]
        if not isinstance(value, Path):
            return value
        (path,) = json.loads(curl("-F", f"files=@{value}", f"{url}/gradio_api/upload"))
        return {"path": path, "meta": {"_type": "gradio.FileData"}, "orig_name": value.name}

    body = json.dumps({name: given(value) for name, value in arguments.items()})
    address = f"{url}/gradio_api/call/v2/{endpoint}"
    begun = json.loads(curl("-H", "Content-Type: application/json", "-d", body, address))
    *_, kind, data = (line.partition(": ")[2] for line in curl("-N", f"{address}/{begun['event_id']}").splitlines() if line)
    assert kind == "complete", data
    return json.loads(data)[0]


def by_mcp(url: str, tool: str, arguments: Arguments) -> Any:
    """The result that the protocol's official client gets, with pictures and sounds put back in as data URIs."""

    def given(value: Any) -> Any:
        if isinstance(value, list):
            return [given(item) for item in value]
        if not isinstance(value, Path):
            return value
        kind = mimetypes.guess_type(value.name)[0] or "application/octet-stream"
        return f"data:{kind};name={value.name};base64,{base64.b64encode(value.read_bytes()).decode()}"

    async def call() -> types.CallToolResult:
        async with (
            streamable_http_client(f"{url}/gradio_api/mcp") as (reading, writing, _),
            ClientSession(reading, writing) as door,
        ):
            await door.initialize()
            await door.list_tools()
            return await asyncio.wait_for(
                door.call_tool(tool, {name: given(value) for name, value in arguments.items()}), SECONDS
            )

    with ThreadPoolExecutor(1) as own:  # the browser's driver has a loop on this thread
        result = own.submit(asyncio.run, call()).result()
    assert not result.isError, result.content
    media = [block for block in result.content if isinstance(block, types.ImageContent | types.AudioContent)]

    def whole(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: whole(item) for name, item in value.items()}
        if isinstance(value, list):
            return [whole(item) for item in value]
        if isinstance(value, str) and value.startswith("see content "):
            block = media[int(value.removeprefix("see content ")) - 1]
            return f"data:{block.mimeType};base64,{block.data}"
        return value

    return whole(result.structuredContent)


def by_command(*words: str | Path) -> list[Any]:
    """The JSON lines that `python -m mm_demos …` prints, run in this process, which has the models in memory already."""
    sys.stdout.flush()
    with tempfile.TemporaryFile() as printed:
        kept = os.dup(1)
        os.dup2(printed.fileno(), 1)
        try:
            status = main([*map(str, words), "--quiet", "--json"])
        finally:
            os.dup2(kept, 1)
            os.close(kept)
        printed.seek(0)
        text = printed.read().decode()
    assert status == 0, text
    return [json.loads(line) for line in text.splitlines()]


def file_of(offer: Any, folder: Path, url: str) -> Path:
    """A file that a result offers, fetched."""
    if isinstance(offer, str):  # Gradio's client has fetched it
        return Path(offer)
    address = offer["url"] if str(offer["url"]).startswith("http") else f"{url}{offer['url']}"
    target = folder / str(offer["orig_name"])
    with urlopen(address, timeout=SECONDS) as answer:
        target.write_bytes(answer.read())
    return target
