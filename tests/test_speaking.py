"""Speaking: sentences come as soon as they are complete, and are read as people read them."""

from __future__ import annotations

import json
import subprocess
import sys
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mm_demos
from mm_demos import cli, media
from mm_demos.errors import InvalidInputError, StoppedError, UnknownModelError
from mm_demos.evaluation.wer import word_errors
from mm_demos.models import fake
from mm_demos.models.loader import reset_shared
from mm_demos.progress import Progress
from mm_demos.tasks.speaking import MAX_CHARS, speak
from mm_demos.tasks.speaking_text import MAX_SENTENCE_CHARS, Sentences, spoken
from mm_demos.tasks.transcription import transcribe

ANSWER = "Your order A1007 is on its way. [1] It costs €12.50, and should arrive on Monday. Anything else?"


@pytest.fixture
def fakes() -> Iterator[None]:
    restore = fake.register_fakes(stand_in=True)
    reset_shared()
    yield
    reset_shared()
    restore()


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("It costs 3.50 today. Yes.", ["It costs 3.50 today.", "Yes."]),
        ("Ask Mr. Smith, e.g. at 5 p.m. today. Then wait.", ["Ask Mr. Smith, e.g. at 5 p.m. today.", "Then wait."]),
        ("Returns take 10 days. [1] [2] Then you wait. [3]", ["Returns take 10 days. [1] [2]", "Then you wait. [3]"]),
        ("A heading\n\n- first\n- second", ["A heading", "- first", "- second"]),
        ("1. Open the box. 2. Close it.", ["1. Open the box.", "2. Close it."]),
        ("He said “yes.” And left", ["He said “yes.”", "And left"]),
        ("… --- ...", []),
        ("", []),
    ],
)
def test_a_text_is_cut_into_sentences(text: str, sentences: list[str]) -> None:
    assert list(Sentences.of(text)) == sentences


@given(st.text(alphabet="ab1. !?\n[](),…", max_size=120))
def test_a_growing_text_gives_the_same_sentences_as_the_whole(text: str) -> None:
    growing = Sentences()
    found = [sentence for end in range(len(text) + 1) for sentence in growing.feed(text[:end])]
    assert [*found, *growing.finish()] == list(Sentences.of(text))


def test_a_long_sentence_is_cut_at_commas_or_between_words() -> None:
    pieces = list(Sentences.of("first part, second part " * 50))
    assert len(pieces) > 3 and all(len(piece) <= MAX_SENTENCE_CHARS for piece in pieces)
    assert pieces[0].endswith(",")
    assert all(len(piece) <= MAX_SENTENCE_CHARS for piece in Sentences.of("x" * 1000))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Order A1007 is **late** [1].", "Order A 1 0 0 7 is late."),
        ("Order 20260017", "Order 2 0 2 6 0 0 1 7"),
        ("It costs $39.90, €1 or £1,200.01.", "It costs 39 dollars and 90 cents, 1 euro or 1200 pounds and 1 penny."),
        ("# Returns\n- See [our rules](https://shop.example/x).", "Returns See our rules."),
        ("Look at https://shop.example/a?b=1 now", "Look at a link now"),
        ("The COVID rule of 1999, in the USA", "The COVID rule of 1999, in the USA"),
        ("`snake_case` stays", "snake_case stays"),
        ("Great 😀👍🏽, at 20 °C!", "Great , at 20 °C!"),
    ],
)
def test_marks_for_the_eye_are_not_read(text: str, said: str) -> None:
    assert spoken(text) == said


def test_an_answer_is_understood_sentence_by_sentence() -> None:
    speeches = list(mm_demos.speak(ANSWER))
    assert [speech.text for speech in speeches] == list(Sentences.of(ANSWER))
    receipt = speeches[-1].receipt
    assert receipt is not None and receipt.task == "speak" and receipt.models[0].name == "piper-joe-medium"
    sound = media.from_microphone(speeches[1].sample_rate, speeches[1].waveform)
    assert word_errors("It costs 12 euros and 50 cents and should arrive on Monday.", transcribe(sound).text).wer < 0.35


@pytest.mark.usefixtures("fakes")
def test_the_first_sentence_is_spoken_before_the_last_is_written() -> None:
    written: list[str] = []

    def grow() -> Iterator[str]:
        for word in ANSWER.split(" "):
            written.append(word)
            yield " ".join(written)

    speeches = speak(grow())
    first = next(speeches)
    assert first.text == "Your order A1007 is on its way. [1]"
    assert len(written) < len(ANSWER.split(" ")) / 2 + 2
    assert [speech.text for speech in speeches][-1] == "Anything else?"


@pytest.mark.usefixtures("fakes")
def test_bad_wishes_are_refused_in_a_sentence() -> None:
    for text, options, hint in (
        ("", {}, "nothing to read"),
        ("…!", {}, "nothing to read"),
        (None, {}, "not NoneType"),
        ("word " * MAX_CHARS, {}, "too long"),
        ("Hi.", {"speed": 9.0}, "speed"),
        ("Hi.", {"variation": -1.0}, "variation"),
    ):
        with pytest.raises(InvalidInputError, match=hint):
            speak(text, **options)  # type: ignore[arg-type]
    with pytest.raises(UnknownModelError, match="something else"):
        speak("Hi.", model="whisper-base")


@pytest.mark.usefixtures("fakes")
def test_stop_ends_it_between_two_sentences() -> None:
    progress = Progress()
    speeches = speak("One. Two. Three.", progress=progress)
    assert next(speeches).text == "One."
    progress.stop()
    with pytest.raises(StoppedError):
        next(speeches)


@pytest.mark.usefixtures("fakes")
def test_the_command_writes_a_wave_file(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "hello.wav"
    assert cli.main(["speak", "Hello there. Good morning.", "--out", str(target), "--json", "--quiet"]) == 0
    found = json.loads(capfd.readouterr().out)
    with wave.open(str(target)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (22_050, 1, 2)
        assert file.getnframes() / file.getframerate() == pytest.approx(found["duration"], abs=0.001)
    assert [sentence["text"] for sentence in found["sentences"]] == ["Hello there.", "Good morning."]
    assert found["sentences"][1]["start"] > found["sentences"][0]["start"] == 0.0
    assert np.abs(media.load_audio(target)).max() > 0.3


@pytest.mark.usefixtures("fakes")
@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["speak"], 2),
        (["speak", "Hi.", "--speed", "7"], 1),
        (["speak", "Hi.", "--model", "whisper-base"], 2),
        (["speak", "Hi.", "--out", "no/such/folder/a.wav"], 1),
        (["speak", "..."], 1),
    ],
)
def test_wrong_usage_is_a_sentence_and_a_status(
    arguments: list[str], status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(arguments) == status
    assert "Traceback" not in capfd.readouterr().err
    assert not list(tmp_path.glob("*.wav"))


def test_importing_it_brings_no_runtime_along() -> None:
    code = (
        "import sys, mm_demos.tasks.speaking; print([n for n in ('piper', 'onnxruntime', 'torch', 'gradio') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
