"""`models list | pull | prepare | verify | path` on a small model of the test's own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mm_demos.cli import main
from mm_demos.models import catalog, fake, weights
from mm_demos.models.catalog import Engine, ModelSpec, WeightFile
from mm_demos.settings import Settings

CONTENT = b"numbers" * 1000
Call = Callable[..., tuple[int, list[dict[str, Any]]]]


@pytest.fixture
def small(tmp_path: Path, cache: Path, configure: Callable[..., Settings]) -> Iterator[ModelSpec]:
    """A model whose one file is in the user's folder and not in the cache yet."""
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "numbers.bin").write_bytes(CONTENT)
    configure(cache_dir=cache, weights_dir=folder, data_dir=tmp_path / "data", offline=True)
    file = WeightFile("numbers.bin", hashlib.sha256(CONTENT).hexdigest(), len(CONTENT), ())
    row = ModelSpec("small", "chat", "test", (), (Engine("none", "none:none"),), (file,), licence="MIT", source="here")
    whole = ModelSpec("whole", "chat", "test", (), (Engine("none", "none:none"),), components=("small",))
    catalog.register(row)
    catalog.register(whole)
    yield row
    catalog.unregister("whole")
    catalog.unregister("small")


@pytest.fixture
def call(small: ModelSpec, capfd: pytest.CaptureFixture[str]) -> Call:
    def run(*arguments: str) -> tuple[int, list[dict[str, Any]]]:
        status = main(["models", *arguments, "--json"])
        return status, [json.loads(line) for line in capfd.readouterr().out.splitlines()]

    return run


def test_from_nothing_to_verified(call: Call, small: ModelSpec) -> None:
    assert call("path", "small")[0] == 1
    status, (pulled,) = call("pull", "small")
    assert (status, pulled["input"], pulled["fetched_bytes"]) == (0, "small", len(CONTENT))
    assert call("pull", "whole")[1][0]["fetched_bytes"] == 0
    status, (path,) = call("path", "small")
    assert status == 0
    assert (Path(path["path"]) / "numbers.bin").read_bytes() == CONTENT
    assert call("verify", "small", "whole") == (
        0,
        [{"input": n, "ok": True, "files": ["numbers.bin"]} for n in ("small", "whole")],
    )
    assert [result["input"] for result in call("verify")[1]] == ["small"]  # what is in the cache


def test_damage_is_found_and_mended(call: Call, small: ModelSpec) -> None:
    call("pull", "small")
    (weights.folder(small) / "numbers.bin").write_bytes(b"x" * len(CONTENT))
    status, (verified,) = call("verify", "small")
    assert status == 1
    assert "numbers.bin" in verified["error"]
    assert "pull small" in verified["error"]
    assert call("pull", "small")[1][0]["fetched_bytes"] == len(CONTENT)
    assert call("verify", "small")[0] == 0


def test_the_list_names_licence_size_and_source_of_every_model(call: Call) -> None:
    status, listed = call("list")
    assert status == 0
    assert [result["input"] for result in listed] == [row.name for row in catalog.rows()]
    for result in listed:
        row = catalog.spec(result["input"])
        assert (result["licence"], result["size_bytes"], result["source"]) == (row.licence, row.size_bytes, row.source)
        assert result["cached"] == (not any(part.has_weights for part in catalog.expand(row.name)))
    embedded = call("list", "--profile", "embedded")[1]
    assert 0 < len(embedded) < len(listed)


def test_people_get_a_table_and_paths(call: Call, capfd: pytest.CaptureFixture[str], small: ModelSpec) -> None:
    assert main(["models", "list"]) == 0
    rows = capfd.readouterr().out.splitlines()
    assert len(rows) == len(catalog.rows()) + 1
    assert all(word in next(row for row in rows if row.startswith("small ")) for word in ("chat", "MIT", "here", "no"))
    main(["models", "pull", "small"])
    capfd.readouterr()
    assert main(["models", "path", "small"]) == 0
    assert capfd.readouterr().out == f"{weights.folder(small)}\n"


def test_what_cannot_be_had_costs_one_line(call: Call, tmp_path: Path) -> None:
    (tmp_path / "own" / "numbers.bin").unlink()
    status, (pulled,) = call("pull", "small")
    assert status == 1
    assert "small" in pulled["error"]
    assert "MM_DEMOS_WEIGHTS_DIR" in pulled["error"]


def test_preparing_loads_a_model_once(cache: Path, capfd: pytest.CaptureFixture[str]) -> None:
    restore = fake.register_fakes()
    try:
        for prepared in (True, False):
            assert main(["models", "prepare", "fake-chat", "--json"]) == 0
            assert json.loads(capfd.readouterr().out)["prepared"] is prepared
    finally:
        restore()
