"""Sentences to vectors on the CPU: all-MiniLM-L6-v2 in ONNX Runtime."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mm_demos.models.onnx_graph import Graph, open_graph

if TYPE_CHECKING:
    from mm_demos.models.loader import LoadRequest
    from mm_demos.models.protocols import FloatArray

BATCH = 32  # sentences at once
MAX_TOKENS = 256  # the encoder was trained on no more; the rest of a longer text is cut off
DIM = 384


def load_minilm(request: LoadRequest) -> MiniLM:
    """all-MiniLM-L6-v2 in ONNX Runtime; the first load on a machine writes the graph, which takes about 30 s."""
    return MiniLM(open_graph(request, "model.safetensors"), request.folder / "tokenizer.json")


class MiniLM:
    """A sentence encoder (Reimers and Gurevych, 2019; Wang et al., 2020) as a `TextEmbedder`, 384 dimensions.

    Args:
        graph: takes `input_ids` and `attention_mask`, gives unit vectors.
        tokenizer_file: a `tokenizer.json`.
    """

    def __init__(self, graph: Graph, tokenizer_file: Path) -> None:
        from tokenizers import Tokenizer

        self._graph = graph
        self._tokenizer: Any = Tokenizer.from_file(str(tokenizer_file))
        self._tokenizer.enable_truncation(max_length=MAX_TOKENS)
        self._tokenizer.no_padding()  # each batch is padded to its own longest sentence

    def embed_texts(self, texts: Sequence[str]) -> FloatArray:
        """Embeddings (n_texts, 384), L2-normalised; sentences of like length run together, so that little is padded."""
        embeddings = np.zeros((len(texts), DIM), dtype=np.float32)
        token_ids = [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]
        by_length = sorted(range(len(texts)), key=lambda i: len(token_ids[i]))
        for start in range(0, len(texts), BATCH):
            rows = by_length[start : start + BATCH]
            embeddings[rows] = self._embed([token_ids[row] for row in rows])
        return embeddings

    def _embed(self, token_ids: Sequence[Sequence[int]]) -> FloatArray:
        shape = (len(token_ids), max(len(ids) for ids in token_ids))
        input_ids, attention_mask = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
        for row, ids in enumerate(token_ids):
            input_ids[row, : len(ids)] = ids
            attention_mask[row, : len(ids)] = 1
        return self._graph.run(input_ids=input_ids, attention_mask=attention_mask)

    def close(self) -> None:
        """Give the session's memory back."""
        self._graph.close()
