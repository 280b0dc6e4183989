"""`evaluate retrieval` on bundled recordings, through real indexing and search."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mm_demos import samples
from mm_demos.cli import main
from mm_demos.errors import InvalidInputError
from mm_demos.evaluation.retrieval_audio import another_take
from mm_demos.evaluation.sound_clips import sound_clips
from mm_demos.evaluation.spoken_clips import spoken_clips
from mm_demos.models.protocols import SAMPLE_RATE

SOUNDS = {"rooster": "rooster", "cock-crow": "rooster", "sea-waves": "sea waves", "beach": "sea waves"}
SPEECH = "ask what you can do for your country"
OTHERS = ["a president asks what people can do for their country", "a speech to fellow Americans"]


def write_tar(path: Path, files: dict[str, bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    files: dict[str, bytes] = {}
    for number, (key, label) in enumerate(SOUNDS.items()):
        files[f"{key}.ogg"] = samples.path(f"{key}.ogg").read_bytes()
        files[f"{key}.json"] = json.dumps({"label": label, "fold": 1 + number // 2}).encode()
    write_tar(tmp_path / "sound" / "sounds.tar", files)
    write_tar(tmp_path / "speech" / "spoken.tar", {"jfk.ogg": samples.path("jfk.flac").read_bytes()})
    write_tar(tmp_path / "vision" / "photos.tar", {"jfk.json": json.dumps({"captions": [SPEECH, *OTHERS]}).encode()})
    return tmp_path


def test_both_parts_are_measured(data: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "retrieval", "--data", str(data), "--json"]) == 0
    report: dict[str, Any] = json.loads(capfd.readouterr().out)
    speech, sound = report["speech"], report["sound"]
    assert (speech["clips"], speech["called_a_sound"]) == (1, 0)
    assert [speech[part]["queries"] for part in ("caption", "paraphrase", "voice")] == [1, 2, 1]
    assert speech["caption"]["recall_at_1"] == speech["voice"]["recall_at_1"] == 1
    assert (sound["clips"], sound["fold"]) == (4, 0)
    assert sound["tag_accuracy"] == sound["class_name_at_10"] == sound["wordings_at_10"] == sound["nearest"] == 1
    assert report["sound_indexing"]["seconds_of_audio"] == pytest.approx(17.4, abs=3)
    assert report["speech_indexing"]["speed"] > 0


def test_clips_are_found_in_tars_and_folders(data: Path, tmp_path: Path) -> None:
    assert [(clip.key, clip.label, clip.fold) for clip in sound_clips(data)] == [
        ("beach", "sea waves", 2), ("cock-crow", "rooster", 1), ("rooster", "rooster", 1), ("sea-waves", "sea waves", 2),
    ]  # fmt: skip
    with tarfile.open(data / "sound" / "sounds.tar") as tar:
        tar.extractall(tmp_path / "loose", filter="data")
    assert sound_clips(tmp_path / "loose") == sound_clips(data / "sound" / "sounds.tar")
    (spoken,) = spoken_clips(data)
    assert (spoken.words, spoken.paraphrases) == (SPEECH, tuple(OTHERS))


@pytest.mark.parametrize("description", [b"{", b'{"label": "rain"}', b"[]x"])
def test_a_damaged_description_is_one_sentence(tmp_path: Path, description: bytes) -> None:
    (tmp_path / "a.ogg").write_bytes(b"sound")
    (tmp_path / "a.json").write_bytes(description)
    with pytest.raises(InvalidInputError, match=r"a\.json"):
        sound_clips(tmp_path)


def test_data_without_recordings_is_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "retrieval", "--data", str(tmp_path)]) == 2
    assert main(["evaluate", "retrieval", "--data", str(tmp_path / "nowhere")]) == 2
    (tmp_path / "broken.tar").write_bytes(b"no archive" * 100)
    assert main(["evaluate", "retrieval", "--data", str(tmp_path)]) == 2
    assert len(capfd.readouterr().err.strip().splitlines()) == 3


def test_another_take_is_the_same_words_at_another_pace() -> None:
    waveform = np.sin(np.arange(2 * SAMPLE_RATE) / 9).astype(np.float32)
    sizes = {another_take(waveform, np.random.default_rng(seed)).size / waveform.size for seed in range(8)}
    assert {round(size, 2) for size in sizes} == {0.93, 1.07}
