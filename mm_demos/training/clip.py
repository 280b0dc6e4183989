"""Train mm-mini-clip: `python -m mm_demos.training.clip --features DIR --trunk FILE --text DIR --out DIR`."""

from __future__ import annotations

import argparse
import copy
import json
import math
import pickle
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from mm_demos.evaluation.retrieval import both_directions
from mm_demos.models.trunk import build_trunk
from mm_demos.training.class_names import TEMPLATES, Imagination, class_names, prompts
from mm_demos.training.clip_towers import ImageEnd, TextEnd, TextStates, load_bert
from mm_demos.training.grids import Grids, imagenet_samples

LAST = slice(0, 352)


@dataclass(frozen=True)
class Recipe:
    """What was chosen."""

    epochs: int = 30
    text_epochs: int = 8
    batch: int = 512
    captions: int = 2
    learning_rate: float = 1e-3
    text_rate: float = 5e-5
    weight_decay: float = 0.1
    drop: float = 0.2
    drop_cells: float = 0.2
    placed: int = 96
    imagined: int = 1000
    label_weight: float = 1.0
    label_steps: int = 100
    ema: float = 0.98
    seed: int = 0


class Clip(nn.Module):
    """Both ends and the scales of their losses."""

    def __init__(self, trunk: Any, bert: Any, recipe: Recipe) -> None:
        super().__init__()
        self.image = ImageEnd(trunk, recipe.drop)
        self.text = TextEnd(bert, recipe.drop / 2)
        self.scale = nn.Parameter(torch.tensor(math.log(20.0)))
        self.label_scale = nn.Parameter(torch.tensor(math.log(20.0)))


