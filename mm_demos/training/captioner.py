"""Train the captioner: `python -m mm_demos.training.captioner --features DIR --trunk FILE --out DIR`.

First to predict each next word of people's captions; then, with `--reward-epochs`, to raise the CIDEr-D of whole captions
it draws itself (self-critical sequence training, Rennie et al., 2017, the others' mean reward as the baseline, Luo, 2020).
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from mm_demos.evaluation.captions import CiderD, score
from mm_demos.models.trunk import build_trunk
from mm_demos.training.caption_model import BOS, PAD, CaptionModel, encode, texts, vocabulary, write
from mm_demos.training.grids import Grids

ALL = slice(0, 680)


@dataclass(frozen=True)
class Recipe:
    """What was chosen."""

    epochs: int = 10
    batch: int = 48
    learning_rate: float = 5e-4
    weight_decay: float = 0.02
    drop: float = 0.25
    drop_cells: float = 0.15
    train_words: int = 17
    smoothing: float = 0.1
    ema: float = 0.998
    reward_epochs: int = 3
    reward_rate: float = 4e-5
    draws: int = 5
    draw_from: int = 30
    keep_imitating: float = 0.1
    seed: int = 0


class Trainer:
    """Holds the data, the model and its moving average."""

    def __init__(self, options: argparse.Namespace, recipe: Recipe) -> None:
        self.recipe, self.rng = recipe, np.random.default_rng(recipe.seed)
        self.out, self.features = options.out, options.features
        torch.manual_seed(recipe.seed)
        self.grids = Grids.open(options.features)
        captions = self.grids.captions
        self.names = vocabulary(captions[: self.grids.n_train])
        number = {name: i for i, name in enumerate(self.names)}
        self.tokens = np.stack([encode(group[:5], number) for group in captions])
        self.model = CaptionModel(build_trunk(options.trunk), len(self.names), recipe.drop)
        self.model.input.measure(torch.from_numpy(self.grids.views["plain"][: self.grids.n_train : 10]).float())
        self.average = copy.deepcopy(self.model).eval()
        self.check = np.arange(self.grids.n_train, len(captions))[: options.check]
        self.step = 0
        (options.out / "words.json").write_text(json.dumps(self.names))
        print(json.dumps({"words": len(self.names), "parameters": sum(p.numel() for p in self.model.parameters())}), flush=True)

    def sample(self, photos: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(self.grids.sample(photos, self.rng, ALL)).float()

    def optimizer(self, rate: float, decay: float) -> torch.optim.Optimizer:
        wide = [p for p in self.model.parameters() if p.ndim > 1]
        rest = [p for p in self.model.parameters() if p.ndim <= 1]
        groups = [{"params": wide, "weight_decay": decay}, {"params": rest, "weight_decay": 0.0}]
        return torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98))

    def learn(self, optimizer: torch.optim.Optimizer, loss: torch.Tensor) -> None:
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        optimizer.step()
        self.step += 1
        keep = min(self.recipe.ema, self.step / (self.step + 10))
        with torch.no_grad():
            for old, new in zip(self.average.parameters(), self.model.parameters(), strict=True):
                old.lerp_(new, 1 - keep)

    def imitate(self) -> None:
        """Cross-entropy with label smoothing on people's captions."""
        r = self.recipe
        optimizer = self.optimizer(r.learning_rate, r.weight_decay)
        per_epoch = self.grids.n_train // r.batch
        total = per_epoch * r.epochs
        for epoch in range(r.epochs):
            self.grids = Grids.open(self.features)  # views that have been extracted meanwhile
            start, sum_loss = time.time(), 0.0
            order = self.rng.permutation(self.grids.n_train)
            self.model.train()
            for batch in range(per_epoch):
                photos = order[batch * r.batch : (batch + 1) * r.batch]
                tokens = torch.from_numpy(self.tokens[photos].reshape(len(photos) * 5, -1))
                tokens = tokens[:, : r.train_words]
                for group in optimizer.param_groups:
                    group["lr"] = (
                        r.learning_rate
                        * min(1, (self.step + 1) / 200)
                        * (0.5 * (1 + math.cos(math.pi * self.step / total)) * 0.95 + 0.05)
                    )
                told = tokens[:, 1:] != PAD
                with torch.autocast("cpu", torch.bfloat16):
                    logits = self.model(tokens[:, :-1], self.model.look(self.sample(photos), r.drop_cells), told=told)
                loss = functional.cross_entropy(logits.float(), tokens[:, 1:][told], label_smoothing=r.smoothing)
                self.learn(optimizer, loss)
                sum_loss += loss.item()
                if batch % 20 == 0:
                    print(f"  {epoch} {batch}/{per_epoch} {loss.item():.3f} {time.time() - start:.0f}s", flush=True)
            self.report({"epoch": epoch, "loss": round(sum_loss / per_epoch, 3), "seconds": round(time.time() - start)})
            torch.save(self.average.state_dict(), self.out / "imitation.pt")

    def reinforce(self) -> None:
        """Raise the reward of drawn captions above the mean of their siblings."""
        r = self.recipe
        self.model.load_state_dict(self.average.state_dict())
        captions = self.grids.captions[: self.grids.n_train]
        cider = CiderD(captions)
        prepared = [[cider.vectors(text) for text in group] for group in captions]
        optimizer = self.optimizer(r.reward_rate, 0.0)
        per_epoch = self.grids.n_train // r.batch
        self.step, best = 0, 0.0
        for epoch in range(r.reward_epochs):
            start, gained = time.time(), 0.0
            order = self.rng.permutation(self.grids.n_train)
            for batch in range(per_epoch):
                photos = order[batch * r.batch : (batch + 1) * r.batch]
                grid = self.sample(photos)
                for group in optimizer.param_groups:
                    group["lr"] = r.reward_rate * (0.5 + 0.5 * math.cos(math.pi * self.step / (per_epoch * r.reward_epochs)))
                told_by_people = torch.from_numpy(self.tokens[photos, self.rng.integers(5, size=len(photos))])
                with torch.autocast("cpu", torch.bfloat16):
                    self.model.eval()
                    drawn = write(self.model, grid, r.draws, greedy=False, among=r.draw_from)
                    rewards = torch.tensor(
                        [cider.one(text, prepared[photos[i // r.draws]]) for i, text in enumerate(texts(drawn, self.names))]
                    )
                    by_photo = rewards.view(-1, r.draws)
                    advantage = (by_photo - (by_photo.sum(1, keepdim=True) - by_photo) / (r.draws - 1)).reshape(-1, 1)
                    told = drawn != PAD
                    seen = self.model.look(grid)
                    logits = self.model(torch.cat([torch.full_like(drawn[:, :1], BOS), drawn[:, :-1]], 1), seen, told=told)
                    kept = told_by_people[:, 1:] != PAD
                    imitated = self.model(told_by_people[:, :-1], seen, told=kept)
                surprise = functional.cross_entropy(logits.float(), drawn[told], reduction="none")
                loss = (advantage.expand(told.shape)[told] * surprise).mean()
                # Without people's own captions the policy drifts away within two epochs and its reward falls again.
                loss = loss + r.keep_imitating * functional.cross_entropy(imitated.float(), told_by_people[:, 1:][kept])
                self.learn(optimizer, loss)
                gained += rewards.mean().item()
                if batch % 10 == 0:
                    print(
                        f"  reward {epoch} {batch}/{per_epoch} {gained / (batch + 1):.3f} {time.time() - start:.0f}s", flush=True
                    )
                if batch % 120 == 119:
                    line = {"reward epoch": epoch, "batch": batch, "reward": round(gained / (batch + 1), 3)}
                    found = self.report(line | {"seconds": round(time.time() - start)})
                    if found > best:
                        best = found
                        torch.save(self.average.state_dict(), self.out / "captioner.pt")

    def report(self, line: dict[str, float]) -> float:
        """Print `line` with greedy scores on the first validation photos; gives CIDEr-D."""
        found = []
        with torch.autocast("cpu", torch.bfloat16):
            for part in np.array_split(self.check, max(1, len(self.check) // 100)):
                grid = torch.from_numpy(self.grids.views["plain"][part[0] : part[-1] + 1]).float()
                found += texts(write(self.average, grid, 1, greedy=True), self.names)
        scores = score(found, [self.grids.captions[photo] for photo in self.check])
        print(
            json.dumps(line | {"bleu4": round(scores.bleu[3], 4), "cider": round(scores.cider, 4), "example": found[0]}),
            flush=True,
        )
        return scores.cider


def main() -> None:
    """Train and keep the weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--features", type=Path, required=True)
    parser.add_argument("--trunk", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "--start-from", type=Path, help="imitation.pt of an earlier run to go on from; with `--epochs 0` straight to the reward"
    )
    parser.add_argument("--check", type=int, default=300, help="validation photos scored after each epoch")
    parser.add_argument("--threads", type=int, default=2)
    for name, value in Recipe().__dict__.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    options.out.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(options, Recipe(**{name: getattr(options, name) for name in Recipe().__dict__}))
    if options.start_from:
        for model in (trainer.model, trainer.average):
            model.load_state_dict(torch.load(options.start_from, weights_only=True))
        trainer.report({"start": 0})
    trainer.imitate()
    trainer.reinforce()


if __name__ == "__main__":
    main()
