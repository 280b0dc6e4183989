"""The trained ends of the two towers: a two-layer head for pictures, the last encoder layers and a projection for texts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from mm_demos.training.class_names import LabelSpace
from mm_demos.training.dropout import ByteDropout

MATCH_DIM = 480  # dimensions that match pictures with sentences
LABEL_DIM = 256  # dimensions that hold ImageNet's label space
EMBED_DIM = MATCH_DIM + LABEL_DIM
FEATURES = 1280  # channels after the trunk's last convolution
TRAINED_LAYERS = 3  # of MiniLM's six
HEADS = 12  # of a MiniLM layer


def mean_features(trunk: Any, grids: NDArray[np.float16], step: int = 250) -> torch.Tensor:
    """The trunk's last convolution averaged over the grid, (n, 1280), of stored grids (n, 81, 680)."""
    head, norm = trunk.network.conv_head, trunk.network.bn2
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    weight, bias = head.weight[:, :, 0, 0] * scale[:, None], norm.bias - norm.running_mean * scale
    parts = []
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        for start in range(0, len(grids), step):
            last = torch.from_numpy(grids[start : start + step, :, :352].copy()).bfloat16()
            parts.append(functional.linear(last, weight, bias).clamp_(0, 6).float().mean(1))
    return torch.cat(parts).clone()


class ImageEnd(nn.Module):
    """From averaged features (n, 1280) to unit embeddings (n, 736): a trained match part beside a fixed label part.

    The label part is linear, a place along the directions of `LabelSpace`.
    """

    def __init__(self, labels: LabelSpace, drop: float, share: float) -> None:
        super().__init__()
        self.fc1 = nn.Linear(FEATURES, 2 * MATCH_DIM)
        self.fc2 = nn.Linear(2 * MATCH_DIM, MATCH_DIM, bias=False)
        self.register_buffer("directions", labels.directions * share)
        self.register_buffer("centre", labels.centre)
        self.log_share = nn.Parameter(torch.zeros(()))
        self.drop = nn.Dropout(drop)

    def forward(self, means: torch.Tensor) -> torch.Tensor:
        """Embed."""
        match = self.fc2(self.drop(functional.gelu(self.fc1(self.drop(means))))).float()
        label = (means - self.centre) @ self.directions.T * self.log_share.exp()
        return functional.normalize(torch.cat([match, label], -1), dim=-1)


def as_mlp(tensors: dict[str, torch.Tensor], label_share: float = 1.0) -> dict[str, torch.Tensor]:
    """An `ImageEnd`'s tensors as the two-layer network that open_clip builds: the same function before normalisation.

    Since gelu(z) - gelu(-z) = z, a pair of hidden units carries one dimension of the label part.

    Args:
        tensors: its state dict.
        label_share: a factor on the label part, beside the trained one.

    Returns:
        `fc1.weight` (1472, 1280), `fc1.bias` (1472,) and `fc2.weight` (736, 1472).
    """
    directions = tensors["directions"] * tensors["log_share"].exp() * label_share
    offset, eye = directions @ tensors["centre"], torch.eye(LABEL_DIM)
    return {
        "fc1.weight": torch.cat([tensors["fc1.weight"], directions, -directions]),
        "fc1.bias": torch.cat([tensors["fc1.bias"], -offset, offset]),
        "fc2.weight": torch.block_diag(tensors["fc2.weight"], torch.cat([eye, -eye], 1)),
    }


