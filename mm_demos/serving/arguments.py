"""The arguments of a call over HTTP, compared with those its endpoint has."""

from __future__ import annotations

import difflib
import inspect
import json
from collections.abc import Sequence
from typing import Any

from mm_demos.errors import InvalidInputError

LISTED = "/docs/api lists what there is"


class RefusedError(InvalidInputError):
    """A request that Gradio never sees: its sentence is the answer, with this status."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


def names_of(blocks: Any, endpoint: str) -> tuple[str, ...]:
    """The arguments of a public endpoint, in order.

    Raises:
        RefusedError: there is no such endpoint; the sentence names the nearest ones.
    """
    public = {str(fn.api_name): fn for fn in blocks.fns.values() if fn.fn and fn.api_visibility == "public"}
    if endpoint not in public:
        near = difflib.get_close_matches(endpoint, public, n=3, cutoff=0.5)
        meant = f"; did you mean {' or '.join(near)}" if near else ""
        raise RefusedError(404, f"There is no endpoint called “{endpoint[:60]}”{meant}: {LISTED}.")
    fn = public[endpoint]
    names = list(inspect.signature(fn.fn).parameters)
    return tuple(name for name, block in zip(names, fn.inputs, strict=False) if not block.skip_api)


def as_object(body: bytes, content_type: str) -> dict[str, Any]:
    """The JSON object in a request's body.

    Raises:
        RefusedError: it is none, or it is not called JSON, which a page of another origin could send unasked.
    """
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise RefusedError(415, "The body must be JSON and say so: send the header Content-Type: application/json.")
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise RefusedError(422, "The body is no JSON object: send {…} with the arguments by name.")
    return given


def check(endpoint: str, names: Sequence[str], given: dict[str, Any], *, named: bool) -> None:
    """Compare what was given by name, or in a list called `data`, with what the endpoint takes.

    Raises:
        RefusedError: an argument is unknown, or the list is missing.
    """
    if not named:
        if not isinstance(given.get("data"), list):
            order = ", ".join(names) or "none"
            raise RefusedError(422, f'The body must be {{"data": […]}} with {len(names)} values in this order: {order}.')
        return
    wrong = next((key for key in given if key not in names), None)
    if wrong is not None:
        takes = f"it takes {', '.join(names)}" if names else "it takes none"
        raise RefusedError(422, f"“{endpoint}” has no argument called “{wrong[:60]}”: {takes}.")
