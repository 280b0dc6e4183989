"""The trained ends of the two towers: pooling over the grid for pictures, the last encoder layers and a projection for texts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from mm_demos.models.trunk import LAST_CHANNELS
from mm_demos.training.dropout import ByteDropout

EMBED_DIM = 512
FEATURES = 1280  # channels after the trunk's last convolution
HEAD_DIM = 64
TRAINED_LAYERS = 1  # of MiniLM's six


class GridPool(nn.Module):
    """timm's `AttentionPool2d`, parameter for parameter, with keys and values never formed.

    One query per head looks at 82 tokens (their mean and 81 cells). Moving the key projection to the query and the value
    projection behind the weighted sum gives the same numbers at 1/25 of the work.
    """

    def __init__(self, width: int = FEATURES, out: int = EMBED_DIM, cells: int = 81) -> None:
        super().__init__()
        self.heads = width // HEAD_DIM
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, out)
        self.pos_embed = nn.Parameter(torch.randn(cells + 1, width) * width**-0.5)
        with torch.no_grad():
            self.qkv.bias.zero_()
            self.qkv.weight.normal_(std=width**-0.5)
            self.qkv.weight[2 * width :] = torch.eye(width)  # begins near the plain average

    def forward(self, cells: torch.Tensor, keep: torch.Tensor | None = None) -> torch.Tensor:
        """Pool (n, 81, width) to (n, out); cells where `keep` (n, 81) is False are not looked at."""
        n, _, width = cells.shape
        mean, place = cells.mean(1), self.pos_embed
        if cells.shape[1] == 1:  # the same features everywhere: one cell stands for all
            place = torch.stack([place[0], place[1:].mean(0)])
        query, key, value = self.qkv.weight.view(3, self.heads, HEAD_DIM, width)
        bias = self.qkv.bias.view(3, self.heads, HEAD_DIM)
        asked = torch.einsum("nc,hdc->nhd", mean + place[0], query) + bias[0]
        asked = torch.einsum("nhd,hdc->nhc", asked, key) * HEAD_DIM**-0.5
        tokens = torch.cat([mean[:, None], cells], 1)  # takes no gradient: places are added to the products instead
        scores = asked @ tokens.transpose(1, 2) + asked @ place.T
        if keep is not None:
            seen = torch.cat([keep.new_ones(n, 1), keep], 1)
            scores = scores.masked_fill(~seen[:, None], -1e4)
        weights = scores.softmax(-1).to(tokens.dtype)
        context = weights @ tokens + weights @ place.to(tokens.dtype)
        pooled = torch.einsum("nhc,hdc->nhd", context, value) + bias[2]
        out: torch.Tensor = self.proj(pooled.reshape(n, width))
        return out


class ImageEnd(nn.Module):
    """From the last block's output (n, 81, 352) to picture embeddings (n, 512), not yet normalised."""

    def __init__(self, trunk: Any, drop: float = 0.1) -> None:
        super().__init__()
        head, norm = trunk.network.conv_head, trunk.network.bn2
        scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        self.register_buffer("head_weight", (head.weight[:, :, 0, 0] * scale[:, None]).detach())
        self.register_buffer("head_bias", (norm.bias - norm.running_mean * scale).detach())
        self.pool = GridPool()
        self.fc1 = nn.Linear(EMBED_DIM, 2 * EMBED_DIM)
        self.fc2 = nn.Linear(2 * EMBED_DIM, EMBED_DIM, bias=False)
        self.drop = ByteDropout(drop)

    def features(self, last: torch.Tensor) -> torch.Tensor:
        """The trunk's last convolution: (n, 81, 352) → (n, 81, 1280)."""
        return functional.linear(last, self.head_weight, self.head_bias).clamp_(0, 6)

    def forward(self, last: torch.Tensor) -> torch.Tensor:
        """Embed."""
        return self.head(self.features(last))

    def head(self, cells: torch.Tensor, keep: torch.Tensor | None = None) -> torch.Tensor:
        """Embed features (n, 81, 1280), or (n, 1, 1280) for pictures that are the same everywhere."""
        pooled = self.drop(self.pool(cells, keep))
        out: torch.Tensor = self.fc2(self.drop(functional.gelu(self.fc1(pooled))))
        return out


class TextEnd(nn.Module):
    """From MiniLM's hidden states before its last layers (n, length, 384) to text embeddings (n, 512), not yet normalised."""

    def __init__(self, bert: Any, drop: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList(bert.encoder.layer[-TRAINED_LAYERS:])
        for module in self.layers.modules():
            for name, child in module.named_children():
                if isinstance(child, nn.Dropout):
                    setattr(module, name, ByteDropout(child.p))
            if hasattr(module, "dropout") and hasattr(module, "query"):
                module.dropout = nn.Dropout(0.0)
        width = bert.config.hidden_size
        hidden = (width + EMBED_DIM) // 2
        self.proj = nn.Sequential(nn.Linear(width, hidden, bias=False), nn.GELU(), nn.Linear(hidden, EMBED_DIM, bias=False))
        self.drop = ByteDropout(drop)

    def mean(self, states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Average of the last layer's states over the tokens; `mask` (n, length) is 1 on them."""
        hidden_from = torch.zeros(mask.shape, dtype=states.dtype).masked_fill(mask == 0, -1e4)[:, None, None, :]
        for layer in self.layers:
            states = layer(states, hidden_from)
        return (states * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)

    def forward(self, mean: torch.Tensor) -> torch.Tensor:
        """Project sentence averages (n, 384)."""
        out: torch.Tensor = self.proj(self.drop(mean))
        return out


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


__all__ = ["EMBED_DIM", "LAST_CHANNELS", "GridPool", "ImageEnd", "TextEnd", "TextStates", "load_bert"]
