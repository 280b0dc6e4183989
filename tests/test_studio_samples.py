"""The sample set of the studio: what is in it, that its sounds are attributed, and that it can be made again."""

from __future__ import annotations

import io
import random
import re
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mm_demos import samples
from mm_demos.errors import InvalidInputError
from mm_demos.fusion.checks import checked
from mm_demos.fusion.columns import guess_columns
from mm_demos.fusion.table import opened
from mm_demos.fusion.types import Columns, DataSet
from mm_demos.media import load_audio
from mm_demos.progress import Progress
from mm_demos.training import studio_samples
from mm_demos.training.studio_drawings import drawing
from mm_demos.training.studio_notes import note


@pytest.fixture(scope="module")
def data() -> DataSet:
    with opened(samples.studio_set()) as table:
        assert guess_columns(table) == Columns("text", "image", "audio", "label", "group")
        return checked(table, guess_columns(table), progress=Progress())


def test_the_set_is_small_balanced_and_without_faults(data: DataSet) -> None:
    assert samples.studio_set().stat().st_size <= 1_048_576
    assert data.findings == ()
    assert data.modalities == ("text", "image", "audio")
    assert Counter(row.label for row in data.rows) == dict.fromkeys(studio_samples.CLASSES.values(), 50)


def test_each_modality_is_missing_now_and_then_but_never_two(data: DataSet) -> None:
    missing = [sum(part is None for part in (row.text, row.image, row.audio)) for row in data.rows]
    assert max(missing) == 1
    assert 0.1 < sum(missing) / len(missing) < 0.25


def test_a_recording_is_never_of_two_groups(data: DataSet) -> None:
    groups = {row.audio.name: row.group for row in data.rows if row.audio is not None}
    assert len(groups) == 60
    assert all(row.group == groups[row.audio.name] for row in data.rows if row.audio is not None)


def test_every_sound_is_attributed() -> None:
    licences = (samples.FOLDER / "LICENCES.md").read_text(encoding="utf-8")
    with zipfile.ZipFile(samples.studio_set()) as archive:
        clips = {Path(name).stem for name in archive.namelist() if name.startswith("sounds/")}
        readme = archive.read("README.txt").decode()
    assert all(re.search(rf"`{clip}`\s+\S+", licences) for clip in clips)
    assert "CC BY 3.0" in readme


def test_pictures_and_sounds_can_be_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(samples.studio_set()) as archive:
        picture = Image.open(io.BytesIO(archive.read("pictures/000.jpg")))
        sound = load_audio(archive.extract("sounds/1-100032-A.ogg", tmp_path))
    assert picture.size == (96, 72)
    assert abs(len(sound) / 16_000 - studio_samples.EXCERPT_SECONDS) < 0.1
    assert np.abs(sound).max() > 0.05


def made_up_sounds() -> dict[str, bytes]:
    tone = np.sin(np.arange(8_000) / 10).astype(np.float32) / 2
    return {key: studio_samples.as_opus(tone) for keys in studio_samples.CLIPS.values() for key in keys}


def test_the_same_sounds_make_the_same_bytes() -> None:
    assert studio_samples.archive(made_up_sounds()) == studio_samples.archive(made_up_sounds())


def test_a_folder_without_the_clips_gives_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InvalidInputError, match="lacks the clip 1-100032-A"):
        studio_samples.excerpts(tmp_path)
    assert studio_samples.main(["--data", str(tmp_path), "--out", str(tmp_path / "x.zip")]) == 2
    assert "ESC-10" in capsys.readouterr().err
    assert not (tmp_path / "x.zip").exists()


def test_an_excerpt_holds_the_loudest_moment() -> None:
    sound = np.zeros(80_000, np.float32)
    sound[61_000:62_000] = 0.5
    cut = studio_samples.loudest(sound, 1.6)
    assert len(cut) == 25_600
    assert np.abs(cut).sum() == np.abs(sound).sum()
    assert len(studio_samples.loudest(sound[:1_000], 1.6)) == 25_600


def test_notes_hint_at_one_of_the_two_at_most() -> None:
    words = {label.split()[-1] for label in studio_samples.CLASSES.values()} - {"dog", "trail"}
    written = [note(place, sound, random.Random(n)) for n in range(200) for place, sound in studio_samples.CLASSES]
    assert not any(word in text.lower().split() for text in written for word in words)
    assert len(set(written)) > 300


def test_fog_hides_the_place() -> None:
    def contrast(foggy: bool) -> float:
        picture = Image.open(io.BytesIO(drawing("house", random.Random(1), foggy=foggy)))
        return float(np.asarray(picture, np.float32).std())

    assert contrast(True) < 0.2 * contrast(False)
