"""How many questions about photos are answered right, by kind of question, and how far the confidence can be trusted.

The questions are made from the photos' captions, after COCO-QA (Ren et al., 2015): an answer is what a caption says, compared
word for word. Yes and no are asked equally often. The same with the picture blanked shows what the words alone give away.
"""

from __future__ import annotations

import re
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mm_demos.errors import InvalidInputError
from mm_demos.evaluation import arguments
from mm_demos.evaluation.photos import Photo, Split, captioned
from mm_demos.evaluation.questions import KINDS, Asker, Kind, Question
from mm_demos.fusion.measures import calibration_error
from mm_demos.models import catalog
from mm_demos.results import Answer
from mm_demos.tasks.visual_qa import answer

MODEL = "mm-mini-answerer"
PER_KIND = 300  # questions of each kind; enough for a standard error under 0.03
THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
TIMED = 100  # questions
COUNTS = {"1": "one", "2": "two", "3": "three", "4": "four", "5": "five", "6": "six", "7": "seven", "8": "eight"}
SPELLINGS = {"grey": "gray", "blonde": "blond"}


@dataclass(frozen=True, slots=True)
class KindScores:
    """One kind of question.

    Args:
        majority: accuracy of always giving the commonest answer of the questions asked here.
        blanked: accuracy with the picture blanked.
    """

    kind: Kind | str
    questions: int
    accuracy: float
    majority: float
    blanked: float


@dataclass(frozen=True, slots=True)
class ThresholdScores:
    """What asking for this confidence gives: how often "not sure", and how often right otherwise (None: it was never sure)."""

    threshold: float
    not_sure: float
    accuracy_when_sure: float | None


@dataclass(frozen=True, slots=True)
class AnswerReport:
    """What came out.

    Args:
        overall: all kinds, each question counting once.
        open_kinds: colour, count and object together, each question counting once.
        calibration_error: of the confidence, over all questions.
        sources: how many answers came from where.
        median_seconds: for one question about one photo, decoding of the file included.
    """

    model: str
    split: Split
    photos: int
    kinds: tuple[KindScores, ...]
    overall: KindScores
    open_kinds: KindScores
    calibration_error: float
    thresholds: tuple[ThresholdScores, ...]
    sources: dict[str, int]
    median_seconds: float
    p95_seconds: float


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with what was answered."""

    question: Question
    given: Answer

    @property
    def right(self) -> bool:
        return same(self.given.text, self.question.answer)

    @property
    def right_blanked(self) -> bool:
        return self.given.without_image is not None and same(self.given.without_image.text, self.question.answer)


def same(given: str, wanted: str) -> bool:
    """Whether two answers are the same but for case, punctuation, articles, numerals and American spelling."""
    return plain(given) == plain(wanted)


def plain(text: str) -> str:
    """An answer as it is compared."""
    tokens = re.findall(r"[a-z0-9-]+", text.lower())
    return " ".join(COUNTS.get(SPELLINGS.get(t, t), SPELLINGS.get(t, t)) for t in tokens if t not in ("a", "an", "the"))


def choose(questions: Sequence[Question], per_kind: int, seed: int = 0) -> list[Question]:
    """At most `per_kind` of each kind at random, yes and no equally often, in the order of the photos."""
    rng = np.random.default_rng(seed)
    chosen: list[Question] = []
    for kind in KINDS:
        pool = [q for q in questions if q.kind == kind]
        groups = [[q for q in pool if q.answer == word] for word in ("yes", "no")] if kind == "yes/no" else [pool]
        each = min(per_kind // len(groups), *(len(group) for group in groups))
        chosen += [group[i] for group in groups for i in rng.permutation(len(group))[:each]]
    return sorted(chosen, key=lambda q: q.photo)


def evaluate(photos: Sequence[Photo], *, model: str, split: Split = "all", per_kind: int = PER_KIND) -> AnswerReport:
    """Ask about the photos and count.

    Raises:
        InvalidInputError: no question can be made of these captions.
    """
    asker = Asker([photo.captions for photo in photos])
    questions = choose(asker.ask(range(len(photos))), per_kind)
    if not questions:
        raise InvalidInputError("No question can be made of these captions: give more photos.")
    asked = [
        Asked(q, answer(photos[q.photo].jpeg, q.text, model=model, check_without_image=True))
        for q in arguments.counted(questions, "questions")
    ]
    seconds = [_seconds(photos[q.photo], q.text, model) for q in questions[:: max(1, len(questions) // TIMED)]]
    confidence = np.array([each.given.confidence for each in asked], np.float32)
    right = np.array([each.right for each in asked])
    kinds = [kind for kind in KINDS if any(q.kind == kind for q in questions)]
    return AnswerReport(
        model=model,
        split=split,
        photos=len(photos),
        kinds=tuple(scores(kind, [each for each in asked if each.question.kind == kind]) for kind in kinds),
        overall=scores("all", asked),
        open_kinds=scores("colour, count, object", [e for e in asked if e.question.kind in ("colour", "count", "object")]),
        calibration_error=calibration_error(confidence, right),
        thresholds=tuple(at_threshold(threshold, confidence, right) for threshold in THRESHOLDS),
        sources=dict(Counter(each.given.source for each in asked).most_common()),
        median_seconds=float(np.median(seconds)),
        p95_seconds=float(np.quantile(seconds, 0.95)),
    )


def _seconds(photo: Photo, question: str, model: str) -> float:
    start = time.perf_counter()
    answer(photo.jpeg, question, model=model)
    return time.perf_counter() - start


def scores(kind: str, asked: Sequence[Asked]) -> KindScores:
    """Shares of right answers; zeros where nothing was asked."""
    n = len(asked)
    commonest = Counter(each.question.answer for each in asked).most_common(1)
    return KindScores(
        kind=kind,
        questions=n,
        accuracy=sum(each.right for each in asked) / max(1, n),
        majority=commonest[0][1] / n if commonest else 0.0,
        blanked=sum(each.right_blanked for each in asked) / max(1, n),
    )


def at_threshold(threshold: float, confidence: np.ndarray, right: np.ndarray) -> ThresholdScores:
    """Answers under `threshold` are "not sure", as the task marks them."""
    sure = confidence >= threshold
    return ThresholdScores(threshold, float((~sure).mean()), float(right[sure].mean()) if sure.any() else None)


def measure(
    data: Path, *, model: str = MODEL, split: Split = "validation", limit: int | None = None, per_kind: int = PER_KIND
) -> AnswerReport:
    """Read the data and evaluate.

    Raises:
        DemoError: the data or the model cannot be had.
    """
    catalog.chosen(model, "answerer")
    return evaluate(captioned(data, split, limit), model=model, split=split, per_kind=per_kind)


def main(arguments_given: list[str] | None = None) -> int:
    """Run from the command line."""
    parser = arguments.parser("vqa", __doc__, MODEL)
    parser.add_argument(
        "--per-kind", type=arguments.positive, default=PER_KIND, metavar="N", help="questions of each kind at most, %(default)s"
    )
    given = parser.parse_args(arguments_given)
    return arguments.run(
        lambda: measure(given.data, model=given.model, split=given.split, limit=given.limit, per_kind=max(2, given.per_kind)),
        as_json=given.json,
    )


if __name__ == "__main__":
    sys.exit(main())
