"""Whole repositories of the hub: fetched, resumed, pinned, checked; and one sentence, soon, where that cannot be."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fake_hub import COMMIT, OTHER_COMMIT, Hub, Repository, running

from mm_demos.errors import StoppedError, WeightsUnavailableError
from mm_demos.models import pins, sources, weights
from mm_demos.models.catalog import Engine, HubRepository, LocalFolder, ModelSpec
from mm_demos.progress import Progress, Update
from mm_demos.settings import Settings

BIG = bytes(range(256)) * 4_000  # 1 MB
FILES = {
    "config.json": b'{"model_type": "tiny"}',
    "model.safetensors": BIG,
    "nested/tokenizer.json": b"{}",
    "pytorch_model.bin": b"\x80\x02never fetched",
    "README.md": b"# Tiny",
}
WANTED = ("config.json", "model.safetensors", "nested/tokenizer.json")
Configure = Callable[..., Settings]


def row(revision: str = COMMIT, **values: object) -> ModelSpec:
    repository = HubRepository("owner/tiny", revision, size_bytes=len(BIG), **values)  # type: ignore[arg-type]
    return ModelSpec("tiny", "chat", "test", (), (Engine("none", "none:none"),), repository=repository)


@pytest.fixture
def cache(tmp_path: Path, configure: Configure) -> Path:
    configure(cache_dir=tmp_path / "cache", data_dir=tmp_path / "data", weights_dir=None, offline=False)
    return tmp_path / "cache"


@pytest.fixture
def hub(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with running() as server:
        server.repositories["owner/tiny"] = Repository(dict(FILES))
        point_at(server.url, monkeypatch)
        yield server


def point_at(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the library take `url` for the hub; it reads its own settings when it is imported, which was earlier."""
    from huggingface_hub import HfApi, constants, hf_hub_download

    assert HfApi, hf_hub_download  # imported here, so that the clock of a test does not count it
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", url + "/{repo_id}/resolve/{revision}/{filename}")
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    sources._answers.cache_clear()


def nothing_left(cache: Path) -> bool:
    return not cache.exists() or not [path for path in cache.rglob("*") if path.is_file() and path.suffix != ".lock"]


def test_a_repository_is_fetched_once_and_without_pickles(hub: Hub, cache: Path) -> None:
    updates: list[Update] = []
    model = row()
    assert not weights.is_cached(model)
    assert weights.missing_bytes(model) == len(BIG)
    folder = weights.ensure(model, Progress(updates.append))
    assert folder == weights.folder(model)
    assert {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} == {*WANTED, ".contents.json"}
    assert all((folder / name).read_bytes() == FILES[name] for name in WANTED)
    assert weights.is_cached(model)
    assert weights.missing_bytes(model) == 0
    assert updates[-1].fraction == 1.0
    asked = len(hub.requests)
    assert weights.ensure(model) == folder
    assert len(hub.requests) == asked
    assert not (cache / "incoming").exists()


def test_a_transfer_that_breaks_off_goes_on_where_it_stopped(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 64_000)  # less than arrives before the connection ends
    hub.hang_ups = 1
    folder = weights.ensure(row())
    assert (folder / "model.safetensors").read_bytes() == BIG
    assert [request for request in hub.requests if "bytes=" in request and not request.endswith("bytes=0-")]


def test_what_was_fetched_before_a_stop_is_not_fetched_again(hub: Hub, cache: Path) -> None:
    progress = Progress()

    def stop(update: Update) -> None:
        if update.done and update.done > 22:
            progress.stop()

    progress.on_update = stop
    with pytest.raises(StoppedError):
        weights.ensure(row(), progress)
    assert not weights.is_cached(row())
    assert not weights.folder(row()).exists()
    before = len(hub.requests)
    weights.ensure(row())
    assert not [request for request in hub.requests[before:] if request.startswith("GET") and "config.json" in request]


def test_what_the_catalog_does_not_pin_the_first_download_does(hub: Hub) -> None:
    model = row("")
    assert pins.pinned_revision(model) == ""
    folder = weights.ensure(model)
    assert pins.pinned_revision(model) == COMMIT
    hub.repositories["owner/tiny"].commit = OTHER_COMMIT  # the branch moves on
    assert weights.ensure(model) == folder
    (folder / "config.json").unlink()
    with pytest.raises(WeightsUnavailableError, match=COMMIT):
        weights.ensure(model)  # the commit is gone from this hub; another one is not taken in silence


def test_a_damaged_file_is_found_and_fetched_again(hub: Hub) -> None:
    folder = weights.ensure(row())
    (folder / "model.safetensors").write_bytes(b"x" * len(BIG))
    checks = weights.verify(row())
    assert [(check.name, check.ok) for check in checks] == [(name, name != "model.safetensors") for name in WANTED]
    assert not weights.is_cached(row())
    before = len(hub.requests)
    weights.ensure(row())
    fetched = [request for request in hub.requests[before:] if request.startswith("GET") and "resolve" in request]
    assert [request.rpartition("/")[2] for request in fetched] == ["model.safetensors"]
    assert all(check.ok for check in weights.verify(row()))


