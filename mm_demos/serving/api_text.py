"""docs/api.md, made from the endpoints of a page: `python -m mm_demos.serving.api_text > docs/api.md`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence

from mm_demos.serving.api_view import Call, Reference, Row, Shape, reference

HEAD = """# The HTTP door

Made by `python -m mm_demos.serving.api_text > docs/api.md`; a test holds it equal to what the page serves. As OpenAPI 3.1 it is
served at `/gradio_api/openapi.json`, and to people at `/docs/api`. Working examples in Python, JavaScript and a shell:
[README](../README.md#call-it-from-anywhere).
"""
RUNS = """## A run

| step | request | answer |
|---|---|---|
| 1, when files are needed | `POST /gradio_api/upload`, multipart field `files` | `["path", …]` |
| 2 | `POST /gradio_api/call/v2/NAME` with the arguments as JSON | `{"event_id": "…"}` |
| 3 | `GET /gradio_api/call/v2/NAME/EVENT_ID` | server-sent events |
| to end it | `POST /gradio_api/cancel` with `{"event_id": "…"}` | `{"success": true}` |

A file among the arguments is `{"path": "…", "meta": {"_type": "gradio.FileData"}}` with the path of step 1.
An argument that is left out has its default.
"""
REFUSED = """The body is `{"detail": "one sentence"}`. A run that began and cannot go on ends with `event: error` and
`{"error": "one sentence", …}`."""


def markdown(about: Reference) -> str:
    """The whole text."""
    return (
        "\n".join([HEAD, about.about, "", RUNS, about.events, "", *_refusals(about), *_tabs(about), *_shapes(about)]).rstrip()
        + "\n"
    )


def _refusals(about: Reference) -> Iterator[str]:
    yield "## What is refused"
    yield ""
    yield REFUSED
    yield ""
    yield "| status | when | for example |"
    yield "|---|---|---|"
    for status, meaning, sentence in about.refusals:
        yield f"| {status} | {_cell(meaning)} | {_cell(sentence)} |"
    yield ""


def _tabs(about: Reference) -> Iterator[str]:
    for title, sentence, calls in about.tabs:
        yield f"## {title}"
        yield ""
        yield sentence
        yield ""
        for call in calls:
            yield from _call(call)


def _call(call: Call) -> Iterator[str]:
    yield f"### `{call.name}`"
    yield ""
    yield call.summary
    yield ""
    if call.arguments:
        yield from _table(("argument", "type", "default", "meaning"), call.arguments)
    if call.request:
        yield from ("Arguments, for example:", "", "```json", call.request, "```", "")
    result = f"[`{call.result}`](#shape-{call.result.lower()})" if call.result else "any JSON"
    if call.answer:
        yield from (f"Result, a {result}, for example:", "", "```json", call.answer, "```", "")
    else:
        yield from (f"Result: {result}.", "")


def _shapes(about: Reference) -> Iterator[str]:
    yield "## Shapes of results"
    yield ""
    for shape in about.shapes:
        yield from _shape(shape)


def _shape(shape: Shape) -> Iterator[str]:
    yield f"### Shape `{shape.name}`"
    yield ""
    yield shape.meaning
    yield ""
    yield from _table(("field", "type", "", "meaning"), shape.fields)


def _table(head: Sequence[str], rows: Sequence[Row]) -> Iterator[str]:
    columns = [column for column in head if column]
    yield f"| {' | '.join(columns)} |"
    yield "|" + "---|" * len(columns)
    for row in rows:
        middle = [f"`{row.default}`" if row.default not in {"", "required"} else row.default] if "default" in columns else []
        yield f"| {' | '.join([f'`{row.name}`', _cell(row.kind), *map(_cell, middle), _cell(row.meaning)])} |"
    yield ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").strip()


def main() -> None:
    """Write the text of the suite to standard output."""
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    from mm_demos.serving.openapi import document
    from mm_demos.tabs import TABS
    from mm_demos.ui import Frame

    sys.stdout.write(markdown(reference(document(Frame(TABS, "http://127.0.0.1:7860").blocks))))


if __name__ == "__main__":
    main()
