"""The painter's autoencoder: 64 × 64 pictures to 8 × 8 latents and back, trained on the emoji themselves."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

BATCH, RATE = 16, 1e-3
CHANNELS = 16  # of a latent cell
SHIFT = 3  # pixels, at most, in every direction
JITTER = 0.05  # of the latents while decoding is learnt, so that small errors of the painter do little harm
SHUFFLED = 0.3  # share of batches whose colour channels change places, for colours that no emoji has
# Mirrored, pixels down, pixels right; the first and the second are the pictures as they were drawn.
VIEWS = ((False, 0, 0), (True, 0, 0), (False, 2, 1), (False, -1, -2), (False, 1, -2), (True, -2, 1))


def autoencoder() -> Any:
    """An untrained one of the class that diffusers names after TAESD (Bohan, 2023): convolutions without norms, no sampling."""
    from diffusers import AutoencoderTiny

    return AutoencoderTiny(
        encoder_block_out_channels=(64, 64, 64, 64),
        decoder_block_out_channels=(64, 64, 64, 64),
        num_encoder_blocks=(0, 1, 1, 3),  # hardly anything at full size, which would cost most of the time
        num_decoder_blocks=(3, 2, 2, 0),
        latent_channels=CHANNELS,
        act_fn="silu",
    ).to(memory_format=torch.channels_last)


def as_input(pixels: torch.Tensor) -> torch.Tensor:
    """(n, 3, 64, 64) uint8 to float32 in [-1, 1]."""
    return pixels.float().div(127.5).sub(1).contiguous(memory_format=torch.channels_last)


def moved(pixels: torch.Tensor, mirrored: bool, down: int, right: int) -> torch.Tensor:
    """The pictures mirrored or shifted; what leaves on one side comes in on the other, all but white."""
    return torch.roll(pixels.flip(3) if mirrored else pixels, (down, right), (2, 3))


def train(pixels: NDArray[np.uint8], *, steps: int, seed: int, out: Path) -> Any:
    """Train so many steps and write `autoencoder.pt`, the moving average of its weights; gives the trained network.

    Args:
        pixels: (n, 64, 64, 3).
        steps: of training, with BATCH pictures each.
        seed: of batches and weights.
        out: folder.
    """
    torch.manual_seed(seed)
    drawn = np.random.default_rng(seed)
    data = torch.from_numpy(pixels).permute(0, 3, 1, 2)
    model = autoencoder()
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, betas=(0.9, 0.99), weight_decay=1e-4)
    average = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    began = time.monotonic()
    for step in range(1, steps + 1):
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1, step / 100) * (0.49 * (1 + math.cos(math.pi * step / steps)) + 0.02)
        batch = _views(data[torch.randint(0, len(data), (BATCH,))], drawn)
        loss, error = _losses(model, batch)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        keep = min(0.998, step / (step + 10))
        with torch.no_grad():
            for name, tensor in model.state_dict().items():
                average[name].lerp_(tensor, 1 - keep)
        if step % 300 == 0:
            print(f"autoencoder {step}: mean absolute error {error:.4f}, {time.monotonic() - began:.0f} s", flush=True)
    torch.save(average, out / "autoencoder.pt")
    model.load_state_dict(average)
    return model.eval()


def _views(pixels: torch.Tensor, drawn: np.random.Generator) -> torch.Tensor:
    """Some mirrored, all shifted, sometimes in other colours."""
    mirrored = torch.rand(len(pixels), 1, 1, 1) < 0.5
    pixels = torch.where(mirrored, pixels.flip(3), pixels)
    down, right = (int(n) for n in drawn.integers(-SHIFT, SHIFT + 1, 2))
    batch = as_input(moved(pixels, False, down, right))
    return batch[:, torch.randperm(3)] if drawn.random() < SHUFFLED else batch


def _losses(model: Any, batch: torch.Tensor) -> tuple[torch.Tensor, float]:
    """The loss, and the mean absolute error of the pixels; edges count extra, and latents are kept near unit scale."""
    with torch.autocast("cpu", torch.bfloat16):
        latents = model.encode(batch).latents.float()
        found = model.decode(latents + JITTER * torch.randn_like(latents)).sample
    found = found.float()
    by_channel = latents.transpose(0, 1).flatten(1)
    scale = by_channel.mean(1).square().mean() + (by_channel.std(1) - 1).square().mean()
    error = (found - batch).abs().mean()
    edges = sum((torch.diff(found, dim=dim) - torch.diff(batch, dim=dim)).abs().mean() for dim in (2, 3))
    return error + 0.5 * edges + 0.5 * (found - batch).square().mean() + 0.02 * scale, error.item()


@torch.no_grad()
def latents_of(model: Any, pixels: NDArray[np.uint8]) -> torch.Tensor:
    """Latents (n, len(VIEWS), 16, 8, 8) bfloat16 of every picture in every view."""
    data = torch.from_numpy(pixels).permute(0, 3, 1, 2)
    views = []
    for mirrored, down, right in VIEWS:
        parts = moved(data, mirrored, down, right).split(256)
        views.append(torch.cat([model.encode(as_input(part)).latents.bfloat16() for part in parts]))
    return torch.stack(views, 1)
