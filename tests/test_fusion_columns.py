"""Guessing what a column holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from mm_demos.errors import InvalidInputError
from mm_demos.fusion.columns import check_columns, guess_columns
from mm_demos.fusion.table import Table
from mm_demos.fusion.types import Columns

SENTENCES = ["a dog runs", "a cat sleeps on a sofa", "rain on a roof", "two birds in a tree"] * 6


def table(**columns: list[str]) -> Table:
    names = tuple(columns)
    records = [dict(zip(names, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]
    return Table(names, records, Path(), "data.csv")


def files(suffix: str) -> list[str]:
    return [f"folder/{number}{suffix}" for number in range(24)]


LABELS = ["cat", "dog", "cat", "dog"] * 6


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        (("text", "image", "audio", "label"), Columns("text", "image", "audio", "label")),
        (("caption", "photo", "sound", "category"), Columns("caption", "photo", "sound", "category")),
        (("sentence", "img_path", "wav_file", "target"), Columns("sentence", "img_path", "wav_file", "target")),
        (("图片描述", "图片", "录音", "类别"), Columns("图片描述", "图片", "录音", "类别")),
        (
            ("imageCaption", "imageFile", "audioFile", "imageLabel"),
            Columns("imageCaption", "imageFile", "audioFile", "imageLabel"),
        ),
        (("a", "b", "c", "d"), Columns("a", "b", "c", "d")),  # nothing but the content tells
    ],
)
def test_by_name_and_by_content(names: tuple[str, ...], wanted: Columns) -> None:
    text, image, audio, label = names
    assert guess_columns(table(**{text: SENTENCES, image: files(".JPG"), audio: files(".wav"), label: LABELS})) == wanted


def test_content_is_believed_before_the_name() -> None:
    found = guess_columns(table(audio=files(".png"), text=files(".ogg"), image=SENTENCES, label=LABELS))
    assert found == Columns(text="image", image="audio", audio="text", label="label")


def test_the_exact_name_is_believed_before_longer_ones() -> None:
    numbers = ["0", "1", "0", "1"] * 6
    found = guess_columns(table(label_id=numbers, text_length=numbers, text=SENTENCES, label=LABELS))
    assert (found.text, found.label) == ("text", "label")


def test_a_group_is_guessed_where_there_are_enough_of_them() -> None:
    many = [f"speaker {number // 2}" for number in range(24)]
    few = [f"speaker {number % 3}" for number in range(24)]
    assert guess_columns(table(text=SENTENCES, speaker_id=many, label=LABELS)).group == "speaker_id"
    assert guess_columns(table(text=SENTENCES, speaker_id=few, label=LABELS)).group == ""


def test_chinese_sentences_without_names() -> None:
    texts = ["一只狗在公园里跑", "猫在沙发上睡觉", "雨落在屋顶上"] * 2
    assert guess_columns(table(p=[str(n) for n in range(6)], q=texts, r=["甲", "乙"] * 3)) == Columns(text="q", label="r")


def test_what_is_not_there_stays_empty() -> None:
    assert guess_columns(table(price=["1.5", "2.5", "3.5"], weight=["10", "11", "12"])) == Columns()


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        (Columns(text="words", label="label"), "has no column 'words' for the text: choose one of text, label"),
        (Columns(text="text"), "No column of data.csv is chosen for the label: choose one of text, label"),
        (Columns(label="label"), "is chosen for text, image or audio"),
        (Columns(text="label", label="label"), "The column 'label' is chosen twice"),
    ],
)
def test_columns_that_do_not_fit(columns: Columns, sentence: str) -> None:
    with pytest.raises(InvalidInputError, match=sentence):
        check_columns(table(text=["a"], label=["b"]), columns)
