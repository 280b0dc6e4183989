"""The rows of the hub: what `models list` says of the profiles base and large is complete, pinned and to be trusted."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
from jsonschema import Draft202012Validator

from mm_demos.cli import main
from mm_demos.models import catalog, families, hub_rows, listing
from mm_demos.models.catalog import HubRepository, ModelSpec, Role
from mm_demos.models.repositories import matching
from mm_demos.settings import Profile, Settings

SCHEMA = Path(listing.__file__).with_name("catalog_schema.json")
EVERY_ROW = pytest.mark.parametrize("row", hub_rows.HUB_ROWS, ids=lambda row: row.name)
HUB_PROFILES: tuple[Profile, ...] = ("base", "large")
COVERED: tuple[Role, ...] = ("speech", "joint-embedder", "captioner", "answerer", "sound-tagger", "chat", "image-generator")
Listed = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def listed(cache: Path, configure: Callable[..., Settings], tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Listed:
    configure(data_dir=tmp_path / "data", profile="embedded")  # the flag below writes into the environment

    def run(*flags: str) -> list[dict[str, Any]]:
        assert main(["models", "list", "--json", *flags]) == 0
        return [json.loads(line) for line in capfd.readouterr().out.splitlines()]

    return run


@pytest.mark.parametrize("profile", [None, *get_args(Profile)])
def test_the_list_keeps_to_its_schema(listed: Listed, profile: Profile | None) -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    for line in listed(*(("--profile", profile) if profile else ())):
        problems = [f"{line['input']}: {error.json_path} {error.message}" for error in validator.iter_errors(line)]
        assert problems == []


def test_the_schema_names_every_role_and_refuses_a_row_without_a_figure(listed: Listed) -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    assert schema["properties"]["role"]["enum"] == list(get_args(Role))
    validator = Draft202012Validator(schema)
    row = listed("--profile", "base")[0]
    for change in ({"quality_source": ""}, {"revision": "main"}, {"languages": []}, {"licence": ""}, {"memory_bytes": 0}):
        assert not validator.is_valid(row | change), change


def test_each_role_has_one_default_in_each_profile(listed: Listed) -> None:
    for profile in HUB_PROFILES:
        defaults = [line for line in listed() if profile in line["default_in"]]
        assert len({line["role"] for line in defaults}) == len(defaults)
        own = {line["role"] for line in defaults if profile in line["profiles"]}
        assert own == set(COVERED)
        assert {row.name for row in catalog.defaults(profile)} == {line["input"] for line in defaults}


@EVERY_ROW
def test_a_repository_is_pinned_and_brings_no_pickle(row: ModelSpec) -> None:
    if row.components:
        (whole,) = row.components
        assert catalog.spec(whole).revision == row.revision
        return
    assert isinstance(row.repository, HubRepository)
    assert re.fullmatch(r"[0-9a-f]{40}", row.repository.revision)
    assert row.revision == row.repository.revision
    assert row.source == row.repository.url
    pickles = ["pytorch_model.bin", "open_clip_pytorch_model.bin", "model.pt", "weights.pth"]
    pickles += ["unet/diffusion_pytorch_model.bin", "vae/x.bin", "transformer/x.bin", "text_encoder/x.bin"]
    assert matching(pickles, row.repository.patterns) == []


@EVERY_ROW
def test_a_profile_holds_what_its_machine_can(row: ModelSpec) -> None:
    memory = sum(part.memory_bytes for part in catalog.expand(row.name))
    if "base" in row.profiles:
        assert memory < 10e9
    assert memory < 80e9


@EVERY_ROW
def test_a_row_is_of_a_family_that_can_be_recognised(row: ModelSpec) -> None:
    assert row.family in {family.name for family in families.FAMILIES}
    family = next(family for family in families.FAMILIES if family.name == row.family)
    assert (row.role, row.engines[0]) in family.roles


@pytest.mark.parametrize("name", ["whisper-large-v3", "whisper-large-v3-turbo", "stable-diffusion-1.5", "flux.1-schnell"])
def test_what_a_cpu_holds_in_32_bits_is_reckoned_so(name: str) -> None:
    row = catalog.spec(name)
    assert isinstance(row.repository, HubRepository)
    assert row.memory_bytes > 2 * row.repository.size_bytes


def test_two_rows_of_one_checkpoint_share_its_files_and_memory() -> None:
    row, answers = catalog.spec("smolvlm-500m"), catalog.spec("smolvlm-500m-answers")
    assert answers.components == (row.name,)
    assert (row.role, answers.role) == ("captioner", "answerer")
    assert not answers.has_weights
    assert answers.memory_bytes < 0.01 * row.memory_bytes


def test_commits_are_not_shared_by_different_repositories() -> None:
    places = {
        row.repository.revision: row.repository.id for row in hub_rows.HUB_ROWS if isinstance(row.repository, HubRepository)
    }
    assert len(places) == len({row.repository.id for row in hub_rows.HUB_ROWS if isinstance(row.repository, HubRepository)})
