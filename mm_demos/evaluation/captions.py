"""BLEU and CIDEr-D of generated captions against several references."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

WORD = re.compile(r"[a-z0-9]+(?:[-'][a-z0-9]+)*")
LONGEST = 4  # n-grams of one to four words
SIGMA = 6.0  # words; how fast CIDEr-D's length penalty falls (Vedantam et al., 2015)

Gram = tuple[str, ...]
Vector = dict[Gram, float]


def words(caption: str) -> list[str]:
    """Lower-case words without punctuation, as caption metrics compare them."""
    return WORD.findall(caption.lower())


def grams(tokens: Sequence[str]) -> list[Counter[Gram]]:
    """Counts of the n-grams of each length from one to four."""
    return [Counter(tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1)) for n in range(1, LONGEST + 1)]


class CiderD:
    """CIDEr-D (Vedantam et al., 2015): the mean cosine of tf–idf n-gram vectors, clipped and length-penalised, times ten.

    Args:
        corpus: every photo's references; document frequencies are counted over them.
    """

    def __init__(self, corpus: Iterable[Sequence[str]]) -> None:
        self.frequency: Counter[Gram] = Counter()
        photos = 0
        for references in corpus:
            seen = {gram for text in references for counts in grams(words(text)) for gram in counts}
            self.frequency.update(seen)
            photos += 1
        self.log_photos = math.log(max(photos, 2))

    def vectors(self, text: str) -> tuple[list[Vector], list[float], int]:
        """tf–idf vectors and their norms for each n-gram length, and the number of words."""
        tokens = words(text)
        out = [
            {g: n * (self.log_photos - math.log(max(1, self.frequency[g]))) for g, n in counts.items()}
            for counts in grams(tokens)
        ]
        return out, [math.sqrt(sum(v * v for v in vector.values())) for vector in out], len(tokens)

    def one(self, candidate: str, references: Sequence[tuple[list[Vector], list[float], int]]) -> float:
        """Score of `candidate` against prepared `references` (what `vectors` returned for each)."""
        vectors, norms, length = self.vectors(candidate)
        total = 0.0
        for other, other_norms, other_length in references:
            penalty = math.exp(-((length - other_length) ** 2) / (2 * SIGMA**2))
            for n in range(LONGEST):
                if norms[n] and other_norms[n]:
                    theirs = other[n]
                    shared = sum(min(v, theirs[g]) * theirs[g] for g, v in vectors[n].items() if g in theirs)
                    total += penalty * shared / (norms[n] * other_norms[n])
        return 10.0 * total / (LONGEST * len(references))


@dataclass(frozen=True, slots=True)
class CaptionScores:
    """BLEU-1 … BLEU-4 in [0, 1], CIDEr-D in [0, 10], and the number of photos."""

    bleu: tuple[float, float, float, float]
    cider: float
    photos: int


def score(candidates: Sequence[str], references: Sequence[Sequence[str]]) -> CaptionScores:
    """Corpus scores of one caption a photo; document frequencies come from `references` themselves, as is the custom."""
    from sacrebleu.metrics.bleu import BLEU

    texts = [" ".join(words(text)) for text in candidates]
    most = max(len(group) for group in references)
    streams = [[" ".join(words(group[i])) if i < len(group) else None for group in references] for i in range(most)]
    full = BLEU(tokenize="none", smooth_method="none", force=True).corpus_score(texts, streams)
    bleu = tuple(
        full.bp * math.exp(sum(math.log(max(p, 1e-9) / 100) for p in full.precisions[:n]) / n) for n in range(1, LONGEST + 1)
    )
    cider = CiderD(references)
    prepared: Mapping[int, list[tuple[list[Vector], list[float], int]]] = {
        i: [cider.vectors(t) for t in r] for i, r in enumerate(references)
    }
    mean = float(np.mean([cider.one(text, prepared[i]) for i, text in enumerate(candidates)]))
    return CaptionScores((bleu[0], bleu[1], bleu[2], bleu[3]), mean, len(texts))
