"""What a page does with bodies that are too long, break off or are no text, and that it starts on a machine that is slow."""

from __future__ import annotations

import asyncio
import types
from collections.abc import Iterator
from typing import Any

import gradio as gr
import httpx
import pytest
import serving_page
from gradio import networking
from peaks import is_one_sentence
from serving_page import function
from starlette.types import Message, Receive, Scope, Send

from mm_demos.serving.plain_faults import PlainFaults
from mm_demos.settings import settings
from mm_demos.ui.refusals import whole

TOO_LONG = b'{"data": ["' + bytes(2_000_001).replace(b"\0", b"a") + b'"]}'


@pytest.fixture(scope="module")
def page() -> Iterator[gr.Blocks]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MM_DEMOS_MAX_UPLOAD_MB", "1")
        patch.setattr(networking, "url_ok", lambda _url: False)  # as when the page takes longer than Gradio waits for it
        settings.cache_clear()
        with serving_page.served(7760) as blocks:
            yield blocks
    settings.cache_clear()


@pytest.fixture
def client(page: gr.Blocks) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=page.local_url, timeout=60) as client:
        yield client


def test_the_page_starts_when_it_is_slow_to_answer(client: httpx.Client) -> None:
    assert client.get("/").status_code == 200


@pytest.mark.parametrize("path", ["call/ring", "call/v2/ring", "queue/join", "run/ring", "cancel", "stream/x", "reset"])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_too_long_is_not_kept(path: str, chunked: bool, client: httpx.Client) -> None:
    content: Any = iter([TOO_LONG[:1_000_000], TOO_LONG[1_000_000:]]) if chunked else TOO_LONG
    answer = client.post(f"/gradio_api/{path}", content=content, headers={"content-type": "application/json"})
    assert answer.status_code == 413
    assert "2 MB" in answer.json()["detail"]
    assert is_one_sentence(answer.json()["detail"])


def test_a_form_of_the_log_in_has_a_limit_too(client: httpx.Client) -> None:
    answer = client.post("/login", data={"username": "a", "password": "b"}, files={"more": bytes(2_100_000)})
    assert answer.status_code == 413


def test_a_body_within_the_limit_runs(page: gr.Blocks, client: httpx.Client) -> None:
    asked = {"data": ["a" * 1_000_000], "fn_index": function(page, "ring"), "session_hash": "x"}
    assert client.post("/gradio_api/queue/join", json=asked).status_code == 200


@pytest.mark.parametrize(("path", "body"), [("call/v2/ring", b'{"\\ud800": 1}'), ("cancel", b'{"event_id": "\\ud800"}')])
def test_half_a_character_is_refused_in_a_sentence(path: str, body: bytes, client: httpx.Client) -> None:
    answer = client.post(f"/gradio_api/{path}", content=body, headers={"content-type": "application/json"})
    assert answer.status_code in {404, 422}
    assert is_one_sentence(answer.json()["detail"])


def test_half_a_character_in_a_value_is_replaced(client: httpx.Client) -> None:
    headers = {"content-type": "application/json"}
    begun = client.post("/gradio_api/call/v2/ring", content=b'{"text": "a\\ud800"}', headers=headers)
    told = client.get(f"/gradio_api/call/v2/ring/{begun.json()['event_id']}").text
    assert "event: complete" in told
    assert "A\ufffd" in told or "A\\ufffd" in told
    assert whole([{"\ud83d\ude00": "\udc00"}]) == [{"\U0001f600": "\ufffd"}]


def test_who_leaves_in_the_middle_of_a_body_is_no_fault() -> None:
    sent: list[Message] = []

    async def never(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise AssertionError

    async def left() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    app = types.SimpleNamespace(get_blocks=lambda: None)
    scope = {"type": "http", "method": "POST", "path": "/gradio_api/cancel", "headers": [], "query_string": b"", "app": app}
    asyncio.run(PlainFaults(never)(scope, left, send))
    assert sent == []
