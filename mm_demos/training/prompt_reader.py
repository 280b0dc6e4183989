"""Trains the painter's reader: a linear classifier from MiniLM's sentence vectors to the names of the drawings."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

from mm_demos.models.prompt_reader import FOLDER, NAMES, WEIGHTS
from mm_demos.training.emoji_pictures import SETS, EmojiName
from mm_demos.training.painter_texts import Texts

EPOCHS, BATCH, RATE = 6, 1024, 1e-2
SHARPNESS = 20.0  # of the names' mean vectors, which training begins with
NOISE = 0.03  # on the vectors, against learning wordings by heart
SMOOTHING = 0.05  # of the labels: some texts fit several names


def train(texts: Texts, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Weight (n_names, 384) and bias (n_names,), from the texts that name no style."""
    torch.manual_seed(seed)
    vectors = texts.sentences[texts.plain].flatten(0, 1)
    n_names, per_name = texts.plain.shape
    wanted = torch.arange(n_names).repeat_interleave(per_name)
    means = nn.functional.normalize(vectors.view(n_names, per_name, -1).mean(1), dim=-1)
    weight, bias = nn.Parameter(SHARPNESS * means), nn.Parameter(torch.zeros(n_names))
    optimizer = torch.optim.Adam([weight, bias], RATE)
    for epoch in range(EPOCHS):
        total = 0.0
        for rows in torch.randperm(len(wanted)).split(BATCH):
            noisy = nn.functional.normalize(vectors[rows] + NOISE * torch.randn(len(rows), vectors.shape[1]), dim=-1)
            loss = nn.functional.cross_entropy(noisy @ weight.T + bias, wanted[rows], label_smoothing=SMOOTHING)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
        print(f"reader {epoch + 1}: loss {total / len(wanted):.3f}", flush=True)
    return weight.detach(), bias.detach()


def save(weight: torch.Tensor, bias: torch.Tensor, names: list[EmojiName], pipeline: Path) -> None:
    """Write the reader into a pipeline's folder, rows as int8 with a scale each."""
    folder = pipeline / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    scale = weight.abs().amax(1) / 127
    rows = (weight / scale[:, None]).round().to(torch.int8)
    save_file({"weight": rows, "scale": scale, "bias": bias.clone()}, folder / WEIGHTS)
    listed = {"names": [name.label for name in names], "kept": list(SETS)}
    (folder / NAMES).write_text(json.dumps(listed, ensure_ascii=False) + "\n", encoding="utf-8")
