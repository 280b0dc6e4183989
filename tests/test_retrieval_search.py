"""Searching a library: exact, by words, by meaning, by sound, fused, filtered, and joined into moments."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from mm_demos.models.fake import FakeTextEmbedder
from mm_demos.models.protocols import FloatArray
from mm_demos.results import LabelScore, Word
from mm_demos.retrieval import vectors
from mm_demos.retrieval.library import Library
from mm_demos.retrieval.search import Clues, find, fuse, matching
from mm_demos.retrieval.storage import Stamp
from mm_demos.retrieval.types import Entry, FileInfo, Hit, Query, Window

SENTENCES = {
    "talk.wav": ("and so my fellow americans", "ask not what your country can do", "for you"),
    "dogs.wav": ("a brown dog runs over the grass", "two dogs are barking", ""),
    "chat.wav": ("le chien court dans le jardin", "", ""),
    "cn.wav": ("今天天气很好", "", ""),
}
SOUNDS = {"talk.wav": 0, "dogs.wav": 1, "chat.wav": 2, "cn.wav": 2}
LABELS = ("dog", "rain", "rooster")


def unit(*values: float) -> FloatArray:
    vector = np.array(values, np.float32)
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


def embedded(text: str) -> FloatArray:
    return FakeTextEmbedder().embed_texts([text])[0]


def entry(file: str, number: int, text: str) -> Entry:
    start = 5.0 * number
    words = tuple(Word(start + i, start + i + 0.8, word, 0.9) for i, word in enumerate(text.split()))
    sound = np.full(3, 0.1, np.float32)
    sound[SOUNDS[file]] = 1
    tags = {"talk.wav": "rooster", "dogs.wav": "dog"}.get(file, "rain")
    scores = sorted(((0.8 if label == tags else 0.1, label) for label in LABELS), reverse=True)
    return Entry(
        window=Window(file, start, start + 10),
        text=text,
        words=words,
        language={"chat.wav": "fr", "cn.wav": "zh"}.get(file, "en"),
        loudness_dbfs=-10.0 * (number + 1),
        tags=tuple(LabelScore(label, score) for score, label in scores),
        text_vector=embedded(text) if text else None,
        sound_vector=unit(*sound),
    )


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with Library.open("mine", root=tmp_path, create=True) as made:
        with made.writing():
            made.begin("test")
            for file, sentences in SENTENCES.items():
                entries = [entry(file, number, text) for number, text in enumerate(sentences)]
                info = FileInfo(file, 20.0, f"{len(file):064x}", entries[0].language, len(entries))
                made.add(info, Stamp(1, 1), entries)
        yield made


def files(hits: tuple[Hit, ...]) -> list[str]:
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert all(0 <= hit.score <= 1 for hit in hits)
    return [hit.file for hit in hits]


def by_words(library: Library, text: str, **filters: object) -> list[str]:
    query = Query(text=text, **filters)  # type: ignore[arg-type]
    return files(find(library, query, Clues(words=text)))


@pytest.mark.parametrize(("rows", "k"), [(0, 3), (1, 3), (63, 5), (64, 64), (1000, 10), (1000, 1000)])
@pytest.mark.parametrize("masked", [False, True])
def test_the_nearest_are_exact(rows: int, k: int, masked: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors, "BLOCK_ROWS", 64)
    rng = np.random.default_rng(rows + k)
    matrix = np.round(rng.standard_normal((rows, 8)), 1).astype(np.float32)  # coarse numbers, so that there are ties
    vector = rng.standard_normal(8).astype(np.float32)
    mask = rng.random(rows) < 0.3 if masked else None
    found, scores = vectors.nearest(matrix, vector, k, mask)
    all_scores = matrix @ vector
    best = np.sort(all_scores[mask] if mask is not None else all_scores)[::-1][:k]
    kept = np.isfinite(scores)
    np.testing.assert_allclose(scores[kept], best, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(all_scores[found[kept]], scores[kept], rtol=1e-5, atol=1e-6)
    assert len(set(found.tolist())) == len(found)
    assert mask is None or mask[found[kept]].all()


def test_words_are_found_in_any_form(library: Library) -> None:
    assert by_words(library, "dog bark") == ["dogs.wav"]
    assert by_words(library, "COUNTRIES") == ["talk.wav"]
    assert by_words(library, "天气") == ["cn.wav"]
    assert by_words(library, "zebra") == []


@pytest.mark.parametrize("text", ['"', "dog AND", "NEAR(", "*", "dog*", "text:dog", "-", "a:b OR )", "''; DROP TABLE files", "^"])
def test_full_text_takes_any_text(library: Library, text: str) -> None:
    assert set(by_words(library, text)) <= set(SENTENCES)
    assert library.info().files == 4


def test_the_best_window_is_played_from_the_first_matching_word(library: Library) -> None:
    (hit,) = find(library, Query(text="country"), Clues(words="country"))
    assert (hit.file, hit.start, hit.end) == ("talk.wav", 5, 15)
    assert [hit.words[i].text for i in hit.matched] == ["country"]
    assert hit.play_from == pytest.approx(5 + 4 - 0.5)
    assert hit.text == "ask not what your country can do"
    assert (hit.language, hit.loudness_dbfs, hit.tags[0].label) == ("en", -20, "rooster")


def test_neighbours_that_fit_nearly_as_well_lengthen_a_moment(library: Library) -> None:
    (hit,) = find(library, Query(text="dog"), Clues(words="dog", said=embedded("dog dogs"), min_said=0.2))
    assert (hit.start, hit.end) == (0, 15)
    assert [hit.words[i].text for i in hit.matched] == ["dog", "dogs"]
    assert hit.words == tuple(sorted(hit.words, key=lambda word: word.start))


def test_meaning(library: Library) -> None:
    hits = find(library, Query(text="?"), Clues(said=embedded("two dogs are barking")))
    assert hits[0].file == "dogs.wav"
    assert hits[0].score == pytest.approx(1, abs=1e-5)
    assert hits[0].play_from == 5


def test_sound_by_vector_by_tags_and_by_both(library: Library) -> None:
    query = Query(text="?")
    assert files(find(library, query, Clues(sound=unit(0, 1, 0))))[0] == "dogs.wav"
    assert files(find(library, query, Clues(tags={"rooster": 0.9})))[0] == "talk.wav"
    both = find(library, query, Clues(sound=unit(0, 0.7, 0.7), tags={"dog": 1.0}))
    assert files(both)[0] == "dogs.wav"
    assert both[0].score == pytest.approx((float(unit(0.1, 1, 0.1) @ unit(0, 0.7, 0.7)) + 0.8) / 2, abs=1e-4)


def test_what_is_said_and_how_it_sounds_are_fused(library: Library) -> None:
    clues = Clues(words="dog", said=embedded("dog"), tags={"rain": 1.0}, min_said=0.2)
    assert set(files(find(library, Query(text="dog"), clues))[:3]) == {"dogs.wav", "chat.wav", "cn.wav"}
    only_dogs = Clues(words="dog", said=embedded("dog"), tags={"dog": 1.0}, min_said=0.2)
    first, second = find(library, Query(text="dog"), only_dogs)[:2]
    assert first.file == "dogs.wav"
    assert first.score > 2 * second.score


def test_negative_words_and_tags_count_against(library: Library) -> None:
    query = Query(text="dog")
    plain = find(library, query, Clues(words="dog grass"))
    assert plain[0].start == 0
    without = find(library, query, Clues(words="dog grass", unwanted="grass"))
    assert without[0].start == 5
    assert files(find(library, query, Clues(tags={"dog": 0.5, "rain": -0.5, "rooster": 0.2})))[0] == "dogs.wav"


def test_filters(library: Library) -> None:
    anything = Clues(tags={label: 1.0 for label in LABELS})

    def found(**filters: object) -> set[str]:
        query = Query(text="?", **filters)  # type: ignore[arg-type]
        hits = find(library, query, anything)
        assert (library.count(query) > 0) == bool(hits)
        return set(files(hits))

    assert found() == set(SENTENCES)
    assert found(language="fr") == {"chat.wav"}
    assert found(language="EN", tag="dog") == {"dogs.wav"}
    assert found(tag="cat") == set()
    assert library.count(Query(text="?", min_loudness=-15.0)) == 4
    assert by_words(library, "dogs", min_loudness=-15.0) == ["dogs.wav"]
    assert by_words(library, "barking", min_loudness=-15.0) == []
    assert by_words(library, "chien", language="en") == []
    assert len(find(library, Query(text="?", top_k=2), anything)) == 2


def test_a_dropped_recording_is_found_no_more(library: Library) -> None:
    with library.writing():
        library.remove(["dogs.wav"])
    assert "dogs.wav" not in by_words(library, "dog")
    assert "dogs.wav" not in files(find(library, Query(text="?"), Clues(said=embedded("two dogs are barking"))))
    assert "dogs.wav" not in files(find(library, Query(text="?"), Clues(sound=unit(0, 1, 0), tags={"dog": 1.0})))


def test_an_empty_library_has_no_hits(tmp_path: Path) -> None:
    with Library.open("empty", root=tmp_path, create=True) as library:
        clues = Clues("a", "b", said=embedded("a"), sound=unit(1, 0, 0), tags={"dog": 1.0})
        assert find(library, Query(text="a"), clues) == ()
        assert library.windows() == library.files() == library.faults() == library.labels() == ()
        assert library.info().hours == 0


def test_reciprocal_ranks() -> None:
    fused = fuse([(1.0, {1: 9.0, 2: 8.0}), (1.0, {2: 0.2, 3: 0.1}), (-1.0, {3: 1.0, 4: 1.0})])
    assert list(fused) == [2, 1, 3]
    assert fused[2] == pytest.approx((21 / 22 + 1) / 2)
    assert fused[3] == 0
    assert fuse([(0.5, {7: 1.7, 8: -3.0})]) == {7: 1.0, 8: 0.0}
    assert fuse([]) == {}


def test_words_are_marked_in_the_forms_that_are_alike() -> None:
    words = [Word(0, 1, text, 1.0) for text in ("The", "running,", "runner", "run", "rung", "dogs", "dot", "nations")]
    assert [words[i].text for i in matching(words, "of the nation")] == ["nations"]
    assert [words[i].text for i in matching(words, "dog runs")] == ["running,", "runner", "run", "dogs"]
    assert matching([Word(0, 1, "天气", 1.0)], "天") == (0,)
    assert matching(words, "") == ()
