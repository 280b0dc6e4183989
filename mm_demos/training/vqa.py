"""Train the question answerer: `python -m mm_demos.training.vqa --features DIR --trunk FILE --text DIR --out DIR`."""

from __future__ import annotations

import argparse
import copy
import json
import math
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from mm_demos.evaluation.questions import Asker, Question
from mm_demos.evaluation.vqa import accuracy_by_kind
from mm_demos.fusion.measures import calibration_error
from mm_demos.models.trunk import build_trunk
from mm_demos.training.caption_model import FEATURES, GridInput
from mm_demos.training.clip_towers import TextStates, load_bert
from mm_demos.training.dropout import ByteDropout
from mm_demos.training.grids import Grids

WIDTH, HEADS, LAYERS, INNER = 256, 4, 2, 384


@dataclass(frozen=True)
class Recipe:
    """What was chosen."""

    epochs: int = 7
    batch: int = 64
    questions: int = 12
    learning_rate: float = 6e-4
    weight_decay: float = 0.05
    drop: float = 0.2
    drop_cells: float = 0.15
    smoothing: float = 0.02
    ema: float = 0.995
    at_least: int = 8
    seed: int = 0


def attend(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, hidden: torch.Tensor | None = None) -> torch.Tensor:
    """Multi-head attention of (n, length, width) tensors already projected; `hidden` is added to the scores."""
    query, key, value = (x.view(x.shape[0], x.shape[1], HEADS, -1).transpose(1, 2) for x in (query, key, value))
    scores = query @ key.transpose(2, 3) * key.shape[-1] ** -0.5
    if hidden is not None:
        scores = scores + hidden
    return (scores.softmax(-1).to(value.dtype) @ value).transpose(1, 2).flatten(2)


class Block(nn.Module):
    """The question's words look at each other and at the picture."""

    def __init__(self, drop: float) -> None:
        super().__init__()
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(WIDTH) for _ in range(3))
        self.qkv, self.out1 = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.query, self.memory, self.out2 = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, 2 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.fc1, self.fc2 = nn.Linear(WIDTH, INNER), nn.Linear(INNER, WIDTH)
        self.drop = ByteDropout(drop)

    def forward(self, x: torch.Tensor, memory: torch.Tensor, hidden: torch.Tensor) -> torch.Tensor:
        """`x` (photos · per_photo, length, width), `memory` (photos, 82, width)."""
        query, key, value = self.qkv(self.norm1(x)).chunk(3, -1)
        x = x + self.drop(self.out1(attend(query, key, value, hidden)))
        seen_key, seen_value = self.memory(memory).chunk(2, -1)
        looked = attend(self.query(self.norm2(x)).view(len(memory), -1, WIDTH), seen_key, seen_value)
        x = x + self.drop(self.out2(looked.view(x.shape)))
        out: torch.Tensor = x + self.drop(self.fc2(functional.gelu(self.fc1(self.norm3(x)))))
        return out


