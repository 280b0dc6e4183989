"""A file given by its address is fetched within bounds."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import gradio.processing_utils
import httpx
import pytest
import safehttpx

from mm_demos.serving import fetching
from mm_demos.settings import Settings

LARGEST = 3_000_000
Answer = Callable[[httpx.Request], httpx.Response]


@pytest.fixture(autouse=True)
def _three_megabytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "settings", lambda: Settings(max_upload_mb=3))

    async def public(_host: str) -> str:
        return "93.184.215.14"

    monkeypatch.setattr(safehttpx, "async_validate_url", public)


def download(monkeypatch: pytest.MonkeyPatch, folder: Path, answer: Answer) -> bytes:
    """What Gradio keeps of a file at an address."""
    monkeypatch.setattr(gradio.processing_utils, "async_transport", fetching.Bounded(lambda _: httpx.MockTransport(answer)))
    kept = asyncio.run(gradio.processing_utils.async_ssrf_protected_download("http://example.org/a.wav", str(folder)))
    return Path(kept).read_bytes()


async def endless() -> AsyncIterator[bytes]:
    while True:
        yield bytes(100_000)


async def slow() -> AsyncIterator[bytes]:
    for _ in range(3):
        yield b"x"


def test_a_file_of_the_allowed_size_comes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, content=bytes(LARGEST))

    assert download(monkeypatch, tmp_path, answer) == bytes(LARGEST)
    assert asked[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    "answer",
    [
        lambda _: httpx.Response(200, content=bytes(LARGEST + 1)),
        lambda _: httpx.Response(200, content=endless()),
        lambda _: httpx.Response(200, content=gzip.compress(bytes(1000)), headers={"content-encoding": "gzip"}),
        lambda _: httpx.Response(200, content=endless(), headers={"content-length": "-1"}),
    ],
    ids=["too large by its own words", "without an end", "packed", "a length that is none"],
)
def test_more_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, answer: Answer) -> None:
    with pytest.raises(fetching.TooMuchError):
        download(monkeypatch, tmp_path, answer)
    assert not list(tmp_path.rglob("*.wav"))


def test_what_drips_is_given_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(fetching, "LONGEST_SECONDS", -1.0)
    with pytest.raises(fetching.TooMuchError):
        download(monkeypatch, tmp_path, lambda _: httpx.Response(200, content=slow()))


def test_a_redirect_to_a_private_address_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    async def looked_at(host: str) -> str:
        if host != "example.org":
            raise ValueError(host)
        return "93.184.215.14"

    monkeypatch.setattr(safehttpx, "async_validate_url", looked_at)
    with pytest.raises(ValueError, match=r"169\.254\.169\.254"):
        download(monkeypatch, tmp_path, lambda _: httpx.Response(302, headers={"location": "http://169.254.169.254/a.wav"}))
