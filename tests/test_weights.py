"""The store of weights: verified bytes, kept once, fetched once, never trusted unseen."""

from __future__ import annotations

import errno
import hashlib
import multiprocessing
import os
import shutil
import threading
import time
from collections import namedtuple
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from origins import BYTES, Server, leftovers, model, weight_file

from mm_demos.errors import WeightsUnavailableError
from mm_demos.models import catalog, weights
from mm_demos.models.catalog import UrlSource
from mm_demos.settings import Settings

Configure = Callable[..., Settings]


def test_a_users_own_folder_is_used_first_and_left_as_it_was(cache: Path, tmp_path: Path, configure: Configure) -> None:
    own = tmp_path / "own"
    (own / "test-model").mkdir(parents=True)
    (own / "test-model" / "a.bin").write_bytes(BYTES)
    (own / "b.json").write_bytes(b"{}")
    before = (own / "test-model" / "a.bin").stat()
    configure(weights_dir=own)
    row = model(weight_file("a.bin", BYTES), weight_file("b.json", b"{}", UrlSource("http://127.0.0.1:9/b.json")))
    assert weights.missing_bytes(row) == len(BYTES) + 2
    folder = weights.ensure(row)
    assert folder == weights.folder(row)
    assert (folder / "a.bin").read_bytes() == BYTES
    assert (folder / "b.json").read_bytes() == b"{}"
    after = (own / "test-model" / "a.bin").stat()
    assert (after.st_mtime_ns, after.st_nlink) == (before.st_mtime_ns, 1)
    assert weights.is_cached(row) and weights.missing_bytes(row) == 0
    assert leftovers(cache) == []


def test_bytes_that_are_not_the_catalogs_are_refused_and_the_next_source_is_tried(
    cache: Path, tmp_path: Path, configure: Configure, server: Server
) -> None:
    (tmp_path / "a.bin").write_bytes(BYTES[:-1] + b"!")
    configure(weights_dir=tmp_path)
    with pytest.raises(WeightsUnavailableError, match=r"a\.bin.*sha256"):
        weights.ensure(model(weight_file("a.bin", BYTES)))
    assert not any((cache / "blobs").iterdir())
    folder = weights.ensure(model(weight_file("a.bin", BYTES, UrlSource(server.url))))
    assert (folder / "a.bin").read_bytes() == BYTES


def test_a_file_of_the_wrong_size_is_refused_unread(cache: Path, tmp_path: Path, configure: Configure) -> None:
    (tmp_path / "a.bin").write_bytes(BYTES[:-1])
    configure(weights_dir=tmp_path)
    with pytest.raises(WeightsUnavailableError, match=f"{len(BYTES) - 1} bytes instead of {len(BYTES)}"):
        weights.ensure(model(weight_file("a.bin", BYTES)))


def _ensure_in_child(cache: str, url: str, outcomes: multiprocessing.Queue[str]) -> None:
    os.environ["MM_DEMOS_CACHE_DIR"] = cache
    outcomes.put(str(weights.ensure(model(weight_file("base.pt", BYTES, UrlSource(url))))))


def test_two_processes_fetch_once(cache: Path, server: Server) -> None:
    context = multiprocessing.get_context("spawn")
    outcomes = context.Queue()
    children = [context.Process(target=_ensure_in_child, args=(str(cache), server.url, outcomes)) for _ in range(2)]
    for child in children:
        child.start()
    folders = {outcomes.get(timeout=60) for _ in children}
    for child in children:
        child.join()
    assert len(folders) == 1
    assert len(server.requests) == 1


