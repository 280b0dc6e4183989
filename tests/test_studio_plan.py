"""What a training will do: presets, strategies that fit the table, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from mm_demos.errors import InvalidInputError
from mm_demos.fusion.encoders import encoder
from mm_demos.fusion.presets import PRESETS, preset
from mm_demos.fusion.types import STRATEGIES, Columns, DataSet, Modality, TrainOptions
from mm_demos.tasks.studio_plan import Plan, planned


def a_plan(**changes: Any) -> Plan:
    given: dict[str, Any] = {
        "fusion": "all",
        "encoders": None,
        "preset": None,
        "augment": 0,
        "options": TrainOptions(),
        "search_trials": 0,
        "search_minutes": 0.0,
        "seed": None,
    }
    return planned(**{**given, **changes})


def a_table(*modalities: Modality) -> DataSet:
    return DataSet((), ("a", "b"), modalities, Columns(), (), "")


def test_every_preset_names_encoders_and_strategies_that_there_are() -> None:
    for row in PRESETS:
        assert set(row.strategies) <= set(STRATEGIES)
        for modality, names in row.encoders.items():
            assert {encoder(name).modality for name in names} == {modality}
    assert [row.name for row in PRESETS] == list("ABCDE")


def test_a_preset_decides_all_but_the_seed() -> None:
    plan = a_plan(preset=preset("b"), seed=7, augment=5, fusion=["bilinear"])
    assert (plan.strategies, plan.augment, plan.search_trials, plan.options.seed) == (("concatenation",), 2, 8, 7)


def test_the_seed_is_the_options_unless_given() -> None:
    assert a_plan(options=TrainOptions(seed=3)).options.seed == 3
    assert a_plan(options=TrainOptions(seed=3), seed=0).options.seed == 0


def test_all_leaves_out_what_the_table_lacks_without_a_word() -> None:
    plan = a_plan().for_data(a_table("text", "audio"))
    assert "single-image" not in plan.strategies
    assert "single-audio" in plan.strategies
    assert dict(plan.encoders) == {"text": ("minilm",), "audio": ("whisper-sound",)}
    assert plan.notices == ()


def test_only_modalities_with_encoders_take_part() -> None:
    plan = a_plan(encoders={"audio": ["mfcc"]}).for_data(a_table("text", "audio"))
    assert dict(plan.encoders) == {"audio": ("mfcc",)}
    assert plan.strategies == ("single-audio",)


def test_of_one_modality_there_is_nothing_to_fuse() -> None:
    assert a_plan().for_data(a_table("image")).strategies == ("single-image",)
    assert a_plan(fusion=["concatenation"]).for_data(a_table("image")).strategies == ("concatenation",)


def test_what_was_asked_for_and_is_left_out_is_said() -> None:
    plan = a_plan(preset=preset("A")).for_data(a_table("text", "image"))
    assert "no audio" in plan.notices[0]
    plan = a_plan(fusion=["single-audio", "bilinear"]).for_data(a_table("text", "image"))
    assert plan.strategies == ("bilinear",)
    assert "single-audio" in plan.notices[0]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"fusion": ["sum"]}, "no fusion strategy 'sum'"),
        ({"fusion": []}, "No fusion strategy is named"),
        ({"encoders": {"text": ["efficientnet"]}}, "is for image, not for text"),
        ({"encoders": {"smell": ["minilm"]}}, "no modality 'smell'"),
        ({"encoders": {"text": ["bert"]}}, "no encoder named 'bert'"),
        ({"search_trials": -1}, "up to 1,000 trials"),
        ({"search_minutes": 1e9}, "1,440 minutes"),
    ],
)
def test_what_cannot_be_planned_gives_a_sentence(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidInputError, match=sentence):
        a_plan(**changes)


def test_a_table_without_anything_the_plan_uses_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="The table has audio"):
        a_plan(preset=preset("E")).for_data(a_table("audio"))
    with pytest.raises(InvalidInputError, match="None of single-text fits"):
        a_plan(fusion=["single-text"]).for_data(a_table("audio"))


def test_there_is_no_preset_f() -> None:
    with pytest.raises(InvalidInputError, match="no preset 'F': choose A, B, C, D, E"):
        preset("F")


@pytest.mark.parametrize(
    ("options", "seed", "words"),
    [
        (TrainOptions(epochs=0), None, "epochs cannot be 0"),
        (TrainOptions(epochs=2.5), None, "epochs cannot be 2.5: choose a whole number"),  # type: ignore[arg-type]
        (TrainOptions(), -1, "seed cannot be -1"),
        (TrainOptions(), "a", "seed cannot be 'a'"),
    ],
)
def test_options_are_checked_before_any_feature_is_extracted(options: TrainOptions, seed: Any, words: str) -> None:
    with pytest.raises(InvalidInputError, match=words):
        a_plan(options=options, seed=seed)
    if seed is not None:
        with pytest.raises(InvalidInputError, match=words):
            a_plan(preset=preset("A"), seed=seed)


def test_one_encoder_may_be_named_without_brackets() -> None:
    assert a_plan(encoders={"text": "minilm"}).encoders == {"text": ("minilm",)}
