"""What programs give by mistake is refused in one sentence before any model is loaded, and never taken for something else."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import mm_demos
from mm_demos import AnswerOptions, CaptionOptions, DemoError, InvalidInputError, TranscribeOptions, samples
from mm_demos.models import fake, loader
from mm_demos.tasks.transcription import load_waveform
from mm_demos.ui import transcripts

PICTURE = Image.new("RGB", (64, 64), "red")
SOUND = np.random.default_rng(0).normal(0, 0.05, 16000).astype(np.float32)
NAN = float("nan")


@pytest.fixture(autouse=True)
def fakes() -> Iterator[None]:
    restore = fake.register_fakes(stand_in=True)
    loader.reset_shared()
    yield
    restore()
    loader.reset_shared()


def ask(**options: Any) -> Any:
    return mm_demos.answer(PICTURE, "What?", options=AnswerOptions(**options))


def describe(**options: Any) -> Any:
    return mm_demos.caption(PICTURE, options=CaptionOptions(**options))


def hear(**options: Any) -> Any:
    return mm_demos.transcribe(SOUND, options=TranscribeOptions(**options))


def sort(**values: Any) -> Any:
    return mm_demos.classify(**{"labels": ["a", "b"], "text": "x", **values})


WRONG: list[Callable[[], Any]] = [
    *(lambda x=x: mm_demos.transcribe(x) for x in (b"RIFF", None, 5, [], (16000, SOUND), "", "\0", SOUND[None], SOUND * NAN)),
    *(lambda x=x: mm_demos.caption(x) for x in (None, 5, [], np.zeros((20, 20, 3), np.uint8), "", object())),
    *(lambda x=x: mm_demos.answer(PICTURE, x) for x in (None, 5, "", " ? ")),
    *(lambda x=x: describe(n=x) for x in (None, 0, 1.5, "many")),
    *(lambda x=x: describe(seed=x) for x in (-1, 2**32, 10**30, "x", NAN)),
    *(lambda x=x: describe(language=x) for x in (None, ["en"])),
    *(lambda x=x: ask(choices=x, kind="choice") for x in ("yes, no", None, (1, 2), ("one",))),
    *(lambda x=x: ask(kind=x) for x in (None, [], "essay")),
    *(lambda x=x: mm_demos.answer(PICTURE, "What?", threshold=x) for x in (None, "x", NAN, 2)),
    *(lambda x=x: hear(beam_size=x) for x in (0, 10**9, None, "x")),
    *(lambda x=x: hear(temperature=x) for x in (NAN, -1, "hot")),
    *(lambda x=x: hear(initial_prompt=x) for x in (None, "x" * 5000)),
    *(lambda x=x: sort(labels=x) for x in (None, 5, [1, 2], ["a"], [], ["a", "A"])),
    *(lambda x=x: sort(text=x) for x in (5, "", None)),
    *(lambda x=x: sort(weights=x) for x in ({"smell": 1}, {"text": "x"}, {"text": NAN}, 5)),
    *(lambda x=x: sort(threshold=x) for x in (None, NAN, 5)),
    *(lambda x=x: mm_demos.embed_texts(x) for x in ("abc", None, [None])),
    *(lambda x=x: mm_demos.embed_images(x) for x in ("a.jpg", None, PICTURE)),
    lambda: mm_demos.caption(PICTURE, options={"n": 1}),  # type: ignore[arg-type]
    *(lambda x=x: mm_demos.caption(PICTURE, model=x) for x in (5, ["a"], "whisper-base", "nothing")),
    lambda: mm_demos.answer(PICTURE, "What?", model="conse"),
    lambda: mm_demos.transcribe(SOUND, model="conse"),
    lambda: mm_demos.embed_images([PICTURE], model="all-MiniLM-L6-v2"),
]


@pytest.mark.parametrize("call", WRONG)
def test_a_mistake_is_one_sentence(call: Callable[[], Any]) -> None:
    with pytest.raises(DemoError) as refused:
        call()
    sentence = str(refused.value)
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert not loader.shared().resident()


def test_integer_samples_are_taken_by_their_full_scale() -> None:
    heard = load_waveform((SOUND * 32768).astype(np.int16))  # type: ignore[arg-type]
    assert heard.dtype == np.float32
    np.testing.assert_allclose(heard, SOUND, atol=1e-4)


def test_a_single_template_is_one_template() -> None:
    assert sort(templates="about {}").scores == sort(templates=["about {}"]).scores


def test_a_file_that_may_not_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    for call in (mm_demos.transcribe, mm_demos.caption):
        with pytest.raises(InvalidInputError, match="permissions"):
            call(samples.path("jfk.flac"))


def test_a_reference_without_words_does_not_cost_the_transcript() -> None:
    talk = transcripts.checked(mm_demos.transcribe(Path(samples.path("jfk.flac"))), "…")
    assert talk.text
    assert talk.errors is None
    assert "no words" in talk.notices[-1]
