"""Checkpoints of the user's own: recognised by their files, remembered, used like the catalog's, removed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fake_hub import COMMIT, OTHER_COMMIT, Hub, Repository, running
from test_repositories import point_at

from mm_demos.cli import main
from mm_demos.errors import InvalidInputError, UnknownModelError, WeightsUnavailableError
from mm_demos.models import added, catalog, families, weights
from mm_demos.models.catalog import HubRepository, LocalFolder
from mm_demos.settings import Settings

Configure = Callable[..., Settings]
WEIGHTS = b"\x08\0\0\0\0\0\0\0{}      "  # a safetensors file without tensors

# What config.json or model_index.json says, and which family and role that is.
DESCRIBED = {
    "WhisperForConditionalGeneration": ("whisper", "speech"),
    "ClapModel": ("clap", "sound-tagger"),
    "CLIPModel": ("clip", "joint-embedder"),
    "SiglipModel": ("siglip", "joint-embedder"),
    "Siglip2Model": ("siglip", "joint-embedder"),
    "BlipForConditionalGeneration": ("blip", "captioner"),
    "BlipForQuestionAnswering": ("blip-vqa", "answerer"),
    "Blip2ForConditionalGeneration": ("blip-2", "captioner"),
    "Florence2ForConditionalGeneration": ("florence-2", "captioner"),
    "Idefics3ForConditionalGeneration": ("smolvlm", "captioner"),
    "SmolVLMForConditionalGeneration": ("smolvlm", "captioner"),
    "Qwen2VLForConditionalGeneration": ("qwen-vl", "captioner"),
    "Qwen2_5_VLForConditionalGeneration": ("qwen-vl", "captioner"),
    "Qwen3VLForConditionalGeneration": ("qwen-vl", "captioner"),
    "Qwen2ForCausalLM": ("qwen", "chat"),
    "Qwen3ForCausalLM": ("qwen", "chat"),
    "Qwen3MoeForCausalLM": ("qwen", "chat"),
    "SmolLM3ForCausalLM": ("smollm", "chat"),
    "LlamaForCausalLM": ("llama", "chat"),
    "Gemma3ForCausalLM": ("gemma", "chat"),
    "Gemma3ForConditionalGeneration": ("gemma", "chat"),
    "MistralForCausalLM": ("language", "chat"),
}
BY_FILES = {
    "diffusion": ({"model_index.json": b'{"_class_name": "FluxPipeline"}', "unet/w.safetensors": WEIGHTS}, "image-generator"),
    "open_clip": ({"open_clip_config.json": b"{}", "open_clip_model.safetensors": WEIGHTS}, "joint-embedder"),
    "gguf": ({"model-q4_k_m.gguf": b"GGUF"}, "chat"),
    "whisper-ctranslate2": ({"config.json": b"{}", "model.bin": b"\x06\0\0\0", "vocabulary.json": b"[]"}, "speech"),
    "piper": ({"voice.onnx": b"\x08", "voice.onnx.json": b"{}"}, "speaker"),
}


def checkpoint(folder: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def of(architecture: str) -> dict[str, bytes]:
    return {"config.json": json.dumps({"architectures": [architecture]}).encode(), "model.safetensors": WEIGHTS}


@pytest.fixture
def home(tmp_path: Path, configure: Configure) -> Iterator[Path]:
    """The user's folders, empty; whatever the test adds is gone from the catalog afterwards."""
    configure(cache_dir=tmp_path / "cache", data_dir=tmp_path / "data", weights_dir=None, offline=False)
    before = {row.name for row in catalog.rows()}
    yield tmp_path
    for row in reversed(catalog.rows()):
        if row.name not in before:
            catalog.unregister(row.name)


