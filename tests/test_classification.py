"""Zero-shot classification: the rules on fakes, the facts on real weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sound_doubles import tone as tone_of

from mm_demos import media, samples
from mm_demos.errors import InvalidInputError, StoppedError
from mm_demos.models import catalog, loader
from mm_demos.models.fake import register_fakes
from mm_demos.models.protocols import FloatArray
from mm_demos.progress import Progress
from mm_demos.results import Classification
from mm_demos.tasks.classification import classify
from mm_demos.tasks.joining import FUSIONS, confidence, fuse
from mm_demos.tasks.labels import clean_templates, read_labels, split_labels
from mm_demos.tasks.matching import label_embeddings, match_sound

PROBS = {"text": np.array([0.7, 0.2, 0.1], dtype=np.float32), "image": np.array([0.1, 0.8, 0.1], dtype=np.float32)}
EVEN = {"text": 1.0, "image": 1.0, "sound": 1.0}


@pytest.fixture
def fakes() -> Iterator[None]:
    restore = register_fakes(stand_in=True)
    loader.reset_shared()
    yield
    restore()
    loader.reset_shared()


def tone(hertz: float) -> FloatArray:
    return tone_of(hertz, 2.0)


def scores_of(result: Classification, modality: str) -> list[tuple[str, float]]:
    return [(item.label, item.score) for item in result.per_modality[modality]]


def scores(result: Classification) -> dict[str, float]:
    return {item.label: item.score for item in result.scores}


# -- labels ----------------------------------------------------------------------------------------------------------


def test_labels_are_cleaned_and_kept_in_order() -> None:
    assert read_labels(["  Dog ", "cat", "dog", "", "golden \n retriever", "CAT"]).names == ("Dog", "cat", "golden retriever")


@pytest.mark.parametrize(
    "text", ["cat, dog, fire engine", "cat\ndog\n\nfire engine", "cat；dog，fire engine", "cat;dog;fire engine,"]
)
def test_labels_are_split_as_people_type_them(text: str) -> None:
    assert read_labels(split_labels(text)).names == ("cat", "dog", "fire engine")


def test_a_label_on_its_own_line_may_hold_a_comma() -> None:
    assert read_labels(split_labels("red, ripe\ngreen, unripe")).names == ("red, ripe", "green, unripe")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([], "two different labels"),
        (["cat", " CAT "], "two different labels"),
        ([str(i) for i in range(1001)], "at most 1000"),
        (["a" * 121, "b"], "too long"),
    ],
)
def test_labels_that_cannot_be_used(labels: list[str], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        classify(labels=labels, text="anything")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cat: a small, furry pet\ndog", {"cat": "a small, furry pet", "dog": ""}),
        ("猫：小动物\n狗", {"猫": "小动物", "狗": ""}),
        ("at 12:30\nat 14:00", {"at 12:30": "", "at 14:00": ""}),
        ('{"cat": "a pet", "dog": null}', {"cat": "a pet", "dog": ""}),
        ('["a, b", "c"]', {"a, b": "", "c": ""}),
    ],
)
def test_labels_may_be_described(text: str, expected: dict[str, str]) -> None:
    found = read_labels(text)
    assert dict(zip(found.names, found.descriptions, strict=True)) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [("[1, 2", "begin like JSON"), ("[1, 2]", "label 1 is no text"), ({"a": 5, "b": ""}, "description 5 is no text"),
     ({"a": "x" * 501, "b": ""}, "description .* too long")],
)  # fmt: skip
def test_descriptions_that_cannot_be_used(text: str | dict[str, str], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        read_labels(text)


def test_a_template_needs_a_place_for_the_label() -> None:
    assert clean_templates("{}\n{}\nthe {}") == ("{}", "the {}")
    assert clean_templates(["", " a photo of a  {} "]) == ("a photo of a {}",)
    assert clean_templates([]) == ()
    with pytest.raises(InvalidInputError, match="no place for the label"):
        clean_templates(["a photo of a cat"])


# -- fusion ----------------------------------------------------------------------------------------------------------


def test_the_weighted_average_is_one() -> None:
    fused = fuse(PROBS, weights={"text": 3.0, "image": 1.0}, fusion="weighted-average")
    np.testing.assert_allclose(fused.probs, [0.55, 0.35, 0.1], atol=1e-6)
    assert fused.shares == pytest.approx({"text": 0.75, "image": 0.25})
    assert fused.contributions(0) == pytest.approx({"text": 0.525 / 0.55, "image": 0.025 / 0.55})


def test_the_maximum_takes_the_surest_for_each_label() -> None:
    fused = fuse(PROBS, weights=EVEN, fusion="maximum")
    np.testing.assert_allclose(fused.probs, np.array([0.7, 0.8, 0.1]) / 1.6, atol=1e-6)
    assert fused.contributions(1) == pytest.approx({"text": 0.0, "image": 1.0})
    assert fused.contributions(2) == pytest.approx({"text": 0.5, "image": 0.5})


def test_attention_follows_confidence() -> None:
    sure, unsure = np.array([0.98, 0.01, 0.01], dtype=np.float32), np.array([0.3, 0.4, 0.3], dtype=np.float32)
    fused = fuse({"text": unsure, "image": sure}, weights=EVEN, fusion="attention")
    expected = confidence(sure) / (confidence(sure) + confidence(unsure))
    assert fused.shares["image"] == pytest.approx(expected, abs=1e-6)
    assert fused.shares["image"] > 0.9
    uniform = np.full(3, 1 / 3, dtype=np.float32)
    assert fuse({"text": uniform, "image": uniform}, weights=EVEN, fusion="attention").shares["text"] == pytest.approx(0.5)


def test_confidence_runs_from_a_guess_to_certainty() -> None:
    assert confidence(np.full(7, 1 / 7, dtype=np.float32)) == pytest.approx(0.0, abs=1e-6)
    assert confidence(np.array([1.0, 0.0], dtype=np.float32)) == 1.0


@hypothesis_settings(deadline=None)  # a busy machine is no fault
@given(
    rows=st.lists(
        st.lists(st.floats(0, 1, width=32), min_size=4, max_size=4).filter(lambda r: sum(r) > 0.01), min_size=1, max_size=3
    ),
    weights=st.lists(st.floats(0.01, 10), min_size=3, max_size=3),
    fusion=st.sampled_from(FUSIONS),
)
def test_fused_scores_are_probabilities(rows: list[list[float]], weights: list[float], fusion: str) -> None:
    probs = {name: (np.array(row) / sum(row)).astype(np.float32) for name, row in zip(EVEN, rows, strict=False)}
    fused = fuse(probs, weights=dict(zip(EVEN, weights, strict=True)), fusion=fusion)  # type: ignore[arg-type]
    assert fused.probs.sum() == pytest.approx(1.0, abs=1e-5)
    assert (fused.probs >= 0).all()
    assert sum(fused.shares.values()) == pytest.approx(1.0)
    assert sum(fused.contributions(int(fused.probs.argmax())).values()) == pytest.approx(1.0)


# -- the task, on fakes ----------------------------------------------------------------------------------------------


def test_the_result_is_whole(fakes: None) -> None:
    result = classify(labels=["dog", "cat", "car"], text="my dog is a good dog", image=samples.path("cat.jpg"))
    assert result.label == result.scores[0].label
    assert sum(scores(result).values()) == pytest.approx(1.0, abs=1e-5)
    assert [item.score for item in result.scores] == sorted(scores(result).values(), reverse=True)
    assert set(result.per_modality) == set(result.weights) == set(result.contributions) == {"text", "image"}
    for row in result.per_modality.values():
        assert [item.label for item in row] == [item.label for item in result.scores]
        assert sum(item.score for item in row) == pytest.approx(1.0, abs=1e-5)
    assert result.receipt is not None
    assert result.receipt.options["labels"] == "dog | cat | car"
    assert result.receipt.models


def test_it_abstains_under_the_threshold(fakes: None) -> None:
    sure = classify(labels=["dog", "cat"], text="dog", threshold=0.0)
    unsure = classify(labels=["dog", "cat"], text="dog", threshold=1.0)
    assert (sure.label, sure.abstained) == ("dog", False)
    assert (unsure.label, unsure.abstained, unsure.scores) == ("", True, sure.scores)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "nothing to classify"),
        ({"text": "  \n"}, "nothing to classify"),
        ({"text": "x", "threshold": 1.5}, "threshold"),
        ({"text": "x", "fusion": "mean"}, "fusion"),
        ({"text": "x", "weights": {"text": 0.0}}, "weight of the text is 0"),
        ({"text": "x", "weights": {"text": float("nan")}}, "weight of the text"),
        ({"text": "x", "weights": {"smell": 1.0}}, "smell"),
        ({"text": "x", "templates": ["no place"]}, "no place for the label"),
        ({"image": b"not a picture"}, "picture"),
    ],
)
def test_bad_options_are_refused_in_a_sentence(fakes: None, options: Mapping[str, object], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message) as caught:
        classify(labels=["dog", "cat"], **options)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    assert all(resident.leases == 0 for resident in loader.shared().resident())


def test_silence_is_left_out_with_a_notice(fakes: None, tmp_path: Path) -> None:
    media.save_wav(tmp_path / "silence.wav", np.zeros(32_000, dtype=np.float32))
    result = classify(labels=["dog", "cat"], text="dog", audio=tmp_path / "silence.wav")
    assert set(result.per_modality) == {"text"}
    assert result.notices == ("The recording is silent, so it was left out.",)
    with pytest.raises(InvalidInputError, match="silent"):
        classify(labels=["dog", "cat"], audio=tmp_path / "silence.wav")


def test_a_recording_counts_by_its_sound_and_by_its_words(fakes: None) -> None:
    labels = ["high sound", "low sound", "cat"]
    whistle = tone(3000)
    result = classify(labels=labels, audio=whistle, text="cat")
    assert result.per_modality["sound"][0].label == result.scores[0].label
    assert dict(scores_of(result, "sound"))["high sound"] > 0.7
    with pytest.raises(InvalidInputError, match=r"weights of the recording are 0"):
        classify(labels=labels, audio=whistle, weights={"audio": 0})
    unheard = classify(labels=labels, audio=whistle, text="cat", weights={"sound": 0})
    assert "sound" not in unheard.per_modality


def test_a_label_that_names_no_known_sound_leaves_the_sound_out(fakes: None) -> None:
    result = classify(labels=["dog", "cat"], audio=tone(3000), text="dog")
    assert "sound" not in result.per_modality
    assert any("No label names a sound that can be recognised (high sound, low sound)" in notice for notice in result.notices)


# -- matching --------------------------------------------------------------------------------------------------------


def test_a_sound_goes_to_the_labels_that_mean_it() -> None:
    asked = np.array([[0.9, 0.0, 0.1], [0.0, 0.1, 0.9], [0.0, 0.0, 1.0]], dtype=np.float32)  # two sounds and none
    barked = match_sound(asked, np.array([0.9, 0.0, 0.1], dtype=np.float32))
    assert barked.probs.argmax() == 0
    assert barked.named == pytest.approx(0.81)
    assert barked.probs[1] == pytest.approx(barked.probs[2])
    other = match_sound(asked, np.array([0.0, 0.1, 0.9], dtype=np.float32))
    assert other.named == pytest.approx(0.01)
    np.testing.assert_allclose(other.probs, np.full(3, 1 / 3), atol=0.02)


def test_two_labels_share_the_sound_that_both_mean() -> None:
    asked = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]], dtype=np.float32)
    found = match_sound(asked, np.array([1.0, 0.0], dtype=np.float32)).probs
    np.testing.assert_allclose(found, [0.5, 0.5, 0.0], atol=1e-6)


def test_templates_and_descriptions_move_a_label(fakes: None) -> None:
    labels = read_labels({"cat": "", "thing": "red and round"})
    with loader.shared().lease(catalog.default("text-embedder")) as encoder:
        plain = label_embeddings(encoder, read_labels(["cat", "thing"]), ["{}"], Progress())
        told = label_embeddings(encoder, labels, ["{}"], Progress())
        red = encoder.embed_texts(["red"])[0]
        both = label_embeddings(encoder, labels, ["{}", "a {}"], Progress())
    np.testing.assert_allclose(told[0], plain[0], atol=1e-6)
    assert told[1] @ red > plain[1] @ red + 0.1
    np.testing.assert_allclose(np.linalg.norm(both, axis=1), 1.0, atol=1e-5)


def test_a_thousand_labels_with_descriptions(fakes: None) -> None:
    labels = {f"thing {number}": f"number {number} of all" if number % 2 else "" for number in range(1000)}
    result = classify(labels=labels, text="thing 77")
    assert len(result.scores) == 1000
    assert result.receipt is not None
    assert "number 77 of all" in str(result.receipt.options["descriptions"])


def test_it_stops_when_asked(fakes: None) -> None:
    progress = Progress()
    progress.stop()
    with pytest.raises(StoppedError):
        classify(labels=["dog", "cat"], text="dog", progress=progress)


# -- the task, on real weights ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "labels", "expected"),
    [
        ("cat.jpg", ["dog", "cat", "horse", "car"], "cat"),
        ("cat.jpg", ["animal", "vehicle", "food"], "animal"),
        ("coffee.jpg", ["a cup of coffee", "a bicycle", "a house"], "a cup of coffee"),
        ("flower.jpg", ["fish", "flower", "computer"], "flower"),
    ],
)
def test_pictures_find_their_label(name: str, labels: list[str], expected: str) -> None:
    assert classify(labels=labels, image=samples.path(name)).label == expected


def test_text_finds_its_label_however_long() -> None:
    labels = ["cooking", "football", "astronomy"]
    assert classify(labels=labels, text="Fry the onions in butter and add the flour.").label == "cooking"
    story = "The referee showed a second yellow card and the striker left the pitch. " * 60
    assert classify(labels=labels, text=story, templates=["this is about {}", "{}"]).label == "football"


def test_speech_counts_by_its_words(real_weights: Callable[[str], Path]) -> None:
    real_weights("whisper-tiny.en")
    result = classify(
        labels=["politics", "cooking", "animals"],
        audio=samples.path("jfk.flac"),
        image=samples.path("cat.jpg"),
        transcribe_with="whisper-tiny.en",
        weights={"audio": 2.0, "image": 0.5},
    )
    assert "country" in result.transcript
    assert result.per_modality["speech"][0].label == result.scores[0].label == "politics"
    assert max(result.per_modality["image"], key=lambda item: item.score).label == "animals"
    assert result.weights["speech"] == pytest.approx(0.8)
    assert result.receipt is not None
    assert {"whisper-tiny.en", "mini-clip-and-conse", "all-MiniLM-L6-v2"} <= {use.name for use in result.receipt.models}


def test_a_bark_counts_for_the_label_that_means_it() -> None:
    result = classify(labels=["dog", "cat", "rain"], audio=samples.path("dog-bark.ogg"))
    assert result.label == "dog"
    assert set(result.per_modality) == {"sound"}
    assert any("No speech" in notice for notice in result.notices)


def test_a_description_may_name_the_sound() -> None:
    labels = {"alarm": "a baby crying", "calm": "sea waves"}
    assert classify(labels=labels, audio=samples.path("baby.ogg")).label == "alarm"
    assert classify(labels=labels, audio=samples.path("sea-waves.ogg")).label == "calm"


def test_a_recording_of_nothing_that_counts_is_left_out() -> None:
    result = classify(labels=["happy", "sad"], audio=samples.path("sea-waves.ogg"), text="I am so glad.")
    assert result.label == "happy"
    assert set(result.per_modality) == {"text"}
    assert len(result.notices) == 2


def test_a_description_decides_where_a_name_says_nothing() -> None:
    labels = {"A": "the parcel is late or lost", "B": "the customer is happy"}
    assert classify(labels=labels, text="It came two weeks after the day you promised.").label == "A"
    assert classify(labels=labels, text="Thank you, everything is wonderful!").label == "B"
