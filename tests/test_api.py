"""`import mm_demos` on real weights, and the command line beside it: facts, not whole sentences."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import mm_demos
from mm_demos import samples
from mm_demos.evaluation.wer import word_errors

JFK = "And so my fellow Americans, ask not what your country can do for you, ask what you can do for your country."
PICTURES = {"cat.jpg": "cat", "coffee.jpg": "coffee|espresso|cup", "rocket.jpg": "rocket|missile|launch"}
Fetch = Callable[[str], Path]


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def test_everything_public_is_there_and_listed() -> None:
    for name in mm_demos.__all__:
        assert getattr(mm_demos, name) is not None
        assert name in dir(mm_demos)
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = mm_demos.no_such_name
    for module, names in mm_demos._HOMES.items():
        for name in names:
            assert getattr(mm_demos, name) is getattr(importlib.import_module(module), name)
    for name, (module, own) in mm_demos._OTHER_NAMES.items():
        assert getattr(mm_demos, name) is getattr(importlib.import_module(module), own)
    listed = [*(name for names in mm_demos._HOMES.values() for name in names), *mm_demos._OTHER_NAMES]
    assert sorted(mm_demos.__all__) == sorted(listed)


def test_transcribe_word_for_word(real_weights: Fetch) -> None:
    real_weights("whisper-base")
    result = mm_demos.transcribe(samples.path("jfk.flac"))
    assert words(result.text) == words(JFK)
    assert word_errors(JFK, result.text).wer == 0
    assert result.language == "en"
    assert result.receipt is not None
    assert [use.name for use in result.receipt.models] == ["whisper-base"]


def test_transcribe_from_the_command_line(real_weights: Fetch, tmp_path: Path) -> None:
    real_weights("whisper-tiny.en")
    command = [sys.executable, "-m", "mm_demos", "transcribe", str(samples.path("jfk.flac")), "nowhere.ogg", "--json"]
    done = subprocess.run([*command, "--model", "whisper-tiny.en"], capture_output=True, text=True, check=False)
    good, bad = map(json.loads, done.stdout.splitlines())
    assert done.returncode == 1
    assert words(good["text"]) == words(JFK)
    assert set(bad) == {"input", "error"}
    assert "Traceback" not in done.stderr


def test_captions_name_what_the_labels_are_sure_of(real_weights: Fetch) -> None:
    real_weights("mm-mini-captioner")
    for name, expected in (("cat.jpg", "cat"), ("coffee.jpg", "espresso|coffee")):
        result = mm_demos.caption(samples.path(name), options=mm_demos.CaptionOptions(n=2))
        assert re.search(expected, " ".join(caption.text.lower() for caption in result.captions)), name
        scores = [caption.score for caption in result.captions]
        assert scores == sorted(scores, reverse=True)


def test_answers_come_from_the_choices(real_weights: Fetch) -> None:
    real_weights("mm-mini-answerer")
    options = mm_demos.AnswerOptions(kind="choice", choices=("a cat", "a car", "a house"))
    result = mm_demos.answer(samples.path("cat.jpg"), "What is in the picture?", options=options)
    assert result.text == "a cat"
    assert result.alternatives[0].label == result.text
    assert sum(alternative.score for alternative in result.alternatives) == pytest.approx(1, abs=1e-3)


def test_classify_into_labels_of_your_own(real_weights: Fetch) -> None:
    real_weights("mini-clip-and-conse")
    labels = ["a cat", "a cup of coffee", "a rocket"]
    for name, label in zip(PICTURES, labels, strict=True):
        result = mm_demos.classify(labels=labels, image=samples.path(name))
        assert result.label == label
        assert sum(score.score for score in result.scores) == pytest.approx(1, abs=1e-4)
    assert mm_demos.classify(labels=["sport", "cooking"], text="Stir the soup and add salt.").label == "cooking"


def test_embeddings_are_unit_vectors_in_one_space(real_weights: Fetch) -> None:
    real_weights("mini-clip-and-conse")
    images = mm_demos.embed_images([samples.path(name) for name in PICTURES])
    texts = mm_demos.embed_texts(["a cat", "a cup of coffee", "a rocket"])
    assert images.dtype == texts.dtype == np.float32
    assert images.shape == texts.shape
    np.testing.assert_allclose(np.linalg.norm(np.concatenate([images, texts]), axis=1), 1, atol=1e-5)
    assert (images @ texts.T).argmax(axis=1).tolist() == [0, 1, 2]