def test_threads_fetch_once(cache: Path, server: Server) -> None:
    row = model(weight_file("base.pt", BYTES, UrlSource(server.url)))
    threads = [threading.Thread(target=weights.ensure, args=(row,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert weights.is_cached(row)
    assert len(server.requests) == 1


def test_a_full_disk_is_told_before_anything_is_fetched(cache: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9, 1000))
    with pytest.raises(WeightsUnavailableError, match=r"0\.0 GB are free.*MM_DEMOS_CACHE_DIR"):
        weights.ensure(model(weight_file("base.pt", BYTES, UrlSource(server.url))))
    assert server.requests == []


def test_a_cache_that_cannot_be_written_is_told_in_a_sentence(tmp_path: Path, configure: Configure, server: Server) -> None:
    (tmp_path / "file").write_text("not a folder")
    configure(cache_dir=tmp_path / "file")
    with pytest.raises(WeightsUnavailableError, match="MM_DEMOS_CACHE_DIR"):
        weights.ensure(model(weight_file("base.pt", BYTES, UrlSource(server.url))))


def test_a_file_touched_afterwards_is_hashed_again_and_fetched_when_it_changed(cache: Path, server: Server) -> None:
    row = model(weight_file("base.pt", BYTES, UrlSource(server.url)))
    path = weights.ensure(row) / "base.pt"
    os.utime(path)
    assert weights.is_cached(row)
    assert len(server.requests) == 1
    with path.open("r+b") as file:
        file.write(b"!")
    assert (weights.ensure(row) / "base.pt").read_bytes() == BYTES
    assert len(server.requests) == 2


def test_a_complete_copy_on_a_read_only_disk_is_used_and_read_once(
    cache: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = model(weight_file("a.bin", BYTES, UrlSource(server.url)))
    folder = weights.ensure(row)
    reads: list[Path] = []

    def refuse(*_args: object, **_options: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    def count(paths: Iterable[Path]) -> str:
        reads.extend(paths)
        return hashlib.sha256(BYTES).hexdigest()

    os.utime(folder / "a.bin")  # as copying does
    for name in ("utime", "link", "symlink", "unlink", "replace"):
        monkeypatch.setattr(os, name, refuse)
    monkeypatch.setattr(weights, "_sha256", count)
    for _ in range(3):
        assert weights.ensure(row) == folder
    assert len(reads) == len({*reads})


def test_verify_finds_what_size_and_time_do_not_show(cache: Path, server: Server) -> None:
    row = model(weight_file("base.pt", BYTES, UrlSource(server.url)))
    assert [check.problem for check in weights.verify(row)] == ["not in the cache"]
    path = weights.ensure(row) / "base.pt"
    with path.open("r+b") as file:
        file.write(b"!")
    os.utime(path, ns=(weights.VERIFIED_NS, weights.VERIFIED_NS))
    assert weights.is_cached(row)
    assert [(check.ok, check.problem) for check in weights.verify(row)] == [(False, "damaged, removed")]
    assert not weights.is_cached(row)
    assert (weights.ensure(row) / "base.pt").read_bytes() == BYTES
    assert all(check.ok for check in weights.verify(row))


def test_two_models_with_a_file_in_common_keep_it_once(cache: Path, server: Server) -> None:
    file = weight_file("base.pt", BYTES, UrlSource(server.url))
    first = weights.ensure(model(file, name="one"))
    other = weights.ensure(model(file, name="two"))
    assert first != other
    assert (first / "base.pt").samefile(other / "base.pt")
    assert len(server.requests) == 1


def test_without_hard_links_the_names_are_symbolic_links(cache: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no hard links here")

    monkeypatch.setattr(os, "link", refuse)
    row = model(weight_file("base.pt", BYTES, UrlSource(server.url)))
    path = weights.ensure(row) / "base.pt"
    assert path.is_symlink() and path.read_bytes() == BYTES


def test_a_model_without_files_has_an_empty_folder(cache: Path) -> None:
    assert list(weights.ensure(model()).iterdir()) == []
    assert weights.derived_folder(model()).is_dir()


@pytest.mark.parametrize("name", [row.name for row in catalog.rows(profile="embedded") if row.files] + ["whisper-tiny.en"])
def test_the_real_weights_are_the_official_bytes(name: str, real_weights: Callable[[str], Path]) -> None:
    folder = real_weights(name)
    row = catalog.spec(name)
    assert all(check.ok for check in weights.verify(row))
    shown = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
    assert shown == {file.name for file in row.files}
    began = time.perf_counter()
    weights.ensure(row)
    assert time.perf_counter() - began < 0.05
