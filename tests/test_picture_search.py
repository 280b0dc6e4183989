"""Search of pictures by words and by pictures: what is read once, what is found, what is kept and what is refused."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save

import mm_demos
from mm_demos import samples
from mm_demos.cli import main
from mm_demos.errors import InvalidInputError, StoppedError
from mm_demos.models import fake, loader
from mm_demos.models.fake import COLOURS, FakeJointEmbedder
from mm_demos.progress import Progress, Update
from mm_demos.tasks.embedding_cache import EmbeddingCache
from mm_demos.tasks.picture_index import PictureIndex, picture_files
from mm_demos.tasks.picture_index_file import index_bytes, load_index
from mm_demos.tasks.picture_reading import CHUNK, read_pictures
from mm_demos.tasks.picture_search import PictureQuery, rank_sentences, search_pictures, search_while_reading
from mm_demos.tasks.sentence_lists import sentences_in
from mm_demos.ui import collection, picture_events, picture_results

MODEL = "fake-joint-embedder"


@pytest.fixture
def fakes() -> Iterator[None]:
    restore = fake.register_fakes(stand_in=True)
    loader.reset_shared()
    yield
    restore()
    loader.reset_shared()


@pytest.fixture
def looked(fakes: None, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many pictures the model was given, call by call."""
    counts: list[int] = []
    honest = FakeJointEmbedder.embed_images

    def counting(self: FakeJointEmbedder, images: list[Image.Image]) -> np.ndarray:
        counts.append(len(images))
        return honest(self, images)

    monkeypatch.setattr(FakeJointEmbedder, "embed_images", counting)
    return counts


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One plain picture of each colour the fake knows, one copy, one that is no picture, one text."""
    home = tmp_path / "photos"
    (home / "deep").mkdir(parents=True)
    for name, rgb in COLOURS.items():
        Image.new("RGB", (40, 30), rgb).save(home / f"{name}.png")
    (home / "deep" / "copy.png").write_bytes((home / "red.png").read_bytes())
    (home / "broken.jpg").write_text("no picture")
    (home / "notes.txt").write_text("no picture either")
    return home


def index_of(folder: Path, **options: object) -> PictureIndex:
    return PictureIndex.build(picture_files(folder), model=MODEL, **options)  # type: ignore[arg-type]


# -- reading ---------------------------------------------------------------------------------------------------------


def test_a_folder_is_read_once_and_a_bad_file_costs_a_sentence(folder: Path, looked: list[int]) -> None:
    index = index_of(folder)
    assert len(index) == sum(looked) == len(COLOURS)
    assert index.duplicates == 1
    assert [Path(fault.name).name for fault in index.faults] == ["broken.jpg"]
    assert "broken.jpg is not a picture" in index.faults[0].sentence
    np.testing.assert_allclose(np.linalg.norm(index.embeddings, axis=1), 1, atol=1e-5)
    for picture in index.pictures:
        assert max(Image.open(BytesIO(picture.thumbnail)).size) <= 288


def test_known_pictures_are_not_embedded_again(folder: Path, looked: list[int]) -> None:
    first = index_of(folder)
    looked.clear()
    new = folder / "new.png"
    Image.new("RGB", (50, 50), (10, 10, 200)).save(new)
    *_, second = read_pictures([*picture_files(folder), new], model=MODEL, known=first)
    assert looked == [1]
    assert len(second) == len(first) + 1
    before = {picture.digest: row for picture, row in zip(first.pictures, first.embeddings, strict=True)}
    for picture, row in zip(second.pictures, second.embeddings, strict=True):
        np.testing.assert_array_equal(row, before.get(picture.digest, row))


def test_a_changed_file_is_read_again(folder: Path, fakes: None) -> None:
    first = index_of(folder)
    Image.new("RGB", (44, 44), COLOURS["blue"]).save(folder / "red.png")
    *_, second = read_pictures([folder / "red.png"], model=MODEL, known=first)
    assert first.find(second.pictures[0].digest) is None


def test_stop_keeps_what_is_done(tmp_path: Path, looked: list[int]) -> None:
    files = [tmp_path / f"{shade}.png" for shade in range(3 * CHUNK)]
    for shade, file in enumerate(files):
        Image.new("RGB", (20, 20), (shade, 0, 200)).save(file)
    progress = Progress()
    reading = read_pictures(files, model=MODEL, progress=progress)
    kept = next(reading)
    progress.stop()
    with pytest.raises(StoppedError):
        next(reading)
    assert len(kept) == CHUNK
    looked.clear()
    *_, whole = read_pictures(files, model=MODEL, known=kept)
    assert len(whole) == len(files)
    assert sum(looked) == len(files) - CHUNK


def test_progress_counts_pictures(folder: Path, fakes: None) -> None:
    told: list[Update] = []
    index_of(folder, progress=Progress(told.append))
    counts = [update for update in told if update.unit == "pictures"]
    assert [update.done for update in counts] == list(range(len(picture_files(folder)) + 1))
    assert len({update.message for update in counts}) == 1  # the time left is told only while the message stays


def test_nothing_to_read_is_one_sentence(tmp_path: Path, fakes: None) -> None:
    with pytest.raises(InvalidInputError, match="no picture in"):
        picture_files(tmp_path)
    with pytest.raises(InvalidInputError, match="no folder"):
        picture_files(tmp_path / "nowhere")
    with pytest.raises(InvalidInputError, match=r"None of the 1 pictures could be read\. There is no file"):
        PictureIndex.build([tmp_path / "gone.png"])
    with pytest.raises(InvalidInputError, match="brackets"):
        PictureIndex.build(str(tmp_path))


# -- searching -------------------------------------------------------------------------------------------------------


def test_scores_are_the_cosines_best_first(folder: Path, fakes: None) -> None:
    index = index_of(folder)
    hits = search_pictures(index, "a red and blue thing", top_k=3).hits
    wanted = FakeJointEmbedder().embed_texts(["a red and blue thing"])[0]
    expected = sorted((float(row @ wanted) for row in index.embeddings), reverse=True)[:3]
    assert [hit.score for hit in hits] == pytest.approx(expected, abs=1e-6)
    best = {picture.digest: row for picture, row in zip(index.pictures, index.embeddings, strict=True)}[hits[0].digest]
    assert float(best @ wanted) == pytest.approx(max(expected), abs=1e-6)


def test_a_negative_text_is_subtracted(folder: Path, fakes: None) -> None:
    index = index_of(folder)
    plain = {hit.file: hit.score for hit in search_pictures(index, "red green").hits}
    less = {hit.file: hit.score for hit in search_pictures(index, "red green", negative="green").hits}
    green = FakeJointEmbedder().embed_texts(["green"])[0]
    for picture, row in zip(index.pictures, index.embeddings, strict=True):
        assert less[picture.name] == pytest.approx(plain[picture.name] - float(row @ green), abs=1e-5)
    assert Path(next(iter(less))).stem in {"red", "copy"}


def test_a_picture_finds_its_like_and_not_itself(folder: Path, fakes: None) -> None:
    index = index_of(folder)
    other = folder.parent / "other.png"
    Image.new("RGB", (99, 60), COLOURS["green"]).save(other)
    assert Path(search_pictures(index, other).hits[0].file).stem == "green"
    itself = search_pictures(index, folder / "green.png")
    assert "left out" in itself.notices[0]
    assert "green" not in {Path(hit.file).stem for hit in itself.hits}


def test_the_minimum_score_leaves_out_and_says_so(folder: Path, fakes: None) -> None:
    index = index_of(folder)
    assert len(search_pictures(index, "yellow", min_score=0.99).hits) == 1
    nothing = search_pictures(index, "wordless", min_score=0.99)
    assert nothing.hits == ()
    assert "minimum score of 0.99" in nothing.notices[0]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"query": "  "}, "Write what"),
        ({"query": "x" * 1001}, "too long"),
        ({"query": "red", "negative": "x" * 1001}, "too long"),
        ({"query": "red", "top_k": 0}, "Between 1 and"),
        ({"query": "red", "min_score": 2.0}, "between -1 and 1"),
    ],
)
def test_bad_queries_are_refused(options: dict[str, object], sentence: str, folder: Path, fakes: None) -> None:
    with pytest.raises(InvalidInputError, match=sentence):
        search_pictures(index_of(folder), **options)  # type: ignore[arg-type]


def test_results_come_while_pictures_are_read(folder: Path, looked: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mm_demos.tasks.picture_reading.CHUNK", 2)
    seen = [hits.searched for _, hits in search_while_reading(picture_files(folder), PictureQuery("red"))]
    assert seen[0] == 2
    assert seen[-1] == len(COLOURS)
    assert seen == sorted(seen)


def test_real_pictures_are_found_by_real_words() -> None:
    index = mm_demos.PictureIndex.build([path for path in picture_files(samples.FOLDER) if path.parent == samples.FOLDER])
    for words, name in (("a cat", "cat.jpg"), ("a cup of coffee", "coffee.jpg"), ("a rocket", "rocket.jpg")):
        found = mm_demos.search_pictures(index, words, top_k=1)
        assert Path(found.hits[0].file).name == name
        assert found.receipt is not None
        assert index.model in {use.name for use in found.receipt.models}
    ranking = mm_demos.rank_sentences(samples.path("cat.jpg"), ["a rocket", "a cat", "a cat ", "a cup of coffee"])
    assert ranking.sentences[0].text == "a cat"
    assert len(ranking.sentences) == 3
    assert sum(item.share for item in ranking.sentences) == pytest.approx(1, abs=1e-4)


# -- the index as a file, and the cache ------------------------------------------------------------------------------


def test_an_index_comes_back_as_it_was_saved(folder: Path, fakes: None, tmp_path: Path) -> None:
    index = index_of(folder)
    file = tmp_path / "index.safetensors"
    file.write_bytes(index_bytes(index))
    assert index_bytes(index) == file.read_bytes()
    loaded = load_index(file)
    np.testing.assert_array_equal(loaded.embeddings, index.embeddings)
    assert [picture.thumbnail for picture in loaded.pictures] == [picture.thumbnail for picture in index.pictures]
    scores = [[hit.score for hit in search_pictures(each, "red").hits] for each in (index, loaded)]
    assert scores[0] == scores[1]


def damaged(content: bytes, **changes: object) -> bytes:
    """The same index with other arrays or other words beside them."""
    size = int.from_bytes(content[:8], "little")
    about = json.loads(json.loads(content[8 : 8 + size])["__metadata__"]["about"])
    n = len(about["pictures"])
    arrays = {"embeddings": np.eye(n, 64, dtype=np.float32), "thumbnails": np.zeros(0, np.uint8)}
    arrays["thumbnail_ends"] = np.zeros(n, np.int64)
    arrays |= {name: value for name, value in changes.items() if name in arrays}
    about |= {name: value for name, value in changes.items() if name not in arrays}
    return bytes(save(arrays, {"about": json.dumps(about)}))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"format": "another"}, "is not a picture index"),
        ({"pictures": "none"}, "is not a picture index"),
        ({"pictures": []}, "is not a picture index"),
        ({"embeddings": np.full((7, 64), np.nan, np.float32)}, "is not a picture index"),
        ({"embeddings": np.ones((7, 64), np.float32)}, "is not a picture index"),
        ({"embeddings": np.eye(3, 64, dtype=np.float32)}, "is not a picture index"),
        ({"thumbnail_ends": np.arange(7, dtype=np.int64)}, "is not a picture index"),
        ({"model": "no-such-model"}, "which is not here"),
        ({"model": "../../secret"}, "which is not here"),
        ({"revision": "0" * 16}, "other weights"),
    ],
)
def test_what_is_no_index_is_refused(
    changes: dict[str, object], sentence: str, folder: Path, fakes: None, tmp_path: Path
) -> None:
    file = tmp_path / "index.safetensors"
    file.write_bytes(damaged(index_bytes(index_of(folder))))
    assert len(load_index(file)) == len(COLOURS) == 7
    file.write_bytes(damaged(index_bytes(index_of(folder)), **changes))
    with pytest.raises(InvalidInputError, match=sentence):
        load_index(file)


@pytest.mark.parametrize("content", [b"x", b"\xff" * 64, b"\x08\0\0\0\0\0\0\0{}      ", b"PK\x03\x04" + b"0" * 100])
def test_other_files_are_no_index(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "other.safetensors"
    file.write_bytes(content)
    with pytest.raises(InvalidInputError, match=r"other\.safetensors is not a picture index"):
        load_index(file)


def test_embeddings_are_kept_by_content(folder: Path, looked: list[int], tmp_path: Path) -> None:
    file = tmp_path / "cache" / "kept.sqlite"
    first = index_of(folder, cache=EmbeddingCache(MODEL, file), thumbnails=False)
    looked.clear()
    (folder / "red.png").rename(folder / "renamed.png")
    second = index_of(folder, cache=EmbeddingCache(MODEL, file), thumbnails=False)
    assert looked == []
    assert {picture.digest for picture in second.pictures} == {picture.digest for picture in first.pictures}
    assert EmbeddingCache("conse", file).find(first.pictures[0].digest) is None


def test_a_damaged_cache_is_begun_anew(folder: Path, looked: list[int], tmp_path: Path) -> None:
    file = tmp_path / "kept.sqlite"
    file.write_bytes(b"no database" * 100)
    index = index_of(folder, cache=EmbeddingCache(MODEL, file))
    assert EmbeddingCache(MODEL, file).find(index.pictures[0].digest) is not None
    nowhere = EmbeddingCache(MODEL, file / "below a file" / "kept.sqlite")
    assert len(index_of(folder, cache=nowhere)) == len(index)


# -- sentences -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.txt", "one cat\n\ntwo dogs\n", ["one cat", "", "two dogs"]),
        ("a.csv", "one cat\ntwo dogs\n", ["one cat", "two dogs"]),
        ("a.csv", 'id,Caption\n1,"one, two"\n2,three\n', ["one, two", "three"]),
        ("a.csv", "id;text\n1;one\n", ["one"]),
        ("a.tsv", "id\ttext\n1\tone\n", ["one"]),
    ],
)
def test_sentences_are_read_from_files(name: str, content: str, expected: list[str], tmp_path: Path) -> None:
    file = tmp_path / name
    file.write_text("\ufeff" + content, encoding="utf-8")
    assert sentences_in(file) == expected


def test_sentences_that_cannot_be_ranked_are_refused(fakes: None, tmp_path: Path) -> None:
    cat = samples.path("cat.jpg")
    for sentences, reason in (
        ([], "no sentence"),
        ([" "], "no sentence"),
        (["x"] * 5001, "too many"),
        (["x" * 1001], "too long"),
    ):
        with pytest.raises(InvalidInputError, match=reason):
            rank_sentences(cat, sentences)
    binary = tmp_path / "a.csv"
    binary.write_bytes(b"\0\1")
    with pytest.raises(InvalidInputError, match="not plain text"):
        sentences_in(binary)


# -- the page --------------------------------------------------------------------------------------------------------


def test_the_page_searches_samples_then_the_visitors_own(folder: Path, looked: list[int]) -> None:
    *_, first = picture_events.search_words(None, None, None, "red", "", 12, 0)
    assert first.of_samples
    assert first.receipt is not None
    files = [str(path) for path in picture_files(folder)]
    *_, second = picture_events.search_words(files, None, first.known, "red", "", 12, 0)
    assert second.hits.searched == len(COLOURS)
    looked.clear()
    *_, third = picture_events.search_alike(files, None, second.known, str(samples.path("cat.jpg")), "", 3, 0)
    assert looked == [1]  # the query alone
    assert len(third.hits.hits) == 3


def test_names_are_told_apart_and_tell_nothing_of_the_machine(folder: Path, fakes: None) -> None:
    assert collection.unique_names([Path("/a/x.png"), Path("/b/x.png")]) == ["x.png", "x.png (2)"]
    files = [str(path) for path in picture_files(folder)]
    result = picture_events.search_once(files, None, "red", "", None, 12, 0)
    assert str(folder.parent) not in json.dumps(mm_demos.as_dict(result))
    assert any("broken.jpg is not a picture" in notice for notice in result.notices)


def test_a_loaded_index_is_searched_together_with_new_pictures(folder: Path, fakes: None, tmp_path: Path) -> None:
    saved = tmp_path / "index.safetensors"
    saved.write_bytes(index_bytes(PictureIndex.build([folder / "red.png"])))
    index, line = collection.open_index(str(saved))
    assert "1 picture loaded" in line
    *_, found = picture_events.search_words([str(folder / "blue.png")], index, None, "red", "", 12, 0)
    assert [Path(hit.file).stem for hit in found.hits.hits] == ["red", "blue"]
    assert not found.of_samples
    none, line = collection.open_index(str(folder / "notes.txt"))
    assert none is None
    assert "notes.txt is not a picture index" in line


def test_a_folder_adds_its_pictures_alone(folder: Path) -> None:
    files, line = collection.add_folder(["a.png"], [str(path) for path in folder.rglob("*") if path.is_file()])
    assert files[0] == "a.png"
    assert len(files) == 1 + len(COLOURS) + 2
    assert "1 other file was left out" in line


def test_too_many_pictures_are_refused_before_they_queue() -> None:
    with pytest.raises(InvalidInputError, match="1,001 pictures are too many"):
        picture_events.check_words(["x"] * 1001, None, None, "red", "", 12, 0)
    with pytest.raises(InvalidInputError, match="Write what"):
        picture_events.check_words(None, None, None, "", "", 12, 0)
    with pytest.raises(InvalidInputError, match="search with first"):
        picture_events.check_alike(None, None, None, None, "", 12, 0)


def test_downloads_hold_the_matches(folder: Path, fakes: None) -> None:
    evil = folder / "=cmd.png"
    Image.new("RGB", (30, 30), (200, 30, 30)).save(evil)
    *_, found = picture_events.search_words([str(path) for path in picture_files(folder)], None, None, "red", "", 3, 0)
    second = found.index.find(found.hits.hits[1].digest)
    assert second is not None
    assert second.path is not None
    second.path.unlink()
    with zipfile.ZipFile(BytesIO(picture_results.found_zip(found))) as archive:
        names = archive.namelist()
        first = archive.read(names[1])
    assert names[0] == "matches.csv"
    assert len(names) == 4
    assert sum(name.endswith(".small.jpg") for name in names) == 1
    assert Image.open(BytesIO(first)).size[0] in {30, 40}
    assert ",=cmd" not in picture_results.found_csv(found)
    state, html = picture_results.show_found(found)
    assert state is found.known
    assert html.count("<figure") == 3
    assert "data:image/jpeg;base64," in html


# -- the command -----------------------------------------------------------------------------------------------------


def run(capfd: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, list[dict[str, object]]]:
    status = main(["search-pictures", *(str(argument) for argument in arguments), "--json"])
    return status, [json.loads(line) for line in capfd.readouterr().out.splitlines()]


def test_the_command_writes_a_line_per_hit(
    folder: Path, cache: Path, looked: list[int], capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    saved = tmp_path / "saved.safetensors"
    status, (error, *hits) = run(capfd, folder, "red", "--top-k", 2, "--save-index", saved)
    assert status == 1
    assert set(error) == {"input", "error"}
    assert [set(hit) for hit in hits] == [{"file", "score"}] * 2
    assert Path(str(hits[0]["file"])).read_bytes() == (folder / "red.png").read_bytes()
    assert (cache / "picture-embeddings.sqlite").is_file()
    looked.clear()
    assert run(capfd, folder, "red", "--top-k", 2)[1][1:] == hits
    assert looked == []
    assert run(capfd, saved, "red", "--top-k", 2) == (0, hits)
    assert Path(str(run(capfd, saved, "--image", folder / "red.png", "--top-k", 1)[1][0]["file"])).stem != "red"
    run(capfd, folder, "red", "--no-cache")
    assert sum(looked) == 1 + len(COLOURS)


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["."], 2),
        ([".", "red", "--image", "a.png"], 2),
        (["no-such-folder", "red"], 2),
        ([".", "red", "--model", "whisper-base"], 2),
    ],
)
def test_wrong_usage_is_told(arguments: list[str], status: int, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(capfd, *arguments) == (status, [])


def test_a_query_out_of_range_costs_no_reading(folder: Path, looked: list[int], capfd: pytest.CaptureFixture[str]) -> None:
    status, (error,) = run(capfd, folder, "red", "--top-k", 0)
    assert status == 1
    assert "Between 1 and" in str(error["error"])
    assert looked == []
