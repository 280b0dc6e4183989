"""Who counts as the owner of a page: a program or browser of its own machine, and nobody whom a proxy brings."""

from __future__ import annotations

from typing import Any

import gradio as gr
import pytest
from starlette.requests import Request

from mm_demos.serving.tool_calls import headers_of
from mm_demos.ui.sound_library import is_own

HERE: dict[str, Any] = {"host": "127.0.0.1:7860"}


def scope_of(headers: dict[str, str], client: str = "127.0.0.1", http_version: str = "1.1") -> dict[str, Any]:
    """What a server is told of a request."""
    sent = [(name.encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "http_version": http_version, "client": (client, 5000), "headers": sent}


OTHERS = {
    "another machine": scope_of(HERE, client="10.0.0.7"),
    "a name of the machine": scope_of({"host": "example.org"}),
    "a proxy that says so": scope_of(HERE | {"x-forwarded-for": "10.0.0.7"}),
    "a proxy without options": scope_of(HERE, http_version="1.0"),
}


def test_this_machine_is_the_owner() -> None:
    assert is_own(gr.Request(request=Request(scope_of(HERE))))
    assert "x-forwarded-for" not in headers_of(scope_of(HERE))


@pytest.mark.parametrize("scope", OTHERS.values(), ids=OTHERS)
def test_nobody_else_is_the_owner_at_any_door(scope: dict[str, Any]) -> None:
    assert not is_own(gr.Request(request=Request(scope)))
    run = HERE | headers_of(scope)  # as the run of a tool is sent on
    assert not is_own(gr.Request(request=Request(scope_of(run))))


@pytest.mark.parametrize("origin", ["https://example.org", "http://127.0.0.1.example.org"])
def test_a_page_of_another_site_is_not_the_owner(origin: str) -> None:
    assert not is_own(gr.Request(request=Request(scope_of(HERE | {"origin": origin}))))
