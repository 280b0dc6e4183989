"""The sentence encoder on real weights, against the network it was made from."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mm_demos import samples
from mm_demos.errors import InvalidInputError, StoppedError
from mm_demos.models import loader
from mm_demos.progress import Progress
from mm_demos.tasks.embedding import embed_images, embed_texts

SENTENCES = [
    "A dog runs along the beach.",
    "",
    "dog",
    "Ein Hund läuft am Strand entlang. 狗在沙滩上奔跑",
    "A much longer text, repeated until it exceeds what the encoder reads. " * 40,
]

# Mean pooling over the library's own tokens, one sentence at a time, in a process of its own.
REFERENCE = """
import json, sys
import numpy as np, torch
from transformers import AutoModel, AutoTokenizer
folder, texts = sys.argv[1], json.load(open(sys.argv[2]))
tokenizer, network = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
rows = []
for text in texts:
    with torch.inference_mode():
        hidden = network(**tokenizer(text, truncation=True, max_length=256, return_tensors="pt")).last_hidden_state[0]
    mean = hidden.mean(0).numpy()
    rows.append(mean / np.linalg.norm(mean))
np.save(sys.argv[3], np.stack(rows))
"""


def test_embeddings_are_those_of_the_network(real_weights: Callable[[str], Path], tmp_path: Path) -> None:
    folder = real_weights("all-MiniLM-L6-v2")
    (tmp_path / "texts.json").write_text(json.dumps(SENTENCES), encoding="utf-8")
    command = [sys.executable, "-c", REFERENCE, folder, tmp_path / "texts.json", tmp_path / "embeddings.npy"]
    subprocess.run([str(part) for part in command], check=True, capture_output=True)
    found = embed_texts(SENTENCES, model="all-MiniLM-L6-v2")
    assert found.shape == (len(SENTENCES), 384)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, np.load(tmp_path / "embeddings.npy"), atol=1e-4)


def test_torch_stays_out_of_the_process(real_weights: Callable[[str], Path]) -> None:
    real_weights("mini-clip-and-conse")
    program = (
        "import sys; from mm_demos import samples; from mm_demos.tasks.classification import classify;"
        "print(classify(labels=['cat', 'dog'], text='a kitten', image=samples.path('cat.jpg')).label, 'torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, cwd=Path(__file__).parents[1]
    )
    assert done.stdout.split() == ["cat", "False"]


def test_order_and_company_do_not_matter() -> None:
    texts = [f"sentence {'word ' * (i % 7)}{i}" for i in range(70)]
    together = embed_texts(texts)
    np.testing.assert_allclose(together[::-1], embed_texts(texts[::-1]), atol=1e-5)
    np.testing.assert_allclose(together[13], embed_texts([texts[13]])[0], atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1.0, atol=1e-5)


def test_meaning_is_nearer_than_wording() -> None:
    query, same, other = embed_texts(["The plane was late.", "Our flight had a delay.", "The plane tree was late to bloom."])
    assert query @ same > query @ other


def test_nothing_in_nothing_out() -> None:
    dim = embed_texts(["a cat"]).shape[1]
    assert embed_texts([]).shape == embed_images([]).shape == (0, dim)


def test_pictures_and_texts_share_a_space() -> None:
    pictures = embed_images([samples.path("cat.jpg"), samples.path("coffee.jpg").read_bytes()])
    assert pictures.shape == (2, embed_texts(["a cat"]).shape[1])
    assert (pictures @ embed_texts(["cat", "coffee"]).T).argmax(axis=1).tolist() == [0, 1]


def test_bad_input_is_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff broken")
    with pytest.raises(InvalidInputError):
        embed_images([samples.path("cat.jpg"), tmp_path / "broken.jpg"])
    with pytest.raises(InvalidInputError):
        embed_texts(["fine", 3])  # type: ignore[list-item]
    assert all(resident.leases == 0 for resident in loader.shared().resident())


def test_it_stops_between_pictures() -> None:
    progress = Progress(lambda update: progress.stop() if update.unit == "pictures" else None)
    with pytest.raises(StoppedError):
        embed_images([samples.path("cat.jpg")] * 40, progress=progress)
