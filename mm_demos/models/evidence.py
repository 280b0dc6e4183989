"""What the embedded models saw in one picture, merged into things with names and probabilities."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mm_demos.models.label_groups import columns_by_word, label_groups
from mm_demos.results import Evidence, LabelScore, TextLine

if TYPE_CHECKING:
    from mm_demos.models.protocols import FloatArray

SURE = 0.5  # said without "possibly" from here on: more likely than everything else together
NAMED = 0.7  # the exact class is named from here on; below, the everyday word for its group
MENTIONED = 0.1  # less likely things are not spoken of, unless nothing is likelier
TEXT_SCORE = 0.6  # PP-OCR's probability under which a line is often a pattern taken for letters
SHOWN_LABELS = 8
N_IMAGENET = 1000


@dataclass(frozen=True, slots=True)
class Thing:
    """Something the picture may show: an everyday name, its probability, and the likeliest exact class in it."""

    name: str
    prob: float
    exact: str
    exact_prob: float


@dataclass(frozen=True, slots=True)
class Sight:
    """All evidence of one picture.

    Args:
        labels: class names in the order of `probs`.
        probs: (n_labels,) summing to 1; all zero when there is no picture.
        lines: text read in the picture, the doubtful lines left out.
        captions: what the captioner says, best first.
    """

    labels: tuple[str, ...]
    probs: FloatArray
    lines: tuple[TextLine, ...]
    captions: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """All text read, one line after the other."""
        return " ".join(line.text for line in self.lines)

    @property
    def above_floor(self) -> FloatArray:
        """`probs` without the little that label smoothing leaves on every class, which would add up over a hundred dog breeds."""
        floor = 2 * float(np.median(self.probs)) if self.grouped else 0.0
        return np.asarray(np.clip(self.probs - floor, 0, None), dtype=np.float32)

    @property
    def grouped(self) -> bool:
        """Whether the labels are the ImageNet classes that the groups are made for."""
        return len(self.labels) == N_IMAGENET

    def things(self) -> tuple[Thing, ...]:
        """Disjoint things, best first: each class once, in the group that makes it likeliest without being vague."""
        left = self.above_floor.copy()
        found = []
        for _ in range(SHOWN_LABELS):
            best = int(left.argmax())
            if left[best] <= 0:
                break
            name, columns = self._everyday(best, left)
            found.append(Thing(name, float(left[columns].sum()), self.labels[best], float(left[best])))
            left[columns] = 0
        return tuple(sorted(found, key=lambda thing: -thing.prob))

    def _everyday(self, column: int, left: FloatArray) -> tuple[str, list[int]]:
        """The class itself, or the smallest group around it when its other members are likely too."""
        if self.grouped and left[column] < NAMED:
            for group in label_groups():
                members = sorted(group.columns)
                if column in group.columns and group.naming and left[members].sum() >= 1.2 * left[column]:
                    return group.name, members
        return self.labels[column], [column]

    def prob_of(self, words: str) -> float | None:
        """Probability of the thing that `words` name, or None when no label and no group is called so."""
        columns = self.columns_of(words)
        return None if columns is None else float(min(1.0, self.above_floor[sorted(columns)].sum()))

    def columns_of(self, words: str) -> frozenset[int] | None:
        """Columns of the classes that `words` name: "dogs", "a tabby cat"; the last noun decides when the whole is unknown."""
        known = columns_by_word() if self.grouped else {label.lower(): frozenset({i}) for i, label in enumerate(self.labels)}
        cleaned = re.sub(r"^(a|an|the|any|some|this|that|these|those|your)\s+", "", words.lower().strip(" ?.!\"'"))
        for candidate in (cleaned, cleaned.split()[-1] if cleaned else ""):
            for form in singulars(candidate):
                if form in known:
                    return known[form]
        return None

    def says(self, thing: Thing) -> bool:
        """Whether a caption names the thing, its class or something it is a kind of."""
        words = {
            form for caption in self.captions for word in re.findall(r"[^\W\d_]+", caption.lower()) for form in singulars(word)
        }
        if set(thing.name.lower().split()[-1:]) & words or set(thing.exact.lower().split()[-1:]) & words:
            return True
        column = self.labels.index(thing.exact)
        return any(column in (self.columns_of(word) or ()) for word in words)

    def evidence(self, basis: str) -> Evidence:
        """The likeliest labels and the text, for people."""
        order = np.argsort(-self.probs)[:SHOWN_LABELS]
        labels = tuple(LabelScore(self.labels[i], float(self.probs[i])) for i in order if self.probs[i] > 0)
        return Evidence(labels, self.lines, basis)


def readable(lines: Iterable[TextLine]) -> tuple[TextLine, ...]:
    """Lines that are text beyond doubt."""
    return tuple(line for line in lines if line.score >= TEXT_SCORE and len(line.text.strip()) > 1)


def singulars(word: str) -> tuple[str, ...]:
    """The word, and what it may be the plural of."""
    forms = [word]
    for plural, singular in (("ies", "y"), ("ves", "f"), ("es", ""), ("s", "")):
        if word.endswith(plural) and len(word) > len(plural) + 1:
            forms.append(word[: -len(plural)] + singular)
    return tuple(forms)


def with_article(name: str) -> str:
    """ "cat" → "a cat", "espresso" → "an espresso", "sunglasses" → "sunglasses"."""
    if name.endswith("s") and not name.endswith(("ss", "us", "is")):
        return name
    return f"an {name}" if name[:1].lower() in "aeiou" and not name.lower().startswith(("uni", "eu")) else f"a {name}"
