"""CLIP models through open_clip's own factory, from a local folder: for GPUs, and for any folder in open_clip's format."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mm_demos.errors import WeightsUnavailableError
from mm_demos.models.attention import softmax
from mm_demos.models.contrastive import Contrastive
from mm_demos.models.mini_clip import MAX_TOKENS, Look, pixels
from mm_demos.models.mini_clip_export import CONFIG, TRUNK, assemble, text_network, vision_network

if TYPE_CHECKING:
    from PIL.Image import Image

    from mm_demos.models.loader import LoadRequest
    from mm_demos.models.protocols import FloatArray

BATCH = 32
PRECISIONS = {"float16": "fp16", "bfloat16": "bf16"}
OWN_NAMES = ("open_clip_model.safetensors", "open_clip_pytorch_model.safetensors")  # taken before any pickle beside them
PICKLES = ("*.bin", "*.pth", "*.pt")


def load_open_clip(request: LoadRequest) -> OpenClip:
    """The model of a folder with `open_clip_config.json` and its weights, with the preprocess and tokenizer it names.

    Raises:
        WeightsUnavailableError: the folder has no safetensors; open_clip would take a pickle, or numbers drawn at random.
    """
    if not _has_safetensors(request.folder):
        raise WeightsUnavailableError(
            f"The weights of {request.spec.name} are not there as safetensors: choose a checkpoint that has them in this format."
        )
    return OpenClip(request.folder, device=request.device, dtype=request.dtype)


def _has_safetensors(folder: Path) -> bool:
    """Whether open_clip, which looks for names in an order of its own, will read safetensors and nothing else."""
    if any((folder / name).is_file() for name in OWN_NAMES):
        return True
    return any(folder.glob("*.safetensors")) and not any(path for pattern in PICKLES for path in folder.glob(pattern))


def load_mini_clip(request: LoadRequest) -> TorchMiniClip:
    """mm-mini-clip in torch; its open_clip folder is put together on the first load."""
    folder = request.derived_folder / f"open-clip-{request.spec.digest[:16]}"
    if not (folder / CONFIG).exists():  # written last
        request.progress.report(f"Preparing {request.spec.name} for this machine (once)")
        assemble(request.folder, request.folder / TRUNK, request.folder, folder)
    return TorchMiniClip(folder, request.folder, device=request.device)


class OpenClip(Contrastive):
    """A `JointEmbedder`.

    Args:
        folder: what `open_clip.create_model_and_transforms("local-dir:…")` takes.
        device: "cpu", "cuda:0" or "mps".
        dtype: "float16" and "bfloat16" halve the weights; anything else is float32.
    """

    def __init__(self, folder: Path, *, device: str, dtype: str = "") -> None:
        import open_clip

        precision = PRECISIONS.get(dtype, "fp32")
        name = f"local-dir:{folder}"
        model, _, self._preprocess = open_clip.create_model_and_transforms(name, precision=precision, device=device)
        self._model: Any = model.eval()
        self._tokenizer: Any = open_clip.get_tokenizer(name)
        self._input_dtype: Any = open_clip.get_input_dtype(precision)
        self._lock = threading.Lock()  # a tokenizer keeps its padding between calls
        self.device = device
        self.dtype = dtype if precision != "fp32" else "float32"

    def embed_images(self, images: Sequence[Image]) -> FloatArray:
        """Embeddings (n_images, dim), L2-normalised."""
        import torch

        def embed(batch: Sequence[Image]) -> Any:
            values = torch.stack([self._preprocess(image.convert("RGB")) for image in batch])
            return self._model.encode_image(values.to(self.device, self._input_dtype), normalize=True)

        return self._rows(images, embed)

    def embed_texts(self, texts: Sequence[str]) -> FloatArray:
        """Embeddings (n_texts, dim), L2-normalised."""
        return self._rows(texts, lambda batch: self._model.encode_text(self._tokens(batch), normalize=True))

    def _tokens(self, texts: Sequence[str]) -> Any:
        with self._lock:
            return self._tokenizer(list(texts)).to(self.device)

    def _rows(self, inputs: Sequence[Any], embed: Any) -> FloatArray:
        import torch

        with torch.inference_mode():
            parts = [embed(inputs[i : i + BATCH]).float().cpu().numpy() for i in range(0, len(inputs), BATCH)]
            rows: FloatArray = np.concatenate(parts) if parts else np.zeros((0, self._dim()), np.float32)
        return rows

    def _dim(self) -> int:
        return int(self._model.encode_text(self._tokens(["a"])).shape[-1])

    def close(self) -> None:
        """Let go of the weights."""
        self._model = None


class TorchMiniClip(OpenClip):
    """mm-mini-clip with what the captioner and the answerer ask of it, as `MiniClip`, in torch.

    Args:
        folder: the assembled open_clip folder.
        parts: folder with the trained parts, the trunk's checkpoint and MiniLM.
        device: where all of it runs, in float32.
    """

    def __init__(self, folder: Path, parts: Path, *, device: str) -> None:
        from tokenizers import Tokenizer

        super().__init__(folder, device=device)
        self._vision: Any = vision_network(parts, parts / TRUNK).to(device)
        self._text: Any = text_network(parts, parts).to(device)
        self._words: Any = Tokenizer.from_file(str(parts / "tokenizer.json"))
        self._words.enable_truncation(MAX_TOKENS)
        self._words.no_padding()

    def look(self, image: Image) -> Look:
        """Everything about one picture in one pass."""
        import torch

        with torch.inference_mode():
            found = self._vision(torch.from_numpy(pixels([image])).to(self.device))
        embeddings, features, logits = (output.float().cpu().numpy() for output in found)
        return Look(embeddings[0], features[0], softmax(logits[0]))

    def question_states(self, question: str) -> FloatArray:
        """MiniLM's last hidden states (n_tokens, width) of one question."""
        import torch

        ids = torch.tensor([self._words.encode(question).ids], device=self.device)
        with torch.inference_mode():
            states: FloatArray = self._text(ids, torch.ones_like(ids))[1][0].float().cpu().numpy()
        return states

    def close(self) -> None:
        """Let go of the weights."""
        super().close()
        self._vision = self._text = None
