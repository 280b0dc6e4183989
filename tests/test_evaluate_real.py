"""The measurements with the shipped models on a handful of bundled pictures: the same path as on a thousand photos."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from coloured_photos import write_tar

from mm_demos import samples
from mm_demos.cli import main

CAPTIONS = {
    "astronaut.jpg": ["A woman in an orange space suit smiles .", "A woman is smiling in front of a flag ."],
    "cat.jpg": ["A cat with green eyes looks up .", "A close up of a brown cat ."],
    "coffee.jpg": ["A cup of coffee on a wooden table .", "A white cup with a spoon on a table ."],
    "flower.jpg": ["A red flower with green leaves .", "A flower is blooming in a garden ."],
    "rocket.jpg": ["A rocket stands at its launch tower .", "A rocket is ready to be launched at night ."],
    "temple.jpg": ["An old temple with a curved roof .", "A building with a big roof among trees ."],
}

Measure = Callable[..., dict[str, Any]]


@pytest.fixture
def measured(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Measure:
    """`measured("clip")` is the report on the bundled pictures."""
    entries = [(name.removesuffix(".jpg"), samples.path(name).read_bytes(), {"captions": c}) for name, c in CAPTIONS.items()]
    data = write_tar(tmp_path / "pictures.tar", entries)

    def call(subject: str, *arguments: str) -> dict[str, Any]:
        assert main(["evaluate", subject, "--data", str(data), "--split", "all", "--json", *arguments]) == 0
        report: dict[str, Any] = json.loads(capfd.readouterr().out)
        return report

    return call


def test_the_shipped_clip_tells_six_pictures_apart(measured: Measure) -> None:
    report = measured("clip")
    assert report["text_to_image"]["recall_at_1"] >= 0.75
    assert report["image_to_text"]["recall_at_1"] >= 0.75


def test_the_shipped_captioner_writes_a_caption_a_picture(measured: Measure) -> None:
    report = measured("caption")
    assert report["photos"] == 6
    assert report["distinct"] >= 5
    assert 4 <= report["mean_words"] <= 16
    assert report["scores"]["bleu"][0] > 0.2
    assert report["likeliest"] is not None


def test_the_shipped_answerer_answers_about_a_handful(measured: Measure) -> None:
    report = measured("vqa", "--per-kind", "6")
    assert report["overall"]["questions"] >= 12
    assert set(report["sources"]) <= {"answer model", "text in the picture", "language model"}
    assert 0 <= report["calibration_error"] <= 1
