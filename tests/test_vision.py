"""Pictures on real weights: labels, written text, embeddings, and the graphs they run on."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from PIL import Image, ImageDraw

from mm_demos import accelerator, media, samples
from mm_demos.errors import MissingDependencyError, StoppedError
from mm_demos.models import catalog, onnx_graph, weights
from mm_demos.models.conse import Conse, class_prompts, label_embeddings
from mm_demos.models.imagenet import imagenet_classes
from mm_demos.models.loader import Loader, LoadRequest
from mm_demos.models.onnx_graph import Graph, open_graph, prepared_graph
from mm_demos.models.protocols import FloatArray
from mm_demos.models.vision import EfficientNet, pixel_values, reading_order
from mm_demos.progress import Progress, Update
from mm_demos.results import TextLine

# Compares the graph with the network it was made from, in a process of its own: the tests themselves never import torch.
EQUALITY = """
import sys
from pathlib import Path
import numpy as np, torch
from mm_demos.models.onnx_export import efficientnet_lite2
pixels = np.load(sys.argv[2])
with torch.inference_mode():
    np.save(sys.argv[3], efficientnet_lite2(Path(sys.argv[1]))(torch.from_numpy(pixels)).numpy())
"""


def picture(name: str) -> Image.Image:
    return media.load_image(samples.path(name))


def request_for(name: str, folder: Path, derived_folder: Path, progress: Progress | None = None) -> LoadRequest:
    row = catalog.spec(name)
    return LoadRequest(row, row.engines[0], folder, "cpu", "", 1, derived_folder=derived_folder, progress=progress or Progress())


@pytest.fixture(scope="module")
def models() -> Iterator[Loader]:
    loader = Loader()
    yield loader
    for resident in loader.resident():
        loader.eject(resident.name)


def test_the_graph_computes_what_the_network_computes(real_weights: Callable[[str], Path], tmp_path: Path) -> None:
    row, folder = catalog.spec("efficientnet-lite2"), real_weights("efficientnet-lite2")
    checkpoint = folder / row.files[0].name
    graph = prepared_graph(request_for(row.name, folder, weights.derived_folder(row)), checkpoint.name)
    pixels = pixel_values([picture("cat.jpg"), picture("coffee.jpg"), picture("flower.jpg")])
    np.save(tmp_path / "pixels.npy", pixels)
    command = [sys.executable, "-c", EQUALITY, checkpoint, tmp_path / "pixels.npy", tmp_path / "logits.npy"]
    subprocess.run([str(part) for part in command], check=True, cwd=Path(__file__).parents[1])
    found, expected = Graph(graph, threads=1).run(pixel_values=pixels), np.load(tmp_path / "logits.npy")
    assert np.abs(found - expected).max() < 1e-3
    assert found.argmax(axis=1).tolist() == expected.argmax(axis=1).tolist()


def test_a_graph_is_written_once(real_weights: Callable[[str], Path]) -> None:
    row, folder = catalog.spec("all-MiniLM-L6-v2"), real_weights("all-MiniLM-L6-v2")
    request = request_for(row.name, folder, weights.derived_folder(row))
    graph = prepared_graph(request, "model.safetensors")
    written = graph.stat().st_mtime_ns
    assert prepared_graph(request, "model.safetensors") == graph
    assert graph.stat().st_mtime_ns == written
    assert not list(graph.parent.glob("*.part"))


@pytest.mark.parametrize("left", [b"x\n", b"", None], ids=["overwritten", "emptied", "cut short"])
def test_a_damaged_graph_is_written_anew(
    left: bytes | None, real_weights: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row, folder = catalog.spec("all-MiniLM-L6-v2"), real_weights("all-MiniLM-L6-v2")
    whole = prepared_graph(request_for(row.name, folder, weights.derived_folder(row)), "model.safetensors").read_bytes()
    request = request_for(row.name, folder, tmp_path)
    monkeypatch.setattr(onnx_graph, "_export", lambda _name, _weights, graph, _progress: graph.write_bytes(whole))
    damaged = prepared_graph(request, "model.safetensors")
    damaged.write_bytes(whole[:100_000] if left is None else left)
    tokens = np.ones((1, 4), np.int64)
    assert open_graph(request, "model.safetensors").run(input_ids=tokens, attention_mask=tokens).shape == (1, 384)
    assert damaged.read_bytes() == whole


def test_damaged_class_embeddings_are_computed_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Constant:
        def embed_texts(self, texts: Sequence[str]) -> FloatArray:
            return np.ones((len(texts), 4), np.float32)

    request = request_for("conse", tmp_path, tmp_path)
    first = label_embeddings(Constant(), request)
    (kept,) = tmp_path.glob("*.npy")
    kept.write_bytes(kept.read_bytes()[:500])
    np.testing.assert_array_equal(label_embeddings(Constant(), request), first)
    assert np.load(kept).shape == first.shape


def test_a_broken_checkpoint_leaves_no_graph_behind(tmp_path: Path) -> None:
    (tmp_path / "efficientnet-lite2-9656183e.pth").write_bytes(b"not a checkpoint")
    with pytest.raises(MissingDependencyError, match="could not be prepared"):
        prepared_graph(request_for("efficientnet-lite2", tmp_path, tmp_path / "derived"), "efficientnet-lite2-9656183e.pth")
    assert {path.suffix for path in (tmp_path / "derived").iterdir()} <= {".lock"}


def test_preparing_a_graph_stops_when_asked(tmp_path: Path) -> None:
    (tmp_path / "efficientnet-lite2-9656183e.pth").write_bytes(b"")
    progress = Progress(lambda _: progress.stop())
    with pytest.raises(StoppedError):
        prepared_graph(
            request_for("efficientnet-lite2", tmp_path, tmp_path / "derived", progress), "efficientnet-lite2-9656183e.pth"
        )


def test_waiting_for_another_process_that_prepares_it_stops_when_asked(tmp_path: Path) -> None:
    name, checkpoint = "efficientnet-lite2", tmp_path / "efficientnet-lite2-9656183e.pth"
    checkpoint.write_bytes(b"not a checkpoint")
    with pytest.raises(MissingDependencyError):
        prepared_graph(request_for(name, tmp_path, tmp_path / "derived"), checkpoint.name)
    (lock,) = (tmp_path / "derived").glob("*.lock")
    told: list[str] = []

    def tell(update: Update) -> None:
        told.append(update.message)
        progress.stop()

    progress = Progress(tell)
    with FileLock(lock), pytest.raises(StoppedError):
        prepared_graph(request_for(name, tmp_path, tmp_path / "derived", progress), checkpoint.name)
    assert told == [f"Preparing {name} for this machine (once)"]


def test_the_labels_of_known_pictures(models: Loader) -> None:
    with models.lease("efficientnet-lite2") as tagger:
        probs = tagger.tag([picture("cat.jpg"), picture("coffee.jpg"), picture("flower.jpg")] * 3)
        best = [{tagger.labels[i] for i in row.argsort()[-5:]} for row in probs]
    assert probs.shape == (9, 1000)
    assert probs.dtype == np.float32
    np.testing.assert_allclose(probs.sum(axis=1), 1.0, atol=1e-5)
    np.testing.assert_allclose(probs[:3], probs[3:6], atol=1e-6)
    assert best[0] & {"tabby", "tiger cat", "Egyptian cat"}
    assert best[1] & {"espresso", "cup", "coffee mug"}


def test_any_shape_and_mode_of_picture_can_be_tagged(models: Loader) -> None:
    shapes = [
        Image.new("RGB", (8, 400), "red"),
        Image.new("L", (500, 11), 90),
        Image.new("RGBA", (9, 9)),
        Image.new("P", (261, 260)),
    ]
    with models.lease("efficientnet-lite2") as tagger:
        assert tagger.tag(shapes).shape == (4, 1000)
        assert tagger.tag([]).shape == (0, 1000)


def test_the_centre_square_is_taken_and_normalised() -> None:
    image = Image.new("RGB", (400, 200), "white")
    image.paste("black", (100, 0, 300, 200))
    pixels = pixel_values([image])
    assert pixels.shape == (1, 3, 260, 260)
    np.testing.assert_allclose(pixels[:, :, 5:-5, 5:-5], -127 / 128, atol=1e-6)


def test_a_thousand_classes_in_the_order_of_the_network() -> None:
    classes = imagenet_classes()
    assert len(classes) == len({each.synset for each in classes}) == 1000
    assert [each.synset for each in classes] == sorted(each.synset for each in classes)
    assert all(each.names and each.definition for each in classes)
    known = {0: "tench", 281: "tabby", 207: "golden retriever", 980: "volcano", 999: "toilet tissue"}
    assert {index: classes[index].names[0] for index in known} == known


def test_memory_of_a_graph_goes_back(real_weights: Callable[[str], Path]) -> None:
    with Loader().lease("efficientnet-lite2") as tagger:  # pages the runtime's own code in, once for the process
        tagger.tag([picture("cat.jpg")])
    row = catalog.spec("efficientnet-lite2")
    graph = prepared_graph(request_for(row.name, real_weights(row.name), weights.derived_folder(row)), row.files[0].name)
    accelerator.release_memory()
    before = accelerator.resident_bytes()
    model = EfficientNet(Graph(graph, threads=1))
    model.tag([picture("cat.jpg")] * 8)
    accelerator.release_memory()
    loaded = accelerator.resident_bytes()
    model.close()
    accelerator.release_memory()
    assert loaded - before > 15e6
    assert loaded - accelerator.resident_bytes() >= 0.9 * (loaded - before)


def test_text_is_read_line_by_line(models: Loader, capfd: pytest.CaptureFixture[str]) -> None:
    with models.lease("pp-ocr") as reader:
        lines = reader.read(picture("sign.png"))
        assert reader.read(picture("flower.jpg")) == ()
        assert reader.read(Image.new("RGB", (8, 8), "white")) == ()
        assert reader.read(Image.new("L", (8, 400), 255)) == ()
    words = " ".join(line.text for line in lines).lower()
    assert [word for word in ("city library", "monday to friday", "9:00", "quiet") if word in words] == [
        "city library", "monday to friday", "9:00", "quiet",
    ]  # fmt: skip
    assert [line.box[1] for line in lines] == sorted(line.box[1] for line in lines)
    width, height = picture("sign.png").size
    assert all(0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height for x0, y0, x1, y1 in (line.box for line in lines))
    assert all(0.5 <= line.score <= 1.0 for line in lines)
    assert capfd.readouterr().out == ""


def test_text_in_a_small_picture_is_read(models: Loader) -> None:
    image = Image.new("RGB", (120, 24), "white")
    ImageDraw.Draw(image).text((8, 6), "HELLO 42", fill="black")
    with models.lease("pp-ocr") as reader:
        (line,) = reader.read(image)
    assert line.text.replace(" ", "").upper() == "HELLO42"


def test_reading_order_is_by_row_then_by_column() -> None:
    def line(text: str, left: float, top: float) -> TextLine:
        return TextLine(text, 1.0, (left, top, left + 50, top + 20))

    lines = [line("d", 200, 42), line("b", 200, 0), line("a", 10, 4), line("c", 10, 40)]
    assert [item.text for item in reading_order(lines)] == ["a", "b", "c", "d"]


class _Tagger:
    labels = ("first", "second", "third")

    def tag(self, images: object) -> np.ndarray:
        return np.array([[0.75, 0.25, 0.0], [0.0, 0.0, 1.0]], dtype=np.float32)


def test_conse_mixes_class_embeddings_by_probability() -> None:
    embeddings = np.eye(3, dtype=np.float32)
    found = Conse(_Tagger(), None, embeddings).embed_images([])  # type: ignore[arg-type]
    expected = np.array([[0.75, 0.25, 0.0], [0.0, 0.0, 1.0]])
    np.testing.assert_allclose(found, expected / np.linalg.norm(expected, axis=1, keepdims=True), atol=1e-6)


def test_a_class_is_described_by_its_names_and_its_definition() -> None:
    retriever = imagenet_classes()[207]
    assert class_prompts(retriever) == [
        "golden retriever",
        "golden retriever",
        "an English breed having a long silky golden coat",
        "golden retriever: an English breed having a long silky golden coat",
    ]


def test_pictures_lie_near_the_words_for_them(models: Loader) -> None:
    with models.lease("conse") as embedder:
        images = embedder.embed_images([picture("cat.jpg"), picture("coffee.jpg"), picture("flower.jpg")])
        words = embedder.embed_texts(["a cat", "a cup of coffee", "a flower", "a car"])
        assert embedder.logit_scale > 1
    np.testing.assert_allclose(np.linalg.norm(images, axis=1), 1.0, atol=1e-5)
    assert (images @ words.T).argmax(axis=1).tolist() == [0, 1, 2]
