"""The painter's reader: a prompt in any words is painted by the name of what it means, and the page says so."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mm_demos
from mm_demos.errors import InvalidInputError
from mm_demos.evaluation.image_generation_prompts import read_labels
from mm_demos.models.prompt_reader import FOLDER, NAMES, WEIGHTS, PromptReader
from mm_demos.models.sources import PACKAGED
from mm_demos.tasks.image_generation import generate

SHIPPED = PACKAGED / "mm-mini-painter"
PAINTED = "Painted as “{}”, the nearest thing"


def notices(prompt: str, **options: Any) -> tuple[str, ...]:
    """What is said of a picture."""
    made = generate(prompt, options=mm_demos.PaintOptions(num_inference_steps=1, seed=0, **options))
    return tuple(notice for notice in made.notices if "model knows" in notice)


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("a fluffy little kitten", "cat face"),
        ("the vehicle that firefighters drive", "fire engine"),
        ("something to tell the time, worn around the wrist", "watch"),
    ],
)
def test_other_words_find_the_name(prompt: str, name: str) -> None:
    (said,) = notices(prompt)
    assert said.startswith(PAINTED.format(name))
    assert said.endswith("% sure).")


@pytest.mark.parametrize("prompt", ["rocket", "A rocket.", "the Rocket"])
def test_a_name_is_painted_without_a_word(prompt: str) -> None:
    assert notices(prompt) == ()


def test_what_fits_nothing_is_said() -> None:
    (said,) = notices("the theory of relativity")
    assert "may paint anything" in said


def test_the_same_name_gives_the_same_picture_and_a_style_goes_along() -> None:
    options = mm_demos.PaintOptions(num_inference_steps=2, seed=4)
    prompts = ("cat", "a nice cat", "a nice cat, Twemoji style")
    plain, other, styled = (generate(prompt, options=options).images[0].pixels_sha256 for prompt in prompts)
    assert plain == other
    assert styled != plain


def test_it_knows_every_name() -> None:
    reader = PromptReader.load(SHIPPED)
    assert reader is not None
    assert sorted(reader.names) == sorted(read_labels())


def test_a_pipeline_without_one_reads_its_prompts_itself(tmp_path: Path) -> None:
    assert PromptReader.load(tmp_path) is None


@pytest.mark.parametrize(
    ("name", "content", "hint"),
    [
        (NAMES, b"{", "cannot be read"),
        (NAMES, b'{"names": 3, "kept": []}', "cannot be read"),
        (NAMES, b'{"names": ["cat"], "kept": []}', "do not fit"),
        (WEIGHTS, b"", "cannot be read"),
    ],
)
def test_a_broken_one_is_refused(tmp_path: Path, name: str, content: bytes, hint: str) -> None:
    shutil.copytree(SHIPPED / FOLDER, tmp_path / FOLDER)
    (tmp_path / FOLDER / name).write_bytes(content)
    with pytest.raises(InvalidInputError, match=hint):
        PromptReader.load(tmp_path)


def test_its_probabilities_are_those_of_all_names() -> None:
    reader = PromptReader(np.eye(3, dtype=np.float32), np.zeros(3, np.float32), ("a", "b", "c"), ())
    found = reader.read(np.array([0, 1, 0], np.float32))
    assert found.name == "b"
    assert found.probability == pytest.approx(np.e / (np.e + 2))
    assert json.loads((SHIPPED / FOLDER / NAMES).read_text(encoding="utf-8"))["kept"] == ["noto", "fluent", "twemoji"]
