"""What users say about predictions: kept, exported, and left out where it would spoil the test."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from mm_demos import samples
from mm_demos.errors import InvalidInputError
from mm_demos.fusion.feedback import FeedbackStore, same_content
from mm_demos.fusion.types import Row


@pytest.fixture
def store(tmp_path: Path) -> FeedbackStore:
    return FeedbackStore(tmp_path / "feedback")


def test_the_right_label_is_kept_with_copies_of_the_media(store: FeedbackStore, tmp_path: Path) -> None:
    picture = tmp_path / "upload.jpg"
    picture.write_bytes(samples.path("cat.jpg").read_bytes())
    store.add(predicted="dog", right=False, label="cat", text="soft", image=picture, audio=samples.path("rooster.ogg"))
    picture.unlink()
    (said,) = store.all()
    assert (said.row.label, said.predicted, said.right, said.row.text) == ("cat", "dog", False, "soft")
    assert said.row.image is not None
    assert said.row.image.read_bytes() == samples.path("cat.jpg").read_bytes()
    assert store.rows() == (said.row,)
    assert store.rows(["dog"]) == ()


def test_a_right_prediction_is_its_own_label_and_an_unknown_one_teaches_nothing(store: FeedbackStore) -> None:
    store.add(predicted="cat", right=True, text="purrs")
    store.add(predicted="cat", right=False, text="barks")
    assert [row.label for row in store.rows()] == ["cat"]
    assert len(store) == 2


def test_the_last_word_about_an_input_counts(store: FeedbackStore) -> None:
    store.add(predicted="cat", right=True, text="barks")
    store.add(predicted="cat", right=False, label="dog", text=" barks ")
    assert [row.label for row in store.rows()] == ["dog"]


def test_it_exports_as_a_table(store: FeedbackStore, tmp_path: Path) -> None:
    store.add(predicted="a, b", right=False, label='say "c"', text="two\nlines", image=samples.path("cat.jpg"), model="m")
    with store.export(tmp_path / "said.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["text"], row["label"], row["predicted"], row["right"], row["model"]) == (
        "two\nlines",
        'say "c"',
        "a, b",
        "no",
        "m",
    )
    assert Path(row["image"]).is_file()


def test_clearing_forgets_the_media_too(store: FeedbackStore) -> None:
    store.add(predicted="cat", right=True, image=samples.path("cat.jpg"))
    store.clear()
    assert not store.folder.exists()
    assert store.all() == ()


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"predicted": "cat", "right": True}, "needs the text, picture or sound"),
        ({"predicted": "cat", "right": False, "label": "cat", "text": "x"}, "is the one that was predicted"),
        ({"predicted": "cat", "right": False, "label": "d" * 201, "text": "x"}, "1 to 200 characters"),
        ({"predicted": "cat", "right": True, "image": "gone.jpg"}, "There is no file gone.jpg"),
    ],
)
def test_what_is_no_feedback_is_refused(store: FeedbackStore, given: dict[str, object], sentence: str) -> None:
    with pytest.raises(InvalidInputError, match=sentence):
        store.add(**given)  # type: ignore[arg-type]
    assert store.all() == ()


def test_a_file_that_is_no_database_gives_a_sentence(store: FeedbackStore) -> None:
    store.folder.mkdir()
    (store.folder / "feedback.sqlite").write_bytes(b"not a database at all" * 100)
    with pytest.raises(InvalidInputError, match="delete the folder"):
        store.all()


def test_rows_of_the_same_content_are_found(tmp_path: Path) -> None:
    copy = tmp_path / "copy.jpg"
    copy.write_bytes(samples.path("cat.jpg").read_bytes())
    said = (Row(1, "cat", "soft", copy), Row(2, "cat", "other", copy), Row(3, "cat", None, copy))
    held_out = (Row(9, "dog", " soft ", samples.path("cat.jpg")), Row(10, "dog", None, samples.path("coffee.jpg")))
    assert same_content(said, held_out) == {0}
