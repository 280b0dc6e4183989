"""Pictures on the CPU: ImageNet labels by EfficientNet-Lite2, written text by PP-OCR, and their embeddings by ConSE."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mm_demos.models.imagenet import imagenet_classes
from mm_demos.models.onnx_export import EFFICIENTNET_SIZE
from mm_demos.models.onnx_graph import Graph, open_graph
from mm_demos.results import TextLine

if TYPE_CHECKING:
    from PIL.Image import Image

    from mm_demos.models.loader import LoadRequest
    from mm_demos.models.protocols import FloatArray, JointEmbedder

BATCH = 8  # pictures at once: activations of EfficientNet-Lite2 take about 12 MB for each
PIXEL_MEAN, PIXEL_STD = 127.0, 128.0  # of 255: what the network was trained with
MAX_OCR_ASPECT, MIN_OCR_SIDE = 3.0, 184  # the detector scales the short side up to 736 pixels: four times at most
MIN_TEXT_SCORE = 0.6
MIN_SHORT_SCORE = 0.8  # for one or two characters: wheels and eyes are often read as “O”


def load_efficientnet(request: LoadRequest) -> EfficientNet:
    """EfficientNet-Lite2 in ONNX Runtime; the first load on a machine writes the graph, which takes about 20 s."""
    return EfficientNet(open_graph(request, request.spec.files[0].name))


def load_ocr(request: LoadRequest) -> PpOcr:
    """PP-OCRv4 detection, orientation and recognition; the weights come with the `rapidocr_onnxruntime` package."""
    return PpOcr(threads=request.threads)


def load_conse(request: LoadRequest) -> JointEmbedder:
    """ConSE over the tagger and the sentence encoder in `request.components`."""
    from mm_demos.models.conse import Conse, label_embeddings

    tagger, encoder = (request.components[name] for name in request.spec.components)
    return Conse(tagger, encoder, label_embeddings(encoder, request))


def pixel_values(images: Sequence[Image]) -> FloatArray:
    """Normalised centre squares (n, 3, 260, 260) of RGB pictures of any shape."""
    batch = np.empty((len(images), 3, EFFICIENTNET_SIZE, EFFICIENTNET_SIZE), dtype=np.float32)
    for row, image in zip(batch, images, strict=True):
        row[:] = np.asarray(_centre_square(image, EFFICIENTNET_SIZE), dtype=np.float32).transpose(2, 0, 1)
    batch -= PIXEL_MEAN
    batch /= PIXEL_STD
    return batch


def _centre_square(image: Image, size: int) -> Image:
    """The largest centred square of `image`, as RGB, scaled to `size` pixels."""
    from PIL.Image import Resampling

    side = min(image.size)
    left, top = (image.width - side) / 2, (image.height - side) / 2
    box = (left, top, left + side, top + side)
    rgb = image if image.mode == "RGB" else image.convert("RGB")
    return rgb.resize((size, size), Resampling.BICUBIC, box=box)


def softmax(logits: FloatArray) -> FloatArray:
    """Probabilities along the last axis."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probs: FloatArray = powers / powers.sum(axis=-1, keepdims=True)
    return probs


class EfficientNet:
    """EfficientNet-Lite2 (Tan and Le, 2019) as an `ImageTagger`: 1,000 ImageNet classes at 260 pixels."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._labels = tuple(each.names[0] for each in imagenet_classes())

    @property
    def labels(self) -> tuple[str, ...]:
        """Usual names of the classes, in the order of the columns of `tag`."""
        return self._labels

    def tag(self, images: Sequence[Image]) -> FloatArray:
        """Probabilities (n_images, 1000), each row summing to 1."""
        if not images:
            return np.zeros((0, len(self._labels)), dtype=np.float32)
        return softmax(np.concatenate([self._graph.run(pixel_values=pixel_values(batch)) for batch in _batches(images)]))

    def close(self) -> None:
        """Give the session's memory back."""
        self._graph.close()


def _batches(images: Sequence[Image]) -> Iterator[Sequence[Image]]:
    for start in range(0, len(images), BATCH):
        yield images[start : start + BATCH]


class PpOcr:
    """PP-OCRv4 as a `TextReader`, through RapidOCR."""

    def __init__(self, *, threads: int) -> None:
        from rapidocr_onnxruntime import RapidOCR

        self._reader: Any = RapidOCR(intra_op_num_threads=threads, inter_op_num_threads=1)

    def read(self, image: Image) -> tuple[TextLine, ...]:
        """Lines in reading order with their probabilities; empty when there is no text."""
        pixels = np.asarray(_padded(image.convert("RGB")))[:, :, ::-1]  # the library expects blue first
        found, _ = self._reader(np.ascontiguousarray(pixels))
        lines = [_text_line(corners, text, score) for corners, text, score in found or ()]
        return reading_order([line for line in lines if _is_text(line)])

    def close(self) -> None:
        """Give the sessions' memory back."""
        self._reader = None


def _padded(image: Image) -> Image:
    """White added on the right and below: a strip or a tiny picture, scaled by its short side, would grow without bound."""
    from PIL import Image as Pillow

    least = max(MIN_OCR_SIDE, round(max(image.size) / MAX_OCR_ASPECT))
    size = max(image.width, least), max(image.height, least)
    if size == image.size:
        return image
    canvas = Pillow.new("RGB", size, "white")
    canvas.paste(image)
    return canvas


def _text_line(corners: Sequence[Sequence[float]], text: str, score: float) -> TextLine:
    across, down = zip(*corners, strict=True)
    return TextLine(text.strip(), float(score), (min(across), min(down), max(across), max(down)))


def _is_text(line: TextLine) -> bool:
    return bool(line.text) and line.score >= (MIN_SHORT_SCORE if len(line.text) <= 2 else MIN_TEXT_SCORE)


def reading_order(lines: Sequence[TextLine]) -> tuple[TextLine, ...]:
    """Rows from top to bottom, each from left to right; boxes whose centres differ by under half a height share a row."""
    rows: list[list[TextLine]] = []
    for line in sorted(lines, key=lambda line: line.box[1] + line.box[3]):
        if rows and _same_row(rows[-1][-1], line):
            rows[-1].append(line)
        else:
            rows.append([line])
    return tuple(line for row in rows for line in sorted(row, key=lambda line: line.box[0]))


def _same_row(first: TextLine, second: TextLine) -> bool:
    height = min(first.box[3] - first.box[1], second.box[3] - second.box[1])
    return abs((second.box[1] + second.box[3]) - (first.box[1] + first.box[3])) / 2 < height / 2
