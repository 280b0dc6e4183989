"""Captions of a batch as files: the visitor's words reach every format, names are safe, spreadsheets execute nothing."""

from __future__ import annotations

import csv
import io
import json
import zipfile

from mm_demos.results import Caption, Captioning, Evidence
from mm_demos.tasks.caption_batch import Batch, Item
from mm_demos.tasks.caption_exports import COLUMNS, archive, csv_table, json_lines, lines, text_files

SLY = '=HYPERLINK("http://x")'


def _item(name: str, *texts: str) -> Item:
    captions = tuple(Caption(text, 0.5 - i / 10) for i, text in enumerate(texts))
    return Item(name, Captioning(captions, Evidence()))


BATCH = Batch((_item("cat.jpg", "A cat.", "A kitten."), Item("bad.png", error="bad.png is no picture."), _item("b/cat.png", SLY)))


def _files(content: bytes) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        return {name: file.read(name).decode() for name in file.namelist()}


def test_a_line_per_picture_in_order() -> None:
    cat, bad, sly = lines(BATCH)
    assert (cat.caption, cat.score, cat.others, cat.edited) == ("A cat.", 0.5, ("A kitten.",), False)
    assert (bad.caption, bad.score, bad.error) == ("", None, "bad.png is no picture.")
    assert sly.caption == SLY


def test_what_the_visitor_wrote_takes_the_place_of_the_caption() -> None:
    cat, bad, sly = lines(BATCH, {0: "  My\n cat ", 1: "I know what it shows", 2: SLY})
    assert (cat.caption, cat.edited, cat.score, cat.others) == ("My cat", True, None, ("A cat.", "A kitten."))
    assert (bad.caption, bad.edited) == ("I know what it shows", True)
    assert not sly.edited, "the same words are no edit"


def test_another_candidate_keeps_its_score() -> None:
    cat = lines(BATCH, {0: "A kitten."})[0]
    assert (cat.caption, cat.edited, cat.score, cat.others) == ("A kitten.", True, 0.4, ("A cat.",))


def test_an_emptied_caption_is_left_out_of_the_text_files() -> None:
    assert set(_files(text_files(lines(BATCH, {0: " "})))) == {"cat.txt"}


def test_a_spreadsheet_takes_nothing_for_a_formula() -> None:
    table = list(csv.reader(io.StringIO(csv_table(lines(BATCH, {0: "\t+1", 1: "@x"})))))
    assert table[0] == list(COLUMNS)
    assert [row[1] for row in table[1:]] == ["'+1", "'@x", f"'{SLY}"]
    assert [row[2] for row in table[1:]] == ["", "", "0.5"]


def test_json_lines_hold_the_text_as_it_is() -> None:
    objects = [json.loads(line) for line in json_lines(lines(BATCH)).splitlines()]
    assert [item["picture"] for item in objects] == ["cat.jpg", "bad.png", "b/cat.png"]
    assert objects[2]["caption"] == SLY
    assert objects[0]["others"] == ["A kitten."]


def test_text_files_are_named_as_their_pictures_and_never_collide() -> None:
    assert _files(text_files(lines(BATCH))) == {"cat.txt": "A cat.\n", "cat-2.txt": f"{SLY}\n"}


def test_the_archive_holds_all_of_it() -> None:
    rows = lines(BATCH, {0: "My cat"})
    files = _files(archive(rows))
    assert set(files) == {"captions.csv", "captions.jsonl", "captions/cat.txt", "captions/cat-2.txt"}
    assert files["captions.csv"] == csv_table(rows)
    assert files["captions/cat.txt"] == "My cat\n"
