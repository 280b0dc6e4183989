"""Full text over spans: BM25 (Robertson & Zaragoza, 2009), and which words of a question stand in a span."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence

from mm_demos.retrieval.schema import searchable
from mm_demos.retrieval.search import stem

SATURATION, LENGTH_SHARE = 1.2, 0.75  # k1 and b of BM25
# Words that questions are made of and that tell nothing of what is asked for.
ASKING = frozenset(
    "a about all also am an and any anything are as at be been but by can could did do does doing done for from get give "  # noqa: SIM905
    "got had has have hello hey hi how i if in into is it its just know let like long made make many may me might mine much "
    "must my need no not of off on one or our out please possible question say shall she should so some something such take "
    "tell than thank thanks that the their them then there these they thing things this those to too up us use used using "
    "very want was we were what when where whether which while who whom whose why will wish with would yes you your yours d "
    "s t ll re ve m".split()
)


def telling_stems(text: str) -> list[str]:
    """Stems of the words of a question that say what it is about, each once."""
    return list(dict.fromkeys(stem(word) for word in _words(text) if word not in ASKING))


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", searchable(text).lower())


class WordIndex:
    """Which stems stand how often in which text."""

    def __init__(self, texts: Sequence[str]) -> None:
        counts = [Counter(map(stem, _words(text))) for text in texts]
        self._lengths = [sum(count.values()) for count in counts]
        self._mean = max(1.0, sum(self._lengths) / max(1, len(texts)))
        self._where: dict[str, dict[int, int]] = {}
        for position, count in enumerate(counts):
            for word, times in count.items():
                self._where.setdefault(word, {})[position] = times

    def rarity(self, word: str) -> float:
        """Inverse document frequency of a stem, above 0; highest for a stem that stands nowhere."""
        there = len(self._where.get(word, {}))
        return math.log(1 + (len(self._lengths) - there + 0.5) / (there + 0.5))

    def ranked(self, question: str, depth: int) -> dict[int, float]:
        """Position → BM25 score of the best texts, best first."""
        scores: dict[int, float] = {}
        for word in telling_stems(question):
            for position, times in self._where.get(word, {}).items():
                norm = SATURATION * (1 - LENGTH_SHARE + LENGTH_SHARE * self._lengths[position] / self._mean)
                gain = self.rarity(word) * times * (SATURATION + 1) / (times + norm)
                scores[position] = scores.get(position, 0.0) + gain
        return dict(sorted(scores.items(), key=lambda item: (-item[1], item[0]))[:depth])

    def shares(self, question: str, positions: Sequence[int]) -> Mapping[int, float]:
        """Of each text: how much of the question's telling words it holds, weighted by rarity; in [0, 1]."""
        weights = {word: self.rarity(word) for word in telling_stems(question)}
        whole = sum(weights.values())
        if not whole:
            return dict.fromkeys(positions, 0.0)
        return {i: sum(weight for word, weight in weights.items() if i in self._where.get(word, {})) / whole for i in positions}

    def unknown(self, question: str) -> float:
        """Share of the question's telling words that stand nowhere; in [0, 1]."""
        words = telling_stems(question)
        return sum(word not in self._where for word in words) / len(words) if words else 0.0
