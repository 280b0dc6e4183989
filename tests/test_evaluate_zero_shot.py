"""What `evaluate zero-shot` says of texts, speech and sounds, counted on fakes and files made here."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sound_doubles import tone

from mm_demos import media
from mm_demos.evaluation import zero_shot
from mm_demos.evaluation.zero_shot_words import everyday_label, graded, sounds
from mm_demos.models import loader
from mm_demos.models.fake import register_fakes


@pytest.fixture(autouse=True)
def fakes() -> Iterator[None]:
    restore = register_fakes(stand_in=True)
    loader.reset_shared()
    yield
    restore()
    loader.reset_shared()


def recorded(folder: Path, **pitches: float) -> None:
    """`KEY.ogg` (its samples as WAV, which decoding tells by content) beside its description."""
    folder.mkdir()
    for key, hertz in pitches.items():
        media.save_wav(folder / "made.wav", tone(hertz, 1.0))
        (folder / "made.wav").rename(folder / f"{key}.ogg")
        label = "high sound" if key.startswith("high") else "low sound"
        (folder / f"{key}.json").write_text(json.dumps({"label": label, "fold": 1}), encoding="utf-8")


def test_a_word_that_captions_agree_on() -> None:
    agreed = ["A dog runs.", "the dog", "Dog in a field", "an animal", "it runs"]
    assert everyday_label(agreed) == "dog"
    assert everyday_label([*agreed, "a dog and a car"]) == ""
    assert everyday_label(agreed[2:]) == ""


def test_what_cannot_be_used_counts_as_wrong() -> None:
    silence = np.zeros(16_000, np.float32)
    found = graded([("red", ("red", "blue"), {"text": "red"}), ("red", ("red", "blue"), {"audio": silence})])
    assert found is not None
    assert (found.items, found.left_out, found.accuracy) == (2, 1, 0.5)
    assert graded([]) is None


def test_sounds_among_the_names_of_their_classes(tmp_path: Path) -> None:
    recorded(tmp_path / "sound", high=3000.0, low=300.0, high_too=200.0)
    found = sounds(tmp_path, 10)
    assert found is not None
    assert (found.items, found.labels) == (3, 2)
    assert found.accuracy == pytest.approx(2 / 3)


def test_a_missing_folder_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert zero_shot.main(["--data", str(tmp_path / "missing"), "--kinds", "others", "--limit", "1"]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
