"""The same run as the page's, from Python and from a shell."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

FILE_MARK = "file:"  # an example value that stands for a file the caller has


def python(url: str, api_name: str, names: Sequence[str], values: Mapping[str, str | float | bool]) -> str:
    """A complete Python program that calls the endpoint; parameters without an example value keep their defaults."""
    lines = ["from gradio_client import Client, handle_file", "", f"client = Client({url!r})", "result = client.predict("]
    for name in names:
        if name in values:
            value = values[name]
            shown = f"handle_file({_file(value)!r})" if _file(value) else repr(value)
            lines.append(f"    {name}={shown},")
    return "\n".join([*lines, f'    api_name="/{api_name}",', ")", "print(result)"])


def curl(url: str, api_name: str, values: Mapping[str, str | float | bool]) -> str:
    """Shell commands that upload the files, start the run and stream its result."""
    address = f"{url.rstrip('/')}/gradio_api"
    uploads: list[str] = []
    body: dict[str, object] = {}
    for name, value in values.items():
        if file := _file(value):
            uploads.append(f'{name}=$(curl -s -F "files=@{file}" {address}/upload | tr -d \'[]"\')')
            body[name] = {"path": f"'${name}'", "meta": {"_type": "gradio.FileData"}}
        else:
            body[name] = value
    data = json.dumps(body, ensure_ascii=False)
    call = f"run=$(curl -s {address}/call/v2/{api_name} -H 'Content-Type: application/json' -d '{data}' | cut -d'\"' -f4)"
    return "\n".join([*uploads, call, f"curl -sN {address}/call/v2/{api_name}/$run"])


def _file(value: str | float | bool) -> str:
    """The file name that the value stands for; empty when it is a plain value."""
    return value.removeprefix(FILE_MARK) if isinstance(value, str) and value.startswith(FILE_MARK) else ""
