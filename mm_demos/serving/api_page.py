"""The HTTP door for people: /docs/api, made from the same document as /gradio_api/openapi.json, complete without a network."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from mm_demos.serving.api_view import Call, Reference, Row, Shape, reference
from mm_demos.serving.openapi import document

CSS = Path(__file__).with_name("api_page.css")
THEMES = frozenset({"light", "dark"})
HOW = (
    ("Files first, if any", "POST /gradio_api/upload, field “files” → [“path”, …]"),
    ("Begin", "POST /gradio_api/call/v2/NAME, arguments as JSON → {“event_id”: …}"),
    ("Follow", "GET /gradio_api/call/v2/NAME/EVENT_ID → server-sent events"),
    ("End early", "POST /gradio_api/cancel, {“event_id”: …}"),
)


def routes() -> list[Route]:
    """What the page serves about its endpoints; the first one takes the place of Gradio's own document."""
    return [Route("/gradio_api/openapi.json", _openapi), Route("/docs/api", _page)]


def _openapi(request: Request) -> Response:
    if not may_read(request):
        return JSONResponse({"detail": "This page asks for a log-in: open it in a browser and log in, or send a key."}, 401)
    return JSONResponse(document(request.app.get_blocks(), _root(request)))


def _page(request: Request) -> Response:
    if not may_read(request):
        return HTMLResponse("<p>This page asks for a log-in: <a href='../'>log in</a>, then come back.</p>", 401)
    theme = request.query_params.get("__theme", "")
    about = reference(document(request.app.get_blocks(), _root(request)))
    return HTMLResponse(html(about, theme if theme in THEMES else ""))


def may_read(request: Request) -> bool:
    """Whether the visitor has logged in, where the page asks for it; the same test as Gradio's for its own pages."""
    app = request.app
    if app.auth is None and app.auth_dependency is None:
        return True
    names = (f"access-token-{app.cookie_id}", f"access-token-unsecure-{app.cookie_id}")
    return any(app.tokens.get(request.cookies.get(name)) is not None for name in names)


def html(about: Reference, theme: str = "") -> str:
    """The page; `theme` is "light", "dark", or empty for what the visitor's system says."""
    return (
        f'<!doctype html><html lang="en" class="{theme}"><head><meta charset="utf-8"><title>mm-demos · HTTP</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">'
        f"<style>{CSS.read_text(encoding='utf-8')}</style></head><body>"
        f"<header><a href='../'>← mm-demos</a><h1>The HTTP door</h1><p>{_prose(about.about)}</p>"
        "<p>For programs: <a href='../gradio_api/openapi.json'>OpenAPI 3.1</a>.</p></header>"
        f'<div class="page"><nav aria-label="Endpoints">{"".join(_links(about))}</nav><main>{"".join(_body(about))}</main></div>'
        "</body></html>"
    )


def _links(about: Reference) -> Iterator[str]:
    yield '<a href="#runs">A run</a><a href="#refused">What is refused</a>'
    for title, _, calls in about.tabs:
        yield f"<b>{escape(title)}</b>" + "".join(f'<a href="#{call.name}">{call.name}</a>' for call in calls)
    yield '<b><a href="#shapes">Shapes of results</a></b>'


def _body(about: Reference) -> Iterator[str]:
    yield '<h2 id="runs">A run</h2>' + _plain_table(("step", "request and answer"), HOW)
    yield f"<p>{_prose(about.events)}</p>"
    yield '<h2 id="refused">What is refused</h2>'
    yield _plain_table(("status", "when", "for example"), about.refusals)
    for title, sentence, calls in about.tabs:
        yield f"<h2>{escape(title)}</h2><p>{escape(sentence)}</p>"
        yield from map(_call, calls)
    yield '<h2 id="shapes">Shapes of results</h2>'
    yield from map(_shape, about.shapes)


def _call(call: Call) -> str:
    result = f'<a href="#shape-{call.result}">{call.result}</a>' if call.result else "any JSON"
    return (
        f'<section class="call" id="{call.name}"><h3>{call.name}</h3>'
        f'<code class="address">POST /gradio_api/call/v2/{call.name}</code><p>{_prose(call.summary)}</p>'
        + (_table(("argument", "type", "default", "meaning"), call.arguments) if call.arguments else "")
        + f"<p>Result: {result}</p>"
        + _example("Example of the arguments", call.request)
        + _example("Example of the result", call.answer)
        + "</section>"
    )


def _shape(shape: Shape) -> str:
    fields = _table(("field", "type", "", "meaning"), shape.fields)
    return f'<section class="shape" id="shape-{shape.name}"><h3>{shape.name}</h3><p>{_prose(shape.meaning)}</p>{fields}</section>'


def _example(title: str, text: str) -> str:
    return f'<details><summary>{title}</summary><pre tabindex="0">{escape(text)}</pre></details>' if text else ""


def _table(head: Sequence[str], rows: Sequence[Row]) -> str:
    def cells(row: Row) -> list[str]:
        middle = [row.default] if "default" in head else []
        return [row.name, row.kind, *middle, row.meaning]

    return _plain_table([column for column in head if column], [cells(row) for row in rows])


def _plain_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    top = "".join(f'<th scope="col">{escape(column)}</th>' for column in head)
    lines = "".join(
        "<tr>" + "".join(f"<td>{_cell(column, cell)}</td>" for column, cell in zip(head, row, strict=True)) for row in rows
    )
    return f'<div class="scroll" tabindex="0"><table><thead><tr>{top}</tr></thead><tbody>{lines}</tbody></table></div>'


def _cell(column: str, text: str) -> str:
    return f"<code>{escape(text)}</code>" if column in {"argument", "field", "default"} and text else _prose(text)


def _prose(text: str) -> str:
    """A sentence of a docstring, where `names` stand in backticks."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def _root(request: Request) -> str:
    return str(request.base_url).rstrip("/")
