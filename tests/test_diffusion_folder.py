"""Pipelines that a user brings: what is registered, what is refused, and what is said when the hub is far away."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tiny_pipelines import tiny_sd

from mm_demos.errors import InvalidInputError, StoppedError, WeightsUnavailableError
from mm_demos.models import catalog, diffusion_hub, loader, sources, weights
from mm_demos.models.diffusion_folder import check_folder, variant, weight_files
from mm_demos.models.diffusion_rows import PAINTER, painter_row, register_pipeline
from mm_demos.models.loader import Loader
from mm_demos.models.mini_rows import write_manifest
from mm_demos.models.rows import MINILM
from mm_demos.models.spec import HubRepository, LocalFolder, ModelSpec
from mm_demos.progress import Progress


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_sd(tmp_path_factory.mktemp("made") / "Tiny Painter")


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A copy that the test may spoil."""
    return Path(shutil.copytree(made, tmp_path / made.name))


@pytest.fixture(autouse=True)
def _own_catalog(cache: Path) -> Iterator[None]:
    """Rows added by a test end with it, and so does the loader."""
    before = {row.name for row in catalog.rows()}
    loader.reset_shared(Loader(budget_bytes=10**10, idle_seconds=0))
    yield
    loader.reset_shared()
    for row in catalog.rows():
        if row.name not in before:
            catalog.unregister(row.name)


def test_a_folder_becomes_a_row_that_names_its_bytes(folder: Path) -> None:
    name = register_pipeline(folder)
    row = catalog.spec(name)
    assert (name, row.role, row.licence, row.source) == ("tiny-painter", "image-generator", "unknown", str(folder))
    assert {"model_index.json", "unet/config.json", "tokenizer/tokenizer.json"} < {file.name for file in row.files}
    assert row.size_bytes > 10**6 > row.size_bytes - row.memory_bytes
    assert weights.is_cached(row) and weights.missing_bytes(row) == 0 and weights.ensure(row) == folder
    assert all(check.ok for check in weights.verify(row))
    assert catalog.chosen(name, "image-generator") == name


def test_the_same_folder_keeps_its_name_and_a_changed_one_gets_another_revision(folder: Path) -> None:
    name = register_pipeline(str(folder))
    before = catalog.spec(name)
    assert register_pipeline(folder) == name and catalog.spec(name) is before
    index = json.loads((folder / "scheduler/scheduler_config.json").read_text())
    (folder / "scheduler/scheduler_config.json").write_text(json.dumps({**index, "beta_end": 0.013}))
    with pytest.raises(WeightsUnavailableError, match=r"scheduler_config.json .* register tiny-painter again"):
        weights.ensure(before)
    assert not next(check for check in weights.verify(before) if "scheduler_config" in check.name).ok
    assert register_pipeline(folder) == name
    assert catalog.spec(name).revision != before.revision
    assert catalog.revision_of(name)


def test_two_folders_of_one_name_get_two(folder: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(folder, tmp_path / "elsewhere" / folder.name))
    first, second = register_pipeline(folder), register_pipeline(other)
    assert first != second and second.startswith(first)


def test_the_same_bytes_elsewhere_have_the_same_digest(folder: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(folder, tmp_path / "moved"))
    assert catalog.spec(register_pipeline(folder)).revision == catalog.spec(register_pipeline(other)).revision


def rewrite(path: Path, **changed: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changed}))


def pickled(folder: Path) -> None:
    (folder / "unet/diffusion_pytorch_model.safetensors").rename(folder / "unet/diffusion_pytorch_model.bin")


def damaged(folder: Path) -> None:
    (folder / "vae/diffusion_pytorch_model.safetensors").write_bytes(b"\xff" * 100)


SPOILED: dict[str, tuple[Callable[[Path], object], str]] = {
    "no index": (lambda folder: (folder / "model_index.json").unlink(), "model_index.json is missing"),
    "broken index": (lambda folder: (folder / "model_index.json").write_text("{"), "cannot be read"),
    "index that is a list": (lambda folder: (folder / "model_index.json").write_text("[]"), "no pipeline"),
    "code": (lambda folder: (folder / "unet/my_unet.py").write_text("print('run')"), r"code of its own \(unet/my_unet.py\)"),
    "custom class": (lambda folder: rewrite(folder / "model_index.json", _class_name=["mine", "Mine"]), "code of its own"),
    "foreign library": (lambda folder: rewrite(folder / "model_index.json", unet=["os", "system"]), "os.system"),
    "path as library": (lambda folder: rewrite(folder / "model_index.json", unet=["../evil", "A"]), "only diffusers"),
    "path as part": (lambda folder: rewrite(folder / "model_index.json", **{"../unet": ["diffusers", "A"]}), "cannot be read"),
    "code in a config": (lambda folder: rewrite(folder / "unet/config.json", auto_map={"A": "b.C"}), "code of its own"),
    "pickles": (pickled, "a format that can run code"),
    "a pipeline as part": (lambda folder: (folder / "vae/model_index.json").write_text("{}"), "another pipeline as its vae"),
    "missing part": (lambda folder: shutil.rmtree(folder / "vae"), "no folder vae"),
    "damaged weights": (damaged, "damaged"),
}


