"""What the checks find, count and leave out."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from fusion_tables import good_folder, picture, sample, tone

from mm_demos.errors import InvalidInputError, StoppedError
from mm_demos.fusion.checks import checked
from mm_demos.fusion.split import split_rows
from mm_demos.fusion.table import Table, opened
from mm_demos.fusion.types import Columns, DataSet, Finding
from mm_demos.progress import Progress, Update

ALL = Columns("text", "image", "audio", "label", "group")


def rows_of(folder: Path, lines: list[str], *, confined: bool = False) -> DataSet:
    """Lines of text|image|audio|label|group."""
    records = [
        dict(zip(("text", "image", "audio", "label", "group"), [*line.split("|"), "", "", "", ""], strict=False))
        for line in lines
    ]
    table = Table(("text", "image", "audio", "label", "group"), records, folder, "data.csv", confined=confined)
    return checked(table, ALL, progress=Progress())


def finding(data: DataSet, kind: str) -> Finding:
    return next(finding for finding in data.findings if finding.kind == kind)


FILLER = [f"some words {number}|||{'x' if number % 2 else 'y'}" for number in range(100)]


def test_a_clean_table_has_no_findings(tmp_path: Path) -> None:
    data = rows_of(tmp_path, FILLER)
    assert data.findings == () and len(data.rows) == 100
    assert data.labels == ("x", "y") and data.modalities == ("text",)
    assert data.rows[3].number == 4


def test_missing_and_unreadable_media_cost_the_modality_or_the_row(tmp_path: Path) -> None:
    picture(tmp_path / "p.png", 0)
    (tmp_path / "cut.png").write_bytes((tmp_path / "p.png").read_bytes()[:200])
    sample("jfk.flac", tmp_path / "sound.png")
    lines = ["a|p.png||x", "b|gone.png||x", "|gone.png||x", "|cut.png|gone.wav|x", "d|sound.png||y"]
    data = rows_of(tmp_path, [*lines, *FILLER])
    missing, unreadable = finding(data, "missing file"), finding(data, "unreadable media")
    assert missing.count == 3 and missing.dropped
    assert missing.sentence == "3 media files are not there: 2 rows are left out and 1 row is used without them."
    assert missing.examples[0] == "row 2: There is no file gone.png beside the table: check the path."
    assert unreadable.count == 2
    assert "sound.png is not a picture that can be read" in unreadable.examples[1]
    assert [row.number for row in data.rows[:4]] == [1, 2, 5, 6]
    assert data.rows[0].image == tmp_path / "p.png" and data.rows[1].image is None and data.rows[2].text == "d"


def test_empty_rows_no_label_no_content_and_long_text(tmp_path: Path) -> None:
    data = rows_of(tmp_path, [*FILLER, "|||", "words|||", "words||| \t", "|||x", f"{'long ' * 5000}|||x"])
    assert [(found.kind, found.count, found.dropped) for found in data.findings] == [
        ("empty row", 1, True),
        ("no label", 2, True),
        ("no content", 1, True),
        ("long text", 1, False),
    ]
    assert finding(data, "no label").sentence == "2 rows are without a label and left out."
    assert finding(data, "no label").examples == ("row 102", "row 103")
    assert len(data.rows) == 101 and len(data.rows[-1].text or "") <= 20_000


def test_rare_classes_are_left_out_and_slips_named(tmp_path: Path) -> None:
    labels = ["negative"] * 20 + ["positive"] * 20 + ["Negative", "negatve", "neutral", "neutral", "class 1", "class 2"]
    data = rows_of(tmp_path, [f"text {number}|||{label}" for number, label in enumerate(labels)])
    rare, similar = finding(data, "rare class"), finding(data, "similar labels")
    assert (rare.count, rare.examples) == (4, ("Negative", "negatve", "class 1", "class 2"))
    assert similar.examples == ("negative (20) / Negative (1)", "negative (20) / negatve (1)")
    assert data.labels == ("negative", "neutral", "positive")
    assert finding(data, "imbalance").examples == ("neutral: 2",)
    assert "negative has 20 rows, 10 times those of neutral (2)" in finding(data, "imbalance").sentence


def test_copies_are_found_by_content_and_kept_on_one_side(tmp_path: Path) -> None:
    for number in range(30):
        picture(tmp_path / f"{number}.png", number)
    for number in range(3):
        (tmp_path / f"copy{number}.png").write_bytes((tmp_path / f"{number}.png").read_bytes())
    lines = [f"|{number}.png||{'x' if number % 2 else 'y'}" for number in range(30)]
    data = rows_of(tmp_path, [*lines, "|copy0.png||y", "|copy1.png||x", "|copy2.png||x"])
    assert finding(data, "duplicate").count == 3
    assert finding(data, "contradiction").examples == ("rows 3, 33: y / x",)
    for seed in range(10):
        parts = split_rows(data, seed=seed).values()
        assert all((index in part) == (30 + index in part) for index in range(3) for part in parts)


def test_rows_that_share_a_recording_are_kept_on_one_side(tmp_path: Path) -> None:
    for number in range(15):
        tone(tmp_path / f"{number}.wav", 200 + 40 * number)
    data = rows_of(tmp_path, [f"text {number}||{number // 2}.wav|{'x' if number % 4 < 2 else 'y'}" for number in range(30)])
    assert data.ties == tuple(number // 2 * 2 for number in range(30))
    assert "shared files" not in {found.kind for found in data.findings}


def test_a_recording_that_half_of_the_rows_share_is_told_of(tmp_path: Path) -> None:
    tone(tmp_path / "hum.wav", 200)
    data = rows_of(tmp_path, [f"text {number}||hum.wav|{'x' if number % 2 else 'y'}" for number in range(30)])
    assert finding(data, "shared files").count == 30 and finding(data, "shared files").examples == ("hum.wav",)
    assert data.ties == tuple(range(30))


def test_the_hash_follows_content_alone(tmp_path: Path) -> None:
    def made(folder: str, change: str = "") -> str:
        file = good_folder(tmp_path / folder)
        file.write_text(file.read_text().replace("number 3", change or "number 3"))
        with opened(file) as table:
            return checked(table, Columns("text", "image", "audio", "label"), progress=Progress()).sha256

    assert made("one") == made("two") != made("three", "number three")


def test_few_test_rows_are_told_of(tmp_path: Path) -> None:
    data = rows_of(tmp_path, FILLER[:40])
    assert finding(data, "few rows").sentence == "Only about 4 rows will be there to measure with: figures will be rough."


@pytest.mark.parametrize("cell", ["../secret.png", "{root}/secret.png", "link.png", "C:\\secret.png", "set/../../secret.png"])
def test_a_visitors_table_cannot_name_files_outside_its_folder(tmp_path: Path, cell: str) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    picture(tmp_path / "secret.png", 0)
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    lines = [f"words|{cell.format(root=tmp_path)}||x", *FILLER]
    data = rows_of(folder, lines, confined=True)
    assert data.rows[0].image is None
    assert "outside the table's folder" in finding(data, "missing file").examples[0]
    own = rows_of(folder, lines)
    assert own.rows[0].image is not None or "C:" in cell


def test_paths_of_another_system(tmp_path: Path) -> None:
    (tmp_path / "Fotos").mkdir()
    picture(tmp_path / "Fotos" / "Ka\u0308se.png", 0)
    data = rows_of(tmp_path, ["words|Fotos\\K\u00e4se.png||x", "words|sub/../Fotos/K\u00e4se.png||x", *FILLER])
    assert data.rows[0].image is not None and data.rows[1].image is not None


def test_checking_reports_and_stops(tmp_path: Path) -> None:
    seen: list[Update] = []
    progress = Progress(seen.append)
    records = [{"text": f"t{number}", "label": "x"} for number in range(5)]
    progress.stop()
    with pytest.raises(StoppedError):
        checked(Table(("text", "label"), records, tmp_path, "d"), Columns("text", label="label"), progress=progress)
    assert not seen


def test_a_column_that_is_no_label_is_told_of(tmp_path: Path) -> None:
    lines = [f"text {number}|||{number // 2}" for number in range(2100)]
    with pytest.raises(InvalidInputError, match="has 1,050 different labels and the limit is 1,000"):
        rows_of(tmp_path, lines)


def test_nothing_is_written_while_checking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    before = sorted(good_folder(tmp_path / "set").parent.iterdir())
    with opened(tmp_path / "set" / "data.csv") as table:
        checked(table, Columns("text", "image", "audio", "label"), progress=Progress())
    assert sorted((tmp_path / "set").iterdir()) == before and not list(scratch.iterdir())
