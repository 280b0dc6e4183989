"""Rankings of a library's windows, fused into one, and joined into moments.

Words and meaning are fused by reciprocal rank (Cormack et al., 2009), as are what is said and how it sounds; how something sounds
is told by its vector and by its tags, whose scores have one scale and are averaged.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from mm_demos.models.protocols import FloatArray
from mm_demos.results import Word
from mm_demos.retrieval.graph import nearest_rows
from mm_demos.retrieval.library import Library
from mm_demos.retrieval.schema import searchable, telling_words
from mm_demos.retrieval.types import Hit, Query, StoredWindow
from mm_demos.retrieval.vectors import Rows
from mm_demos.retrieval.windows import RUN_UP_SECONDS, Moment, join_words, moments

RANK_OFFSET = 20  # of reciprocal rank fusion; with the paper's 60 the first places hardly differ
# Weight of words against meaning: who gives one or two words looks for these very words, who gives a sentence for its meaning.
# With the captions of 860 photos as texts and other captions as queries, a sentence finds its photo's first with 0.47 against
# 0.44 with equal weights, and the same sentence always.
KEYWORDS, KEYWORD_WEIGHT, SENTENCE_WEIGHT = 2, 2.0, 0.5
MIN_DEPTH, DEPTH_PER_HIT = 200, 20  # windows taken from each ranking: neighbours fall together into one moment
ENDINGS = ("ings", "ing", "ies", "ied", "ers", "er", "ed", "es", "s", "y", "e")
STEM_CHARS = 3  # that a word keeps at least

Scores = dict[int, float]  # window id → score


@dataclass(frozen=True, slots=True)
class Clues:
    """What a query is compared by; each part that is there gives one ranking.

    Args:
        words: for full text.
        unwanted: words whose ranking is subtracted.
        said: direction (384,) among sentence embeddings; what counts against a window is subtracted from it already.
        sound: direction (d,) among sound vectors.
        tags: label → how much it is asked for; less than 0 counts against a window.
        said_weight: share of what is said in the fused score.
        sound_weight: share of how it sounds.
        pictured: windows in which something fitting a picture is said, best first.
        min_said: cosine that what is said needs at least to count.
        nothing: directions (n, d) among sound vectors; a window nearer to one of them than to `sound` does not count.
    """

    words: str = ""
    unwanted: str = ""
    said: FloatArray | None = None
    sound: FloatArray | None = None
    tags: Mapping[str, float] = field(default_factory=dict)
    said_weight: float = 1.0
    sound_weight: float = 1.0
    pictured: Scores = field(default_factory=dict)
    min_said: float = -1.0
    nothing: FloatArray | None = None


def find(library: Library, query: Query, clues: Clues) -> tuple[Hit, ...]:
    """The best moments of a library, best first, under the query's filters and limit."""
    depth = depth_for(query)
    with library.snapshot():
        rankings = [
            (words_weight(clues.words) * clues.said_weight, by_words(library, query, clues.words, depth)),
            (clues.said_weight, _at_least(clues.min_said, by_vector(library, query, "said", clues.said, depth))),
            (clues.said_weight, _at_least(clues.min_said, clues.pictured)),
            (clues.sound_weight, by_sound(library, query, clues, depth)),
            (-words_weight(clues.unwanted) * clues.said_weight, by_words(library, query, clues.unwanted, depth)),
        ]
        fused = fuse([(weight, ranking) for weight, ranking in rankings if ranking and weight])
        bounds = library.bounds(list(fused))
        ids = [window for window in fused if window in bounds]
        made = moments([(bounds[window], fused[window]) for window in ids], limit=query.top_k)
        best = library.windows([ids[moment.best] for moment in made])
        return tuple(_hit(library, window, moment, clues.words) for window, moment in zip(best, made, strict=True))


def depth_for(query: Query) -> int:
    """How many windows to take from each ranking."""
    return max(MIN_DEPTH, DEPTH_PER_HIT * query.top_k)


def words_weight(text: str) -> float:
    """Weight of the ranking by words against that by meaning."""
    return KEYWORD_WEIGHT if len(telling_words(text)) <= KEYWORDS else SENTENCE_WEIGHT


def by_words(library: Library, query: Query, words: str, depth: int) -> Scores:
    """Windows in which the words are said; scores are shares of the ranking only."""
    ids = library.with_words(words, query, depth) if words else []
    return {window: 1 - place / len(ids) for place, window in enumerate(ids)}


def by_vector(library: Library, query: Query, kind: str, vector: FloatArray | None, depth: int) -> Scores:
    """Windows whose vectors of this kind are nearest, with their dot products."""
    if vector is None:
        return {}
    matrix = library.matrix(kind)
    if not len(matrix):
        return {}
    file, _ = library.vectors(kind)
    rows, scores = nearest_rows(file, matrix, vector, depth, library.allowed(kind, query))
    return _by_id(library, kind, rows, scores)


