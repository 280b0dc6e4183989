"""The sound head is fitted, written and read back the same; what it learns from is what it says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mm_demos.errors import InvalidInputError
from mm_demos.evaluation.sound_head import SOUND_MODEL, sound_head
from mm_demos.models import catalog
from mm_demos.models.protocols import SAMPLE_RATE
from mm_demos.models.sound import TABLE, WEIGHTS, SoundHead, compared, probabilities
from mm_demos.training import sound_head as training
from mm_demos.training import sound_views
from mm_demos.training.sound_features import Sounds
from mm_demos.training.sound_wordings import OTHER, TUNING, WORDINGS

RECIPE = training.Recipe(axes=6)
LABELS = ("hiss", "hum")


@pytest.fixture(scope="module")
def known() -> Sounds:
    """Two kinds of sounds and others, each a cloud of features around its own place."""
    rng = np.random.default_rng(0)
    places = rng.standard_normal((3, 12)) * 3
    classes = np.arange(120) % 3
    features = (places[classes] + rng.standard_normal((120, 12))).astype(np.float32)
    return Sounds(features, (6, 4, 2), classes, np.arange(120) // 3 % 4 + 1, np.arange(120) % 5 > 0, LABELS)


@pytest.fixture(scope="module")
def tensors(known: Sounds) -> training.Tensors:
    made = training.fit(known, RECIPE)
    return made | {name: np.array([value], np.float32) for name, value in (("caution", 0.2), ("sharpness", 8.0))}


def test_every_fold_is_tested_by_a_head_that_has_not_seen_it(known: Sounds) -> None:
    report = training.cross_validate(known, RECIPE)
    assert report.clips == ((known.classes < 2) & known.plain).sum()
    assert len(report.by_fold) == 4
    assert min(report.accuracy, report.nearest, report.others_refused) > 0.9
    assert report.named <= report.accuracy


def test_labels_without_meaning_are_not_learnt(known: Sounds) -> None:
    shuffled = np.random.default_rng(1).permutation(known.classes)
    report = training.cross_validate(
        Sounds(known.features, known.sizes, shuffled, known.folds, known.plain, known.labels), RECIPE
    )
    assert report.accuracy < 0.75, "two labels: half is chance"


def test_the_written_head_hears_what_the_fitted_one_heard(known: Sounds, tensors: training.Tensors, tmp_path: Path) -> None:
    wordings = {"wordings": np.eye(3, 384, dtype=np.float32)}
    training.write(tmp_path, tensors | wordings, LABELS, [0, 1, 2], keenness=10.0, floor=0.4)
    head = SoundHead.open(tmp_path)
    scores, place = training.scores(known.features[:5], tensors)
    for row, features in enumerate(known.features[:5]):
        heard = head.hear(features)
        np.testing.assert_allclose(heard.probs, probabilities(scores[row], tensors), atol=1e-3)
        np.testing.assert_allclose(heard.vector, compared(scores[row], place[row]), atol=1e-3)
    assert head.dim == 9
    assert list(json.loads((tmp_path / "manifest.json").read_text())) == [TABLE, WEIGHTS]


def test_a_query_means_the_closest_wording_or_nothing(tensors: training.Tensors) -> None:
    head = SoundHead(tensors | {"wordings": np.eye(3, 384, dtype=np.float32)}, LABELS, [0, 1, 2], keenness=20.0, floor=0.4)
    for direction, meant in ((0, 0), (1, 1), (2, 2), (300, 2)):
        probs = head.named(np.eye(384, dtype=np.float32)[direction])
        assert probs.argmax() == meant
        assert probs.sum() == pytest.approx(1)


def test_the_scores_are_those_of_ridge_regression(known: Sounds, tensors: training.Tensors) -> None:
    apart = ((tensors["points"][:, None] - tensors["points"]) ** 2).sum(-1)
    kernel = np.exp(-apart / tensors["width"])
    targets = np.eye(3)[known.classes] - 1 / 3
    residual = targets - kernel @ tensors["alpha"]
    np.testing.assert_allclose(residual, RECIPE.ridge * tensors["alpha"], atol=1e-3)


def test_what_is_random_in_the_copies_depends_on_the_seed_alone() -> None:
    waveform = np.sin(np.arange(5 * SAMPLE_RATE) / 9).astype(np.float32)
    for make in (sound_views.changed, sound_views.another_voice):
        for seed in range(12):
            once, twice = (make(waveform, np.random.default_rng(seed)) for _ in range(2))
            np.testing.assert_array_equal(once, twice)
            assert np.isfinite(once).all()
            assert SAMPLE_RATE < once.size <= 5 * SAMPLE_RATE
            assert once.dtype == np.float32


@pytest.mark.parametrize("number", range(8))
def test_made_up_sounds_are_loud_enough_to_be_heard(number: int) -> None:
    sound = sound_views.unknown(number, np.random.default_rng(number))
    assert sound.shape == (5 * SAMPLE_RATE,)
    assert 0.03 < np.abs(sound).max() < 1


def test_wordings_for_tuning_and_for_figures_are_not_those_that_ship() -> None:
    from mm_demos.evaluation.retrieval_audio import WORDINGS as REPORTED

    shipped = {text.lower() for texts in (*WORDINGS.values(), OTHER) for text in texts}
    tuned = {text.lower() for texts in TUNING.values() for text in texts}
    reported = [text.lower() for texts in REPORTED.values() for text in texts]
    assert len(reported) == len(set(reported)) == 30
    assert WORDINGS.keys() == REPORTED.keys() == TUNING.keys() - {""}
    assert not shipped & set(reported)
    assert not tuned & set(reported)


def test_another_head_stands_in_and_leaves_again(tensors: training.Tensors, tmp_path: Path) -> None:
    training.write(tmp_path, tensors | {"wordings": np.eye(1, 384, dtype=np.float32)}, LABELS, [0], keenness=1.0, floor=0.4)
    before = catalog.spec(SOUND_MODEL)
    with sound_head(tmp_path):
        assert [file.size_bytes for file in catalog.spec(SOUND_MODEL).files] == [
            (tmp_path / name).stat().st_size for name in (WEIGHTS, TABLE)
        ]
    assert catalog.spec(SOUND_MODEL) is before
    with pytest.raises(InvalidInputError, match=r"training\.sound_head"), sound_head(tmp_path / "nothing"):
        pass
    assert catalog.spec(SOUND_MODEL) is before
