"""Folders as open_clip publishes them, of today's architectures in small, through loader and task."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tiny_vision import OPEN_CLIPS, open_clip_row, save_open_clip

import mm_demos
from mm_demos import samples
from mm_demos.errors import WeightsUnavailableError
from mm_demos.models import catalog, loader
from mm_demos.models.hub_engines import OPEN_CLIP
from mm_demos.models.loader import LoadRequest
from mm_demos.models.open_clip_model import OpenClip, load_open_clip

PICTURES = [samples.path(name) for name in ("cat.jpg", "coffee.jpg", "rocket.jpg")]
TEXTS = ["A brown dog runs!", "a cup of coffee", "blue"]
Folder = Callable[[str], Path]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """The folder of a tiny checkpoint, made once."""
    root = tmp_path_factory.mktemp("open-clip")
    return lambda name: root / name if (root / name).exists() else save_open_clip(name, root / name)


def load_from(place: Path, name: str, dtype: str = "") -> OpenClip:
    return load_open_clip(LoadRequest(open_clip_row(name, place), OPEN_CLIP, place, "cpu", dtype, 1))


def pictures() -> list[Image.Image]:
    return [Image.open(path).convert("RGB") for path in PICTURES]


@pytest.mark.parametrize("name", OPEN_CLIPS)
def test_logits_are_the_librarys(name: str, folder: Folder) -> None:
    import open_clip
    import torch

    network, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{folder(name)}")
    tokens = open_clip.get_tokenizer(f"local-dir:{folder(name)}")(TEXTS)
    with torch.no_grad():
        expected, _ = network.eval().get_logits(torch.stack([preprocess(picture) for picture in pictures()]), tokens)
    embedder = load_from(folder(name), name)
    cosines = embedder.embed_images(pictures()) @ embedder.embed_texts(TEXTS).T
    assert embedder.logit_scale * cosines + (embedder.logit_bias or 0) == pytest.approx(expected.numpy(), abs=1e-3)
    assert (embedder.logit_bias is None) == ("SigLIP" not in name)


@pytest.mark.parametrize("name", OPEN_CLIPS)
def test_embeddings_are_unit_vectors_in_the_dtype_asked_for(name: str, folder: Folder) -> None:
    whole, half = load_from(folder(name), name), load_from(folder(name), name, "bfloat16")
    assert (whole.dtype, half.dtype) == ("float32", "bfloat16")
    for rows, again in (
        (whole.embed_images(pictures()), half.embed_images(pictures())),
        (whole.embed_texts(TEXTS), half.embed_texts(TEXTS)),
    ):
        assert rows.dtype == again.dtype == np.float32
        assert np.linalg.norm(rows, axis=1) == pytest.approx(1, abs=1e-5)
        assert (rows * again).sum(axis=1) == pytest.approx(1, abs=0.02)
        assert np.ptp(rows, axis=0).max() > 0.001


def test_pictures_are_prepared_as_the_folder_says(folder: Folder, tmp_path: Path) -> None:
    source = folder("MobileCLIP2-S0")
    for file in source.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    config = json.loads((tmp_path / "open_clip_config.json").read_text())
    (tmp_path / "open_clip_config.json").write_text(
        json.dumps(config | {"preprocess_cfg": {"mean": [0.5] * 3, "std": [0.5] * 3}})
    )
    own, other = (load_from(place, "MobileCLIP2-S0").embed_images(pictures()) for place in (source, tmp_path))
    assert not np.allclose(own, other, atol=1e-4)


def test_neither_pickles_nor_chance_take_the_place_of_weights(folder: Folder, tmp_path: Path) -> None:
    def copied(name: str, *extra: str) -> Path:
        place = tmp_path / str(len(list(tmp_path.iterdir())))
        place.mkdir()
        for file in folder("ViT-B-32").iterdir():
            target = name if file.suffix == ".safetensors" else file.name
            if target:
                (place / target).write_bytes(file.read_bytes())
        for other in extra:
            (place / other).write_bytes(b"\x80\x04.")
        return place

    for place in (
        copied(""),
        copied("", "open_clip_pytorch_model.bin"),
        copied("model.safetensors", "open_clip_pytorch_model.bin"),
    ):
        with pytest.raises(WeightsUnavailableError, match="safetensors"):
            load_from(place, "ViT-B-32")
    for place in (copied("model.safetensors"), copied("open_clip_pytorch_model.safetensors", "open_clip_pytorch_model.bin")):
        assert load_from(place, "ViT-B-32").embed_texts(["a"]).shape == (1, 24)


@pytest.fixture
def registered(folder: Folder) -> Iterator[None]:
    """Every tiny checkpoint in the catalog."""
    rows = [open_clip_row(f"tiny-{name}", folder(name)) for name in OPEN_CLIPS]
    for row in rows:
        catalog.register(row)
    loader.reset_shared()
    yield
    loader.reset_shared()
    for row in rows:
        catalog.unregister(row.name)


@pytest.mark.parametrize("name", OPEN_CLIPS)
def test_loader_and_tasks_serve_it(name: str, registered: None) -> None:
    chosen = f"tiny-{name}"
    found: Any = mm_demos.rank_sentences(PICTURES[0], TEXTS, model=chosen)
    expected = mm_demos.embed_texts(TEXTS, model=chosen) @ mm_demos.embed_images(PICTURES[:1], model=chosen)[0]
    assert [hit.score for hit in found.sentences] == pytest.approx(sorted(expected.tolist(), reverse=True), abs=1e-4)
    assert sum(hit.share for hit in found.sentences) == pytest.approx(1, abs=1e-4)
    use = found.receipt.models[0]
    assert (use.name, use.engine, use.device, use.dtype) == (chosen, "open_clip", "cpu", "float32")