@pytest.mark.parametrize("spoil", SPOILED)
def test_what_must_not_be_loaded_is_refused_in_one_sentence(spoil: str, folder: Path) -> None:
    change, said = SPOILED[spoil]
    change(folder)
    with pytest.raises(InvalidInputError, match=said) as refused:
        register_pipeline(folder)
    assert str(refused.value).endswith(".") and "\n" not in str(refused.value)
    assert not [row for row in catalog.rows(role="image-generator") if row.source == str(folder)]


def test_a_class_that_paints_no_pictures_is_refused_by_the_loader(folder: Path) -> None:
    rewrite(folder / "model_index.json", _class_name="AudioLDMPipeline")
    name = register_pipeline(folder)
    with pytest.raises(InvalidInputError, match="not a text-to-image pipeline"), loader.shared().lease(name):
        pass


def test_a_pipeline_that_is_not_whole_is_refused_by_the_loader(folder: Path) -> None:
    (folder / "unet/config.json").unlink()
    name = register_pipeline(folder)
    with pytest.raises(InvalidInputError, match="not a whole one"), loader.shared().lease(name):
        pass


def test_the_library_of_a_safety_checker_is_known(folder: Path) -> None:
    (folder / "safety_checker").mkdir()
    rewrite(folder / "model_index.json", safety_checker=["stable_diffusion", "StableDiffusionSafetyChecker"])
    check_folder(folder)


def test_second_copies_are_neither_read_nor_counted(folder: Path) -> None:
    plain = weight_files(folder)
    weights_file = folder / "unet/diffusion_pytorch_model.safetensors"
    shutil.copy(weights_file, folder / "unet/diffusion_pytorch_model.fp16.safetensors")
    shutil.copy(weights_file, folder / "v1-5-pruned.safetensors")
    assert weight_files(folder) == plain and variant(folder) is None
    for path in plain:
        if path.suffix == ".safetensors":
            path.replace(path.with_suffix(".fp16.safetensors"))
    assert variant(folder) == "fp16"


@pytest.mark.parametrize("given", ["no/such/folder", "nowhere", "", "../up", "a b/c", Path("owner/name")])
def test_what_is_neither_folder_nor_repository_is_refused(given: str | Path) -> None:
    with pytest.raises(InvalidInputError, match="owner/name"):
        register_pipeline(given)