class AnswerModel(nn.Module):
    """A picture's grid and a question's word states to logits over the answers.

    Beside the attention, the whole picture is multiplied by the whole question (low-rank bilinear pooling, Kim et al., 2017):
    attention averages and finds it hard to say whether something is there at all.
    """

    def __init__(self, trunk: Any, n_answers: int, drop: float) -> None:
        super().__init__()
        self.input = GridInput(trunk)
        self.cells, self.whole = nn.Linear(FEATURES, WIDTH), nn.Linear(FEATURES, WIDTH)
        self.place = nn.Parameter(torch.randn(82, WIDTH) * 0.02)
        self.memory_norm = nn.LayerNorm(WIDTH)
        self.question = nn.Linear(384, WIDTH)
        self.blocks = nn.ModuleList(Block(drop) for _ in range(LAYERS))
        self.last_norm = nn.LayerNorm(WIDTH)
        self.answer = nn.Linear(WIDTH, n_answers)
        self.gate_norm = nn.LayerNorm(384)
        self.gate1, self.gate2 = nn.Linear(384, WIDTH), nn.Linear(WIDTH, WIDTH)
        self.fused = nn.Linear(WIDTH, n_answers, bias=False)
        self.drop = ByteDropout(drop)

    def forward(self, grid: torch.Tensor, states: torch.Tensor, mask: torch.Tensor, drop_cells: float = 0.0) -> torch.Tensor:
        """Logits (photos · per_photo, n_answers) for grids (photos, 81, 680) and states (photos · per_photo, length, 384)."""
        features = self.input(grid)
        if drop_cells:
            features = features * (torch.rand(features.shape[:2]) >= drop_cells)[..., None]
        whole = self.whole(self.drop(features.mean(1, keepdim=True)))
        memory = self.memory_norm(torch.cat([whole, self.cells(features)], 1) + self.place)
        hidden = torch.zeros(mask.shape).masked_fill(mask == 0, -1e4)[:, None, None, :]
        x = self.drop(self.question(states))
        for block in self.blocks:
            x = block(x, memory, hidden)
        pooled = (self.last_norm(x) * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        asked = self.gate_norm((states * mask[..., None]).sum(1) / mask.sum(1, keepdim=True))
        gate = self.gate2(functional.gelu(self.gate1(asked)))
        fused = torch.tanh(whole.expand(-1, len(gate) // len(whole), -1).reshape(gate.shape)) * gate
        out: torch.Tensor = self.answer(self.drop(pooled)) + self.fused(self.drop(fused))
        return out


class Trainer:
    """Holds the questions, the model and its moving average."""

    def __init__(self, options: argparse.Namespace, recipe: Recipe) -> None:
        self.recipe, self.rng, self.options = recipe, np.random.default_rng(recipe.seed), options
        torch.manual_seed(recipe.seed)
        self.grids = Grids.open(options.features)
        asker = Asker(self.grids.captions, recipe.seed)
        train, held = asker.ask(range(self.grids.n_train)), asker.ask(self.grids.held_out)
        counts = Counter(question.answer for question in train)
        self.answers = [answer for answer, n in counts.most_common() if n >= recipe.at_least]
        self.number = {answer: i for i, answer in enumerate(self.answers)}
        self.held = held
        self.texts = sorted({q.text for q in train} | {q.text for q in held})
        self.text_number = {text: i for i, text in enumerate(self.texts)}
        bert, tokenizer = load_bert(options.text)
        self.states = TextStates(self.texts, bert, tokenizer, last=True)
        self.by_photo: list[list[tuple[int, int, bool]]] = [[] for _ in self.grids.captions]
        for q in train:
            if q.answer in self.number:
                self.by_photo[q.photo].append((self.text_number[q.text], self.number[q.answer], q.kind == "yes/no"))
        self.model = AnswerModel(build_trunk(options.trunk), len(self.answers), recipe.drop)
        self.model.input.measure(torch.from_numpy(self.grids.views["plain"][: self.grids.n_train : 10]).float())
        self.average = copy.deepcopy(self.model).eval()
        (options.out / "answers.json").write_text(json.dumps(self.answers))
        facts = {"train": len(train), "held": len(held), "answers": len(self.answers), "texts": len(self.texts)}
        print(json.dumps(facts | {"parameters": sum(p.numel() for p in self.model.parameters())}), flush=True)

    def draw(self, photos: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Texts and answers (photos · questions,): of each photo half yes/no, the rest open, repeated where it has few."""
        texts, answers = [], []
        for photo in photos:
            asked = self.by_photo[photo]
            groups = [[q for q in asked if q[2]], [q for q in asked if not q[2]]]
            wanted = [self.recipe.questions // 2, self.recipe.questions - self.recipe.questions // 2]
            for group, other, n in zip(groups, groups[::-1], wanted, strict=True):
                pool = group or other
                for pick in self.rng.integers(len(pool), size=n) if len(pool) < n else self.rng.permutation(len(pool))[:n]:
                    texts.append(pool[pick][0])
                    answers.append(pool[pick][1])
        return np.array(texts), np.array(answers)

    def train(self) -> None:
        r, model = self.recipe, self.model
        wide, rest = [p for p in model.parameters() if p.ndim > 1], [p for p in model.parameters() if p.ndim <= 1]
        optimizer = torch.optim.AdamW(
            [{"params": wide, "weight_decay": r.weight_decay}, {"params": rest, "weight_decay": 0.0}], betas=(0.9, 0.98)
        )
        usable = np.array([photo for photo in range(self.grids.n_train) if self.by_photo[photo]])
        per_epoch, step = len(usable) // r.batch, 0
        for epoch in range(r.epochs):
            model.train()
            start, total = time.time(), 0.0
            order = self.rng.permutation(usable)
            for batch in range(per_epoch):
                photos = order[batch * r.batch : (batch + 1) * r.batch]
                texts, answers = self.draw(photos)
                factor = min(1, (step + 1) / 100) * (0.5 * (1 + math.cos(math.pi * step / (per_epoch * r.epochs))) * 0.97 + 0.03)
                for group in optimizer.param_groups:
                    group["lr"] = r.learning_rate * factor
                grid = torch.from_numpy(self.grids.sample(photos, self.rng, slice(0, 680))).float()
                with torch.autocast("cpu", torch.bfloat16):
                    logits = model(grid, *self.states.batch(texts), r.drop_cells)
                loss = functional.cross_entropy(logits.float(), torch.from_numpy(answers), label_smoothing=r.smoothing)
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step()
                step += 1
                keep = min(r.ema, step / (step + 10))
                with torch.no_grad():
                    for old, new in zip(self.average.parameters(), model.parameters(), strict=True):
                        old.lerp_(new, 1 - keep)
                total += loss.item()
                if batch % 20 == 0:
                    print(f"  {epoch} {batch}/{per_epoch} {total / (batch + 1):.3f} {time.time() - start:.0f}s", flush=True)
            print(
                json.dumps(
                    {"epoch": epoch, "loss": round(total / per_epoch, 3), "seconds": round(time.time() - start)} | self.validate()
                ),
                flush=True,
            )
            torch.save(self.average.state_dict(), self.options.out / "vqa.pt")

    @torch.inference_mode()
    def logits(self, questions: list[Question]) -> np.ndarray:
        """Logits (n, n_answers) on the photos' plain view."""
        rows = np.empty((len(questions), len(self.answers)), np.float32)
        by_photo: dict[int, list[int]] = {}
        for i, q in enumerate(questions):
            by_photo.setdefault(q.photo, []).append(i)
        with torch.autocast("cpu", torch.bfloat16):
            for photo, numbers in by_photo.items():
                grid = torch.from_numpy(self.grids.views["plain"][photo : photo + 1]).float()
                texts = np.array([self.text_number[questions[i].text] for i in numbers])
                rows[numbers] = self.average(grid, *self.states.batch(texts)).float().numpy()
        return rows

    def validate(self) -> dict[str, float]:
        """Accuracy by kind over all answers; the temperature is fitted on the first 300 photos, its error on the rest."""
        scores = self.logits(self.held)
        first = np.array([q.photo < self.grids.n_train + 300 for q in self.held])
        right = np.array([self.number.get(q.answer, -1) for q in self.held])
        known = first & (right >= 0)
        temperatures = np.exp(np.linspace(-0.7, 1.1, 37))
        losses = [
            functional.cross_entropy(torch.from_numpy(scores[known] / t), torch.from_numpy(right[known])).item()
            for t in temperatures
        ]
        temperature = float(temperatures[int(np.argmin(losses))])
        (self.options.out / "temperature.json").write_text(json.dumps(temperature))
        probs = torch.from_numpy(scores / temperature).softmax(-1).numpy()
        best, sure = probs.argmax(1), probs.max(1)
        kinds = accuracy_by_kind(
            [q.kind for q in self.held], [self.answers[b] == q.answer for b, q in zip(best, self.held, strict=True)]
        )
        error = calibration_error(sure[~first], best[~first] == right[~first])
        return {
            **{kind: round(value, 4) for kind, value in kinds.items()},
            "temperature": round(temperature, 3),
            "ece": round(error, 4),
        }


def main() -> None:
    """Train and keep the weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("features", "trunk", "text", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    for name, value in Recipe().__dict__.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    options.out.mkdir(parents=True, exist_ok=True)
    Trainer(options, Recipe(**{name: getattr(options, name) for name in Recipe().__dict__})).train()


if __name__ == "__main__":
    main()
