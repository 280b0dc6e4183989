"""Joint embedders on transformers: CLIP, SigLIP and SigLIP 2 in the hub's own format."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mm_demos.errors import WeightsUnavailableError
from mm_demos.models.contrastive import Contrastive
from mm_demos.models.placing import SAFE, load_checkpoint, weight_bytes

if TYPE_CHECKING:
    from PIL.Image import Image

    from mm_demos.models.loader import LoadRequest
    from mm_demos.models.protocols import FloatArray

BATCH = 32
# Trained to judge every pair by itself, on texts in lower case that are padded to their full length and read with the padding.
SIGMOID_FAMILIES = ("siglip", "siglip2")


def load_joint_transformers(request: LoadRequest) -> JointTransformers:
    """The model of a folder with `config.json`, its weights as safetensors, and its processor.

    Raises:
        WeightsUnavailableError: the folder has no safetensors.
    """
    from transformers import AutoModel, AutoProcessor

    check_safetensors(request)
    model = load_checkpoint(AutoModel, request)
    return JointTransformers(model, AutoProcessor.from_pretrained(request.folder, **SAFE))


def check_safetensors(request: LoadRequest) -> None:
    """Refuse a folder without safetensors: a pickle may run code when it is read.

    Raises:
        WeightsUnavailableError: in one sentence.
    """
    if not any(request.folder.glob("*.safetensors")):
        raise WeightsUnavailableError(
            f"The weights of {request.spec.name} are not there as safetensors: choose a checkpoint that has them in this format."
        )


class JointTransformers(Contrastive):
    """A `JointEmbedder`.

    Args:
        model: with `get_image_features` and `get_text_features`.
        processor: its own.
    """

    def __init__(self, model: Any, processor: Any) -> None:
        self._model = model
        self._processor = processor
        self._max_tokens = int(model.config.text_config.max_position_embeddings)
        self._sigmoid = model.config.model_type in SIGMOID_FAMILIES
        self._lock = threading.Lock()  # a tokenizer keeps its padding between calls
        self.weight_bytes = weight_bytes(model)
        self._dim = int(self.embed_texts(["a"]).shape[1])

    @property
    def device(self) -> str:
        """Where it computes."""
        return str(self._model.device)

    @property
    def dtype(self) -> str:
        """Of its weights."""
        return str(self._model.dtype).removeprefix("torch.")

    def embed_images(self, images: Sequence[Image]) -> FloatArray:
        """Embeddings (n_images, dim), L2-normalised."""

        def embed(batch: Sequence[Image]) -> Any:
            with self._lock:
                inputs = self._processor(images=[image.convert("RGB") for image in batch], return_tensors="pt")
            return self._model.get_image_features(**inputs.to(self._model.device, self._model.dtype))

        return self._rows(images, embed)

    def embed_texts(self, texts: Sequence[str]) -> FloatArray:
        """Embeddings (n_texts, dim), L2-normalised; what exceeds the longest input is cut off."""

        def embed(batch: Sequence[str]) -> Any:
            with self._lock:
                inputs = self._processor(
                    text=[text.lower() for text in batch] if self._sigmoid else list(batch),
                    padding="max_length" if self._sigmoid else True,
                    truncation=True,
                    max_length=self._max_tokens,
                    return_tensors="pt",
                )
            if self._sigmoid:
                inputs.pop("attention_mask", None)
            return self._model.get_text_features(**inputs.to(self._model.device))

        return self._rows(texts, embed)

    def _rows(self, inputs: Sequence[Any], embed: Any) -> FloatArray:
        import torch

        parts = []
        with torch.inference_mode():
            for start in range(0, len(inputs), BATCH):
                features = embed(inputs[start : start + BATCH]).pooler_output.float()
                parts.append(torch.nn.functional.normalize(features, dim=-1).cpu().numpy())
        rows: FloatArray = np.concatenate(parts) if parts else np.zeros((0, self._dim), np.float32)
        return rows

    def close(self) -> None:
        """Let go of the weights."""
        self._model = None