def test_offline_says_so_at_once(configure: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    configure(offline=True)
    with pytest.raises(WeightsUnavailableError, match=r"owner/name .*offline mode is set.*folder of a copy"):
        register_pipeline("owner/name")


@pytest.fixture
def online(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """As if the hub were there; what it answers is for the test to say."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(sources, "answers", lambda url: True)
    return monkeypatch


def test_a_hub_that_does_not_answer_is_named_within_five_seconds(online: pytest.MonkeyPatch) -> None:
    online.undo()
    online.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    online.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    start = time.monotonic()
    with pytest.raises(WeightsUnavailableError, match="the hub cannot be reached"):
        register_pipeline("owner/never-heard-of-it")
    assert time.monotonic() - start < 5


def hub_error(name: str) -> Exception:
    import httpx
    from huggingface_hub import errors

    response = httpx.Response(404, request=httpx.Request("GET", "https://huggingface.co/owner/name"))
    error: Exception = getattr(errors, name)("refused", response=response)
    return error


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("GatedRepoError", "accepted its terms"),
        ("RepositoryNotFoundError", "no repository owner/name"),
        ("RevisionNotFoundError", "no revision v9"),
        ("HfHubHTTPError", "could not be fetched"),
    ],
)
def test_a_repository_that_is_not_given_says_why(error: str, said: str, online: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise hub_error(error)

    online.setattr("huggingface_hub.HfApi.model_info", refuse)
    with pytest.raises(WeightsUnavailableError, match=said):
        register_pipeline("owner/name", revision="v9")


def test_a_repository_is_pinned_to_its_commit_and_only_what_is_loaded_is_fetched(
    folder: Path, online: pytest.MonkeyPatch
) -> None:
    files = [
        SimpleNamespace(rfilename=str(p.relative_to(folder)), size=p.stat().st_size) for p in folder.rglob("*") if p.is_file()
    ]
    extra = [SimpleNamespace(rfilename=name, size=10**9) for name in ("big.ckpt", "big.safetensors", "unet/x.fp16.safetensors")]
    about = SimpleNamespace(sha="c" * 40, siblings=[*files, *extra])
    asked: dict[str, Any] = {}

    def snapshot(repository: str, **options: Any) -> str:
        asked.update(options, repository=repository)
        return str(folder)

    online.setattr("huggingface_hub.HfApi.model_info", lambda *_, **__: about)
    online.setattr("huggingface_hub.snapshot_download", snapshot)
    row = catalog.spec(register_pipeline("owner/Tiny", revision="main"))
    assert (row.name, row.revision, row.source) == ("tiny", "c" * 40, "https://huggingface.co/owner/Tiny")
    assert (asked["repository"], asked["revision"]) == ("owner/Tiny", "c" * 40)
    assert diffusion_hub._total(about.siblings, asked["ignore_patterns"]) == sum(file.size for file in files)


def test_half_weights_are_fetched_where_there_are_no_others() -> None:
    full, half, pickle = "unet/a.safetensors", "unet/a.fp16.safetensors", "unet/a.bin"
    assert not diffusion_hub._among(half, diffusion_hub._unwanted("o/n", [half, pickle]))
    assert diffusion_hub._among(half, diffusion_hub._unwanted("o/n", [half, full]))
    with pytest.raises(InvalidInputError, match="safetensors"):
        diffusion_hub._unwanted("o/n", [pickle])


@pytest.mark.parametrize("place", ["hub", "folder"])
def test_what_the_catalog_lists_already_is_neither_fetched_nor_replaced(folder: Path, place: str) -> None:
    at = HubRepository("owner/Listed", "d" * 40) if place == "hub" else LocalFolder.as_it_is(folder)
    given = "owner/Listed" if place == "hub" else str(folder)
    source = "https://huggingface.co/owner/Listed" if place == "hub" else str(folder)
    row = ModelSpec("listed", "image-generator", "diffusers", (), (), repository=at, source=source)
    catalog.register(row)
    assert register_pipeline(given) == "listed"
    assert catalog.spec("listed") is row


def test_another_revision_of_a_listed_pipeline_gets_a_row_beside_it(folder: Path, online: pytest.MonkeyPatch) -> None:
    source = "https://huggingface.co/owner/Listed"
    row = ModelSpec("listed", "image-generator", "diffusers", (), (), repository=HubRepository("owner/Listed"), source=source)
    catalog.register(row)
    online.setattr(diffusion_hub, "fetch", lambda *_: (folder, "e" * 40))
    name = register_pipeline("owner/Listed", revision="v2")
    assert name != "listed" and catalog.spec(name).revision == "e" * 40
    assert catalog.spec("listed") is row


def test_a_repository_without_a_pipeline_is_refused_before_anything_is_fetched(online: pytest.MonkeyPatch) -> None:
    about = SimpleNamespace(sha="c" * 40, siblings=[SimpleNamespace(rfilename="model.gguf", size=1)])
    online.setattr("huggingface_hub.HfApi.model_info", lambda *_, **__: about)
    with pytest.raises(InvalidInputError, match="holds no pipeline"):
        register_pipeline("owner/name")


def test_a_download_stops_when_the_visitor_says_so(online: pytest.MonkeyPatch) -> None:
    progress = Progress()
    progress.stop()
    with pytest.raises(StoppedError):
        register_pipeline("owner/name", progress=progress)


def test_the_own_painter_is_put_together_from_its_files_and_the_text_embedders(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = tmp_path / "weights"
    for name in ("model_index.json", "unet/config.json", "unet/diffusion_pytorch_model.safetensors", "text_encoder/config.json"):
        target = shipped / PAINTER / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(folder / name, target)
    write_manifest(shipped)
    for module in ("mini_rows", "diffusion_rows"):
        monkeypatch.setattr(f"mm_demos.models.{module}.MANIFEST", shipped / "manifest.json")
    monkeypatch.setattr(sources, "PACKAGED", shipped)
    row = painter_row(MINILM)
    assert row is not None and (row.name, row.role, row.profiles) == (PAINTER, "image-generator", ("embedded",))
    theirs = {file.name: file.sha256 for file in MINILM.files}
    files = {file.name: file for file in row.files}
    assert files["text_encoder/model.safetensors"].sha256 == theirs["model.safetensors"]
    assert files["tokenizer/vocab.txt"].sha256 == theirs["vocab.txt"]
    own = catalog.ModelSpec(PAINTER, "image-generator", "diffusers", (), (), tuple(f for f in row.files if f.packaged))
    place = weights.ensure(own)
    assert (place / "unet/config.json").read_bytes() == (folder / "unet/config.json").read_bytes()
