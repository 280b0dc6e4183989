"""The measurements of fusion: how the three-modality set is made, and that fusion fuses."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from mm_demos.evaluation import SUBJECTS, fusion_rows, fusion_set, fusion_xor
from mm_demos.evaluation import presets as presets_report
from mm_demos.settings import settings


@pytest.mark.parametrize(
    ("others", "seen"),
    [
        (["A dog runs .", "Two dogs play .", "An animal .", "Grass ."], "dog"),
        (["A dog runs .", "An animal runs .", "Grass .", "Grass ."], ""),  # named by one alone
        (["A boy and his dog .", "A dog .", "A dog .", "A boy ."], ""),  # two of the three
        (["A man .", "A woman sits .", "Someone .", "A lady ."], "grown-up"),
    ],
)
def test_who_is_seen_is_what_others_say(others: list[str], seen: str) -> None:
    assert fusion_rows.seen_in(["A child that nobody else names .", *others]) == seen


def test_an_excerpt_holds_the_loudest_moment_wherever_it_begins() -> None:
    sound = np.zeros(80_000, np.float32)
    sound[48_000:49_600] = 0.5
    for offset in (0.0, 0.5, 0.99):
        cut = fusion_rows.excerpt(sound, offset)
        assert len(cut) == 48_000
        assert np.abs(cut).sum() == np.abs(sound).sum()


def made_up_data(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Captioned pictures, the last third of which counts as held out, and a tone for each sound and fold."""
    picture = io.BytesIO()
    Image.new("RGB", (8, 8)).save(picture, "JPEG")
    for number in range(90):
        word = ("dog", "girl", "man")[number % 3]
        facts = {"captions": [f"Number {number} .", *[f"A {word} ."] * 4]}
        (folder / f"{number:03}.jpg").write_bytes(picture.getvalue() + bytes([number]))
        (folder / f"{number:03}.json").write_text(json.dumps(facts))
    for sound, label in enumerate(("dog bark", "baby cry", "person sneeze", "sea waves", "rain")):
        for fold in range(1, 5):
            for recording in range(3):
                key = f"{fold}-{sound}{fold}{recording}-A"
                soundfile.write(folder / f"{key}.ogg", np.sin(np.arange(64_000) / 9) / 2, 16_000)
                (folder / f"{key}.json").write_text(json.dumps({"label": label, "fold": fold}))
    monkeypatch.setattr(fusion_rows, "held_out", lambda photos: photos[-30:])
    monkeypatch.setattr(fusion_rows, "VALIDATION_RECORDINGS", 1)
    return folder


def test_parts_share_neither_photos_nor_recordings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, made = tmp_path / "data", tmp_path / "made"
    data.mkdir()
    made.mkdir()
    events = fusion_rows.build(made_up_data(data, monkeypatch), made, rows=45)
    assert len(events.labels) == 9
    parts = {part: [events.rows[place] for place in places] for part, places in events.split.items()}
    assert {part: len(rows) for part, rows in parts.items()} == {"train": 27, "validation": 0, "test": 9}
    numbers = [int((row.text or "").split()[1]) for row in events.rows]
    assert len(set(numbers)) == len(numbers)
    assert all(int((row.text or "").split()[1]) >= 60 for row in parts["test"])
    assert {row.label for row in parts["test"]} == set(events.labels)


def test_fusion_fuses() -> None:
    found = {row.strategy: row for row in fusion_xor.measured((0,))}
    assert min(found["bilinear"].lowest, found["cross-attention"].lowest) >= 0.95
    assert max(found[name].highest for name in ("linear", "concatenation", "single-text", "single-image")) < 0.6


def test_features_are_computed_anew_where_cold_seconds_are_taken(cache: Path) -> None:
    cache.mkdir()
    (cache / "studio-features.sqlite").write_bytes(b"")
    (cache / "weights").mkdir()
    with fusion_set._empty_feature_cache():
        assert [path.name for path in settings().cache_dir.iterdir()] == ["weights"]
    assert settings().cache_dir == cache
    assert (cache / "weights").is_dir()


def test_each_preset_is_measured_with_the_guess_beside_it() -> None:
    report = presets_report.measured(seeds=1, names="E")
    assert [line.strategy for line in report.presets] == ["concatenation", "majority"]
    best, guess = report.presets
    assert best.accuracy > guess.accuracy
    assert best.low == best.high == best.accuracy


def test_every_measurement_is_listed() -> None:
    assert {"fusion", "classifier", "presets"} <= set(SUBJECTS)
