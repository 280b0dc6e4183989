"""mm-mini-clip on real weights: one space, one pass, and the same numbers from open_clip's own factory."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mm_demos import accelerator, samples
from mm_demos.models import catalog, weights
from mm_demos.models.loader import Loader
from mm_demos.models.mini_clip import MiniClip, embedding_dim, pixels

TEXTS = ["a photo of a cat", "a photo of a rocket", "a cup of coffee on a wooden table near the window of a small house", "a man"]
NAMES = ("cat.jpg", "rocket.jpg", "coffee.jpg", "astronaut.jpg")
QUESTION = "Is there a dog?"

# In a process of its own, because the tests themselves never import torch: the assembled folder through the factory, leased from
# the shared loader as any folder of the user's would be, and mm-mini-clip's own torch engine.
IN_TORCH = """
import dataclasses, hashlib, sys
from pathlib import Path
import numpy as np
from PIL import Image
from mm_demos.models import catalog, loader
from mm_demos.models.catalog import Engine, ModelSpec, WeightFile
from mm_demos.models.loading import LoadRequest
from mm_demos.models.mini_clip_export import assemble
from mm_demos.models.open_clip_model import TorchMiniClip
from mm_demos.settings import settings

weights, out, *rest = map(Path, sys.argv[1:])
pictures = [Image.open(path) for path in rest]
texts = %r
folder = assemble(weights, weights / "efficientnet-lite2-9656183e.pth", weights, settings().weights_dir / "mine")
engine = Engine("open_clip", "mm_demos.models.open_clip_model:load_open_clip", uses_torch=True, libraries=("open_clip",))
paths = sorted(folder.iterdir())
files = tuple(WeightFile(p.name, hashlib.sha256(p.read_bytes()).hexdigest(), p.stat().st_size, ()) for p in paths)
catalog.register(ModelSpec("mine", "joint-embedder", "open-clip", (), (engine,), files=files, memory_bytes=10**8))
with loader.shared().lease("mine") as clip:
    found = {"images": clip.embed_images(pictures), "texts": clip.embed_texts(texts), "scale": clip.logit_scale}
    assert clip.embed_images([]).shape == (0, found["images"].shape[1])
own = TorchMiniClip(folder, weights, device="cpu")
look = own.look(pictures[0])
np.savez(out, **found, look=look.embedding, features=look.features, probs=look.class_probs, states=own.question_states(%r))
""" % (TEXTS, QUESTION)  # noqa: UP031 — braces belong to the program


@pytest.fixture(scope="module")
def clip() -> Iterator[MiniClip]:
    """In float32, which is what the checkpoint says; test_openvino_graph.py compares bfloat16 with it."""
    loader = Loader()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(accelerator, "cpu_flags", frozenset)
        with loader.lease("mm-mini-clip") as model:
            yield model
    loader.eject("mm-mini-clip")


@pytest.fixture(scope="module")
def pictures() -> list[Image.Image]:
    return [Image.open(samples.path(name)) for name in NAMES]


def test_embeddings_are_unit_vectors_in_one_space(clip: MiniClip, pictures: list[Image.Image]) -> None:
    images, texts = clip.embed_images(pictures * 3), clip.embed_texts(TEXTS)
    dim = embedding_dim(weights.folder(catalog.spec("mm-mini-clip")))
    assert (images.shape, texts.shape) == ((12, dim), (4, dim))
    assert images.dtype == texts.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(np.concatenate([images, texts]), axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(images[:4], images[8:], atol=1e-5)
    assert (images[:3] @ texts[:3].T)[[0, 2]].argmax(axis=1).tolist() == [0, 2]
    assert clip.embed_images([]).shape == clip.embed_texts([]).shape == (0, dim)
    assert clip.logit_scale > 1


def test_a_text_alone_is_as_in_a_batch(clip: MiniClip) -> None:
    np.testing.assert_allclose(clip.embed_texts(TEXTS[:1])[0], clip.embed_texts(TEXTS)[0], atol=1e-5)


def test_one_look_gives_everything(clip: MiniClip, pictures: list[Image.Image]) -> None:
    look = clip.look(pictures[0])
    np.testing.assert_allclose(look.embedding, clip.embed_images(pictures[:1])[0], atol=1e-5)
    assert look.features.shape == (81, 1608)
    assert look.class_probs.shape == (1000,)
    assert look.class_probs.sum() == pytest.approx(1, abs=1e-5)
    assert look.class_probs.argmax() in {281, 282, 285}  # tabby, tiger cat, Egyptian cat


def test_pictures_of_every_shape_are_seen_whole() -> None:
    wide = Image.new("RGBA", (900, 30), (255, 0, 0, 255))
    wide.paste((0, 0, 255, 255), (0, 0, 300, 30))
    seen = pixels([wide, Image.new("L", (3, 700))])
    assert seen.shape == (2, 260, 260, 3)
    assert seen[0, 130, 40, 2] > 200 and seen[0, 130, 220, 0] > 200


def test_open_clips_factory_gives_the_same(
    clip: MiniClip,
    pictures: list[Image.Image],
    tmp_path: Path,
    real_weights: Callable[[str], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = real_weights("mm-mini-clip")
    monkeypatch.setenv("MM_DEMOS_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("MM_DEMOS_WEIGHTS_DIR", str(tmp_path))
    paths = [str(samples.path(name)) for name in NAMES]
    command = [sys.executable, "-c", IN_TORCH, str(folder), str(tmp_path / "out.npz"), *paths]
    subprocess.run(command, check=True, cwd=Path(__file__).parents[1])
    found = np.load(tmp_path / "out.npz")
    assert (found["images"] * clip.embed_images(pictures)).sum(axis=1).min() >= 0.999
    assert (found["texts"] * clip.embed_texts(TEXTS)).sum(axis=1).min() >= 0.999
    assert float(found["scale"]) == pytest.approx(clip.logit_scale, rel=1e-3)
    look = clip.look(pictures[0])
    assert float(found["look"] @ look.embedding) >= 0.999
    np.testing.assert_allclose(found["probs"], look.class_probs, atol=1e-3)
    np.testing.assert_allclose(found["features"], look.features, atol=1e-2)
    np.testing.assert_allclose(found["states"], clip.question_states(QUESTION), atol=1e-3)
