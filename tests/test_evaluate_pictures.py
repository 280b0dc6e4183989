"""`evaluate clip`, `caption` and `vqa` on a set of coloured photos, where what the fakes get right can be counted by hand."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from coloured_photos import COLOURS, colour_set, jpeg, write_tar
from PIL import Image

from mm_demos.cli import main
from mm_demos.evaluation import clip, visual_qa
from mm_demos.evaluation.photos import Photo
from mm_demos.evaluation.questions import Question
from mm_demos.evaluation.shapes import SHAPES
from mm_demos.models import fake, loader
from mm_demos.results import Answer

Measure = Callable[..., dict[str, Any]]
RED_NAME = "red red red red"  # so that the fake's bag of words is mostly red


@pytest.fixture
def measured(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Iterator[Measure]:
    """`measured("clip", "--model", "fake-joint-embedder")` is the report on the coloured photos."""
    restore = fake.register_fakes()
    loader.reset_shared()
    data = colour_set(tmp_path)

    def call(subject: str, *arguments: object) -> dict[str, Any]:
        status = main(["evaluate", subject, "--data", str(data), "--split", "all", "--json", *map(str, arguments)])
        assert status == 0
        report: dict[str, Any] = json.loads(capfd.readouterr().out)
        return report

    yield call
    restore()
    loader.reset_shared()


def test_clip_finds_photos_by_captions_and_captions_by_photos(measured: Measure) -> None:
    report = measured("clip", "--model", "fake-joint-embedder")
    assert (report["photos"], report["captions"], report["split"]) == (4, 12, "all")
    assert report["text_to_image"]["queries"] == 12
    assert report["text_to_image"]["recall_at_5"] == 1.0
    assert report["image_to_text"]["recall_at_1"] == 1.0
    assert report["image_to_text"]["queries"] == 4
    assert report["zero_shot"] is None
    assert report["images_per_second"] > 0
    assert report["shapes"] == []


def test_clip_names_pictures_among_all_classes(measured: Measure, tmp_path: Path) -> None:
    entries = [
        ("r", jpeg(COLOURS["red"]), {"index": 3, "name": RED_NAME}),
        ("b", jpeg(COLOURS["blue"]), {"index": 5, "name": RED_NAME}),
    ]
    write_tar(tmp_path / "vision" / "imagenet-samples.tar", entries)
    zero_shot = measured("clip", "--model", "fake-joint-embedder")["zero_shot"]
    assert zero_shot["images"] == 2
    assert zero_shot["top1"] == 0.5  # of two classes with one name, the first wins; nothing is named blue
    assert zero_shot["top1_among_20"] >= 0.5


def test_clip_does_not_mind_shapes_that_keep_the_colour(measured: Measure) -> None:
    rows = measured("clip", "--model", "fake-joint-embedder", "--aspect")["shapes"]
    assert [row["shape"] for row in rows] == list(SHAPES)
    assert all(row["image_to_text_at_1"] == 1.0 and row["text_to_image_change"] == 0.0 for row in rows)


@pytest.mark.parametrize(
    ("shape", "size"),
    [("3:2", (300, 200)), ("2:3", (200, 300)), ("16:9", (356, 200)), ("middle 3:2", (200, 133)), ("middle 2:3", (133, 200))],
)
def test_shapes_have_the_size_they_say(shape: str, size: tuple[int, int]) -> None:
    assert SHAPES[shape](Image.new("RGB", (200, 200)), np.random.default_rng(0)).size == size


def test_random_parts_keep_most_of_the_photo_and_are_the_same_each_time() -> None:
    photo = Image.new("RGB", (200, 100))
    sizes = [SHAPES["random part"](photo, np.random.default_rng(seed)).size for seed in range(50)]
    assert len(set(sizes)) > 20
    assert all(0.45 <= width * height / 20_000 <= 1.0 for width, height in sizes)
    assert sizes[7] == SHAPES["random part"](photo, np.random.default_rng(7)).size


def test_accuracy_and_calibration_of_logits_by_hand() -> None:
    logits = np.log(np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.7, 0.3, 1e-9]], np.float32))
    top1, error = clip.graded(logits, np.array([0, 0, 0]))
    assert top1 == pytest.approx(2 / 3)
    assert error == pytest.approx((2 * (1 - 0.7) + 0.8) / 3, abs=1e-5)


def test_samples_bring_their_names_and_the_catalog_has_the_others() -> None:
    names = clip.class_names([Photo("k", b"", (), 1, "my goldfish"), Photo("l", b"", (), 2)])
    assert (len(names), names[0], names[1]) == (1000, "tench", "my goldfish")
    assert "shark" in names[2]


def test_captions_are_scored_with_the_default_options(measured: Measure) -> None:
    report = measured("caption", "--model", "fake-captioner")
    assert report["scores"]["bleu"] == pytest.approx([1.0, 1.0, 1.0, 0.0], abs=0.01)  # three words: no fourth-order n-gram
    assert report["scores"]["cider"] > 1
    assert (report["photos"], report["distinct"], report["mean_words"]) == (4, 4, 3.0)
    assert report["likeliest"] == report["scores"]
    assert report["options"]["style"] == "short"
    assert 0 < report["median_seconds"] <= report["p95_seconds"]


def test_questions_are_asked_and_counted_by_kind(measured: Measure) -> None:
    report = measured("vqa", "--model", "fake-answerer")
    kinds = {row["kind"]: row for row in report["kinds"]}
    assert kinds["colour"]["questions"] == 4
    assert kinds["colour"]["accuracy"] == 1.0
    assert kinds["colour"]["majority"] == 0.25
    assert kinds["colour"]["blanked"] <= 0.5
    assert kinds["object"]["accuracy"] == 0.0  # a colour is never a thing
    total = sum(row["questions"] for row in report["kinds"])
    assert report["overall"]["questions"] == total == report["sources"]["answer model"]
    assert [row["threshold"] for row in report["thresholds"]] == sorted(row["threshold"] for row in report["thresholds"])


def test_reports_are_tables_for_people(measured: Measure, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "vqa", "--data", str(tmp_path), "--split", "all", "--model", "fake-answerer"]) == 0
    out = capfd.readouterr().out
    assert "median seconds" in out
    assert any(line.split() == ["kind", "questions", "accuracy", "majority", "blanked"] for line in out.splitlines())


@pytest.mark.parametrize("subject", ["clip", "caption", "vqa"])
@pytest.mark.parametrize("arguments", [[], ["--model", "whisper-base"]])
def test_wrong_data_and_models_are_status_2(
    subject: str, arguments: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", subject, "--data", str(tmp_path / "nowhere"), *arguments]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert len(err.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("given", "wanted", "same"),
    [
        ("Two.", "two", True),
        ("2", "two", True),
        ("a dog", "dog", True),
        ("Grey", "gray", True),
        ("dogs", "dog", False),
        ("", "no", False),
    ],
)
def test_answers_are_compared_word_for_word(given: str, wanted: str, same: bool) -> None:
    assert visual_qa.same(given, wanted) is same


def test_a_choice_of_questions_has_as_many_yes_as_no() -> None:
    questions = [Question(i, "yes/no", f"q{i}", "yes" if i % 3 else "no") for i in range(60)]
    questions += [Question(i, "colour", f"c{i}", "red") for i in range(5)]
    chosen = visual_qa.choose(questions, 30)
    assert Counter((q.kind, q.answer) for q in chosen) == {("yes/no", "yes"): 15, ("yes/no", "no"): 15, ("colour", "red"): 5}
    assert chosen == visual_qa.choose(questions, 30)


def test_shares_by_kind_and_threshold_by_hand() -> None:
    def asked(given: str, wanted: str, blanked: str) -> visual_qa.Asked:
        reply = Answer(given, 0.5, (), without_image=Answer(blanked, 0.5, ()))
        return visual_qa.Asked(Question(0, "colour", "What color?", wanted), reply)

    rows = [asked("red", "red", "red"), asked("blue", "red", "red"), asked("blue", "blue", "red"), asked("red", "pink", "red")]
    assert visual_qa.scores("colour", rows) == visual_qa.KindScores("colour", 4, 0.5, 0.5, 0.5)
    result = visual_qa.at_threshold(0.6, np.array([0.9, 0.6, 0.5, 0.2], np.float32), np.array([True, False, True, True]))
    assert (result.not_sure, result.accuracy_when_sure) == (0.5, 0.5)
    assert visual_qa.at_threshold(1.0, np.array([0.5], np.float32), np.array([True])).accuracy_when_sure is None
    assert math.isclose(visual_qa.scores("none", []).accuracy, 0.0)
