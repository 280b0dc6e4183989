"""Files in which bytes are changed or the end is cut off: a table or one sentence, and nothing left behind."""

from __future__ import annotations

import io
import random
import tempfile
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mm_demos.errors import InvalidInputError
from mm_demos.fusion.checks import checked
from mm_demos.fusion.columns import guess_columns
from mm_demos.fusion.table import opened
from mm_demos.progress import Progress

CSV = "text,label\n" + "".join(f"words {number},{'x' if number % 2 else 'y'}\n" for number in range(12))
COLUMNS = {"text": ["a", "b"] * 20, "label": [1, 2] * 20, "image": [{"bytes": b"GIF8", "path": "a"}] * 40}


def zip_bytes() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as target:
        target.writestr("data.csv", CSV)
    return stream.getvalue()


def parquet_bytes() -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.table(COLUMNS), stream)
    return stream.getvalue()


def arrow_bytes() -> bytes:
    stream = io.BytesIO()
    table = pa.table(COLUMNS)
    with pa.ipc.new_stream(stream, table.schema) as writer:
        writer.write_table(table)
    return stream.getvalue()


FILES = {
    "data.zip": zip_bytes,
    "data.parquet": parquet_bytes,
    "data.arrow": arrow_bytes,
    "data.csv": CSV.encode,
    "data.jsonl": ('{"text": "a", "label": 1}\n' * 5).encode,
    "data.json": '[{"text": "a", "label": 1}, {"text": null}]'.encode,
}


@pytest.mark.parametrize("name", FILES)
def test_no_change_of_a_byte_gives_anything_but_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    scratch, given = tmp_path / "scratch", tmp_path / "given"
    scratch.mkdir()
    given.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    whole = FILES[name]()
    (given / "state.json").write_text('{"_data_files": [{"filename": "data.arrow"}]}')
    chance = random.Random(5)
    for _ in range(200):
        raw = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            raw[chance.randrange(len(raw))] = chance.choice([0, 0x27, 0x5C, 0x7F, 0x80, 0xFF, chance.randrange(256)])
        file = given / name
        file.write_bytes(raw[: chance.choice([len(raw), chance.randrange(1, len(raw))])])
        try:
            with opened(given if name == "data.arrow" else file) as table:
                checked(table, guess_columns(table), progress=Progress())
        except InvalidInputError as error:
            assert str(error).endswith((".", "”"))
        assert not list(scratch.iterdir())
