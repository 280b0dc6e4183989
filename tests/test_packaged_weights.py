"""Weights that come with the package: found, verified, never fetched, never taken away."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from mm_demos.errors import WeightsUnavailableError
from mm_demos.models import mini_rows, sources, weights
from mm_demos.models.catalog import Engine, ModelSpec, PackagedSource, WeightFile
from mm_demos.models.mini_rows import write_manifest
from mm_demos.settings import Settings

BYTES = b"trained numbers"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package folder with one file of weights and its manifest."""
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / "parts.safetensors").write_bytes(BYTES)
    write_manifest(folder)
    monkeypatch.setattr(sources, "PACKAGED", folder)
    monkeypatch.setattr(mini_rows, "MANIFEST", folder / "manifest.json")
    return folder


def row() -> ModelSpec:
    return ModelSpec("packaged", "captioner", "test", (), (Engine("e", "m:f"),), files=mini_rows.packaged("parts.safetensors"))


def test_a_packaged_file_is_there_without_a_network(package: Path, cache: Path, configure: Callable[..., Settings]) -> None:
    configure(offline=True)
    assert weights.missing_bytes(row()) == 0
    folder = weights.ensure(row())
    assert (folder / "parts.safetensors").read_bytes() == BYTES
    assert (package / "parts.safetensors").read_bytes() == BYTES, "the package keeps its copy"
    assert weights.is_cached(row())
    assert all(check.ok for check in weights.verify(row()))


def test_bytes_that_are_not_those_of_the_manifest_are_refused(package: Path, cache: Path) -> None:
    spec = row()
    (package / "parts.safetensors").write_bytes(BYTES[::-1])
    with pytest.raises(WeightsUnavailableError, match="sha256"):
        weights.ensure(spec)
    (package / "parts.safetensors").unlink()
    with pytest.raises(WeightsUnavailableError, match="missing from it"):
        weights.ensure(spec)


def test_the_manifest_is_written_anew_from_the_files(package: Path) -> None:
    (package / "words.json").write_text('["a"]', encoding="utf-8")
    write_manifest(package)
    listed = json.loads((package / "manifest.json").read_text(encoding="utf-8"))
    assert list(listed) == ["parts.safetensors", "words.json"]
    assert listed["parts.safetensors"] == {"sha256": hashlib.sha256(BYTES).hexdigest(), "size_bytes": len(BYTES)}


def test_the_shipped_manifest_names_every_file_the_rows_need() -> None:
    listed = json.loads(mini_rows.MANIFEST.read_text(encoding="utf-8"))
    assert {name for name in listed if "/" not in name} == {
        "mm-mini-clip.safetensors", "open_clip_config.json", "captioner.safetensors", "words.json", "answerer.safetensors",
        "answers.json", "sound-head.safetensors", "sound-head.json",
    }  # fmt: skip
    assert sum(entry["size_bytes"] for name, entry in listed.items() if "/" not in name) < 40 * 2**20


def test_the_painter_is_a_folder_of_the_manifest_of_at_most_25_mb() -> None:
    listed = json.loads(mini_rows.MANIFEST.read_text(encoding="utf-8"))
    inside = {name: entry["size_bytes"] for name, entry in listed.items() if "/" in name}
    assert all(name.startswith("mm-mini-painter/") for name in inside)
    assert sum(inside.values()) <= 25_000_000


def test_a_packaged_file_says_so() -> None:
    assert WeightFile("a", "0" * 64, 1, (PackagedSource("a"),)).packaged
    assert sources.describe(PackagedSource("a")) == "this package"
