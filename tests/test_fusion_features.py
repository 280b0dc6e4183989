"""Features of rows: which line is whose, what is encoded again and what is not, and what is said of rows that cannot be read."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mm_demos import media, samples
from mm_demos.errors import InvalidInputError, StoppedError
from mm_demos.fusion import features
from mm_demos.fusion.encoders import PICTURES, SENTENCES, SPEECH
from mm_demos.fusion.features import extract
from mm_demos.fusion.types import Features, Modality, Row
from mm_demos.models import fake
from mm_demos.progress import Progress, Update
from mm_demos.settings import Settings

ALL: dict[Modality, tuple[str, ...]] = {
    "text": ("minilm",),
    "image": ("efficientnet", "mini-clip"),
    "audio": ("mfcc", "whisper-sound", "spoken-words"),
}
LABELS = ("animal", "sea")


@dataclass
class Models:
    """Stand-ins by name that note what they are given."""

    texts: list[str] = field(default_factory=list)
    pictures: int = 0
    leased: set[str] = field(default_factory=set)

    def lease(self, name: str) -> Any:
        self.leased.add(name)
        return {SENTENCES: self, PICTURES: self, SPEECH: fake.FakeRecognizer()}[name]

    def embed_texts(self, texts: list[str]) -> np.ndarray:
        self.texts += texts
        return fake.FakeTextEmbedder().embed_texts(texts)

    def embed_images(self, images: list[Image.Image]) -> np.ndarray:
        self.pictures += len(images)
        return fake.FakeJointEmbedder().embed_images(images)

    def look(self, image: Image.Image) -> Any:
        self.pictures += 1
        return fake.FakeJointEmbedder().look(image)


@pytest.fixture(autouse=True)
def _stand_ins(cache: Path) -> Iterator[None]:
    restore = fake.register_fakes(stand_in=True)
    yield
    restore()


@pytest.fixture
def rows(tmp_path: Path) -> list[Row]:
    for name in ("cat.jpg", "coffee.jpg", "rooster.ogg", "sea-waves.ogg"):
        shutil.copy(samples.path(name), tmp_path / name)
    return [
        Row(1, "animal", "a cat on a red sofa looks at us", tmp_path / "cat.jpg", tmp_path / "rooster.ogg"),
        Row(2, "sea", "waves roll on to the wide beach", None, tmp_path / "sea-waves.ogg"),
        Row(3, "sea", None, tmp_path / "coffee.jpg", None),
    ]


def read(rows: list[Row], models: Models | None = None, **options: Any) -> Features:
    given = {"labels": LABELS, "encoders": ALL, "progress": Progress()} | options
    return extract(rows, given.pop("labels"), lease=(models or Models()).lease, **given)


def same(first: Features, second: Features) -> bool:
    return all(np.array_equal(first.vectors[each], second.vectors[each]) for each in first.vectors)


def test_a_line_for_every_row_with_the_encoders_side_by_side(rows: list[Row]) -> None:
    found = read(rows)
    assert found.rows.tolist() == [0, 1, 2]
    assert found.labels.tolist() == [0, 1, 1]
    assert {each: vectors.shape for each, vectors in found.vectors.items()} == {
        "text": (3, 64),
        "image": (3, 1280 + 64),
        "audio": (3, 128 + 1968 + 64),
    }
    assert all(vectors.dtype == np.float32 and np.isfinite(vectors).all() for vectors in found.vectors.values())
    assert found.present["text"].tolist() == [True, True, False]
    assert found.present["image"].tolist() == [True, False, True]
    assert found.present["audio"].tolist() == [True, True, False]
    for each, vectors in found.vectors.items():
        assert (np.abs(vectors).sum(1) > 0).tolist() == found.present[each].tolist()
        assert sum(encoder.dim for encoder in found.encoders[each]) == vectors.shape[1]
    assert [encoder.name for encoder in found.encoders["audio"]] == list(ALL["audio"])


def test_a_modality_that_no_row_has_is_all_zeros_and_loads_nothing(rows: list[Row]) -> None:
    models = Models()
    found = read([Row(1, "", "words alone")], models, labels=())
    assert models.leased == {SENTENCES}
    assert found.vectors["image"].shape == (1, 1344) and not found.vectors["image"].any()
    assert not found.present["audio"].any()
    assert found.labels.size == 0


def test_only_the_modalities_asked_for_are_read(rows: list[Row]) -> None:
    found = read(rows, encoders={"text": ("minilm",), "image": ()})
    assert set(found.vectors) == set(found.present) == set(found.encoders) == {"text"}


def test_copies_are_made_of_the_rows_to_augment_alone(rows: list[Row]) -> None:
    plain, found = read(rows), read(rows, augment=2, augment_rows={0, 2}, seed=3)
    assert found.rows.tolist() == [0, 1, 2, 0, 0, 2, 2]
    assert found.labels.tolist() == [0, 1, 1, 0, 0, 1, 1]
    for each in ("text", "image", "audio"):
        assert np.array_equal(found.vectors[each][:3], plain.vectors[each])
        assert found.present[each].tolist() == found.present[each][[0, 1, 2, 0, 0, 2, 2]].tolist()
    for each in ("image", "audio"):
        lines = found.vectors[each][[0, 3, 4]]
        assert len(np.unique(lines, axis=0)) == 3
    assert not found.vectors["text"][5:].any()


def test_the_seed_decides_on_the_copies(rows: list[Row], configure: Callable[..., Settings], tmp_path: Path) -> None:
    first = read(rows, augment=2, augment_rows=[0], seed=3)
    configure(cache_dir=tmp_path / "another")
    assert same(first, read(rows, augment=2, augment_rows=[0], seed=3))
    assert not same(first, read(rows, augment=2, augment_rows=[0], seed=4))


def test_what_was_encoded_once_is_not_encoded_again(rows: list[Row]) -> None:
    options = {"augment": 1, "augment_rows": [0, 1]}
    first, models = read(rows, **options), Models()
    assert same(first, read(rows, models, **options))
    assert models.leased == set()


def test_the_same_content_is_encoded_once_wherever_it_lies(rows: list[Row], tmp_path: Path) -> None:
    other = tmp_path / "elsewhere" / "renamed.jpg"
    other.parent.mkdir()
    shutil.copy(samples.path("cat.jpg"), other)
    models = Models()
    found = read([rows[0], Row(2, "sea", rows[0].text, other)], models)
    assert models.pictures == 1 and models.texts.count(rows[0].text) == 1
    assert np.array_equal(found.vectors["image"][0], found.vectors["image"][1])


def test_another_content_under_the_same_name_is_encoded(rows: list[Row]) -> None:
    first = read(rows)
    shutil.copy(samples.path("flower.jpg"), str(rows[0].image))
    second = read(rows)
    assert not np.array_equal(first.vectors["image"][0], second.vectors["image"][0])
    assert np.array_equal(first.vectors["image"][2], second.vectors["image"][2])


def test_a_further_encoder_leaves_the_known_one_alone(rows: list[Row]) -> None:
    read(rows, encoders={"audio": ("whisper-sound",)})
    models = Models()
    read(rows, models, encoders={"audio": ("whisper-sound", "mfcc")})
    assert models.leased == set()


def test_progress_counts_to_the_end_and_a_stop_keeps_what_is_done(rows: list[Row]) -> None:
    seen: list[Update] = []
    read(rows, progress=Progress(seen.append))
    assert [update.done for update in seen] == sorted(update.done or 0 for update in seen)
    assert seen[-1].done == seen[-1].total == 6
    more = [*rows, *(Row(n, "sea", f"text number {n}") for n in range(4, 100))]
    progress = Progress(lambda update: progress.stop() if (update.done or 0) > 40 else None)
    first, second = Models(), Models()
    with pytest.raises(StoppedError):
        read(more, first, progress=progress)
    read(more, second)
    assert 32 <= len(first.texts) < 96 and len(first.texts) + len(second.texts) == 96


def test_pictures_are_held_small() -> None:
    large = Image.new("RGB", (3000, 1000))
    assert features._small(large).size == (1024, 341)


def spoil_picture(row: Row) -> None:
    assert row.image is not None
    row.image.write_bytes(row.image.read_bytes()[:300])


def spoil_sound(row: Row) -> None:
    assert row.audio is not None
    row.audio.write_text("no sound at all")


def remove_picture(row: Row) -> None:
    assert row.image is not None
    row.image.unlink()


@pytest.mark.parametrize("spoil", [spoil_picture, spoil_sound, remove_picture])
def test_a_file_that_cannot_be_read_is_named_with_its_row(rows: list[Row], spoil: Callable[[Row], None]) -> None:
    spoil(rows[0])
    with pytest.raises(InvalidInputError, match=r"^Row 1: .*(cat\.jpg|rooster\.ogg)"):
        read(rows)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"labels": ("animal",)}, "Row 2: the label 'sea' is none of the 1 classes"),
        ({"encoders": {"text": ("mfcc",)}}, "mfcc is for audio, not for text"),
        ({"encoders": {"text": ("minilmm",)}}, "did you mean minilm"),
        ({"augment": 21}, "0 to 20 changed copies"),
        ({"augment": 1, "augment_rows": [3]}, "counted from 0 to 2"),
    ],
)
def test_what_cannot_be_meant_is_refused(rows: list[Row], options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidInputError, match=sentence):
        read(rows, **options)


def test_a_row_without_a_label_among_others_is_refused(rows: list[Row]) -> None:
    with pytest.raises(InvalidInputError, match="Row 4: there is no label"):
        read([*rows, Row(4, "", "words")])


def test_sounds_of_any_length_and_silence_have_finite_features(tmp_path: Path) -> None:
    rows = []
    for number, waveform in enumerate(
        [np.zeros(16_000), np.sin(np.arange(400) / 5), np.tile(np.sin(np.arange(16_000) / 9), 47)], start=1
    ):
        path = tmp_path / f"{number}.wav"
        media.save_wav(path, waveform.astype(np.float32))
        rows.append(Row(number, "", audio=path))
    found = read(rows, labels=(), encoders={"audio": ("mfcc", "mel", "whisper-sound", "spoken-words")})
    assert found.vectors["audio"].shape == (3, 128 + 400 + 1968 + 64)
    assert np.isfinite(found.vectors["audio"]).all()
    assert not found.vectors["audio"][0, -64:].any()  # nothing is said in silence
