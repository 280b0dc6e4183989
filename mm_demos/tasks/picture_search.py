"""Pictures found by words or by a picture, and sentences ranked for a picture."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mm_demos import media
from mm_demos.errors import InvalidInputError
from mm_demos.models import catalog
from mm_demos.models.catalog import revision_of
from mm_demos.models.protocols import FloatArray, JointEmbedder
from mm_demos.progress import Progress
from mm_demos.results import Receipt
from mm_demos.tasks.picture_index import PictureIndex
from mm_demos.tasks.picture_reading import read_pictures
from mm_demos.tasks.receipts import record

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_QUERY_CHARS = 1000
MAX_TOP_K = 1000
MAX_SENTENCES = 5000
SENTENCE_CHUNK = 64  # sentences between two checks for a stop


@dataclass(frozen=True, slots=True)
class PictureHit:
    """A picture found: `score` is its cosine with the query, less that with the negative text; `digest` is its sha256."""

    file: str
    score: float
    digest: str


@dataclass(frozen=True, slots=True)
class PictureHits:
    """The best pictures, best first, among `searched` ones."""

    hits: tuple[PictureHit, ...]
    searched: int
    notices: tuple[str, ...] = ()
    receipt: Receipt | None = None


@dataclass(frozen=True, slots=True)
class SentenceHit:
    """A sentence for a picture: `score` is the cosine, `share` its calibrated probability among all sentences given."""

    text: str
    score: float
    share: float


@dataclass(frozen=True, slots=True)
class SentenceHits:
    """Sentences, best first."""

    sentences: tuple[SentenceHit, ...]
    notices: tuple[str, ...] = ()
    receipt: Receipt | None = None


@dataclass(frozen=True, slots=True)
class PictureQuery:
    """What to search for.

    Args:
        wanted: words, or a picture as a `Path`, the bytes of a file or a PIL picture.
        negative: words whose cosine is subtracted.
        top_k: how many pictures at most.
        min_score: leave out what is below; None keeps all.
    """

    wanted: str | Path | bytes | Image
    negative: str = ""
    top_k: int = 12
    min_score: float | None = None


def search_pictures(
    index: PictureIndex,
    query: str | Path | bytes | Image,
    *,
    negative: str = "",
    top_k: int = 12,
    min_score: float | None = None,
    progress: Progress | None = None,
) -> PictureHits:
    """The pictures of an index that fit a query best.

    Args:
        index: from `PictureIndex.build`, or loaded from a file.
        query: a `str` is words; a `Path`, bytes or an open picture asks for pictures like it, other than itself.
        negative: words whose cosine is subtracted.
        top_k: how many at most.
        min_score: leave out what is below; None keeps all.

    Raises:
        InvalidInputError: an empty or too long query, a picture that cannot be read, or an option out of range.
    """
    wanted = PictureQuery(query, negative, top_k, min_score)
    check_query(wanted)
    with record("search_pictures", options=_options(wanted), progress=progress) as run:
        embedder: JointEmbedder = run.lease(catalog.chosen(index.model, "joint-embedder"))
        hits = _rank(index, _vector(embedder, wanted), wanted)
        return replace(hits, receipt=run.receipt())


def search_while_reading(
    paths: Sequence[str | Path],
    query: PictureQuery,
    *,
    names: Sequence[str] | None = None,
    base: PictureIndex | None = None,
    known: PictureIndex | None = None,
    progress: Progress | None = None,
) -> Iterator[tuple[PictureIndex, PictureHits]]:
    """Yield what is read and the best of it, again and again while more pictures are read.

    Args:
        paths: as for `read_pictures`, like `names`, `base` and `known`.

    Raises:
        InvalidInputError: as for `search_pictures`, or no picture could be read.
        StoppedError: `progress.stop()` was called.
    """
    check_query(query)
    progress = progress or Progress()
    with record("search_pictures", options=_options(query), progress=progress) as run:
        embedder: JointEmbedder = run.lease(catalog.chosen(base.model if base else None, "joint-embedder"))
        progress.report("Embedding the query")
        vector = _vector(embedder, query)
        index = None
        for index in read_pictures(paths, names=names, base=base, known=known, progress=progress):
            if index.pictures:
                yield index, replace(_rank(index, vector, query), receipt=run.receipt())
        if index is None or not index.pictures:
            first = f" {index.faults[0].sentence}" if index is not None and index.faults else ""
            raise InvalidInputError(f"None of the {len(paths)} pictures could be read.{first}")


def rank_sentences(
    image: str | Path | bytes | Image,
    sentences: Sequence[str],
    *,
    model: str | None = None,
    top_k: int = 20,
    min_score: float | None = None,
    progress: Progress | None = None,
) -> SentenceHits:
    """The sentences that fit a picture best.

    Args:
        image: path, bytes of a file, or open picture.
        sentences: one each; what is given twice counts once.
        model: a joint embedder; the profile's own by default.
        top_k: how many at most.
        min_score: leave out what is below; None keeps all.

    Raises:
        InvalidInputError: no sentence, too many, or a picture that cannot be read.
    """
    progress = progress or Progress()
    texts = clean_sentences(sentences)
    _check_numbers(top_k, min_score)
    picture = media.load_image(image)
    with record("rank_sentences", options={"n": len(texts), "top_k": top_k}, progress=progress) as run:
        embedder: JointEmbedder = run.lease(catalog.chosen(model, "joint-embedder"))
        progress.report("Looking at the picture")
        look = embedder.embed_images([picture])[0]
        rows = []
        for start in range(0, len(texts), SENTENCE_CHUNK):
            progress.report("Reading sentences", start, len(texts), "sentences")
            rows.append(embedder.embed_texts(texts[start : start + SENTENCE_CHUNK]))
        scores: FloatArray = np.concatenate(rows) @ look
        powers = np.exp(embedder.logit_scale * (scores - scores.max()))
        shares = powers / powers.sum()
        best = [i for i in np.argsort(-scores, kind="stable") if min_score is None or scores[i] >= min_score][: int(top_k)]
        found = tuple(SentenceHit(texts[i], float(scores[i]), float(shares[i])) for i in best)
        return SentenceHits(found, _few(found, min_score, "sentence"), run.receipt())


def clean_sentences(sentences: Sequence[str]) -> list[str]:
    """Sentences with single spaces, none empty, each once.

    Raises:
        InvalidInputError: none is left, too many, or one too long.
    """
    if isinstance(sentences, str) or not isinstance(sentences, Sequence):
        raise InvalidInputError("A list of sentences is needed here: put the sentence into brackets, also when it is only one.")
    if len(sentences) > MAX_SENTENCES:
        raise InvalidInputError(f"{len(sentences):,} sentences are too many for one run: give at most {MAX_SENTENCES:,}.")
    unique = dict.fromkeys(" ".join(media.clean_text(sentence).split()) for sentence in sentences)
    unique.pop("", None)
    if not unique:
        raise InvalidInputError("There is no sentence to rank: write one a line, or give a CSV or TXT file.")
    for text in unique:
        if len(text) > MAX_QUERY_CHARS:
            raise InvalidInputError(f"The sentence “{text[:40]}…” is too long: use at most {MAX_QUERY_CHARS:,} characters.")
    return list(unique)


def check_query(query: PictureQuery) -> None:
    """Refuse what cannot be searched for, in a sentence.

    Raises:
        InvalidInputError: naming the fault and the fix.
    """
    for text in (query.wanted, query.negative):
        if isinstance(text, str) and len(media.clean_text(text)) > MAX_QUERY_CHARS:
            raise InvalidInputError(f"The search text is too long: use at most {MAX_QUERY_CHARS:,} characters.")
    if isinstance(query.wanted, str) and not media.clean_text(query.wanted).strip():
        raise InvalidInputError("Write what the pictures should show, such as “a dog on a beach”.")
    _check_numbers(query.top_k, query.min_score)


def _check_numbers(top_k: int, min_score: float | None) -> None:
    if not isinstance(top_k, int) or not 1 <= top_k <= MAX_TOP_K:
        raise InvalidInputError(f"Between 1 and {MAX_TOP_K:,} results can be given, not {top_k}.")
    if min_score is not None and not -1 <= min_score <= 1:
        raise InvalidInputError(f"The minimum score is a cosine between -1 and 1, not {min_score}.")


def _options(query: PictureQuery) -> dict[str, str | int | float | bool | None]:
    words = query.wanted if isinstance(query.wanted, str) else None
    return {"query": words, "negative": query.negative, "top_k": query.top_k, "min_score": query.min_score}


def _vector(embedder: JointEmbedder, query: PictureQuery) -> FloatArray:
    """The direction (dim,) whose dot product with a picture is its score."""
    if isinstance(query.wanted, str):
        vector = embedder.embed_texts([" ".join(media.clean_text(query.wanted).split())])[0]
    else:
        vector = embedder.embed_images([media.load_image(query.wanted)])[0]
    negative = " ".join(media.clean_text(query.negative).split())
    direction: FloatArray = vector - embedder.embed_texts([negative])[0] if negative else vector
    return direction


def _rank(index: PictureIndex, vector: FloatArray, query: PictureQuery) -> PictureHits:
    if index.revision != revision_of(index.model) or (len(index) and index.embeddings.shape[1] != vector.size):
        raise InvalidInputError(f"This index was made with other weights of {index.model}: read the pictures again.")
    scores = index.embeddings @ vector if len(index) else np.zeros(0, np.float32)
    itself = _digest(query.wanted)
    ranked = ((index.pictures[i], float(scores[i])) for i in np.argsort(-scores, kind="stable"))
    wanted = [
        PictureHit(picture.name, score, picture.digest)
        for picture, score in ranked
        if picture.digest != itself and (query.min_score is None or score >= query.min_score)
    ]
    left_out = ("The picture itself is among those searched and was left out.",) if index.find(itself) else ()
    found = tuple(wanted[: query.top_k])
    return PictureHits(found, len(index), (*left_out, *_few(found, query.min_score, "picture")))


def _digest(wanted: str | Path | bytes | Image) -> str:
    """Sha256 of the file that is asked with; empty when there is none."""
    if isinstance(wanted, Path):
        wanted = wanted.read_bytes()
    return hashlib.sha256(wanted).hexdigest() if isinstance(wanted, bytes) else ""


def _few(found: Sequence[object], min_score: float | None, what: str) -> tuple[str, ...]:
    if found or min_score is None:
        return ()
    return (f"No {what} reaches the minimum score of {min_score:g}: lower it to see the best there are.",)