class Trainer:
    """Holds the data, the model and its moving average."""

    def __init__(self, options: argparse.Namespace, recipe: Recipe) -> None:
        self.recipe, self.rng = recipe, np.random.default_rng(recipe.seed)
        torch.manual_seed(recipe.seed)
        self.features = options.features
        self.grids = Grids.open(options.features)
        trunk = build_trunk(options.trunk)
        bert, tokenizer = load_bert(options.text)
        names = class_names()
        texts, self.prompt_table = prompts(names)
        cache = options.out / "texts.pkl"
        if not cache.exists():
            made = [TextStates(group, bert, tokenizer) for group in ([c for row in self.grids.captions for c in row], texts)]
            cache.write_bytes(pickle.dumps(made))
        self.captions, self.prompts = pickle.loads(cache.read_bytes())  # noqa: S301  written by the line above
        self.tune_text = False
        self.samples = imagenet_samples(options.features)
        self.model = Clip(trunk, copy.deepcopy(bert), recipe)
        self.classifier = trunk.network.classifier.requires_grad_(False)
        if options.start_from:
            self.model.load_state_dict(torch.load(options.start_from, weights_only=True))
        self.average = copy.deepcopy(self.model).eval()
        self.imagination = Imagination(self.classifier, self.average_features(), self.rng)
        self.class_texts = torch.zeros(1000, 512)
        self.step = 0

    @torch.no_grad()
    def average_features(self) -> torch.Tensor:
        """Features averaged over the grid, of two views of each training photo: (n, 1280)."""
        sources = [self.grids.views[name][: self.grids.n_train, :, LAST] for name in list(self.grids.views)[:2]]
        with torch.autocast("cpu", torch.bfloat16):
            parts = [
                self.model.image.features(torch.from_numpy(s[i : i + 250]).bfloat16()).mean(1).float()
                for s in sources
                for i in range(0, len(s), 250)
            ]
        return torch.cat(parts)

    def label_loss(self, images: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
        """Divergence of the zero-shot classification from the classifier's own."""
        student = functional.log_softmax(self.model.label_scale.exp() * images @ self.classes().T, -1)
        return functional.kl_div(student, teacher, log_target=True, reduction="batchmean")

    def learn_labels(self) -> None:
        """Teach both heads the label space on imagined features, which cost next to nothing, before captions come in."""
        parameters = [p for name, p in self.model.named_parameters() if not name.startswith("text.layers")]
        optimizer = torch.optim.AdamW(parameters, lr=1e-3, weight_decay=0.01, betas=(0.9, 0.98))
        for step in range(self.recipe.label_steps):
            for group in optimizer.param_groups:
                group["lr"] = 1e-3 * min(1, (step + 1) / 20, (self.recipe.label_steps - step) / 50)
            imagined = self.imagination.features(1500)
            with torch.autocast("cpu", torch.bfloat16):
                images = functional.normalize(self.model.image.head(imagined[:, None]).float(), dim=-1)
            loss = self.label_loss(images, self.imagination.log_probs(imagined))
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            if step % 25 == 24:
                print(json.dumps({"label step": step, "labels": round(loss.item(), 3)}), flush=True)
        self.average.load_state_dict(self.model.state_dict())
        print(json.dumps({"labels": "learnt"} | self.validate()), flush=True)

    def optimizer(self) -> torch.optim.Optimizer:
        text = list(self.model.text.layers.parameters())
        chosen = {id(p) for p in text}
        rest = [p for p in self.model.parameters() if id(p) not in chosen]
        groups = [
            {"params": text, "lr": self.recipe.text_rate, "base": self.recipe.text_rate, "weight_decay": 0.01},
            {
                "params": [p for p in rest if p.ndim > 1],
                "lr": 0,
                "base": self.recipe.learning_rate,
                "weight_decay": self.recipe.weight_decay,
            },
            {"params": [p for p in rest if p.ndim <= 1], "lr": 0, "base": self.recipe.learning_rate, "weight_decay": 0.0},
        ]
        return torch.optim.AdamW(groups, betas=(0.9, 0.98))

    def embed(self, model: Clip, source: TextStates, picks: np.ndarray) -> torch.Tensor:
        """Normalised embeddings of some texts, through the trained layers once those are in training."""
        mean = model.text.mean(*source.batch(picks)) if self.tune_text else torch.from_numpy(source.means[picks])
        return functional.normalize(model.text(mean).float(), dim=-1)

    def classes(self) -> torch.Tensor:
        """A prompt of each class, embedded; while the text layers train only 96 are fresh, the rest are a few steps old."""
        columns = self.prompt_table[np.arange(1000), self.rng.integers(self.prompt_table.shape[1], size=1000)]
        if not self.tune_text:
            return self.embed(self.model, self.prompts, columns)
        if self.step % 20 == 0 or not self.class_texts.any():
            with torch.no_grad():
                self.class_texts = self.embed(self.average, self.prompts, columns)
        fresh = self.rng.choice(1000, 96, replace=False)
        return self.class_texts.index_put((torch.from_numpy(fresh),), self.embed(self.model, self.prompts, columns[fresh]))

    def losses(self, photos: np.ndarray) -> dict[str, torch.Tensor]:
        r, model = self.recipe, self.model
        last = torch.from_numpy(self.grids.sample(photos, self.rng, LAST)).bfloat16()
        with torch.no_grad():
            cells = model.image.features(last)
            cells = torch.cat([cells, self.imagination.place(cells[self.rng.permutation(len(cells))[: r.placed]])])
        keep = torch.rand(cells.shape[:2]) >= r.drop_cells
        imagined = self.imagination.features(r.imagined)
        images = functional.normalize(
            torch.cat([model.image.head(cells, keep), model.image.head(imagined[:, None])]).float(), dim=-1
        )
        teacher = self.imagination.log_probs(torch.cat([cells.float().mean(1), imagined]))
        n_captions = 1 if self.tune_text else r.captions
        picks = np.stack([self.rng.permutation(5)[:n_captions] for _ in photos])
        n = len(photos)
        groups = self.embed(model, self.captions, (photos[:, None] * 5 + picks).T.reshape(-1)).split(n)
        target = torch.arange(n)
        scale = model.scale.exp().clamp(max=100)
        out = {"match": sum(self.contrast(scale * images[:n] @ group.T, target) for group in groups) / len(groups)}
        if len(groups) > 1:
            out["paraphrase"] = 0.2 * self.contrast(scale * groups[0] @ groups[1].T, target)
        out["labels"] = r.label_weight * self.label_loss(images, teacher)
        return out

    @staticmethod
    def contrast(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """InfoNCE in both directions (van den Oord et al., 2018; Radford et al., 2021)."""
        return (functional.cross_entropy(logits, target) + functional.cross_entropy(logits.T, target)) / 2

    def train(self, out: Path) -> None:
        r, optimizer = self.recipe, self.optimizer()
        per_epoch = self.grids.n_train // r.batch
        epochs = r.epochs + r.text_epochs
        total = epochs * per_epoch
        for epoch in range(epochs):
            self.tune_text = epoch >= r.epochs
            self.model.train()
            self.grids = Grids.open(self.features)  # views that have been extracted meanwhile
            start = time.time()
            sums: dict[str, float] = {}
            order = self.rng.permutation(self.grids.n_train)
            for batch in range(per_epoch):
                progress = self.step / total
                factor = min(1.0, (self.step + 1) / 40) * (0.5 * (1 + math.cos(math.pi * progress)) * 0.98 + 0.02)
                for group in optimizer.param_groups:
                    group["lr"] = group["base"] * factor
                with torch.autocast("cpu", torch.bfloat16):
                    losses = self.losses(order[batch * r.batch : (batch + 1) * r.batch])
                optimizer.zero_grad()
                sum(losses.values()).backward()
                nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
                optimizer.step()
                self.step += 1
                keep = min(r.ema, self.step / (self.step + 10))
                with torch.no_grad():
                    for old, new in zip(self.average.parameters(), self.model.parameters(), strict=True):
                        old.lerp_(new, 1 - keep)
                for name, loss in losses.items():
                    sums[name] = sums.get(name, 0) + loss.item() / per_epoch
            line = {"epoch": epoch, "seconds": round(time.time() - start), **{k: round(v, 3) for k, v in sums.items()}}
            if epoch % 5 == 4 or epoch >= r.epochs - 1:
                line |= self.validate()
                torch.save(self.average.state_dict(), out / "clip.pt")
            print(json.dumps(line), flush=True)

    @torch.inference_mode()
    def validate(self) -> dict[str, float]:
        model, held = self.average, self.grids.held_out
        with torch.autocast("cpu", torch.bfloat16):
            pictures = torch.cat(
                [
                    model.image(
                        torch.from_numpy(
                            self.grids.views["plain"][held.start + i : min(held.start + i + 250, held.stop), :, LAST]
                        ).bfloat16()
                    )
                    for i in range(0, len(held), 250)
                ]
            )
            texts = torch.cat(
                [
                    self.embed(model, self.captions, np.arange(i, min(i + 500, held.stop * 5)))
                    for i in range(held.start * 5, held.stop * 5, 500)
                ]
            )
            zero = model.image(torch.from_numpy(self.samples[0][:, :, LAST]).bfloat16())
            classes = torch.stack([self.embed(model, self.prompts, self.prompt_table[:, t]) for t in range(len(TEMPLATES))])
        pictures, texts, zero = (functional.normalize(x.float(), dim=-1) for x in (pictures, texts, zero))
        t2i, i2t = both_directions(pictures.numpy(), texts.numpy(), [i // 5 for i in range(len(texts))])
        one = (zero @ classes[0].T).argmax(1).numpy()
        ens = (zero @ classes.mean(0).T).argmax(1).numpy()
        label = self.samples[1]
        return {
            "t2i1": t2i.recall_at_1,
            "t2i10": t2i.recall_at_10,
            "i2t1": i2t.recall_at_1,
            "i2t10": i2t.recall_at_10,
            "zs": float((one == label).mean()),
            "zs_ens": float((ens == label).mean()),
            "scale": float(model.scale.exp()),
        }


def main() -> None:
    """Train and keep the weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--features", type=Path, required=True)
    parser.add_argument("--trunk", type=Path, required=True)
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--start-from", type=Path, help="clip.pt of an earlier run")
    parser.add_argument("--threads", type=int, default=2)
    for name, value in Recipe().__dict__.items():
        parser.add_argument(f"--{name}", type=type(value), default=value)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    options.out.mkdir(parents=True, exist_ok=True)
    recipe = Recipe(**{name: getattr(options, name) for name in Recipe().__dict__})
    trainer = Trainer(options, recipe)
    trainer.learn_labels()
    trainer.train(options.out)


if __name__ == "__main__":
    main()
