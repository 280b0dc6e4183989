"""The same run as the page's, from Python, JavaScript, a shell and a client of the Model Context Protocol."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

FILE_MARK = "file:"  # an example value that stands for a file the caller has
Value = str | float | bool
# sed turns what the server answers into what the next request needs.
_TO_FILE = r"""sed 's/\["\(.*\)"\]/{"path": "\1", "meta": {"_type": "gradio.FileData"}}/'"""
_TO_RUN = r"""sed 's/.*"event_id":"\([^"]*\)".*/\1/'"""


def python(url: str, api_name: str, names: Sequence[str], values: Mapping[str, Value]) -> str:
    """A complete Python program that calls the endpoint; parameters without an example value keep their defaults."""
    lines = ["from gradio_client import Client, handle_file", "", f"client = Client({url!r})", "result = client.predict("]
    for name in names:
        if name in values:
            value = values[name]
            shown = f"handle_file({_file(value)!r})" if _file(value) else repr(value)
            lines.append(f"    {name}={shown},")
    return "\n".join([*lines, f'    api_name="/{api_name}",', ")", "print(result)"])


def javascript(url: str, api_name: str, values: Mapping[str, Value]) -> str:
    """A complete module for Node or a browser that streams the run and shows its last result."""
    shown = {name: f"handle_file({_quoted(_file(value))})" if _file(value) else _quoted(value) for name, value in values.items()}
    given = [f"  {name}: {value}," for name, value in shown.items()]
    return "\n".join(
        [
            'import { Client, handle_file } from "@gradio/client";',
            "",
            f"const app = await Client.connect({_quoted(url)});",
            f'const run = app.submit("/{api_name}", {{',
            *given,
            "});",
            "let result;",
            "for await (const event of run) [result] = event.data; // progress, then the result",
            "console.log(result);",
            "app.close();",
            "globalThis.process?.exit(); // Node would wait: the connection to the page stays open",
        ]
    )


def curl(url: str, api_name: str, values: Mapping[str, Value]) -> str:
    """Shell commands that upload the files, start the run and stream its result."""
    lines = [f"url={url.rstrip('/')}/gradio_api"]
    body: list[str] = []
    for name, value in values.items():
        if file := _file(value):
            lines.append(f'{name}=$(curl -sS -F "files=@{file}" $url/upload | {_TO_FILE})')
            body.append(f'"{name}": \'"${name}"\'')
        else:
            body.append(f'"{name}": ' + _quoted(value).replace("'", "'\\''"))
    lines.append(f"run=$(curl -sS $url/call/v2/{api_name} -H 'Content-Type: application/json' \\")
    lines.append(f"  -d '{{{', '.join(body)}}}' | {_TO_RUN})")
    return "\n".join([*lines, f"curl -sSN $url/call/v2/{api_name}/$run"])


def tool(url: str, api_name: str, values: Mapping[str, Value]) -> str:
    """The configuration of a client of the Model Context Protocol, and the arguments it may call the tool with."""
    server = {"mcpServers": {"mm-demos": {"type": "http", "url": f"{url.rstrip('/')}/gradio_api/mcp"}}}
    given = {name: f"data:…;base64,…  ({_file(value)})" if _file(value) else value for name, value in values.items()}
    call = {"name": api_name, "arguments": given}
    return f"{json.dumps(server, indent=2)}\n\n{json.dumps(call, indent=2, ensure_ascii=False)}"


def _quoted(value: Value) -> str:
    return json.dumps(value, ensure_ascii=False)


def _file(value: Value) -> str:
    """The file name that the value stands for; empty when it is a plain value."""
    return value.removeprefix(FILE_MARK) if isinstance(value, str) and value.startswith(FILE_MARK) else ""
