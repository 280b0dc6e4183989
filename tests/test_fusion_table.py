"""Reading tables: dialects, encodings, typed formats, archives, saved data sets; nothing is left of what was unpacked."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fusion_tables import good_folder, picture, tone

from mm_demos.errors import InvalidInputError
from mm_demos.fusion.table import opened


@pytest.fixture(autouse=True)
def scratch(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary folders go in these tests."""
    folder = tmp_path_factory.mktemp("scratch")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def cells(path: Path, table: str = "") -> list[Mapping[str, str | None]]:
    with opened(path, table=table) as found:
        return [dict(record) for record in found.records]


def written(folder: Path, name: str, content: str | bytes, encoding: str = "utf-8") -> Path:
    file = folder / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return file


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
def test_chinese_text_in_the_encodings_it_is_saved_in(tmp_path: Path, encoding: str) -> None:
    file = written(tmp_path, "t.csv", "文本,标签\n一只猫在沙发上睡觉,猫\n狗在公园里跑,狗\n", encoding)
    assert cells(file) == [{"文本": "一只猫在沙发上睡觉", "标签": "猫"}, {"文本": "狗在公园里跑", "标签": "狗"}]


def test_western_text_as_excel_saves_it(tmp_path: Path) -> None:
    file = written(tmp_path, "t.csv", "text;label\r\nDéjà vu à l’été – 5 €;naïve\r\nGrüße aus Köln;ähnlich\r\n", "cp1252")
    assert cells(file) == [
        {"text": "Déjà vu à l’été – 5 €", "label": "naïve"},
        {"text": "Grüße aus Köln", "label": "ähnlich"},
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters_are_found_and_quotes_kept(tmp_path: Path, delimiter: str) -> None:
    rows = [["text", "label"], ['"one, two; three | four\tfive"', "a"], ['"a ""quote""\nand a break"', "b"], ["plain", "a"]]
    file = written(tmp_path, "t.csv", "\n".join(delimiter.join(row) for row in rows))
    assert [row["text"] for row in cells(file)] == ["one, two; three | four\tfive", 'a "quote"\nand a break', "plain"]


def test_empty_cells_short_lines_and_trailing_delimiters(tmp_path: Path) -> None:
    file = written(tmp_path, "t.csv", ",text,label,,\r\n1, a ,x,,\r\n\r\n2\r\n,,,,\r\n")
    assert cells(file) == [
        {"column 1": "1", "text": "a", "label": "x"},
        {"column 1": "2", "text": None, "label": None},
        {"column 1": None, "text": None, "label": None},
    ]


def test_tsv_with_commas_in_its_text(tmp_path: Path) -> None:
    file = written(tmp_path, "t.tsv", "text\tlabel\none, two\ta\nthree, four\tb\n")
    assert [row["text"] for row in cells(file)] == ["one, two", "three, four"]


def test_json_lines_and_lists_are_the_same_table(tmp_path: Path) -> None:
    rows = [{"text": "一", "label": 1, "score": 2.0}, {"text": None, "label": True, "image": {"bytes": None, "path": "a.png"}}]
    lines = written(tmp_path, "t.jsonl", "\n".join(json.dumps(row, ensure_ascii=False) for row in rows))
    whole = written(tmp_path, "t.json", json.dumps(rows))
    misnamed = written(tmp_path, "lines.json", lines.read_bytes())
    wanted = [
        {"text": "一", "label": "1", "score": "2", "image": None},
        {"text": None, "label": "true", "score": None, "image": "a.png"},
    ]
    assert cells(lines) == cells(whole) == cells(misnamed) == wanted


def test_a_lone_surrogate_becomes_a_replacement_character(tmp_path: Path) -> None:
    assert cells(written(tmp_path, "t.jsonl", '{"text": "a\\ud800", "label": "x"}'))[0]["text"] == "a\ufffd"


def test_parquet_of_numbers_texts_and_nothing(tmp_path: Path) -> None:
    columns = {"text": ["a", None, ""], "label": pa.array([1, 0, None]), "share": [1.0, 0.5, None], "kind": ["u", "v", "u"]}
    table = pa.table(columns)
    pq.write_table(table.set_column(3, "kind", table["kind"].dictionary_encode()), tmp_path / "t.parquet")
    assert cells(tmp_path / "t.parquet") == [
        {"text": "a", "label": "1", "share": "1", "kind": "u"},
        {"text": None, "label": "0", "share": "0.5", "kind": "v"},
        {"text": None, "label": None, "share": None, "kind": "u"},
    ]


def test_media_inside_parquet_are_files_until_the_block_ends(tmp_path: Path, scratch: Path) -> None:
    content = picture(tmp_path / "p.png", 1).read_bytes()
    table = pa.table({"image": [{"bytes": content, "path": "x.jpg"}, {"bytes": None, "path": "p.png"}], "raw": [content, None]})
    pq.write_table(table, tmp_path / "t.parquet")
    with opened(tmp_path / "t.parquet") as found:
        first, second = found.records
        assert Path(first["image"] or "").read_bytes() == Path(first["raw"] or "").read_bytes() == content
        assert Path(first["image"] or "").suffix == ".png"
        assert second == {"image": "p.png", "raw": None}
        assert found.unpacked is not None and list(scratch.iterdir()) == [found.unpacked]
    assert not list(scratch.iterdir())


def test_what_is_unpacked_is_gone_after_a_fault_in_the_block(tmp_path: Path, scratch: Path) -> None:
    table = pa.table({"raw": [b"GIF89a"]})
    pq.write_table(table, tmp_path / "t.parquet")
    with pytest.raises(ZeroDivisionError), opened(tmp_path / "t.parquet"):
        _ = 1 / 0
    assert not list(scratch.iterdir())


def test_a_saved_data_set_with_pictures_sounds_and_named_classes(tmp_path: Path, scratch: Path) -> None:
    import datasets

    image, sound = picture(tmp_path / "p.png", 1), tone(tmp_path / "s.wav", 440)
    features = datasets.Features(
        {
            "text": datasets.Value("string"),
            "image": datasets.Image(decode=False),
            "audio": datasets.Audio(decode=False),
            "label": datasets.ClassLabel(names=["cat", "dog"]),
        }
    )
    medium = [{"bytes": image.read_bytes(), "path": None}, {"bytes": None, "path": str(image)}]
    sounds = [{"bytes": sound.read_bytes(), "path": "s.wav"}, None]
    columns = {"text": ["a", "b"], "image": medium, "audio": sounds, "label": [1, -1]}
    table = pa.table(columns, schema=features.arrow_schema)  # from_dict would want a library that writes sound
    rows = datasets.Dataset(datasets.table.InMemoryTable(table))
    rows.save_to_disk(tmp_path / "one")
    datasets.DatasetDict({"train": rows, "test": rows.select([1])}).save_to_disk(tmp_path / "parts")
    with opened(tmp_path / "one") as found:
        first, second = found.records
        assert (first["text"], first["label"], second["label"]) == ("a", "dog", None)
        assert Path(first["image"] or "").read_bytes() == image.read_bytes()
        assert Path(first["audio"] or "").suffix == ".wav"
        assert second["audio"] is None
    assert not list(scratch.iterdir())
    with opened(tmp_path / "parts") as found:
        assert (found.name, len(found.records)) == ("parts/train", 2)
    assert len(cells(tmp_path / "parts", "test")) == 1
    with pytest.raises(InvalidInputError, match="has the parts train, test: say which one"):
        cells(tmp_path / "parts", "valid")


def test_a_folder_with_one_table_and_one_with_two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good_folder(tmp_path / "set")
    (tmp_path / "set" / "notes.txt").write_text("made by hand")
    with opened(tmp_path / "set") as found:
        assert (found.root, found.name, len(found.records)) == (tmp_path / "set", "set/data.csv", 12)
    written(tmp_path / "set", "more.csv", "text,label\na,x\n")
    with pytest.raises(InvalidInputError, match=r"set holds 2 tables \(data.csv, more.csv\): say which one"):
        cells(tmp_path / "set")
    assert cells(tmp_path / "set", "more.csv") == [{"text": "a", "label": "x"}]
    monkeypatch.chdir(tmp_path / "set")
    with pytest.raises(InvalidInputError, match=r"^set holds 2 tables"):
        cells(Path())
