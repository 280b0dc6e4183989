"""What the events of the picture search run, and what they refuse before they queue."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mm_demos import media
from mm_demos.errors import InvalidInputError
from mm_demos.progress import Progress
from mm_demos.tasks.picture_index import PictureIndex
from mm_demos.tasks.picture_index_file import load_index
from mm_demos.tasks.picture_search import (
    PictureHits,
    PictureQuery,
    SentenceHits,
    check_query,
    clean_sentences,
    rank_sentences,
    search_while_reading,
)
from mm_demos.tasks.sentence_lists import sentences_in
from mm_demos.ui.collection import check_files, joined, sample_pictures, unique_names
from mm_demos.ui.picture_results import Found, notices_of


def search_collection(
    files: Sequence[str] | None,
    loaded: PictureIndex | None,
    known: PictureIndex | None,
    query: PictureQuery,
    progress: Progress | None,
) -> Iterator[Found]:
    """Read what is new among the visitor's pictures and search all of them, or the samples when there are none."""
    own = bool(files) or loaded is not None
    paths = [Path(path) for path in files or ()] if own else sample_pictures()
    names = unique_names(paths)
    found = search_while_reading(paths, query, names=names, base=loaded, known=known, progress=progress)
    for index, hits in found:
        read = len(index) - (len(loaded) if loaded is not None else 0) + len(index.faults) + index.duplicates
        yield Found(hits, index, index if read >= len(paths) else joined(index, known), not own)


def search_once(  # noqa: PLR0917
    images: Sequence[str] | None = None,
    index: str | None = None,
    words: str | None = None,
    negative: str | None = None,
    picture: str | None = None,
    top_k: float | None = None,
    min_score: float | None = None,
    *,
    progress: Progress | None = None,
) -> PictureHits:
    """Search pictures, a saved index or, without either, the samples, for words or for a picture like the one given.

    Args:
        images: picture files to search in.
        index: an index that was saved, as a safetensors file.
        words: what the pictures are to show.
        negative: words that count against a picture.
        picture: find pictures like this one instead of words.
        top_k: how many results, 1 to 60.
        min_score: least cosine of a result; 0 keeps all.
        progress: told about loads and pictures.
    """
    query = query_of(words if not picture else Path(picture), negative, top_k, min_score)
    loaded = load_index(index) if index else None
    found = None
    for found in search_collection(images, loaded, None, query, progress):  # noqa: B007
        pass
    if found is None:
        raise InvalidInputError("There is no picture to search in: give at least one.")
    return replace(found.hits, notices=notices_of(found))


def query_of(wanted: str | Path | None, negative: str | None, top_k: float | None, min_score: float | None) -> PictureQuery:
    """What the page's components say; a minimum score of 0 or less keeps all."""
    least = float(min_score) if min_score is not None and min_score > 0 else None
    return PictureQuery(wanted or "", (negative or "").strip(), int(top_k or 12), least)


def search_words(  # noqa: PLR0917 (an event receives its components' values by position)
    files: Sequence[str] | None,
    loaded: PictureIndex | None,
    known: PictureIndex | None,
    words: str,
    negative: str,
    top_k: float,
    min_score: float,
    *,
    progress: Progress | None = None,
) -> Iterator[Found]:
    """The pictures that fit the words best, while they are read."""
    return search_collection(files, loaded, known, query_of(words, negative, top_k, min_score), progress)


def search_alike(  # noqa: PLR0917
    files: Sequence[str] | None,
    loaded: PictureIndex | None,
    known: PictureIndex | None,
    picture: str,
    negative: str,
    top_k: float,
    min_score: float,
    *,
    progress: Progress | None = None,
) -> Iterator[Found]:
    """The pictures most like one picture, while they are read."""
    query = query_of(Path(picture), negative, top_k, min_score)
    return search_collection(files, loaded, known, query, progress)


def rank(
    image: str,
    sentences: str = "",
    file: str | None = None,
    top_k: float = 12,
    min_score: float = 0.0,
    *,
    progress: Progress | None = None,
) -> SentenceHits:
    """Rank sentences, one a line or from a CSV or TXT file, by how well they fit a picture.

    Args:
        image: a picture file.
        sentences: one a line.
        file: more of them, as a CSV, TSV or TXT file.
        top_k: how many results, 1 to 60.
        min_score: least cosine of a result; 0 keeps all.
        progress: told about loads and steps.
    """
    least = min_score if min_score and min_score > 0 else None
    return rank_sentences(Path(image), _sentences(sentences, file), top_k=int(top_k or 12), min_score=least, progress=progress)


def _sentences(typed: str | None, file: str | None) -> list[str]:
    return [*media.clean_text(typed or "").split("\n"), *(sentences_in(file) if file else ())]


def check_words(files: Sequence[str] | None, _loaded: object, _known: object, words: str | None, *rest: Any) -> None:
    """Refuse an empty search before it queues."""
    check_files(files)
    check_query(query_of(words, *rest))


def check_alike(files: Sequence[str] | None, _loaded: object, _known: object, picture: str | None, *_rest: Any) -> None:
    """Refuse a search without a picture before it queues."""
    check_files(files)
    if not picture:
        raise InvalidInputError("Choose, paste or take the picture to search with first.")


def check_once(
    files: Sequence[str] | None, _index: object, words: str | None, negative: str | None, picture: str | None, *rest: Any
) -> None:
    """Refuse what an endpoint cannot search for."""
    check_files(files)
    if not picture:
        check_query(query_of(words, negative, *rest))


def check_rank(image: str | None, sentences: str | None, file: str | None, *_rest: Any) -> None:
    """Refuse a ranking without a picture or without sentences before it queues."""
    if not image:
        raise InvalidInputError("Choose, paste or take a picture first.")
    clean_sentences(_sentences(sentences, file))