@pytest.fixture
def hub(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with running() as server:
        server.repositories["owner/Tiny-Qwen"] = Repository(
            of("Qwen3ForCausalLM") | {"README.md": b"x", "pytorch_model.bin": b"\x80\x02"}
        )
        packed = {"m-Q4_K_M.gguf": b"GGUF1", "m-Q8_0.gguf": b"GGUF22", "mmproj-m.gguf": b"GGUF"}
        server.repositories["owner/packed-GGUF"] = Repository(packed)
        point_at(server.url, monkeypatch)
        yield server


@pytest.mark.parametrize("architecture", DESCRIBED)
def test_an_architecture_tells_the_family(tmp_path: Path, architecture: str) -> None:
    family = families.recognise(checkpoint(tmp_path, of(architecture)))
    assert (family.name, family.roles[0][0]) == DESCRIBED[architecture]


@pytest.mark.parametrize("name", BY_FILES)
def test_files_tell_the_family(tmp_path: Path, name: str) -> None:
    files, role = BY_FILES[name]
    family = families.recognise(checkpoint(tmp_path, files))
    assert (family.name, family.roles[0][0]) == (name, role)


def test_a_repository_in_both_formats_is_taken_as_open_clip(tmp_path: Path) -> None:
    both = of("CLIPModel") | {"open_clip_config.json": b"{}", "open_clip_model.safetensors": WEIGHTS}
    assert families.recognise(checkpoint(tmp_path, both)).name == "open_clip"


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (of("ResNetForImageClassification"), ("ResNetForImageClassification", "Known are", "Whisper", "Florence-2")),
        ({"notes.txt": b"x"}, ("no config.json", "Known are")),
        ({"config.json": b"{"}, ("cannot be read as JSON",)),
        ({"config.json": b"[]"}, ("no JSON object",)),
        ({"config.json": of("Qwen3ForCausalLM")["config.json"], "pytorch_model.bin": b"\x80\x02"}, ("pickles are not read",)),
        ({"adapter_config.json": b"{}", "adapter_model.safetensors": WEIGHTS}, ("adapter", "merge it")),
        ({"model_index.json": b'{"_class_name": ["custom", "P"]}', "unet/w.safetensors": WEIGHTS}, ("does not know",)),
    ],
)
def test_what_is_not_known_is_said_with_what_is(tmp_path: Path, files: dict[str, bytes], words: tuple[str, ...]) -> None:
    with pytest.raises(InvalidInputError) as caught:
        families.recognise(checkpoint(tmp_path / "thing", files))
    assert all(word in str(caught.value) for word in words)
    assert "\n" not in str(caught.value)


def test_every_family_names_an_adapter_that_exists() -> None:
    import ast

    root = Path(added.__file__).parent
    for family in families.FAMILIES:
        for _, engine in family.roles:
            module, _, function = engine.adapter.partition(":")
            path = root / f"{module.rpartition('.')[2]}.py"
            if path.name == "diffusion.py" and not path.exists():
                continue
            tree = ast.parse(path.read_text(encoding="utf-8"))
            assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_a_folder_is_added_found_and_removed(home: Path) -> None:
    folder = checkpoint(home / "My Model", of("SmolVLMForConditionalGeneration"))
    row = added.add(str(folder))
    assert (row.name, row.role, row.family) == ("my-model", "captioner", "smolvlm")
    assert row.repository == LocalFolder.as_it_is(folder)
    assert row.size_bytes == sum(path.stat().st_size for path in folder.iterdir())
    assert weights.ensure(row) == folder
    assert catalog.spec("my-model-answers").components == ("my-model",)
    assert added.names() == ("my-model",)
    with pytest.raises(InvalidInputError, match="in the catalog already"):
        added.add(str(folder))
    added.remove("my-model")
    assert added.names() == ()
    with pytest.raises(UnknownModelError):
        catalog.spec("my-model")
    with pytest.raises(UnknownModelError, match="none yet"):
        added.remove("my-model")
    assert folder.is_dir()


def test_another_process_knows_what_was_added(home: Path) -> None:
    added.add(str(checkpoint(home / "one", of("Qwen3ForCausalLM"))), name="mine")
    catalog.unregister("mine")  # as in a process that has just started
    assert catalog.spec("mine").family == "qwen"


def test_a_repository_is_pinned_when_it_is_added_and_fetched_when_it_is_used(hub: Hub, home: Path) -> None:
    row = added.add("owner/Tiny-Qwen")
    assert (row.name, row.role, row.revision, row.licence) == ("tiny-qwen", "chat", COMMIT, "MIT")
    assert isinstance(row.repository, HubRepository)
    assert row.size_bytes == sum(map(len, of("Qwen3ForCausalLM").values()))
    assert not [request for request in hub.requests if "safetensors" in request]
    folder = weights.ensure(row)
    assert sorted(path.name for path in folder.iterdir()) == [".contents.json", "config.json", "model.safetensors"]