def by_sound(library: Library, query: Query, clues: Clues, depth: int) -> Scores:
    """Windows that sound alike: candidates by vector and by tags, then both scores of each, averaged where there are two."""
    parts: list[tuple[str, FloatArray]] = []
    if clues.sound is not None:
        parts.append(("sound", clues.sound))
    wanted = np.array([clues.tags.get(label, 0.0) for label in library.labels()], np.float32)
    if wanted.any():
        parts.append(("tags", wanted))
    found = [by_vector(library, query, kind, vector, depth) for kind, vector in parts]
    if found and clues.sound is not None and clues.nothing is not None:
        found[0] = _nearer(library, found[0], clues.nothing)
    if len(found) < 2:
        return found[0] if found else {}
    rows = library.rows("sound", list(found[0] | found[1]))
    at = np.array(list(rows.values()), np.int64)
    total = np.mean([library.matrix(kind)[at] @ vector for kind, vector in parts], axis=0)
    order = np.lexsort((at, -total))[:depth]
    ids = list(rows)
    return {ids[i]: float(total[i]) for i in order}


def _nearer(library: Library, ranking: Scores, nothing: FloatArray) -> Scores:
    """The windows whose score is above their similarity to every direction of `nothing` (n, d)."""
    rows = library.rows("sound", list(ranking))
    at = np.array([rows[window] for window in ranking], np.int64)
    bars = (library.matrix("sound")[at] @ nothing.T).max(axis=1) if len(at) else []
    return {window: score for (window, score), bar in zip(ranking.items(), bars, strict=True) if score > bar}


def fuse(rankings: Sequence[tuple[float, Scores]]) -> Scores:
    """One ranking of several, best first; with one alone its own scores, cut off to [0, 1].

    Args:
        rankings: weight and scores of each, best first; a weight below 0 counts against a window.
    """
    gained = sum(weight for weight, _ in rankings if weight > 0)
    if len(rankings) == 1 and gained:
        return {window: min(1.0, max(0.0, score)) for window, score in rankings[0][1].items()}
    total: Scores = {}
    for weight, ranking in rankings:
        for place, window in enumerate(ranking):
            if weight > 0 or window in total:
                share = weight * (RANK_OFFSET + 1) / (RANK_OFFSET + 1 + place)
                total[window] = total.get(window, 0.0) + share / gained
    return {window: max(0.0, score) for window, score in sorted(total.items(), key=lambda item: (-item[1], item[0]))}


def _at_least(score: float, ranking: Scores) -> Scores:
    return {window: each for window, each in ranking.items() if each >= score}


def _by_id(library: Library, kind: str, rows: Rows, scores: FloatArray) -> Scores:
    ids = library.ids(kind, rows.tolist())
    pairs = zip(rows.tolist(), scores.tolist(), strict=True)
    return {ids[row]: score for row, score in pairs if row in ids and np.isfinite(score)}


def _hit(library: Library, best: StoredWindow, moment: Moment, wanted: str) -> Hit:
    """A moment with everything that is said in it."""
    words = list(best.words)
    if (moment.start, moment.end) != (best.window.start, best.window.end):
        parts = library.neighbours(best.window.file, moment.start, moment.end)
        words = sorted({word for part in parts for word in part.words}, key=lambda word: (word.start, word.end))
    matched = matching(words, wanted)
    in_best = [words[i].start for i in matched if best.window.start <= words[i].start <= best.window.end]
    play_from = max(moment.start, in_best[0] - RUN_UP_SECONDS) if in_best else best.window.start
    text = join_words(word.text for word in words) if words else best.text
    return Hit(
        file=best.window.file,
        start=moment.start,
        end=moment.end,
        score=moment.score,
        text=text,
        tags=best.tags,
        words=tuple(words),
        play_from=play_from,
        matched=matched,
        language=best.language,
        loudness_dbfs=best.loudness_dbfs,
    )


def matching(words: Sequence[Word], wanted: str) -> tuple[int, ...]:
    """Positions of the words that the query has too, whatever their English endings; common words do not count."""
    asked = set(map(stem, telling_words(wanted)))
    heard = [{stem(part) for part in re.findall(r"\w+", searchable(word.text).lower())} for word in words]
    return tuple(i for i, stems in enumerate(heard) if stems & asked)


def stem(word: str) -> str:
    """A word without its English ending: "runs", "running" and "runner" become "run"."""
    bare = next((word.removesuffix(end) for end in ENDINGS if word.endswith(end) and len(word) - len(end) >= STEM_CHARS), word)
    return bare[:-1] if len(bare) > STEM_CHARS and bare[-1] == bare[-2] else bare