def test_bytes_other_than_the_hub_lists_are_refused(hub: Hub) -> None:
    hub.corrupt = True
    with pytest.raises(WeightsUnavailableError, match="came damaged"):
        weights.ensure(row())
    assert not weights.folder(row()).exists()


def test_a_pickle_is_refused_even_where_a_pattern_asks_for_it(hub: Hub) -> None:
    with pytest.raises(WeightsUnavailableError, match="pickle"):
        weights.ensure(row(patterns=("*.json", "*.bin")))


@pytest.mark.parametrize(
    ("state", "words"),
    [("gated", ("accepted its terms", "HF_TOKEN", "huggingface.co/owner/tiny")), ("private", ("no such repository", "HF_TOKEN"))],
)
def test_what_the_hub_refuses_is_said_with_the_way_out(hub: Hub, cache: Path, state: str, words: tuple[str, ...]) -> None:
    hub.repositories["owner/tiny"].state = state
    with pytest.raises(WeightsUnavailableError) as caught:
        weights.ensure(row())
    assert all(word in str(caught.value) for word in words)
    assert "\n" not in str(caught.value)
    assert nothing_left(cache)


def test_a_missing_repository_or_revision_is_named(hub: Hub, cache: Path) -> None:
    with pytest.raises(WeightsUnavailableError, match=f"no revision {OTHER_COMMIT}"):
        weights.ensure(row(OTHER_COMMIT))
    hub.repositories.clear()
    with pytest.raises(WeightsUnavailableError, match="no such repository"):
        weights.ensure(row())
    assert nothing_left(cache)


def _closed_port() -> str:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{unused.getsockname()[1]}"


@pytest.mark.parametrize("how", ["closed port", "dead proxy", "never answers", "answers once"])
def test_an_unreachable_hub_costs_one_sentence_and_less_than_five_seconds(
    hub: Hub, cache: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    if how == "closed port":
        point_at(_closed_port(), monkeypatch)
    elif how == "dead proxy":
        point_at("http://hub.invalid", monkeypatch)
        monkeypatch.setenv("http_proxy", _closed_port())
    else:
        hub.silent.set()
        hub.answers_probe_only = how == "answers once"
    start = time.monotonic()
    with pytest.raises(WeightsUnavailableError) as caught:
        weights.ensure(row())
    assert time.monotonic() - start < 5.0
    assert "tiny" in str(caught.value)
    assert "MM_DEMOS_WEIGHTS_DIR" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert nothing_left(cache)
    assert pins.read() == {}


def test_offline_asks_nobody(hub: Hub, configure: Configure) -> None:
    configure(offline=True)
    with pytest.raises(WeightsUnavailableError, match="unset MM_DEMOS_OFFLINE"):
        weights.ensure(row())
    assert hub.requests == []


def test_the_users_own_folder_is_read_where_it_lies(hub: Hub, tmp_path: Path, configure: Configure) -> None:
    own = tmp_path / "own" / "tiny"
    own.mkdir(parents=True)
    configure(weights_dir=own.parent)
    assert not weights.is_cached(row())
    (own / "model.safetensors").write_bytes(BIG)
    assert weights.is_cached(row())
    assert weights.ensure(row()) == own
    assert hub.requests == []
    local = ModelSpec("here", "chat", "test", (), (), repository=LocalFolder(own))
    assert weights.ensure(local) == own
    assert all(check.ok for check in weights.verify(local))
    (own / "model.safetensors").unlink()
    with pytest.raises(WeightsUnavailableError, match="models remove here"):
        weights.ensure(local)


def test_a_disk_without_room_is_said_before_anything_is_fetched(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    import shutil

    real = shutil.disk_usage
    monkeypatch.setattr(shutil, "disk_usage", lambda path: real(path)._replace(free=1000))
    with pytest.raises(WeightsUnavailableError, match="free some or name another folder"):
        weights.ensure(row())
    assert not [request for request in hub.requests if "resolve" in request]


def test_without_a_hub_the_embedded_models_go_on(
    hub: Hub, cache: Path, configure: Configure, monkeypatch: pytest.MonkeyPatch, real_weights: Callable[[str], Path]
) -> None:
    from mm_demos.models.loader import Loader

    configure(cache_dir=None, profile="base")
    real_weights("all-MiniLM-L6-v2")
    point_at(_closed_port(), monkeypatch)
    models = Loader(budget_bytes=16 * 10**9)
    start = time.monotonic()
    with pytest.raises(WeightsUnavailableError, match="siglip2-base could not be had"), models.lease("siglip2-base"):
        pass
    assert time.monotonic() - start < 5.0
    assert models.resident() == ()
    with models.lease("all-MiniLM-L6-v2") as embedder:
        assert embedder.embed_texts(["still here"]).shape == (1, 384)
    assert models.eject("all-MiniLM-L6-v2")
