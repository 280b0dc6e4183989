"""Model cards: every section is there, and figures go where they belong."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from mm_demos.cli import main as command
from mm_demos.evaluation import cards

DOCS = Path(__file__).parents[1] / "docs" / "models"
CARDS = ("mm-mini-clip", "mm-mini-captioner", "mm-mini-answerer", "whisper-sound-head", "mm-mini-painter")
SECTIONS = (
    "Data", "Licence of the data", "Split", "Method", "Figures", "Limits and biases", "Train again", "Measure again",
)  # fmt: skip
RECALL = {"recall_at_1": 0.31, "recall_at_5": 0.6, "recall_at_10": 0.72, "median_rank": 3.0, "queries": 10}
CLIP: dict[str, Any] = {
    "model": "mm-mini-clip",
    "split": "validation",
    "photos": 1000,
    "captions": 5000,
    "text_to_image": RECALL,
    "image_to_text": RECALL,
    "zero_shot": None,
    "images_per_second": 50.2,
    "texts_per_second": 300.0,
    "shapes": [],
}


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    return Path(shutil.copytree(DOCS, tmp_path / "docs"))


def write(path: Path, report: object) -> str:
    path.write_text(json.dumps(report))
    return str(path)


@pytest.mark.parametrize("card", CARDS)
def test_a_card_has_every_section_and_no_path_of_a_machine(card: str) -> None:
    text = (DOCS / f"{card}.md").read_text(encoding="utf-8")
    assert [section for section in SECTIONS if f"\n## {section}\n" not in text] == []
    assert "python -m mm_demos.training." in text
    assert not [word for word in ("/work/", "/home/") if word in text]


def test_figures_replace_those_of_an_earlier_run_and_nothing_else(docs: Path, tmp_path: Path) -> None:
    path = docs / "mm-mini-clip.md"
    before = path.read_text(encoding="utf-8")
    for recall in (0.11, 0.42):
        report = CLIP | {"text_to_image": RECALL | {"recall_at_1": recall}}
        assert cards.main(["--docs", str(docs), write(tmp_path / "clip.json", report)]) == 0
    after = path.read_text(encoding="utf-8")
    assert "| text→image R@1 / R@5 / R@10, median rank | 0.420 / 0.600 / 0.720, 3 |" in after
    assert "0.110" not in after
    assert "1,000 photos, split “validation”" in after
    assert after.partition("<!-- figures: clip")[0] == before.partition("<!-- figures: clip")[0]
    assert after.partition("Speed, both sides")[2] == before.partition("Speed, both sides")[2]


@pytest.mark.parametrize("report", [{"hello": 1}, CLIP | {"model": "conse"}, [1], "text"])
def test_other_reports_are_refused_in_a_sentence(
    docs: Path, tmp_path: Path, report: object, capfd: pytest.CaptureFixture[str]
) -> None:
    assert cards.main(["--docs", str(docs), write(tmp_path / "r.json", report)]) == 2
    assert len(capfd.readouterr().err.strip().splitlines()) == 1


def test_a_missing_card_or_report_is_one_sentence(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert cards.main(["--docs", str(tmp_path), write(tmp_path / "r.json", CLIP)]) == 2
    assert "has no lines" in capfd.readouterr().err
    assert cards.main(["--docs", str(tmp_path), str(tmp_path / "nothing.json")]) == 2
    assert "is no report" in capfd.readouterr().err


def test_the_help_of_every_measurement_names_its_options(capfd: pytest.CaptureFixture[str]) -> None:
    for subject, option in (("clip", "--aspect"), ("caption", "--split"), ("vqa", "--per-kind"), ("vision-speed", "--rounds")):
        with pytest.raises(SystemExit) as leaving:
            command(["evaluate", subject, "--help"])
        assert leaving.value.code == 0
        assert option in capfd.readouterr().out
