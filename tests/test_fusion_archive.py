"""ZIP archives: names in any encoding are unpacked inside the folder, and gone afterwards."""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path

import pytest
from fusion_tables import good_folder, picture

from mm_demos.errors import StoppedError
from mm_demos.fusion.checks import checked
from mm_demos.fusion.columns import guess_columns
from mm_demos.fusion.media_checks import Media
from mm_demos.fusion.table import opened
from mm_demos.progress import Progress


@pytest.fixture(autouse=True)
def scratch(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("scratch")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def packed(folder: Path, archive: Path, inside: str = "") -> Path:
    with zipfile.ZipFile(archive, "w") as target:
        for file in sorted(folder.rglob("*")):
            target.write(file, inside + file.relative_to(folder).as_posix())
    return archive


def test_a_table_with_its_media(tmp_path: Path, scratch: Path) -> None:
    good_folder(tmp_path / "set")
    (tmp_path / "set" / ".DS_Store").write_bytes(b"\0")
    archive = packed(tmp_path / "set", tmp_path / "set.zip", "set/")
    with zipfile.ZipFile(archive, "a") as more:
        more.writestr("__MACOSX/set/._data.csv", b"\0\5\x16\7")
        more.writestr("README.md", "about")
    with opened(archive) as table:
        assert table.name == "set.zip/set/data.csv" and table.confined
        assert not list(scratch.rglob(".*"))
        data = checked(table, guess_columns(table), progress=Progress())
        assert len(data.rows) == 12 and data.modalities == ("text", "image", "audio")
    assert not list(scratch.iterdir())


def test_the_same_data_have_the_same_hash_packed_or_not(tmp_path: Path) -> None:
    table_file = good_folder(tmp_path / "set")
    hashes = set()
    for source in (table_file, packed(tmp_path / "set", tmp_path / "set.zip", "deep/er/")):
        with opened(source) as table:
            hashes.add(checked(table, guess_columns(table), progress=Progress()).sha256)
    assert len(hashes) == 1


@pytest.mark.parametrize("encoding", ["gbk", "utf-8"])
def test_chinese_file_names_without_the_flag_that_says_so(tmp_path: Path, encoding: str) -> None:
    image = picture(tmp_path / "p.png", 0).read_bytes()
    archive = tmp_path / "set.zip"
    with zipfile.ZipFile(archive, "w") as target:
        target.writestr("data.csv", "图片,标签\n" + "照片\\小狗.png,狗\n照片\\小狗.png,猫\n" * 2)
        name = "照片/小狗".encode(encoding)
        target.writestr("X" * len(name) + ".png", image)
    archive.write_bytes(archive.read_bytes().replace(b"X" * len(name), name))
    with opened(archive) as table:
        assert [file.relative_to(table.root).as_posix() for file in table.root.rglob("*.png")] == ["照片/小狗.png"]
        reading = Media(table)
        assert all(isinstance(reading.find(record["图片"], "image", 1), Path) for record in table.records)


def test_stop_while_unpacking_leaves_nothing(tmp_path: Path, scratch: Path) -> None:
    good_folder(tmp_path / "set")
    archive = packed(tmp_path / "set", tmp_path / "set.zip")
    progress = Progress()
    reports: list[object] = []

    def stop_at_third(update: object) -> None:
        reports.append(update)
        if len(reports) == 3:
            progress.stop()

    progress.on_update = stop_at_third
    with pytest.raises(StoppedError), opened(archive, progress=progress):
        pytest.fail("unreachable")
    assert not list(scratch.iterdir())
