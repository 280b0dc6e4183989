"""CLIP, SigLIP and SigLIP 2 of the hub in small, through loader and task, against the library's own calls."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tiny_vision import JOINTS, joint_row

import mm_demos
from mm_demos import samples
from mm_demos.models import catalog, loader
from mm_demos.models.hub_engines import JOINT
from mm_demos.models.loader import LoadRequest
from mm_demos.models.protocols import JointEmbedder
from mm_demos.models.vision_transformers import JointTransformers, load_joint_transformers

PICTURES = [samples.path(name) for name in ("cat.jpg", "coffee.jpg", "rocket.jpg")]
TEXTS = ["a brown dog runs", "a cup of coffee stands on a wooden table in front of two children", "blue"]
Folder = Callable[[str], Path]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """The folder of a tiny checkpoint, made once."""
    root = tmp_path_factory.mktemp("joint")
    return lambda name: root / name if (root / name).exists() else JOINTS[name](root / name)


@pytest.fixture(scope="module")
def model(folder: Folder) -> Callable[[str], JointTransformers]:
    """A loaded tiny checkpoint, loaded once."""
    loaded: dict[str, JointTransformers] = {}

    def load(name: str) -> JointTransformers:
        if name not in loaded:
            loaded[name] = load_from(folder(name), name)
        return loaded[name]

    return load


def load_from(place: Path, name: str, dtype: str = "") -> JointTransformers:
    return load_joint_transformers(LoadRequest(joint_row(name, place), JOINT, place, "cpu", dtype, 1))


def pictures() -> list[Image.Image]:
    return [Image.open(path).convert("RGB") for path in PICTURES]


def logits(name: str, place: Path) -> Any:
    """The library's own logits (n_pictures, n_texts), as its documentation computes them."""
    import torch
    from transformers import AutoModel, AutoProcessor

    network, processor = AutoModel.from_pretrained(place).eval(), AutoProcessor.from_pretrained(place)
    padding = True if name == "clip" else "max_length"
    words = {"padding": padding, "truncation": True, "max_length": 16}
    with torch.no_grad():
        return network(**processor(text=TEXTS, images=pictures(), **words, return_tensors="pt")).logits_per_image.numpy()


@pytest.mark.parametrize("name", JOINTS)
def test_logits_are_the_librarys(name: str, folder: Folder, model: Callable[[str], JointTransformers]) -> None:
    embedder = model(name)
    cosines = embedder.embed_images(pictures()) @ embedder.embed_texts(TEXTS).T
    assert embedder.logit_scale * cosines + (embedder.logit_bias or 0) == pytest.approx(logits(name, folder(name)), abs=1e-3)
    assert (embedder.logit_bias is None) == (name == "clip")


@pytest.mark.parametrize("name", JOINTS)
def test_embeddings_are_unit_vectors_one_by_one_or_together(name: str, model: Callable[[str], JointTransformers]) -> None:
    embedder = model(name)
    assert isinstance(embedder, JointEmbedder)
    for rows, alone in (
        (embedder.embed_images(pictures()), [embedder.embed_images([picture])[0] for picture in pictures()]),
        (embedder.embed_texts(TEXTS), [embedder.embed_texts([text])[0] for text in TEXTS]),
    ):
        assert rows.dtype == np.float32
        assert np.linalg.norm(rows, axis=1) == pytest.approx(1, abs=1e-5)
        assert rows == pytest.approx(np.array(alone), abs=1e-5)
        assert np.ptp(rows, axis=0).max() > 0.01
    assert embedder.embed_texts([]).shape == embedder.embed_images([]).shape == (0, embedder.embed_texts(["a"]).shape[1])


@pytest.mark.parametrize("name", ["siglip", "siglip2", "siglip2-square"])
def test_capitals_do_not_matter_to_what_was_trained_without(name: str, model: Callable[[str], JointTransformers]) -> None:
    shouted, plain = model(name).embed_texts([TEXTS[0].upper(), TEXTS[0]])
    assert shouted == pytest.approx(plain, abs=1e-6)


@pytest.mark.parametrize("name", ["siglip", "siglip2"])
def test_shares_are_what_a_sigmoid_gives_when_one_text_fits(
    name: str, folder: Folder, model: Callable[[str], JointTransformers]
) -> None:
    """Tasks divide a picture among texts by a softmax: for a sigmoid model the probability given that exactly one fits."""
    fits = 1 / (1 + np.exp(-logits(name, folder(name)).astype(np.float64)))
    only = [fits[:, i] * np.prod(np.delete(1 - fits, i, axis=1), axis=1) for i in range(len(TEXTS))]
    expected = np.array(only).T / np.sum(only, axis=0)[:, None]
    embedder = model(name)
    scaled = embedder.logit_scale * embedder.embed_images(pictures()) @ embedder.embed_texts(TEXTS).T
    powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    assert powers / powers.sum(axis=1, keepdims=True) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("name", JOINTS)
def test_the_dtype_asked_for_is_kept(name: str, folder: Folder, model: Callable[[str], JointTransformers]) -> None:
    whole, half = model(name), load_from(folder(name), name, "bfloat16")
    assert (whole.device, whole.dtype, half.dtype) == ("cpu", "float32", "bfloat16")
    assert (half.embed_images(pictures()) * whole.embed_images(pictures())).sum(axis=1) == pytest.approx(1, abs=0.02)
    half.close()


@pytest.mark.parametrize("name", JOINTS)
def test_callers_at_once_get_what_each_gets_alone(name: str, model: Callable[[str], JointTransformers]) -> None:
    embedder = model(name)
    alone = {text: embedder.embed_texts([text])[0] for text in TEXTS}
    found: dict[str, list[Any]] = {text: [] for text in TEXTS}

    def run(text: str) -> None:
        for _ in range(8):
            found[text].append(embedder.embed_texts([text])[0])

    threads = [threading.Thread(target=run, args=(text,)) for text in TEXTS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for text in TEXTS:
        assert len(found[text]) == 8
        assert np.array(found[text]) == pytest.approx(np.array([alone[text]] * 8), abs=1e-5)


@pytest.fixture
def registered(folder: Folder) -> Iterator[None]:
    """Every tiny checkpoint in the catalog."""
    rows = [joint_row(f"tiny-{name}", folder(name)) for name in JOINTS]
    for row in rows:
        catalog.register(row)
    loader.reset_shared()
    yield
    loader.reset_shared()
    for row in rows:
        catalog.unregister(row.name)


@pytest.mark.parametrize("name", JOINTS)
def test_loader_and_tasks_serve_it(name: str, registered: None, model: Callable[[str], JointTransformers]) -> None:
    chosen = f"tiny-{name}"
    vectors = mm_demos.embed_images(PICTURES, model=chosen)
    assert vectors == pytest.approx(model(name).embed_images(pictures()), abs=1e-4)
    hits = mm_demos.rank_sentences(PICTURES[0], TEXTS, model=chosen)
    assert sum(hit.share for hit in hits.sentences) == pytest.approx(1, abs=1e-4)
    assert hits.receipt is not None
    use = hits.receipt.models[0]
    assert (use.name, use.engine, use.device, use.dtype) == (chosen, "transformers", "cpu", "float32")
