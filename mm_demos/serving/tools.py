"""The verbs as tools of the Model Context Protocol: their schemas, and results as content that a model can read, see and hear."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from mm_demos.ui.endpoints import Argument, Endpoint, endpoints_of

if TYPE_CHECKING:
    from mcp import types

Json = dict[str, Any]

DATA_URI = re.compile(r"data:(?P<kind>(?:image|audio)/[\w.+-]+);base64,(?P<data>.*)", re.DOTALL)
FILE = "A data URI (data:TYPE;name=FILE;base64,…), an http or https address, or the path that POST /gradio_api/upload answered."
CHANGING = {  # every other tool leaves all as it is: name → (repeating it changes nothing more, it reaches other machines)
    "models_load": (True, False),
    "models_eject": (True, False),
    "models_pin": (False, False),
    "models_choose": (True, False),
    "models_download": (True, True),
    "models_add": (False, True),
    "models_remove": (True, False),
}
INSTRUCTIONS = (
    "Speech, pictures, sounds, questions, labels and pictures from words, computed on the server itself. "
    f"Where an argument is a file: {FILE} Results are JSON; pictures and sounds come along as content of their own."
)


@dataclass(frozen=True, slots=True)
class Content:
    """A result on its way to a client.

    Args:
        data: the result, with pictures, sounds and files taken out.
        media: (MIME type, base64) of what was inside.
        files: Gradio's descriptions of files to fetch.
    """

    data: Any
    media: list[tuple[str, str]] = field(default_factory=list)
    files: list[Json] = field(default_factory=list)


def tools_of(blocks: Any) -> Iterator[types.Tool]:
    """Every public endpoint of a page as a tool."""
    for endpoint in endpoints_of(blocks):
        yield tool_of(endpoint)


def tool_of(endpoint: Endpoint) -> types.Tool:
    """A verb as a tool."""
    from mcp import types

    repeatable, outside = CHANGING.get(endpoint.name, (True, False))
    hints = types.ToolAnnotations(
        title=endpoint.name.replace("_", " ").capitalize(),
        readOnlyHint=endpoint.name not in CHANGING,
        destructiveHint=endpoint.name == "models_remove",
        idempotentHint=repeatable,
        openWorldHint=outside,
    )
    return types.Tool(
        name=endpoint.name,
        title=hints.title,
        description=endpoint.summary,
        inputSchema=input_schema(endpoint),
        outputSchema=output_schema(endpoint),
        annotations=hints,
    )


def input_schema(endpoint: Endpoint) -> Json:
    """The JSON schema of a tool's arguments."""
    return {
        "type": "object",
        "properties": {argument.name: _property(argument) for argument in endpoint.arguments},
        "required": [argument.name for argument in endpoint.arguments if argument.required],
        "additionalProperties": False,
    }


def _property(argument: Argument) -> Json:
    if not argument.files:
        return argument.schema
    note = " ".join(filter(None, [argument.schema.get("description", ""), FILE]))
    one: Json = {"type": "string", "format": "uri-reference"}
    return {**(one if argument.files == "one" else {"type": "array", "items": one}), "description": note}


def output_schema(endpoint: Endpoint) -> Json | None:
    """The JSON schema of a tool's structured result; None where its function does not say it."""
    from mm_demos.serving.result_schema import Schemas

    schemas = Schemas()
    root = schemas.of(endpoint.returns)
    if "$ref" not in root:
        return None
    named = json.loads(json.dumps(schemas.named).replace("#/components/schemas/", "#/$defs/"))
    return {**named[root["$ref"].rpartition("/")[2]], "$defs": named}


def content_of(result: Any) -> Content:
    """Take pictures and sounds out of a result; where one stood, a note says which content holds it."""
    content = Content(None)
    data = _without_media(result, content)
    return Content(data, content.media, content.files)


def _without_media(value: Any, content: Content) -> Any:
    if isinstance(value, str):
        found = DATA_URI.fullmatch(value) if value.startswith("data:") else None
        if found is None:
            return value
        content.media.append((found["kind"], found["data"]))
        return f"see content {len(content.media)}"  # the JSON itself is number 0
    if isinstance(value, dict):
        if value.get("meta") == {"_type": "gradio.FileData"} and value.get("url"):
            content.files.append(value)
        return {key: _without_media(item, content) for key, item in value.items()}
    if isinstance(value, list):
        return list(map(partial(_without_media, content=content), value))
    return value


def blocks_of(content: Content) -> list[types.ContentBlock]:
    """The JSON as text first, then pictures and sounds, then links to files."""
    from mcp import types
    from pydantic import AnyUrl

    blocks: list[types.ContentBlock] = [types.TextContent(type="text", text=json.dumps(content.data, ensure_ascii=False))]
    for kind, data in content.media:
        seen = kind.startswith("image/")
        blocks.append(
            types.ImageContent(type="image", data=data, mimeType=kind)
            if seen
            else types.AudioContent(type="audio", data=data, mimeType=kind)
        )
    for file in content.files:
        blocks.append(types.ResourceLink(type="resource_link", name=str(file["orig_name"]), uri=AnyUrl(str(file["url"]))))
    return blocks


def told(step: Any) -> str:
    """One line about a run under way: its progress, or how far its result has grown."""
    if not isinstance(step, dict):
        return "Going on"
    if "progress" in step:
        update = step["progress"] or {}
        done, total = update.get("done"), update.get("total")
        share = f" {min(1.0, done / total):.0%}" if done is not None and total else ""
        return f"{update.get('message') or 'Going on'}{share}"
    if step.get("text"):
        return str(step["text"])
    if step.get("steps"):
        return f"Picture {len(step.get('images') or ()) + 1} of {step.get('total')}, step {step.get('step')} of {step['steps']}"
    return "Going on"
