"""The catalog: names, roles, profiles, and rows that the store and the loader can rely on."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath

import pytest

from mm_demos.errors import UnknownModelError
from mm_demos.models import catalog
from mm_demos.models.catalog import Engine, HubSource, ModelSpec, WheelSource
from mm_demos.settings import Settings

EVERY_ROW = pytest.mark.parametrize("row", catalog.rows(), ids=lambda row: row.name)


@pytest.fixture
def extra_row() -> Iterator[ModelSpec]:
    row = ModelSpec("test-speaker", "speaker", "fake", ("base",), (Engine("fake", "tests.fake:load"),))
    catalog.register(row)
    yield row
    if row in catalog.rows():
        catalog.unregister(row.name)


@EVERY_ROW
def test_a_row_says_what_people_ask_for(row: ModelSpec) -> None:
    assert row.licence in {"Apache-2.0", "BSD-3-Clause", "CC0-1.0", "MIT"} or row.licence.startswith("LicenseRef-")
    assert row.summary and not row.summary.endswith(".")
    assert row.engines and all(re.fullmatch(r"mm_demos\.models\.\w+:load_\w+", engine.adapter) for engine in row.engines)
    assert row.memory_bytes > 0


@EVERY_ROW
def test_files_are_pinned(row: ModelSpec) -> None:
    for file in row.files:
        assert re.fullmatch(r"[0-9a-f]{64}", file.sha256)
        assert file.size_bytes > 0
        for source in file.sources:
            if isinstance(source, HubSource):
                assert re.fullmatch(r"[0-9a-f]{40}", source.revision)
                # A model may build on another's files, under names of its own.
                owners = [owner for owner in catalog.rows() if file.sha256 in {each.sha256 for each in owner.files}]
                assert any(owner.source.endswith(source.repository) for owner in owners)
            elif isinstance(source, WheelSource):
                assert all(version and not PurePosixPath(member).is_absolute() for _, version, member in source.parts)
                assert len(set(source.parts)) == len(source.parts)
    names = [file.name for file in row.files]
    assert len(set(names)) == len(names)


@EVERY_ROW
def test_a_row_has_files_or_components_or_a_library(row: ModelSpec) -> None:
    parts = catalog.expand(row.name)
    assert parts[-1] is row
    assert len({part.name for part in parts}) == len(parts)
    seen: set[str] = set()
    for part in parts:
        assert seen.issuperset(part.components), "components come before what is made of them"
        seen.add(part.name)


def test_the_embedded_profile_fulfils_every_role_in_less_than_a_gigabyte() -> None:
    chosen = {row.role: catalog.default(row.role) for row in catalog.rows(profile="embedded")}
    assert chosen == {
        "speech": "whisper-base",
        "image-tagger": "efficientnet-lite2",
        "text-reader": "pp-ocr",
        "text-embedder": "all-MiniLM-L6-v2",
        "joint-embedder": "mini-clip-and-conse",
        "chat": "qwen2.5-coder-0.5b",
        "captioner": "mm-mini-captioner",
        "answerer": "mm-mini-answerer",
        "sound-tagger": "whisper-sound-head",
        "speaker": "piper-joe-medium",
        "image-generator": "mm-mini-painter",
    }
    files = {file.sha256: file for row in catalog.rows(profile="embedded") for file in row.files}
    assert 0.75e9 < sum(file.size_bytes for file in files.values() if not file.packaged) < 0.85e9
    assert sum(file.size_bytes for file in files.values() if file.packaged) < 64 * 2**20


def test_what_only_some_requests_need_is_no_part_of_the_model() -> None:
    always = {row.name for row in catalog.expand("mm-mini-captioner")}
    sometimes = {row.name for row in catalog.expand("mm-mini-captioner", on_demand=True)}
    assert always == {"mm-mini-clip", "mm-mini-captioner"}
    assert sometimes - always == {"pp-ocr", "qwen2.5-coder-0.5b"}


def test_whisper_base_knows_the_languages_of_its_tokenizer() -> None:
    languages = catalog.spec("whisper-base").languages
    assert len(languages) == len(set(languages)) == 99
    assert {"en", "zh", "de", "yo", "haw"} <= set(languages)
    assert "yue" not in languages, "Cantonese came with large-v3"


def test_the_engines_for_a_cpu_come_first_and_the_native_one_is_probed() -> None:
    llama, transformers = catalog.spec("qwen2.5-coder-0.5b").engines
    assert (llama.devices, llama.probe, llama.uses_torch) == (("cpu",), True, False)
    assert (transformers.devices, transformers.uses_torch) == (("cuda",), True)
    assert not any(engine.uses_torch for engine in catalog.spec("whisper-base").engines)


def test_a_typing_error_is_answered_with_the_closest_names() -> None:
    with pytest.raises(UnknownModelError, match="whisper-base"):
        catalog.spec("Wisper-Base")
    with pytest.raises(UnknownModelError, match="choose one of"):
        catalog.spec("zzzz")


def test_a_profile_without_a_model_for_a_role_takes_the_embedded_one(
    configure: Callable[..., Settings], extra_row: ModelSpec
) -> None:
    assert catalog.default("speaker", "base") == extra_row.name
    assert catalog.default("speaker", "large") == "piper-joe-medium"
    configure(profile="base")
    assert catalog.default("speaker") == extra_row.name
    assert catalog.default("speaker", "embedded") == "piper-joe-medium"


def test_a_registered_row_is_found_until_it_is_taken_out(extra_row: ModelSpec) -> None:
    assert catalog.spec(extra_row.name) is extra_row
    assert catalog.rows(profile="base", role="speaker") == (extra_row,)
    with pytest.raises(ValueError, match="already"):
        catalog.register(extra_row)
    catalog.unregister(extra_row.name)
    with pytest.raises(UnknownModelError):
        catalog.unregister(extra_row.name)
