"""`index` and `search` on stand-ins: what is written where, and exit statuses."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from sound_doubles import make_recordings, tone

from mm_demos import media
from mm_demos.cli import main
from mm_demos.models import fake, loader
from mm_demos.settings import Settings

Run = Callable[..., tuple[int, list[dict[str, Any]], str]]
FIELDS = ["file", "start", "end", "score", "text", "tags"]


@pytest.fixture
def run(tmp_path: Path, configure: Callable[..., Settings], capfd: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """`run("search", …)` is the exit status, the objects on standard output, and standard error."""
    configure(data_dir=tmp_path / "data")
    restore = fake.register_fakes(stand_in=True)
    loader.reset_shared()

    def call(*arguments: object) -> tuple[int, list[dict[str, Any]], str]:
        status = main([str(argument) for argument in arguments])
        written = capfd.readouterr()
        return status, [json.loads(line) for line in written.out.splitlines()], written.err

    yield call
    restore()
    loader.reset_shared()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_recordings(tmp_path / "recordings", 2)
    media.save_wav(tmp_path / "recordings" / "high.wav", tone(3000, 2))
    return tmp_path / "recordings"


def test_index_writes_one_summary(run: Run, folder: Path) -> None:
    status, (summary,), told = run("index", folder, "--library", "mine")
    assert status == 0
    assert (summary["library"], summary["added"], summary["total_files"]) == ("mine", 3, 3)
    assert "receipt" not in summary
    assert "Indexing: 3 of 3 files" in told
    assert "clips a second" in told
    (folder / "bad.mp3").write_bytes(b"nothing")
    status, (summary,), told = run("index", folder, "--library", "mine", "--quiet", "--receipt")
    assert (status, summary["unchanged"], len(summary["faults"])) == (1, 3, 1)
    assert summary["receipt"]["task"] == "index"
    assert "Indexing" not in told


def test_search_writes_an_object_per_hit(run: Run, folder: Path) -> None:
    run("index", folder, "--library", "mine")
    status, hits, _ = run("search", "high sound", "--library", "mine", "--mode", "sounds", "--top-k", 2, "--json")
    assert status == 0
    assert len(hits) == 2
    assert list(hits[0]) == FIELDS
    assert hits[0]["file"] == str(folder / "high.wav")
    assert hits[0]["tags"][0]["label"] == "high sound"
    status, hits, _ = run("search", "--audio", folder / "high.wav", "--library", "mine", "--mode", "sounds", "--json")
    assert (status, hits[0]["file"]) == (0, str(folder / "high.wav"))
    Image.new("RGB", (40, 40), (220, 40, 40)).save(folder / "red.png")
    status, hits, _ = run("search", "--image", folder / "red.png", "--library", "mine", "--json")
    assert status == 0
    assert {tuple(hit) for hit in hits} == {tuple(FIELDS)}


def test_a_batch_answers_every_line(run: Run, folder: Path, tmp_path: Path) -> None:
    run("index", folder, "--library", "mine")
    lines = [
        {"id": "a", "text": "high sound", "mode": "sounds"},
        {"id": 2, "audio": "recordings/high.wav", "mode": "sounds"},
        {"id": "c", "audio": "nowhere.wav"},
        {"text": "alpha", "mode": "smells"},
        {"id": "e", "text": "alpha", "top_k": 1},
    ]
    batch = tmp_path / "queries.jsonl"
    batch.write_text("\n".join(map(json.dumps, lines)) + "\nno json\n", encoding="utf-8")
    status, found, _ = run("search", "--batch", batch, "--library", "mine")
    assert status == 1
    assert [each["id"] for each in found] == ["a", 2, "c", 4, "e", 6]
    assert [each["hits"][0]["file"] for each in found[:2]] == [str(folder / "high.wav")] * 2
    assert list(found[0]["hits"][0]) == FIELDS
    assert ["error" in each for each in found] == [False, False, True, True, False, True]
    assert "no mode smells" in found[3]["error"]
    assert len(found[4]["hits"]) <= 1


def test_export_and_import(run: Run, folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "mine.zip"
    status, (summary,), _ = run("index", folder, "--library", "mine", "--export", file)
    assert (status, summary["added"], file.is_file()) == (0, 3, True)
    status, (info,), _ = run("index", "--library", "copy", "--import", file)
    assert (status, info["name"], info["files"]) == (0, "copy", 3)
    status, (summary,), _ = run("index", folder, "--library", "third", "--import", file)
    assert (status, summary["unchanged"], summary["added"]) == (0, 3, 0)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("index", "--library", "mine"), "nothing to do"),
        (("index", "nowhere", "--library", "mine"), "there is no folder nowhere"),
        (("index", ".", "--library", "mine", "--export", "no/where.zip"), "--export"),
        (("search", "--library", "mine"), "give one of"),
        (("search", "a", "--audio", "b", "--library", "mine"), "give one of"),
        (("search", "--batch", "nowhere.jsonl", "--library", "mine"), "there is no batch file"),
    ],
)
def test_wrong_usage(run: Run, arguments: tuple[str, ...], sentence: str) -> None:
    status, written, told = run(*arguments)
    assert (status, written) == (2, [])
    assert sentence in told


def test_no_such_library(run: Run) -> None:
    status, written, told = run("search", "a", "--library", "nowhere", "--json")
    assert (status, written) == (1, [])
    assert "There is no library nowhere" in told
    assert run("index", ".", "--library", "../evil")[0] == 1
