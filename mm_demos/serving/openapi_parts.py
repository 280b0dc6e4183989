"""The parts of the OpenAPI document that are the same for every endpoint: upload, cancellation, faults, events."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

RUN_ID = "d3b07384d113edec49eaa6238ad5ff00"

UPLOADED_FILE: Json = {
    "type": "object",
    "description": "A file that was sent with POST /gradio_api/upload before.",
    "properties": {
        "path": {"type": "string", "description": "the path that the upload answered"},
        "meta": {"type": "object", "properties": {"_type": {"const": "gradio.FileData"}}, "required": ["_type"]},
        "orig_name": {"type": "string", "description": "the file's own name, shown in results"},
    },
    "required": ["path", "meta"],
}
FAULT: Json = {
    "type": "object",
    "description": "Why a request was refused.",
    "properties": {"detail": {"type": "string", "description": "one sentence with the cause and the fix"}},
    "required": ["detail"],
}
STARTED: Json = {
    "type": "object",
    "description": "A run that began, or waits in the queue.",
    "properties": {"event_id": {"type": "string", "description": "where its events are fetched, and how it is cancelled"}},
    "required": ["event_id"],
}
ENDED: Json = {
    "type": "object",
    "description": "What an `error` event carries.",
    "properties": {
        "error": {"type": "string", "description": "one sentence with the cause and the fix"},
        "title": {"type": "string", "description": "what kind of fault it is"},
        "duration": {"type": ["number", "null"], "description": "seconds that a page would show it"},
        "visible": {"type": "boolean", "description": "whether a page would show it"},
    },
    "required": ["error"],
}
SCHEMAS: dict[str, Json] = {"UploadedFile": UPLOADED_FILE, "Fault": FAULT, "Started": STARTED, "EndedByError": ENDED}

_REFUSALS = {
    "401": (
        "A log-in or a key is asked for and was not given.",
        "Give a key in the header Authorization: Bearer … or X-API-Key, or log in on the page.",
    ),
    "403": ("The key is not for this endpoint.", "The key field-app is for transcribe: ask for one that opens this too."),
    "404": (
        "There is no such endpoint or run.",
        "There is no endpoint called “transcrib”; did you mean transcribe: /docs/api lists what there is.",
    ),
    "413": (
        "The body or the file is too large.",
        "The body is longer than 40 MB: upload files with POST /gradio_api/upload first.",
    ),
    "415": (
        "The body is not called JSON.",
        "The body must be JSON and say so: send the header Content-Type: application/json.",
    ),
    "422": (
        "An argument is unknown, of the wrong type or out of range.",
        "“n” must lie from 1 to 8, and 99 does not: give a number in that range.",
    ),
    "429": (
        "A limit of the key is reached.",
        "The key field-app has had its 60 requests per minute: try again in 12 s.",
    ),
    "503": ("The queue is full.", "The queue is full: try again in a moment."),
}


SECURITY: dict[str, Json] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "a key, where the page asks for one"},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "the same key"},
}


def refusals(*statuses: str) -> dict[str, Json]:
    """Responses for these statuses, each with an example of its sentence."""
    return {status: {"$ref": f"#/components/responses/Status{status}"} for status in statuses}


def responses() -> dict[str, Json]:
    """What `refusals` refers to."""
    return {
        f"Status{status}": {
            "description": meaning,
            "content": {
                "application/json": {"schema": {"$ref": "#/components/schemas/Fault"}, "example": {"detail": sentence}},
            },
        }
        for status, (meaning, sentence) in _REFUSALS.items()
    }


def upload(max_mb: int) -> Json:
    """`POST /gradio_api/upload`."""
    files = {"type": "array", "items": {"type": "string", "contentMediaType": "application/octet-stream"}}
    text = {"text/plain": {"schema": {"type": "string"}}}
    body = {"type": "object", "properties": {"files": files}, "required": ["files"]}
    return {
        "tags": ["files"],
        "operationId": "upload",
        "summary": "Send files that a run is to read.",
        "description": f"Each of at most {max_mb} MB. The answer holds a path for each file, good for one hour.",
        "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": body}}},
        "responses": {
            "200": {
                "description": "One path for each file, in order.",
                "content": {
                    "application/json": {"schema": {"type": "array", "items": {"type": "string"}}, "example": ["…/talk.flac"]}
                },
            },
            "400": {"description": "The body is no multipart form: one sentence says so.", "content": text},
            "413": {"description": "A file is too large: one sentence says how large it may be.", "content": text},
            **refusals("401", "403", "429"),
        },
    }


def cancel() -> Json:
    """`POST /gradio_api/cancel`."""
    body = {"type": "object", "properties": {"event_id": {"type": "string"}}, "required": ["event_id"]}
    return {
        "tags": ["runs"],
        "operationId": "cancel",
        "summary": "End a run within one step, or take it out of the queue.",
        "description": "Who listens to its events gets `complete` with null. Closing that connection ends a run too.",
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": body, "example": {"event_id": RUN_ID}}},
        },
        "responses": {
            "200": {
                "description": "The run was told to end.",
                "content": {
                    "application/json": {
                        "schema": {"type": "object", "properties": {"success": {"const": True}}, "required": ["success"]}
                    }
                },
            },
            **refusals("401", "403", "404", "415", "422", "429"),
        },
    }