class TextEnd(nn.Module):
    """From MiniLM's hidden states before its last layers (n, length, 384) to unit text embeddings (n, 736)."""

    def __init__(self, bert: Any, drop: float, layer_drop: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList(bert.encoder.layer[-TRAINED_LAYERS:])
        for module in self.layers.modules():
            for name, child in module.named_children():
                if isinstance(child, nn.Dropout):
                    setattr(module, name, ByteDropout(layer_drop))
        width = bert.config.hidden_size
        hidden = (width + EMBED_DIM) // 2
        self.proj = nn.Sequential(nn.Linear(width, hidden, bias=False), nn.GELU(), nn.Linear(hidden, EMBED_DIM, bias=False))
        self.drop = nn.Dropout(drop)

    @staticmethod
    def layer(layer: Any, x: torch.Tensor, hidden_from: torch.Tensor) -> torch.Tensor:
        """One encoder layer; plain matrix products, whose backward pass is faster on short texts than the fused attention's."""
        n, length, width = x.shape
        part = layer.attention.self
        query, key, value = (f(x).view(n, length, HEADS, -1).transpose(1, 2) for f in (part.query, part.key, part.value))
        weights = (query @ key.transpose(2, 3) * query.shape[-1] ** -0.5 + hidden_from).softmax(-1).to(value.dtype)
        mixed = (weights @ value).transpose(1, 2).reshape(n, length, width)
        x = layer.attention.output(mixed, x)
        out: torch.Tensor = layer.output(layer.intermediate(x), x)
        return out

    def mean(self, states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Average of the last layer's states over the tokens; `mask` (n, length) is 1 on them."""
        hidden_from = torch.zeros(mask.shape, dtype=torch.bfloat16).masked_fill(mask == 0, -1e4)[:, None, None, :]
        x = states.bfloat16()
        for layer in self.layers:
            x = self.layer(layer, x, hidden_from).bfloat16()
        return (x.float() * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)

    def means(self, source: TextStates, texts: NDArray[np.int64], groups: int = 6, drop_tokens: float = 0.0) -> torch.Tensor:
        """`mean` of some of the texts, those of like length together so that little is padded; some tokens may be hidden."""
        order = np.argsort(source.lengths[texts], kind="stable")
        parts = []
        for group in np.array_split(order, groups):
            states, mask = source.batch(texts[group])
            if drop_tokens:
                kept = mask * (torch.rand(mask.shape) >= drop_tokens)
                kept[:, 0] = 1  # the start mark: no text may vanish
                mask = kept
            parts.append(self.mean(states, mask))
        return torch.cat(parts)[torch.from_numpy(np.argsort(order))]

    def forward(self, means: torch.Tensor) -> torch.Tensor:
        """Project sentence averages (n, 384)."""
        return functional.normalize(self.proj[2](self.drop(self.proj[1](self.proj[0](self.drop(means))))).float(), dim=-1)


class TextStates:
    """Hidden states of many texts, before the trained layers or (`last`) after all of them, kept flat in float16.

    `means` (n_texts, 384) are the averages over the last layer's states.
    """

    def __init__(self, texts: Sequence[str], bert: Any, tokenizer: Any, limit: int = 40, last: bool = False) -> None:
        ids = [encoding.ids for encoding in self.encode(tokenizer, texts, limit)]
        self.lengths = np.array([len(row) for row in ids])
        self.starts = np.concatenate([[0], np.cumsum(self.lengths)[:-1]])
        self.flat = np.empty((int(self.lengths.sum()), bert.config.hidden_size), np.float16)
        self.level = -1 if last else -1 - TRAINED_LAYERS
        self.means = np.empty((len(ids), bert.config.hidden_size), np.float32)
        order = np.argsort(self.lengths)
        for chunk in np.array_split(order, max(1, len(order) // 256)):
            self._fill(chunk, ids, bert)

    @staticmethod
    def encode(tokenizer: Any, texts: Sequence[str], limit: int) -> Any:
        """Encodings without padding, at most `limit` tokens."""
        tokenizer.no_padding()
        tokenizer.enable_truncation(limit)
        return tokenizer.encode_batch(list(texts))

    def _fill(self, chunk: NDArray[np.int64], ids: list[list[int]], bert: Any) -> None:
        width = int(self.lengths[chunk].max())
        tokens = torch.zeros(len(chunk), width, dtype=torch.long)
        for row, text in enumerate(chunk):
            tokens[row, : self.lengths[text]] = torch.tensor(ids[text])
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            states = bert(tokens, attention_mask=(tokens != 0).long(), output_hidden_states=True).hidden_states
        last, states = states[-1].float().numpy(), states[self.level].float().numpy()
        for row, text in enumerate(chunk):
            start, length = self.starts[text], self.lengths[text]
            self.flat[start : start + length] = states[row, :length]
            self.means[text] = last[row, :length].mean(0)

    def batch(self, texts: NDArray[np.int64]) -> tuple[torch.Tensor, torch.Tensor]:
        """States (n, longest, 384) float32 padded with zeros, and their mask (n, longest)."""
        lengths = self.lengths[texts]
        states = np.zeros((len(texts), int(lengths.max()), self.flat.shape[1]), np.float32)
        for row, (start, length) in enumerate(zip(self.starts[texts], lengths, strict=True)):
            states[row, :length] = self.flat[start : start + length]
        mask = np.arange(states.shape[1])[None] < lengths[:, None]
        return torch.from_numpy(states), torch.from_numpy(mask.astype(np.float32))


def load_bert(folder: Path) -> tuple[Any, Any]:
    """MiniLM and its tokenizer from a local folder."""
    from tokenizers import Tokenizer
    from transformers import AutoModel

    bert = AutoModel.from_pretrained(folder, attn_implementation="sdpa", add_pooling_layer=False).eval()
    return bert, Tokenizer.from_file(str(folder / "tokenizer.json"))
