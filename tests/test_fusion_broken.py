"""Broken data sets: each gives one clear sentence, runs nothing and leaves nothing behind."""

from __future__ import annotations

import io
import json
import os
import pickle
import re
import stat
import struct
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fusion_tables import good_folder, picture

from mm_demos.errors import InvalidInputError
from mm_demos.fusion import archive, contents
from mm_demos.fusion.checks import checked
from mm_demos.fusion.columns import guess_columns
from mm_demos.fusion.table import opened
from mm_demos.progress import Progress

GOOD = "text,label\n" + "".join(f"words {number},{'x' if number % 2 else 'y'}\n" for number in range(12))
CANARY = "canary"
CASES: dict[str, tuple[Callable[[Path], Path], str]] = {}


class Trap:
    """Unpickling it makes a file."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(Path(tempfile.gettempdir()) / CANARY),)


def case(sentence: str) -> Callable[[Callable[[Path], Path]], Callable[[Path], Path]]:
    def add(make: Callable[[Path], Path]) -> Callable[[Path], Path]:
        CASES[make.__name__] = (make, sentence)
        return make

    return add


def saved(folder: Path, name: str, content: str | bytes) -> Path:
    file = folder / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def zipped(folder: Path, members: dict[str | zipfile.ZipInfo, str | bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    file = folder / "set.zip"
    with zipfile.ZipFile(file, "w", method) as target:
        for name, content in members.items():
            target.writestr(name, content)
    return file


def texts(name: str, content: str | bytes, sentence: str) -> None:
    """A case that is a file with this content."""
    CASES[f"{name} {sentence[:30]}"] = (lambda folder: saved(folder, name, content), sentence)


texts("data.csv", "", "data.csv is empty")
texts("data.csv", "\n\n\n", "is empty: put the names of the columns in its first line")
texts("data.csv", "text,label\n", "has no rows")
texts("data.csv", "text,text,label\na,b,c\n", "two columns 'text': give each its own name")
texts("data.csv", "price,weight\n1,2\n3,4\n", "No column of data.csv is chosen for the label: choose one of price, weight")
texts("data.csv", "label\nx\ny\n", "is chosen for text, image or audio")
texts("data.csv", "text,label\none, two,x\n", "Line 2 of data.csv has 3 cells and the first line names 2: put cells")
texts("data.csv", 'text,label\n"' + "never closed, " * 20_000, r"Line \d+ of data.csv cannot be read \(field larger")
texts("data.csv", GOOD.replace(",y", ",x"), "All rows of data.csv that can be used have the label 'x': add rows of a second")
texts(
    "data.csv", "text,label\n" + "words,\n" * 5, r"no row can be used \(5 rows are without a label and left out; first: row 1\)"
)
texts("data.csv", "text,label\na,x\nb,y\nc,z\n", r"no row can be used \(3 classes have only one row")
texts("data.csv", "text,label\na,x\nb,x\nc,y\n", r"one class has two rows \(1 class has only one row")
texts(
    "data.csv",
    "image,label\n" + "gone.jpg,x\ngone.jpg,y\n" * 4,
    r"8 media files are not there.*first: row 1: There is no file gone.jpg",
)
texts("data.csv", "text,label\nsame,x\nsame,y\n" * 4, "cannot be split into training, validation and test")
texts("data.csv", ",".join(f"c{n}" for n in range(100_000)) + "\n1\n", "100,000 columns and the limit is 500")
texts("data.csv", pickle.dumps([Trap()]), "data.csv holds Python objects .a pickle., which are never loaded")
texts("old.csv", pickle.dumps([Trap()], protocol=0), "old.csv holds Python objects")
texts("data.parquet", pickle.dumps({"text": Trap()}, protocol=5), "data.parquet holds Python objects")
texts("data.csv", b"text,label\n\0\0\0,x\n", "data.csv is not a table that can be read: give a CSV")
texts("data.csv", "<!DOCTYPE html><html><body>Not found</body></html>", "is a web page, not a table")
texts("data.parquet", b"PAR1" + b"\0" * 100, "data.parquet is damaged or incomplete")
texts("data.parquet", GOOD, "data.parquet is damaged or incomplete")
texts("data.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 100, "is an Excel workbook: save the sheet as CSV")
texts("data.csv.gz", b"\x1f\x8b\x08\0\0\0\0\0", "is a gzip archive: unpack it")
texts("data.jsonl", '{"text": "a", "label": "x"}\n{"text": \n', "Line 2 of data.jsonl is not a JSON object")
texts("data.jsonl", '["a", "x"]\n', "Line 1 of data.jsonl is not a JSON object")
texts("data.json", '"text"', "data.json is not a list of rows")
texts("data.json", "[" * 100_000, "Line 1 of data.json is not a JSON object")
texts("data.json", '[{"label": 1' + "0" * 5000 + "}]", "is not a JSON object")
texts("data.exe", b"MZ\0\0", "data.exe is not a table that can be read")
texts("set.zip", b"PK\x03\x04" + b"\0" * 50, "set.zip is damaged or cannot be unpacked")


@case("There is no file .*nowhere.csv: check the path")
def nothing_there(folder: Path) -> Path:
    return folder / "nowhere.csv"


@case("There is no table in empty: put one CSV")
def an_empty_folder(folder: Path) -> Path:
    (folder / "empty").mkdir()
    return folder / "empty"


@case("would unpack to 10.0 GB and its limit is 0.05 GB")
def ten_gigabytes_declared(folder: Path) -> Path:
    file = zipped(folder, {"data.csv": GOOD, "big.png": b"\0" * 1000})
    raw = bytearray(file.read_bytes())
    entry = raw.rfind(b"PK\x01\x02")  # of big.png, in the table of contents; 10 GB need its 64-bit form
    name_end = entry + 46 + len("big.png")
    raw[entry + 24 : entry + 28] = b"\xff\xff\xff\xff"
    raw[entry + 30 : entry + 32] = struct.pack("<H", 12)
    raw[name_end:name_end] = struct.pack("<HHQ", 1, 8, 10_000_000_000)
    end = raw.rfind(b"PK\x05\x06")
    raw[end + 12 : end + 16] = struct.pack("<I", struct.unpack("<I", raw[end + 12 : end + 16])[0] + 12)
    file.write_bytes(raw)
    return file


@case("would unpack to 0.1 GB and its limit is 0.05 GB")
def a_real_bomb(folder: Path) -> Path:
    return zipped(folder, {"data.csv": GOOD, "big.wav": b"\0" * 80_000_000})


@case("is damaged or cannot be unpacked")
def a_member_larger_than_it_says(folder: Path) -> Path:
    file = zipped(folder, {"data.csv": GOOD, "big.png": b"\0" * 100_000})
    size = struct.pack("<I", 100_000)
    file.write_bytes(file.read_bytes().replace(size, struct.pack("<I", 10)))
    return file


@case(r"set.zip holds \.\./escaped.csv, which would be written outside its folder")
def zip_slip(folder: Path) -> Path:
    return zipped(folder, {"data.csv": GOOD, "../escaped.csv": GOOD})


@case(r"holds a/\.\./\.\./escaped.csv, which would be written outside")
def zip_slip_of_windows(folder: Path) -> Path:
    return zipped(folder, {"a\\..\\..\\escaped.csv": GOOD})


@case("holds /tmp/escaped.csv, which would be written outside")
def an_absolute_name(folder: Path) -> Path:
    return zipped(folder, {"/tmp/escaped.csv": GOOD})  # noqa: S108


@case("holds C:/escaped.csv, which would be written outside")
def a_drive(folder: Path) -> Path:
    return zipped(folder, {"C:\\escaped.csv": GOOD})


@case("holds link.csv, which is a link or a device")
def a_link(folder: Path) -> Path:
    link = zipfile.ZipInfo("link.csv")
    link.create_system = 3
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    return zipped(folder, {link: "/etc/passwd"})


@case("There is no table in set.zip")
def a_member_without_a_name(folder: Path) -> Path:
    file = zipped(folder, {"X": "text"})
    file.write_bytes(file.read_bytes().replace(b"X", b"\0"))
    return file


@case("holds another archive, more/inner.zip")
def nested(folder: Path) -> Path:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as target:
        target.writestr("data.csv", GOOD)
    return zipped(folder, {"data.csv": GOOD, "more/inner.zip": inner.getvalue()})


@case("is locked with a password")
def locked(folder: Path) -> Path:
    file = zipped(folder, {"data.csv": GOOD})
    raw = bytearray(file.read_bytes())
    raw[6] |= 1
    raw[raw.find(b"PK\x01\x02") + 8] |= 1
    file.write_bytes(raw)
    return file


@case("holds two files of one name")
def one_name_twice(folder: Path) -> Path:
    return zipped(folder, {"a/data.csv": GOOD, "a\\data.csv": GOOD})


@case("holds two files of one name")
def a_file_that_is_a_folder_too(folder: Path) -> Path:
    return zipped(folder, {"data.csv": GOOD, "a": "b", "a/b.png": "c"})


@case("is damaged or cannot be unpacked: File name too long")
def a_name_too_long(folder: Path) -> Path:
    return zipped(folder, {"n" * 300 + ".csv": GOOD})


@case("is an Excel workbook")
def a_workbook(folder: Path) -> Path:
    return zipped(folder, {"[Content_Types].xml": "", "xl/workbook.xml": ""})


@case("There is no table in set.zip: put one CSV")
def a_zip_without_a_table(folder: Path) -> Path:
    return zipped(folder, {"a.png": b"\x89PNG"})


@case(r"set.zip holds 2 tables \(a.csv, b.csv\): say which one")
def a_zip_with_two_tables(folder: Path) -> Path:
    return zipped(folder, {"a.csv": GOOD, "b.csv": GOOD})


@case("data.csv holds Python objects")
def a_pickle_in_a_zip(folder: Path) -> Path:
    return zipped(folder, {"data.csv": pickle.dumps([Trap()])})


@case("is damaged or cannot be unpacked")
def a_truncated_zip(folder: Path) -> Path:
    file = zipped(folder, {"data.csv": GOOD}, zipfile.ZIP_STORED)
    file.write_bytes(file.read_bytes().replace(b"words 3", b"w\0rds 3"))  # a wrong checksum
    return file


@case("8 media files are not readable.*first: row 1: trap.jpg is not a picture that can be read")
def pickles_as_pictures(folder: Path) -> Path:
    return zipped(folder, {"data.csv": "image,label\n" + "trap.jpg,x\ntrap.jpg,y\n" * 4, "trap.jpg": pickle.dumps([Trap()])})


@case("8 media files are not readable.*damaged or incomplete")
def media_cut_short(folder: Path) -> Path:
    picture(folder / "p.png", 0)
    (folder / "cut.png").write_bytes((folder / "p.png").read_bytes()[:300])
    return saved(folder, "data.csv", "image,label\n" + "cut.png,x\ncut.png,y\n" * 4)


@case("4 media files are not readable.*bad.wav is not a recording")
def a_recording_of_noise_bytes(folder: Path) -> Path:
    saved(folder, "bad.wav", b"RIFF\xff\xff\xff\xffWAVE" + bytes(range(256)))
    return saved(folder, "data.csv", "audio,label\n" + "bad.wav,x\nbad.wav,y\n" * 2)


@case("4 media files are not there.*outside the table's folder")
def files_of_the_machine_named_in_a_zip(folder: Path) -> Path:
    picture(folder / "secret.png", 0)
    return zipped(folder, {"data.csv": "image,label\n" + f"{folder}/secret.png,x\n../secret.png,y\n" * 2})


@case("data.parquet is damaged or incomplete")
def parquet_cut_in_the_middle(folder: Path) -> Path:
    pq.write_table(pa.table({"text": [str(n) for n in range(1000)], "label": [1, 2] * 500}), folder / "data.parquet")
    raw = (folder / "data.parquet").read_bytes()
    return saved(folder, "data.parquet", raw[:100] + bytes(400) + raw[500:])


def saved_set(folder: Path, **state: object) -> Path:
    """A minimal saved data set whose description is `state`."""
    home = folder / "saved"
    home.mkdir()
    table = pa.table({"text": ["a", "b"], "label": [0, 1]})
    with pa.ipc.new_stream(str(home / "data.arrow"), table.schema) as writer:
        writer.write_table(table)
    (home / "state.json").write_text(json.dumps({"_data_files": [{"filename": "data.arrow"}], **state}))
    return home


@case("saved names files outside itself")
def a_saved_set_that_points_outside(folder: Path) -> Path:
    return saved_set(folder, _data_files=[{"filename": "../../etc/passwd"}])


@case("lacks a whole state.json: save it again")
def a_saved_set_without_files(folder: Path) -> Path:
    return saved_set(folder, _data_files=[])


@case("saved is damaged or incomplete")
def a_saved_set_cut_short(folder: Path) -> Path:
    home = saved_set(folder)
    raw = (home / "data.arrow").read_bytes()
    (home / "data.arrow").write_bytes(raw[: len(raw) // 2])
    return home


@case("saved is damaged or incomplete")
def a_saved_set_that_is_a_pickle(folder: Path) -> Path:
    home = saved_set(folder)
    (home / "data.arrow").write_bytes(pickle.dumps(Trap()))
    return home


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def everything(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))


@pytest.mark.parametrize("name", CASES)
def test_one_clear_sentence_and_nothing_left(tmp_path: Path, scratch: Path, name: str) -> None:
    make, sentence = CASES[name]
    (tmp_path / "given").mkdir()
    source = make(tmp_path / "given")
    before = everything(tmp_path)
    with pytest.raises(InvalidInputError) as caught, opened(source) as table:
        checked(table, guess_columns(table), progress=Progress())
    message = str(caught.value)
    assert re.search(sentence, message), message
    assert message.endswith((".", "”")) and "\n" not in message and len(message) < 500
    assert "Traceback" not in message and str(scratch) not in message
    assert everything(tmp_path) == before


def test_there_are_thirty_and_more() -> None:
    assert len(CASES) >= 30


@pytest.mark.parametrize(
    ("limit", "sentence"),
    [
        ((archive, "MAX_MEMBERS", 3), "holds 25 files and the limit is 3"),
        ((contents, "MAX_ROWS", 5), "has more than 5 rows"),
        ((contents, "MAX_BYTES", 100), "MB and the limit is 0 MB"),
    ],
)
def test_limits(
    tmp_path: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch, limit: tuple[object, str, int], sentence: str
) -> None:
    good_folder(tmp_path / "set")
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as target:
        for file in (tmp_path / "set").iterdir():
            target.write(file, file.name)
    monkeypatch.setattr(*limit)
    with pytest.raises(InvalidInputError, match=sentence), opened(tmp_path / "set.zip"):
        pytest.fail("unreachable")
    assert not list(scratch.iterdir())
