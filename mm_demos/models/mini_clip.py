"""mm-mini-clip in ONNX Runtime: pictures and texts in one space, and the grid that the captioner and the answerer look at."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mm_demos.models.attention import FloatArray, softmax
from mm_demos.models.mini_clip_export import CONFIG, IMAGE_SIZE, PARTS
from mm_demos.models.onnx_graph import Graph, open_graph, prepared_graph
from mm_demos.models.openvino_graph import OpenVinoGraph

if TYPE_CHECKING:
    from PIL.Image import Image

    from mm_demos.models.loader import LoadRequest

MAX_TOKENS = 64
BATCH = 8  # pictures at once
TEXT_BATCH = 32
VISION = "vision"

VisionGraph = Graph | OpenVinoGraph


@dataclass(frozen=True, slots=True)
class Look:
    """What one pass over a picture gives.

    Args:
        embedding: (dim,) L2-normalised.
        features: (81, 1608), the cells of the 9 x 9 grid row by row.
        class_probs: (1000,) over ImageNet's classes, summing to 1.
    """

    embedding: FloatArray
    features: FloatArray
    class_probs: FloatArray


def load_mini_clip(request: LoadRequest) -> MiniClip:
    """mm-mini-clip in ONNX Runtime; the first load on a machine writes its two graphs, which takes about a minute."""
    return _joined(request, open_graph(request, PARTS, f"mm-mini-clip-{VISION}"))


def load_mini_clip_openvino(request: LoadRequest) -> MiniClip:
    """The same with its pictures in OpenVINO and bfloat16; texts, whose layers are small, stay in ONNX Runtime."""
    path = prepared_graph(request, PARTS, f"mm-mini-clip-{VISION}")
    return _joined(request, OpenVinoGraph(path, threads=request.threads), dtype="bfloat16")


def _joined(request: LoadRequest, vision: VisionGraph, dtype: str = "float32") -> MiniClip:
    text = open_graph(request, PARTS, "mm-mini-clip-text")
    return MiniClip(
        vision,
        text,
        request.folder / "tokenizer.json",
        dim=embedding_dim(request.folder),
        logit_scale=scale_of(request.folder),
        dtype=dtype,
    )


def embedding_dim(folder: Path) -> int:
    """Numbers in an embedding, as the model config in `folder` says."""
    return int(json.loads((folder / CONFIG).read_text(encoding="utf-8"))["model_cfg"]["embed_dim"])


def scale_of(folder: Path) -> float:
    """The trained factor of similarities; open_clip keeps its logarithm."""
    from safetensors import safe_open

    with safe_open(folder / PARTS, framework="numpy") as tensors:
        return float(np.exp(tensors.get_tensor("logit_scale").astype(np.float32)))


def pixels(images: Sequence[Image]) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """RGB pictures of any shape squashed to (n, 260, 260, 3) uint8: nothing at the edges is lost, as in training."""
    from PIL.Image import Resampling

    return np.stack([np.asarray(image.convert("RGB").resize((IMAGE_SIZE, IMAGE_SIZE), Resampling.BICUBIC)) for image in images])


class MiniClip:
    """A `JointEmbedder` that also gives what the captioner and the answerer look at.

    Args:
        vision: graph written by `mini_clip_export.export_vision`.
        text: graph written by `mini_clip_export.export_text`.
        tokenizer_file: MiniLM's `tokenizer.json`.
        dim: numbers in an embedding.
        logit_scale: what the similarities are multiplied by.
        dtype: what pictures are computed in, for receipts.
    """

    def __init__(
        self, vision: VisionGraph, text: Graph, tokenizer_file: Path, *, dim: int, logit_scale: float, dtype: str = "float32"
    ) -> None:
        from tokenizers import Tokenizer

        self._vision, self._text, self._dim, self._scale = vision, text, dim, logit_scale
        self.dtype = dtype
        self._tokenizer: Any = Tokenizer.from_file(str(tokenizer_file))
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._tokenizer.no_padding()

    @property
    def logit_scale(self) -> float:
        """Factor that turns similarities into logits."""
        return self._scale

    def embed_images(self, images: Sequence[Image]) -> FloatArray:
        """Embeddings (n_images, dim), L2-normalised."""
        out = np.zeros((len(images), self._dim), np.float32)
        for start in range(0, len(images), BATCH):
            batch = images[start : start + BATCH]
            out[start : start + len(batch)] = self._vision.outputs("embeddings", pixels=pixels(batch))[0]
        return out

    def look(self, image: Image) -> Look:
        """Everything about one picture in one pass."""
        embeddings, features, logits = self._vision.outputs("embeddings", "features", "logits", pixels=pixels([image]))
        return Look(embeddings[0], features[0], softmax(logits[0]))

    def embed_texts(self, texts: Sequence[str]) -> FloatArray:
        """Embeddings (n_texts, dim), L2-normalised; texts of like length run together, so that little is padded."""
        out = np.zeros((len(texts), self._dim), np.float32)
        for rows, batch in self._batches(texts):
            out[rows] = self._text.outputs("embeddings", **batch)[0]
        return out

    def question_states(self, question: str) -> FloatArray:
        """MiniLM's last hidden states (n_tokens, width) of one question."""
        (_, batch) = next(self._batches([question]))
        states: FloatArray = self._text.outputs("states", **batch)[0][0]
        return states

    def close(self) -> None:
        """Give the sessions' memory back."""
        self._vision.close()
        self._text.close()

    def _batches(self, texts: Sequence[str]) -> Iterator[tuple[list[int], dict[str, np.ndarray[Any, np.dtype[np.int64]]]]]:
        token_ids = [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]
        by_length = sorted(range(len(texts)), key=lambda i: len(token_ids[i]))
        for start in range(0, len(texts), TEXT_BATCH):
            rows = by_length[start : start + TEXT_BATCH]
            ids = np.zeros((len(rows), len(token_ids[rows[-1]])), np.int64)
            for line, row in zip(ids, rows, strict=True):
                line[: len(token_ids[row])] = token_ids[row]
            yield rows, {"input_ids": ids, "attention_mask": (ids != 0).astype(np.int64)}
