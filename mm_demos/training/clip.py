"""Train mm-mini-clip: `python -m mm_demos.training.clip --features DIR --trunk FILE --text DIR --out DIR`.

Three parts learn at once: a two-layer head on the trunk's averaged features, MiniLM's last layers with a projection, both by
InfoNCE on captioned photos; and a label part, fixed on the picture's side, whose text side learns where ImageNet's classes lie.
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

from mm_demos.evaluation.retrieval import both_directions
from mm_demos.models.trunk import build_trunk
from mm_demos.training.class_names import LabelSpace, Rows, prompts
from mm_demos.training.clip_towers import LABEL_DIM, MATCH_DIM, ImageEnd, TextEnd, TextStates, load_bert, mean_features
from mm_demos.training.grids import Grids, imagenet_samples


@dataclass(frozen=True)
class Recipe:
    """What was chosen.

    Args:
        label_share: the label part's scale beside the match part at the start.
        match_of_prompts: weight of what keeps prompts of class names out of the match part.
        label_steps: how long the text side learns the labels alone before captions come in.
        settled: prompts a class in the least squares at the end.
        keep_captions: weight there of leaving captions where they are.
    """

    epochs: int = 40
    batch: int = 512
    learning_rate: float = 1e-3
    text_rate: float = 4e-4
    weight_decay: float = 0.3
    drop: float = 0.2
    text_drop: float = 0.1
    layer_drop: float = 0.1
    drop_tokens: float = 0.15
    prompts: int = 150
    label_steps: int = 400
    label_rate: float = 2e-3
    label_weight: float = 0.25
    label_share: float = 0.15
    match_of_prompts: float = 10.0
    settled: int = 9
    keep_captions: float = 1.0
    ema: float = 0.98
    seed: int = 0


class Clip(nn.Module):
    """Both ends and the scale of their similarities."""

    def __init__(self, image: ImageEnd, text: TextEnd) -> None:
        super().__init__()
        self.image, self.text = image, text
        self.scale = nn.Parameter(torch.tensor(math.log(15.0)))


class Trainer:
    """Holds the data, the model and its moving average."""

    def __init__(self, options: argparse.Namespace, recipe: Recipe) -> None:
        self.recipe, self.rng = recipe, np.random.default_rng(recipe.seed)
        torch.manual_seed(recipe.seed)
        self.grids = Grids.open(options.features)
        trunk = build_trunk(options.trunk)
        self.views = [mean_features(trunk, grids) for grids in self.grids.views.values()]
        samples, self.sample_classes = imagenet_samples(options.features)
        self.samples = mean_features(trunk, samples)
        bert, tokenizer = load_bert(options.text)
        self.captions = TextStates([text for group in self.grids.captions for text in group], bert, tokenizer)
        texts, self.prompt_rows = prompts()
        self.prompts = TextStates(texts, bert, tokenizer)
        seen = torch.cat([view[: self.grids.n_train] for view in self.views[:3:2]])
        self.labels = LabelSpace(trunk.network.classifier.weight.detach(), seen, LABEL_DIM, self.rng)
        self.model = Clip(
            ImageEnd(self.labels, recipe.drop, recipe.label_share),
            TextEnd(copy.deepcopy(bert).requires_grad_(True), recipe.text_drop, recipe.layer_drop),
        )
        self.average = copy.deepcopy(self.model).eval()
        self.step = 0

    def optimizer(self) -> torch.optim.Optimizer:
        r = self.recipe
        text = list(self.model.text.layers.parameters())
        chosen = {id(p) for p in text}
        rest = [p for p in self.model.parameters() if id(p) not in chosen]
        groups = [
            {"params": text, "base": r.text_rate, "weight_decay": 0.01},
            {"params": [p for p in rest if p.ndim > 1], "base": r.learning_rate, "weight_decay": r.weight_decay},
            {"params": [p for p in rest if p.ndim <= 1], "base": r.learning_rate, "weight_decay": 0.0},
        ]
        return torch.optim.AdamW(groups, lr=r.learning_rate, betas=(0.9, 0.98))

    def some_prompts(self, n: int) -> tuple[Rows, Rows]:
        """Numbers of one prompt each of `n` classes, and the classes."""
        classes = self.rng.permutation(1000)[:n]
        return np.array([self.rng.choice(self.prompt_rows[c]) for c in classes]), classes

    def label_loss(self, texts: torch.Tensor, classes: Rows) -> torch.Tensor:
        """How far prompts (n, 736) of n classes are from telling imagined pictures of those classes apart."""
        match, label = texts[:, :MATCH_DIM], texts[:, MATCH_DIM:]
        right, codes = torch.from_numpy(classes), self.labels.codes
        named = functional.cross_entropy(20 * label @ codes.T, right) + 5 * (1 - (label * codes[right]).sum(1).mean())
        picked = self.rng.integers(len(classes), size=256)
        pictures = self.labels.imagine(classes[picked])
        found = functional.cross_entropy(20 * pictures @ label.T, torch.from_numpy(picked))
        level = 50 * (pictures @ label.T - pictures @ codes[right].T).square().mean()
        return named + found + level + self.recipe.match_of_prompts * match.square().sum(1).mean()

    def learn_labels(self) -> None:
        """Teach the projection the label space on MiniLM's own sentence averages, which costs next to nothing."""
        r, means = self.recipe, torch.from_numpy(self.prompts.means)
        optimizer = torch.optim.AdamW(self.model.text.proj.parameters(), lr=r.label_rate, weight_decay=0.01, betas=(0.9, 0.98))
        self.model.train()
        for step in range(r.label_steps):
            for group in optimizer.param_groups:
                group["lr"] = r.label_rate * min(1, (step + 1) / 50, (r.label_steps - step) / (r.label_steps / 2))
            numbers, classes = self.some_prompts(1000)
            loss = self.label_loss(self.model.text(means[numbers]), classes)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        self.average.load_state_dict(self.model.state_dict())

    def losses(self, photos: Rows) -> dict[str, torch.Tensor]:
        """InfoNCE in both directions (van den Oord et al., 2018; Radford et al., 2021), and the labels' loss."""
        views = self.rng.integers(len(self.views), size=len(photos))
        means = torch.stack([self.views[view][photo] for view, photo in zip(views, photos, strict=True)])
        numbers, classes = self.some_prompts(self.recipe.prompts)
        picks = photos * 5 + self.rng.integers(5, size=len(photos))
        with torch.autocast("cpu", torch.bfloat16):
            pictures = self.model.image(means)
            texts = self.model.text(self.model.text.means(self.captions, picks, drop_tokens=self.recipe.drop_tokens))
            named = self.model.text(self.model.text.means(self.prompts, numbers))
        logits = self.model.scale.exp().clamp(max=100) * pictures @ texts.T
        target = torch.arange(len(photos))
        match = (functional.cross_entropy(logits, target) + functional.cross_entropy(logits.T, target)) / 2
        return {"match": match, "labels": self.recipe.label_weight * self.label_loss(named, classes)}

    def train(self, out: Path) -> None:
        r, optimizer = self.recipe, self.optimizer()
        per_epoch = self.grids.n_train // r.batch
        for epoch in range(r.epochs):
            self.model.train()
            start, sums = time.time(), {"match": 0.0, "labels": 0.0}
            for photos in self.rng.permutation(self.grids.n_train)[: per_epoch * r.batch].reshape(per_epoch, r.batch):
                falling = 0.5 * (1 + math.cos(math.pi * self.step / (per_epoch * r.epochs))) * 0.98 + 0.02
                for group in optimizer.param_groups:
                    group["lr"] = group["base"] * min(1.0, (self.step + 1) / 30) * falling
                losses = self.losses(photos)
                optimizer.zero_grad()
                torch.stack(list(losses.values())).sum().backward()
                nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
                optimizer.step()
                self.step += 1
                keep = min(r.ema, self.step / (self.step + 10))
                with torch.no_grad():
                    for old, new in zip(self.average.parameters(), self.model.parameters(), strict=True):
                        old.lerp_(new, 1 - keep)
                for name, loss in losses.items():
                    sums[name] += loss.item() / per_epoch
            line = {"epoch": epoch, "seconds": round(time.time() - start), **{k: round(v, 3) for k, v in sums.items()}}
            if epoch % 5 == 4 or epoch == r.epochs - 1:
                line |= self.validate()
                torch.save(self.average.state_dict(), out / "clip.pt")
            print(json.dumps(line), flush=True)

    @torch.no_grad()
    def settle_labels(self) -> None:
        """Set the projection's label rows by least squares: prompts to their classes' codes, captions to where they are.

        Gradient steps leave prompts about a tenth short of the codes; this moves them there without moving what captions say.
        """
        text, r = self.average.text, self.recipe
        last = text.proj[2].weight
        named = [self.rng.permutation(rows)[: r.settled] for rows in self.prompt_rows]
        classes = torch.from_numpy(np.repeat(np.arange(1000), [len(rows) for rows in named]))
        picks = self.rng.permutation(self.grids.n_train * 5)[: 6 * 1000]
        prompts, captions = self.hidden(self.prompts, np.concatenate(named)), self.hidden(self.captions, picks)
        wanted = (prompts @ last.T)[:, MATCH_DIM:].norm(dim=1, keepdim=True) * self.labels.codes[classes]
        rows = last[MATCH_DIM:]
        kept = captions.T @ captions / len(captions) * r.keep_captions
        left = prompts.T @ prompts / len(prompts) + kept + 1e-4 * torch.eye(prompts.shape[1])
        right = prompts.T @ wanted / len(prompts) + kept @ rows.T + 1e-4 * rows.T
        last[MATCH_DIM:] = torch.linalg.solve(left, right).T

    @torch.no_grad()
    def hidden(self, source: TextStates, texts: Rows) -> torch.Tensor:
        """The projection's hidden layer (n, 560) of some texts."""
        text, parts = self.average.text, np.array_split(texts, len(texts) // 500 + 1)
        with torch.autocast("cpu", torch.bfloat16):
            means = torch.cat([text.means(source, part) for part in parts]).float()
        return functional.gelu(text.proj[0](means))

    @torch.inference_mode()
    def validate(self) -> dict[str, float]:
        """Recall on the held-out photos, and zero-shot accuracy among 1,000 labels with one prompt each."""
        model, held = self.average, self.grids.held_out
        with torch.autocast("cpu", torch.bfloat16):
            pictures, samples = model.image(self.views[0][held.start :]), model.image(self.samples)
            every = np.arange(held.start * 5, held.stop * 5)
            texts = torch.cat([model.text(model.text.means(self.captions, part)) for part in np.array_split(every, 10)])
            plain = np.array([rows[0] for rows in self.prompt_rows])
            classes = model.text(model.text.means(self.prompts, plain))
        t2i, i2t = both_directions(pictures.numpy(), texts.numpy(), [i // 5 for i in range(len(texts))])
        right = (samples @ classes.T).argmax(1).numpy() == self.sample_classes
        found = {"t2i1": t2i.recall_at_1, "t2i10": t2i.recall_at_10, "i2t1": i2t.recall_at_1, "i2t10": i2t.recall_at_10}
        return found | {"zero_shot": float(right.mean()), "scale": float(model.scale.exp())}


def main() -> None:
    """Train and keep the weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--features", type=Path, required=True)
    parser.add_argument("--trunk", type=Path, required=True)
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    for name, value in Recipe().__dict__.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    options.out.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(options, Recipe(**{name: getattr(options, name) for name in Recipe().__dict__}))
    trainer.learn_labels()
    print(json.dumps({"labels": "learnt"} | trainer.validate()), flush=True)
    trainer.train(options.out)
    trainer.settle_labels()
    print(json.dumps({"labels": "settled"} | trainer.validate()), flush=True)
    torch.save(trainer.average.state_dict(), options.out / "clip.pt")


if __name__ == "__main__":
    main()
