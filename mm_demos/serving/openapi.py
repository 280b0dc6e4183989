"""The whole HTTP door as an OpenAPI 3.1 document, made from the endpoints of a running page."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import mm_demos
from mm_demos.progress import Update
from mm_demos.serving import openapi_parts as parts
from mm_demos.serving.result_schema import Schemas
from mm_demos.settings import settings
from mm_demos.tabs import TABS
from mm_demos.ui.endpoints import Argument, Endpoint, endpoints_of

Json = dict[str, Any]

PREFIX = "/gradio_api/call/v2"
EXAMPLES = Path(__file__).with_name("examples.json")
ABOUT = """Every verb of the suite is a run: `POST` its arguments by name and get an `event_id`; `GET` with that id streams
the run's server-sent events until `complete` or `error`. Files are uploaded first. Runs wait in one queue, because one
computation runs per device at a time. What is refused says why and what to do, in one sentence."""
EVENTS = """Server-sent events. `generating` carries a list of one: progress with the seconds since the start, or a result
that is still growing. `complete` carries a list of one: the result, or null when the run was cancelled. `error` carries
the sentence that says why it ended. `heartbeat` says that the run still lives. The stream then ends; closing it before
ends the run."""


@lru_cache(maxsize=1)
def examples() -> Mapping[str, Json]:
    """A call of each endpoint: `arguments` and, where it was recorded, `result`, with long lists and texts cut short."""
    found: dict[str, Json] = json.loads(EXAMPLES.read_text(encoding="utf-8"))
    return found


def document(blocks: Any, server: str = "/") -> Json:
    """The OpenAPI document of a page.

    Args:
        blocks: the `gr.Blocks` that is served.
        server: the address that the paths follow.
    """
    schemas = Schemas()
    schemas.named.update(parts.SCHEMAS)
    progress = schemas.of(Update)
    order = list(tab_of())
    known = [endpoint for endpoint in endpoints_of(blocks) if endpoint.name in tab_of()]
    found = sorted(known, key=lambda endpoint: order.index(endpoint.name))
    paths: Json = {"/gradio_api/upload": {"post": parts.upload(settings().max_upload_mb)}}
    for endpoint in found:
        paths[f"{PREFIX}/{endpoint.name}"] = {"post": _start(endpoint, schemas)}
        paths[f"{PREFIX}/{endpoint.name}/{{event_id}}"] = {"get": _follow(endpoint, schemas, progress)}
    paths["/gradio_api/cancel"] = {"post": parts.cancel()}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "mm-demos",
            "version": mm_demos.__version__,
            "summary": "Speech, pictures, sounds, questions and labels over HTTP.",
            "description": " ".join(ABOUT.split()),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": server}],
        "security": [{}, {"bearer": []}, {"header": []}],  # the empty one: most pages ask for none
        "tags": list(_tags({tab_of()[endpoint.name] for endpoint in found})),
        "paths": paths,
        "components": {"schemas": schemas.named, "responses": parts.responses(), "securitySchemes": parts.SECURITY},
    }


@lru_cache(maxsize=1)
def tab_of() -> Mapping[str, str]:
    """The tab of each endpoint, in the order on screen."""
    return {name: tab.name for tab in TABS for name in tab.api_names}


def _tags(used: set[str]) -> Iterator[Json]:
    yield {"name": "files", "description": "Files are sent before the run that reads them."}
    for tab in TABS:
        if tab.name in used:
            yield {"name": tab.name, "description": f"{tab.title}: {tab.summary}"}
    yield {"name": "runs", "description": "Runs can be ended."}


def _start(endpoint: Endpoint, schemas: Schemas) -> Json:
    name = "".join(part.title() for part in endpoint.name.split("_")) + "Arguments"
    schemas.named[name] = _arguments(endpoint)
    content: Json = {"schema": {"$ref": f"#/components/schemas/{name}"}}
    if endpoint.name in examples():
        content["example"] = examples()[endpoint.name]["arguments"]
    started = {"schema": {"$ref": "#/components/schemas/Started"}, "example": {"event_id": parts.RUN_ID}}
    return {
        "tags": [tab_of()[endpoint.name]],
        "operationId": endpoint.name,
        "summary": first_sentence(endpoint.summary),
        "description": endpoint.summary,
        "requestBody": {"required": True, "content": {"application/json": content}},
        "responses": {
            "200": {"description": "The run began or waits in the queue.", "content": {"application/json": started}},
            **parts.refusals("401", "403", "404", "413", "415", "422", "429", "503"),
        },
    }


def _arguments(endpoint: Endpoint) -> Json:
    return {
        "type": "object",
        "description": f"What {endpoint.name} takes; what is left out has its default.",
        "properties": {argument.name: _argument(argument) for argument in endpoint.arguments},
        "required": [argument.name for argument in endpoint.arguments if argument.required],
        "additionalProperties": False,
    }


def _argument(argument: Argument) -> Json:
    file: Json = {"$ref": "#/components/schemas/UploadedFile"}
    if argument.files == "one":
        return {**argument.schema, **file} if argument.required else {**argument.schema, "anyOf": [file, {"type": "null"}]}
    if argument.files == "many":
        several: Json = {"type": "array", "items": file}
        return {**argument.schema, **(several if argument.required else {"anyOf": [several, {"type": "null"}]})}
    schema = dict(argument.schema)
    if not argument.required and isinstance(schema.get("type"), str):
        schema["type"] = [schema["type"], "null"]
        if "enum" in schema:
            schema["enum"] = [*schema["enum"], None]
    return schema


def _follow(endpoint: Endpoint, schemas: Schemas, progress: Json) -> Json:
    result = schemas.of(endpoint.returns)
    stream: Json = {"schema": {"type": "string"}, "x-result": result, "x-progress": progress}
    if "result" in examples().get(endpoint.name, {}):
        body = json.dumps([examples()[endpoint.name]["result"]], ensure_ascii=False)
        stream["example"] = f"event: complete\ndata: {body}\n\n"
    return {
        "tags": [tab_of()[endpoint.name]],
        "operationId": f"{endpoint.name}_events",
        "summary": f"Follow a run of {endpoint.name} and fetch its result.",
        "description": " ".join(EVENTS.split()),
        "parameters": [
            {
                "name": "event_id",
                "in": "path",
                "required": True,
                "schema": {"type": "string"},
                "description": "what POST answered",
            }
        ],
        "responses": {
            "200": {"description": "The run's events.", "content": {"text/event-stream": stream}},
            **parts.refusals("401", "403", "404", "429"),
        },
    }


def first_sentence(text: str) -> str:
    """Up to the first full stop that ends a sentence."""
    head, stop, _ = text.partition(". ")
    return head + "." if stop else text
