"""Files given by an address: public ones only, no larger than an upload, no longer than a minute."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from typing import cast

import gradio.processing_utils
import httpx
import safehttpx

from mm_demos.settings import settings

LONGEST_SECONDS = 60.0


class TooMuchError(httpx.TransportError):
    """The answer is larger than an upload may be, packed, or too slow."""


class Bounded(httpx.AsyncBaseTransport):
    """What Gradio fetches files through, which would take whatever comes into memory.

    Hosts other than the hub's must have a public address, and it is this address that is asked; so a name cannot lead elsewhere
    a moment later.

    Args:
        inner: makes the transport for an address that was looked at, or for a trusted host when it gets None.
    """

    def __init__(self, inner: Callable[[str | None], httpx.AsyncBaseTransport] | None = None) -> None:
        self._inner = inner or _transport

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The answer to one request, whose body ends in `TooMuchError` where it goes on too long.

        Raises:
            TooMuchError: the answer says itself that it is too large, or it is packed.
            ValueError: the host has no public address.
        """
        ends = time.monotonic() + LONGEST_SECONDS
        trusted = safehttpx.matches_domain_whitelist(request.url.host, gradio.processing_utils.PUBLIC_HOSTNAME_WHITELIST)
        inner = self._inner(None if trusted else await safehttpx.async_validate_url(request.url.host))
        request.headers["Accept-Encoding"] = "identity"  # a packed answer could be a thousand times larger than it says
        response = await inner.handle_async_request(request)
        largest = settings().max_upload_mb * 1_000_000
        said = response.headers.get("Content-Length", "0")
        if response.headers.get("Content-Encoding", "identity") != "identity" or not said.isdigit() or int(said) > largest:
            await response.aclose()
            await inner.aclose()
            raise TooMuchError(f"more than {largest} bytes, or packed")
        return httpx.Response(
            response.status_code,
            headers=response.headers,
            stream=_Counted(cast(httpx.AsyncByteStream, response.stream), inner, largest, ends),
            extensions=response.extensions,
        )


class _Counted(httpx.AsyncByteStream):
    def __init__(self, stream: httpx.AsyncByteStream, inner: httpx.AsyncBaseTransport, left: int, ends: float) -> None:
        self._stream, self._inner, self._left, self._ends = stream, inner, left, ends

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._stream:
            self._left -= len(chunk)
            if self._left < 0 or time.monotonic() > self._ends:
                raise TooMuchError("too large or too slow")
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()
        await self._inner.aclose()


def _transport(address: str | None) -> httpx.AsyncBaseTransport:
    return httpx.AsyncHTTPTransport() if address is None else safehttpx.AsyncSecureTransport(address)


def install() -> None:
    """Let Gradio fetch through `Bounded`."""
    gradio.processing_utils.async_transport = Bounded()