def test_one_of_several_packings_is_taken(hub: Hub) -> None:
    assert added.add("owner/packed-GGUF").size_bytes == len(b"GGUF1")
    row = added.add("owner/packed-GGUF:q8_0")
    assert (row.name, row.size_bytes) == ("packed-gguf-q8_0", len(b"GGUF22"))
    assert [path.name for path in weights.ensure(row).glob("*.gguf")] == ["m-Q8_0.gguf"]
    with pytest.raises(InvalidInputError, match=r"choose one of m-Q4_K_M\.gguf, m-Q8_0\.gguf"):
        added.add("owner/packed-GGUF:q2_k")
    with pytest.raises(InvalidInputError, match="Only GGUF"):
        added.add("owner/Tiny-Qwen:q2_k")


@pytest.mark.parametrize("place", ["nowhere", "/no/such/folder", "a/b/c", "owner/../x", "", "owner/name with space"])
def test_a_place_that_is_none_is_said(home: Path, place: str) -> None:
    with pytest.raises(InvalidInputError, match="neither a folder nor"):
        added.add(place)


@pytest.mark.parametrize("name", ["", "A", "../x", "a b", "x" * 65])
def test_a_name_that_cannot_be_is_said(home: Path, name: str) -> None:
    folder = checkpoint(home / "one", of("Qwen3ForCausalLM"))
    with pytest.raises(InvalidInputError, match="cannot be a model's name"):
        added.add(str(folder), name=name)
    assert added.names() == ()


def test_the_hub_is_asked_and_what_it_says_is_passed_on(hub: Hub) -> None:
    with pytest.raises(WeightsUnavailableError, match="no such repository"):
        added.add("owner/nothing")
    with pytest.raises(WeightsUnavailableError, match=f"no revision {OTHER_COMMIT}"):
        added.add("owner/Tiny-Qwen", OTHER_COMMIT)
    hub.repositories["owner/Tiny-Qwen"].state = "gated"
    with pytest.raises(WeightsUnavailableError, match="HF_TOKEN"):
        added.add("owner/Tiny-Qwen")
    assert added.names() == ()


def test_the_command_line_adds_lists_pulls_and_removes(hub: Hub, capfd: pytest.CaptureFixture[str]) -> None:
    def call(*arguments: str) -> tuple[int, list[dict[str, Any]]]:
        status = main(["models", *arguments, "--json"])
        return status, [json.loads(line) for line in capfd.readouterr().out.splitlines()]

    status, (line,) = call("add", "owner/Tiny-Qwen", "--name", "tiny")
    assert (status, line["name"], line["role"], line["cached"]) == (0, "tiny", "chat", False)
    listed = {line["input"]: line for line in call("list")[1]}
    assert listed["tiny"]["revision"] == COMMIT
    assert call("pull", "tiny")[1][0]["fetched_bytes"] > 0
    assert call("verify", "tiny")[0] == 0
    assert call("remove", "tiny", "tiny") == (1, [{"input": "tiny", "removed": True}, call_error("tiny")])
    status, (line,) = call("add", "owner/nothing")
    assert (status, "no such repository" in line["error"]) == (1, True)


def call_error(name: str) -> dict[str, str]:
    return {"input": name, "error": f"{name} is no model that was added here: choose one of those that were (none yet)."}


def test_of_three_over_the_budget_the_least_recently_used_leaves_and_comes_back(home: Path) -> None:
    import loading_doubles as doubles
    from loading_doubles import MEGABYTE, row

    from mm_demos.models.loader import Loader

    rows = []
    for name in ("one", "two", "three"):
        place = LocalFolder(checkpoint(home / name, of("Qwen3ForCausalLM")))
        rows.append(replace(row(name, megabytes=40), repository=place))
        catalog.register(rows[-1])
    before = dict(doubles.loads)
    loader = Loader(budget_bytes=100 * MEGABYTE)
    for name, resident in (
        ("one", {"one"}),
        ("two", {"one", "two"}),
        ("one", {"one", "two"}),
        ("three", {"one", "three"}),
        ("two", {"two", "three"}),
    ):
        with loader.lease(name) as model:
            assert model.name == name
        assert {item.name for item in loader.resident()} == resident
    assert {name: doubles.loads[name] - before.get(name, 0) for name in ("one", "two", "three")} == {
        "one": 1,
        "two": 2,
        "three": 1,
    }
