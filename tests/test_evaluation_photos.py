"""Photos to measure on: every layout they come in, and the split."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from coloured_photos import COLOURS, captions, colour_set, jpeg, write_tar

from mm_demos.errors import InvalidInputError
from mm_demos.evaluation import photos
from mm_demos.evaluation.photos import FIRST_HELD_OUT, HELD_OUT, captioned, held_out, labelled

RED = jpeg(COLOURS["red"])


def test_a_tar_in_any_folder_below_is_read_in_the_order_of_its_keys(tmp_path: Path) -> None:
    write_tar(tmp_path / "deep" / "any-name.tar", [("b", RED, {"captions": ["two"]}), ("a", RED, {"captions": ["one"]})], "./")
    found = captioned(tmp_path, "all")
    assert [(photo.key, photo.captions) for photo in found] == [("a", ("one",)), ("b", ("two",))]
    assert found[0].image.size == (64, 64)


def test_a_folder_of_files_is_read_and_so_is_a_single_tar(tmp_path: Path) -> None:
    for name in ("x", "y"):
        (tmp_path / f"{name}.jpg").write_bytes(RED)
        (tmp_path / f"{name}.json").write_text(json.dumps({"captions": [name]}))
    (tmp_path / "alone.jpg").write_bytes(RED)
    assert [photo.key for photo in captioned(tmp_path, "all")] == ["x", "y"]
    tar = write_tar(tmp_path / "one.tar", [("z", RED, {"captions": ["z"]})])
    assert [photo.key for photo in captioned(tar, "all")] == ["z"]


def test_the_same_photo_in_a_tar_and_beside_it_counts_once(tmp_path: Path) -> None:
    write_tar(tmp_path / "a.tar", [("x", RED, {"captions": ["packed"]})])
    (tmp_path / "x.jpg").write_bytes(RED)
    (tmp_path / "x.json").write_text(json.dumps({"captions": ["unpacked"]}))
    assert [photo.captions for photo in captioned(tmp_path, "all")] == [("packed",)]


def test_pictures_with_a_class_and_photos_with_captions_are_kept_apart(tmp_path: Path) -> None:
    colour_set(tmp_path)
    entries = [("late", RED, {"index": 7, "wnid": "n01514668", "name": "cock"}), ("early", RED, {"index": 2, "name": "shark"})]
    write_tar(tmp_path / "vision" / "imagenet-samples-odd.tar", entries)
    assert len(captioned(tmp_path, "all")) == len(COLOURS)
    assert [(photo.class_index, photo.class_name) for photo in labelled(tmp_path)] == [(2, "shark"), (7, "cock")]


def test_the_limit_takes_the_first(tmp_path: Path) -> None:
    assert [photo.captions[0] for photo in captioned(colour_set(tmp_path), "all", 2)] == [
        captions(c)[0] for c in ("red", "green")
    ]


def test_the_validation_split_is_the_end_of_the_complete_training_set() -> None:
    before = [photos.Photo(f"t{i}", b"", ("a",)) for i in range(3)]
    end = [photos.Photo(FIRST_HELD_OUT if i == 0 else f"v{i}", b"", ("a",)) for i in range(HELD_OUT)]
    assert held_out(before + end) == end


def test_other_photos_are_not_taken_for_the_validation_split(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="--split all"):
        captioned(colour_set(tmp_path))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("bad.tar", b"no archive", "cannot be read as a tar archive"),
        ("x.json", b"{broken", "x.json in .* is not a JSON object"),
        ("x.json", b"[1]", "is not a JSON object"),
        ("x.json", b"{}", "holds no photos with captions"),
    ],
)
def test_damaged_data_is_one_sentence(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    (tmp_path / "x.jpg").write_bytes(RED)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidInputError, match=words):
        captioned(tmp_path, "all")


def test_a_missing_folder_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="There is no"):
        captioned(tmp_path / "nowhere", "all")
