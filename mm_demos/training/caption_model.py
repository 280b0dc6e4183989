"""A transformer decoder that looks at the picture's grid and writes a caption word by word."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from mm_demos.evaluation.captions import words
from mm_demos.training.dropout import ByteDropout

PAD, BOS, EOS, UNKNOWN = range(4)
WIDTH, HEADS, LAYERS, INNER = 384, 6, 3, 1024
LONGEST = 24  # tokens of a caption, end mark included
FEATURES = 1280 + 208 + 120  # channels of a cell after the trunk's last convolution, with the two stages before it


def vocabulary(captions: Sequence[Sequence[str]], at_least: int = 4) -> list[str]:
    """The four marks, then the words that occur often enough, most frequent first."""
    counts = Counter(word for group in captions for text in group for word in words(text))
    return ["<pad>", "<start>", "<end>", "<unknown>", *(word for word, n in counts.most_common() if n >= at_least)]


class GridInput(nn.Module):
    """Grid features (n, 81, 680) as stored → (n, 81, 1608), each channel at unit scale.

    The last convolution, 352 → 1280 channels, is the trunk's own and stays frozen.
    """

    def __init__(self, trunk: Any) -> None:
        super().__init__()
        head, norm = trunk.network.conv_head, trunk.network.bn2
        scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        self.register_buffer("head_weight", (head.weight[:, :, 0, 0] * scale[:, None]).detach())
        self.register_buffer("head_bias", (norm.bias - norm.running_mean * scale).detach())
        self.register_buffer("mean", torch.zeros(FEATURES))
        self.register_buffer("spread", torch.ones(FEATURES))

    def raw(self, grid: torch.Tensor) -> torch.Tensor:
        """Features before they are brought to unit scale."""
        last = functional.linear(grid[..., :352], self.head_weight, self.head_bias).clamp(0, 6)
        return torch.cat([last.to(grid.dtype), grid[..., 352:]], -1)

    def measure(self, grid: torch.Tensor) -> None:
        """Set the scale from a sample of grids."""
        flat = self.raw(grid).flatten(0, 1)
        self.mean.copy_(flat.mean(0))
        self.spread.copy_(flat.std(0) + 1e-3)

    def forward(self, grid: torch.Tensor) -> torch.Tensor:
        """Unit-scale features, clipped at 5 standard deviations."""
        return ((self.raw(grid) - self.mean) / self.spread).clamp(-5, 5)


def attend(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    """Multi-head attention of (n, length, width) tensors already projected."""
    query, key, value = (x.view(x.shape[0], x.shape[1], HEADS, -1).transpose(1, 2) for x in (query, key, value))
    scores = query @ key.transpose(2, 3) * key.shape[-1] ** -0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, -1e4)
    return (scores.softmax(-1).to(value.dtype) @ value).transpose(1, 2).flatten(2)


class Block(nn.Module):
    """Self-attention, attention to the picture and a two-layer network, each on a normalised input and added back."""

    def __init__(self, drop: float) -> None:
        super().__init__()
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(WIDTH) for _ in range(3))
        self.qkv, self.out1 = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.query, self.memory, self.out2 = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, 2 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.fc1, self.fc2 = nn.Linear(WIDTH, INNER), nn.Linear(INNER, WIDTH)
        self.drop = ByteDropout(drop)

    def forward(
        self, x: torch.Tensor, seen: tuple[torch.Tensor, torch.Tensor], past: list[torch.Tensor] | None, mask: torch.Tensor | None
    ) -> torch.Tensor:
        """One step over (photos · per_photo, length, width); `past` holds and receives the keys and values of earlier steps."""
        query, key, value = self.qkv(self.norm1(x)).chunk(3, -1)
        if past is not None:
            if past:
                key, value = torch.cat([past[0], key], 1), torch.cat([past[1], value], 1)
            past[:] = [key, value]
        x = x + self.drop(self.out1(attend(query, key, value, mask)))
        photos = seen[0].shape[0]
        query = self.query(self.norm2(x)).view(photos, -1, WIDTH)  # every caption of a photo asks the same memory
        looked = attend(query, seen[0], seen[1], None)
        x = x + self.drop(self.out2(looked.view(x.shape)))
        out: torch.Tensor = x + self.drop(self.fc2(self.drop(functional.gelu(self.fc1(self.norm3(x))))))
        return out


class CaptionModel(nn.Module):
    """Words and a picture to logits over the next word."""

    def __init__(self, trunk: Any, n_words: int, drop: float = 0.2) -> None:
        super().__init__()
        self.input = GridInput(trunk)
        self.cells = nn.Linear(FEATURES, WIDTH)
        self.whole = nn.Linear(FEATURES, WIDTH)
        self.place = nn.Parameter(torch.randn(82, WIDTH) * 0.02)
        self.memory_norm = nn.LayerNorm(WIDTH)
        self.words = nn.Embedding(n_words, WIDTH)
        self.order = nn.Parameter(torch.randn(LONGEST + 1, WIDTH) * 0.02)
        self.blocks = nn.ModuleList(Block(drop) for _ in range(LAYERS))
        self.last_norm = nn.LayerNorm(WIDTH)
        self.bias = nn.Parameter(torch.zeros(n_words))
        self.drop = ByteDropout(drop)
        nn.init.normal_(self.words.weight, std=WIDTH**-0.5)

    def look(self, grid: torch.Tensor, drop_cells: float = 0.0) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Keys and values (n, 82, width) of every block for grids (n, 81, 680): the whole picture, then its cells."""
        features = self.input(grid)
        if drop_cells:
            features = features * (torch.rand(features.shape[:2]) >= drop_cells)[..., None]
        tokens = torch.cat([self.whole(features.mean(1, keepdim=True)), self.cells(features)], 1) + self.place
        memory = self.memory_norm(tokens)
        return [tuple(block.memory(memory).chunk(2, -1)) for block in self.blocks]

    def forward(
        self,
        tokens: torch.Tensor,
        seen: list[tuple[torch.Tensor, torch.Tensor]],
        past: list[list[torch.Tensor]] | None = None,
        told: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Logits (n, length, n_words) for tokens (n, length), or (n_told, n_words) at the places `told` alone.

        n is a multiple of the photos in `seen`, photo by photo.
        """
        start = past[0][0].shape[1] if past and past[0] else 0
        length = tokens.shape[1]
        x = self.drop(self.words(tokens) * math.sqrt(WIDTH) * 0.5 + self.order[start : start + length])
        if torch.is_autocast_cpu_enabled():
            x = x.bfloat16()  # the whole stream: casting back and forth costs more than it saves
        mask = torch.ones(length, length, dtype=torch.bool).tril() if length > 1 else None
        for block, memory, kept in zip(self.blocks, seen, past if past is not None else (None,) * LAYERS, strict=True):
            x = block(x, memory, kept, mask)
        x = self.last_norm(x)
        return functional.linear(x if told is None else x[told], self.words.weight, self.bias)


@torch.no_grad()
def write(model: CaptionModel, grid: torch.Tensor, per_photo: int, greedy: bool, among: int = 30) -> torch.Tensor:
    """Captions (photos · per_photo, ≤ LONGEST) of token numbers, the likeliest at each step or drawn from the `among` likeliest.

    Label smoothing leaves a tenth of the probability to words that make no sense, so drawing from all of them would mostly
    reward avoiding nonsense.
    """
    seen = model.look(grid)
    n = len(grid) * per_photo
    past: list[list[torch.Tensor]] = [[] for _ in range(LAYERS)]
    token = torch.full((n, 1), BOS)
    done = torch.zeros(n, dtype=torch.bool)
    out = []
    for _ in range(LONGEST):
        logits = model(token, seen, past)[:, -1].float()
        logits[:, [PAD, BOS, UNKNOWN]] = -1e9
        likeliest, words = logits.topk(1 if greedy else among)
        token = words.gather(1, torch.multinomial(likeliest.softmax(-1), 1))
        token[done] = PAD
        out.append(token)
        done |= token[:, 0] == EOS
        if bool(done.all()):
            break
    return torch.cat(out, 1)


def texts(tokens: torch.Tensor, names: Sequence[str]) -> list[str]:
    """Words of token rows, up to the end mark."""
    return [" ".join(names[t] for t in row[: row.index(EOS) if EOS in row else None] if t > UNKNOWN) for row in tokens.tolist()]


def encode(captions: Sequence[str], number: dict[str, int]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Rows of token numbers from the start mark to the end mark, padded: (n, LONGEST + 1)."""
    out = np.full((len(captions), LONGEST + 1), PAD, np.int64)
    for row, text in zip(out, captions, strict=True):
        body = [number.get(word, UNKNOWN) for word in words(text)][: LONGEST - 1]
        row[: len(body) + 2] = [BOS, *body, EOS]
    return out
