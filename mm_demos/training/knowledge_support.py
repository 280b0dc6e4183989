"""Fit and measure how surely a passage supports an answer: `python -m mm_demos.training.knowledge_support`.

Prints how often the passage that answers is found first and among three, and how well the score tells answerable questions from
others: each question is scored by weights fitted without it, and the questions on the handbook by weights fitted on the shop's.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mm_demos import samples
from mm_demos.assistant.knowledge import SUPPORTED, Knowledge
from mm_demos.assistant.knowledge_support import MATERIAL, OFFSET, WEIGHTS, Support, support
from mm_demos.models import catalog, loader
from mm_demos.models.protocols import FloatArray, TextEmbedder
from mm_demos.training import knowledge_questions as questions

INVERSE_PENALTY = 30.0  # of the weights; near their best in cross-validation
NO_ANSWERS = frozenset({"orders.csv", "README.md"})


@dataclass(frozen=True, slots=True)
class Question:
    """A question and its place: document and heading of the passage that answers it, both empty when none does."""

    text: str
    source: str = ""
    heading: str = ""


@dataclass(frozen=True, slots=True)
class Examined:
    """A question with its candidates, and for each whether it is the passage that answers."""

    question: Question
    candidates: tuple[Support, ...]
    right: tuple[bool, ...]


def listed(answerable: str, unanswerable: str) -> list[Question]:
    """Questions of both kinds from their lines."""
    lines = [line.split(" | ") for line in answerable.strip().split("\n")]
    return [Question(*line) for line in lines] + [Question(line) for line in unanswerable.strip().split("\n")]


def shop_knowledge(embedder: TextEmbedder) -> Knowledge:
    """The sample shop's documents."""
    files = sorted(file for file in samples.shop().iterdir() if file.is_file() and file.name not in NO_ANSWERS)
    return Knowledge.build(files, embedder=embedder)


def handbook_knowledge(embedder: TextEmbedder) -> Knowledge:
    """The handbook of the city library."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "handbook.md"
        file.write_text(questions.HANDBOOK, encoding="utf-8")
        return Knowledge.build([file], embedder=embedder)


def examined(knowledge: Knowledge, asked: Sequence[Question], embedder: TextEmbedder) -> list[Examined]:
    """Every question's candidates."""
    found = []
    for question in asked:
        candidates = knowledge.examine(question.text, embedder=embedder)
        spans = [knowledge.spans[each.span] for each in candidates]
        right = tuple(
            bool(question.source) and span.source == question.source and span.heading.endswith(question.heading) for span in spans
        )
        found.append(Examined(question, candidates, right))
    return found


def best_score(each: Examined) -> float:
    """Of the first passage that `Knowledge.find` would give."""
    return max((support(candidate.material) for candidate in each.candidates), default=0.0)


def place(each: Examined) -> int:
    """Of the passage that answers among those found, from 0; -1 when it is not among them."""
    scores = [support(candidate.material) for candidate in each.candidates]
    order = sorted(range(len(scores)), key=lambda i: (-round(scores[i], 6), each.candidates[i].rank))
    return next((at for at, i in enumerate(order) if each.right[i]), -1)


def rows_of(asked: Sequence[Examined]) -> tuple[FloatArray, FloatArray, list[int]]:
    """What is fitted on: the answering passage and the nearest wrong one of each question; the last are each row's question."""
    rows, labels, owners = [], [], []
    for number, each in enumerate(asked):
        right = [candidate.material for candidate, answers in zip(each.candidates, each.right, strict=True) if answers]
        wrong = [candidate.material for candidate, answers in zip(each.candidates, each.right, strict=True) if not answers]
        wrong = [] if each.question.source else sorted(wrong, key=lambda material: -float(material[0]))[:1]
        rows += right[:1] + wrong
        labels += [1.0] * len(right[:1]) + [0.0] * len(wrong)
        owners += [number] * (len(right[:1]) + len(wrong))
    return np.stack(rows), np.array(labels, np.float32), owners


def fitted(rows: FloatArray, labels: FloatArray) -> Any:
    """Logistic regression; both kinds count alike."""
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=INVERSE_PENALTY, class_weight="balanced", max_iter=2_000).fit(rows, labels)


def held_out_scores(asked: Sequence[Examined], folds: int = 5) -> FloatArray:
    """The best score of each question by weights fitted without it."""
    rows, labels, owners = rows_of(asked)
    scores = np.zeros(len(asked), np.float32)
    for fold in range(folds):
        kept = np.array([number % folds != fold for number in owners])
        model = fitted(rows[kept], labels[kept])
        for number in range(fold, len(asked), folds):
            scores[number] = _best(model, asked[number])
    return scores


def _best(model: Any, each: Examined) -> float:
    if not each.candidates:
        return 0.0
    return float(model.predict_proba(np.stack([candidate.material for candidate in each.candidates]))[:, 1].max())


def told_apart(asked: Sequence[Examined], scores: FloatArray) -> str:
    """One line: ROC-AUC, share of answerable questions that are supported, share of others that are not."""
    from sklearn.metrics import roc_auc_score

    answerable = np.array([bool(each.question.source) for each in asked])
    kept, refused = (scores[answerable] >= SUPPORTED).mean(), (scores[~answerable] < SUPPORTED).mean()
    error = float(np.abs(scores - answerable).mean())
    return (
        f"ROC-AUC {roc_auc_score(answerable, scores):.3f}, answerable supported {kept:.2f}, unanswerable refused {refused:.2f}, "
        f"mean distance from the truth {error:.2f}"
    )


def main() -> int:
    """Print weights and figures; returns the exit code."""
    with loader.shared().lease(catalog.default("text-embedder")) as embedder:
        shop = examined(shop_knowledge(embedder), listed(questions.SHOP_ANSWERABLE, questions.SHOP_UNANSWERABLE), embedder)
        book = examined(
            handbook_knowledge(embedder), listed(questions.HANDBOOK_ANSWERABLE, questions.HANDBOOK_UNANSWERABLE), embedder
        )
    for name, asked in (("shop", shop), ("handbook", book)):
        places = [place(each) for each in asked if each.question.source]
        first, three = np.mean([at == 0 for at in places]), np.mean([0 <= at < 3 for at in places])
        print(f"{name}: {len(places)} answerable, {len(asked) - len(places)} not")
        print(f"  right passage first {first:.2f}, among three {three:.2f}")
        scores = np.array([best_score(each) for each in asked], np.float32)
        print(f"  weights in use: {told_apart(asked, scores)}")
    print(f"shop, five folds: {told_apart(shop, held_out_scores(shop))}")
    of_shop = fitted(*rows_of(shop)[:2])
    elsewhere = np.array([_best(of_shop, each) for each in book], np.float32)
    print(f"handbook, fitted on the shop: {told_apart(book, elsewhere)}")
    model = fitted(*rows_of([*shop, *book])[:2])
    print(f"in use: {dict(zip(MATERIAL, WEIGHTS, strict=True))}, offset {OFFSET}")
    weights = [round(float(weight), 2) for weight in model.coef_[0]]
    print(f"fitted: {dict(zip(MATERIAL, weights, strict=True))}, offset {model.intercept_[0]:.2f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
