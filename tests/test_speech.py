"""Speech to text on real weights: the right words, honest silence, a stop that stops."""

from __future__ import annotations

import itertools
import subprocess
import sys
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mm_demos import media, samples
from mm_demos.errors import InvalidInputError, StoppedError
from mm_demos.evaluation.wer import word_errors
from mm_demos.models.protocols import SAMPLE_RATE, FloatArray, TranscribeOptions
from mm_demos.progress import Progress, Update
from mm_demos.results import Segment, Transcription
from mm_demos.tasks.hallucination import flags, is_loop
from mm_demos.tasks.transcription import stream, transcribe

JFK = "And so my fellow Americans, ask not what your country can do for you, ask what you can do for your country."
FAST = "whisper-tiny.en"


@pytest.fixture(scope="module")
def jfk() -> FloatArray:
    return media.load_audio(samples.path("jfk.flac"))


def test_defaults_give_the_sentence_word_for_word() -> None:
    result = transcribe(samples.path("jfk.flac"))
    assert word_errors(JFK, result.text).wer == 0.0
    assert result.language == "en" and result.language_prob > 0.8
    assert result.duration == pytest.approx(11.0, abs=0.1)
    assert result.receipt is not None and result.receipt.models[0].name == "whisper-base"
    assert not any(segment.flags for segment in result.segments)


def test_words_have_times_in_order_and_probabilities() -> None:
    result = transcribe(samples.path("jfk.flac"), model=FAST, options=TranscribeOptions(word_timestamps=True))
    words = [word for segment in result.segments for word in segment.words]
    assert len(words) == 22
    assert all(0.0 <= word.prob <= 1.0 and 0.0 <= word.start <= word.end <= result.duration + 0.5 for word in words)
    assert all(first.start <= second.start for first, second in itertools.pairwise(words))
    country = [word for word in words if word.text.startswith("country")]
    assert country[0].start == pytest.approx(5.9, abs=0.6)  # seconds, by ear


def test_segments_come_one_by_one_and_add_up_to_the_whole(jfk: FloatArray) -> None:
    *segments, whole = stream(np.concatenate((jfk, jfk, jfk, jfk)), model=FAST, options=TranscribeOptions(temperature=0.0))
    assert isinstance(whole, Transcription) and len(segments) > 1
    assert all(isinstance(segment, Segment) for segment in segments) and tuple(segments) == whole.segments


def test_progress_counts_seconds_of_audio(jfk: FloatArray) -> None:
    updates: list[Update] = []
    transcribe(np.concatenate((jfk, jfk, jfk)), model=FAST, progress=Progress(updates.append))
    counted = [update for update in updates if update.unit == "seconds" and update.total is not None]
    assert counted[0].done == 0.0 and counted[-1].total == pytest.approx(33.0, abs=0.1)
    assert all(one.done <= two.done for one, two in itertools.pairwise(counted) if one.done is not None and two.done is not None)


def test_stop_ends_at_the_next_segment(jfk: FloatArray) -> None:
    progress = Progress()
    running = stream(np.concatenate([jfk] * 6), model=FAST, options=TranscribeOptions(temperature=0.0), progress=progress)
    assert isinstance(next(running), Segment)
    progress.stop()
    with pytest.raises(StoppedError):
        next(running)


@pytest.mark.parametrize("vad_filter", [False, True])
def test_no_words_are_invented_where_nobody_speaks(vad_filter: bool) -> None:
    rng = np.random.default_rng(0)
    seconds = np.arange(8 * SAMPLE_RATE) / SAMPLE_RATE
    quiet = {
        "silence": np.zeros_like(seconds),
        "hum": 0.1 * np.sin(2 * np.pi * 50 * seconds),
        "hiss": 0.05 * rng.standard_normal(seconds.size),
    }
    for name, waveform in quiet.items():
        result = transcribe(waveform.astype(np.float32), model=FAST, options=TranscribeOptions(vad_filter=vad_filter))
        assert result.text == "" and result.segments == (), name
        assert len(result.notices) == 1, name


def test_speech_inside_long_silence_is_found_at_its_time(jfk: FloatArray) -> None:
    silence = np.zeros(20 * SAMPLE_RATE, np.float32)
    options = TranscribeOptions(vad_filter=True, word_timestamps=True)
    result = transcribe(np.concatenate((silence, jfk, silence)), model=FAST, options=options)
    assert word_errors(JFK, result.text).wer == 0.0
    assert result.segments[0].words[0].start == pytest.approx(20.2, abs=0.7)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (TranscribeOptions(beam_size=0), "Beam size"),
        (TranscribeOptions(beam_size=99), "Beam size"),
        (TranscribeOptions(temperature=3.0), "Temperature"),
        (TranscribeOptions(task="sing"), "choose transcribe or translate"),  # type: ignore[arg-type]
        (TranscribeOptions(initial_prompt="x" * 5000), "prompt"),
        (TranscribeOptions(language="de"), "English only"),
        (TranscribeOptions(language="xx"), "English only"),
        (TranscribeOptions(task="translate"), "multilingual"),
    ],
)
def test_options_no_model_can_follow_are_refused(jfk: FloatArray, options: TranscribeOptions, words: str) -> None:
    with pytest.raises(InvalidInputError, match=words):
        transcribe(jfk, model=FAST, options=options)


@pytest.mark.parametrize("waveform", [np.zeros(0, np.float32), np.zeros((5, 2), np.float32)])
def test_what_is_no_waveform_is_refused(waveform: FloatArray) -> None:
    with pytest.raises(InvalidInputError):
        transcribe(waveform, model=FAST)


def test_stereo_at_another_rate_gives_the_same_words(tmp_path: Path, jfk: FloatArray) -> None:
    path = tmp_path / "stereo.wav"
    doubled = np.repeat(np.rint(jfk * 32767).astype("<i2"), 3)  # 48 kHz, sample and hold
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(48_000)
        file.writeframes(np.stack((doubled, doubled), axis=1).tobytes())
    assert word_errors(JFK, transcribe(path, model=FAST).text).wer == 0.0


def _segment(text: str, *, avg_logprob: float = -0.2, no_speech_prob: float = 0.0, ratio: float = 1.0) -> Segment:
    return Segment(0.0, 2.0, text, avg_logprob, no_speech_prob, ratio)


def test_flags_name_the_reason() -> None:
    assert flags(_segment("Good morning.")) == ()
    assert flags(_segment("Thank you.", avg_logprob=-1.2, no_speech_prob=0.9)) == ("silence", "low confidence")
    assert flags(_segment("Thank you.", no_speech_prob=0.9)) == ()  # sure of its words
    assert flags(_segment("Thank you."), voiced=False) == ("silence",)
    assert flags(_segment("la la la la la la")) == ("repetition",)
    assert flags(_segment("a b", ratio=2.5)) == ("repetition",)


@pytest.mark.parametrize(
    ("text", "loop"),
    [
        ("no no no", False),
        ("no, no! No? no", True),
        ("I know it I know it I know it I know it", True),
        ("谢谢谢谢谢谢谢谢", True),
        ("ask not what your country can do for you, ask what you can do for your country", False),
        ("", False),
        ("1, 2, 3, 4, 5, 6, 7, 8", False),
    ],
)
def test_loops_are_told_from_speech(text: str, loop: bool) -> None:
    assert is_loop(text) is loop


def test_neither_speech_nor_its_error_rate_imports_torch(real_weights: Callable[[str], Path]) -> None:
    real_weights(FAST)
    program = (
        "import sys\n"
        "from mm_demos import samples\n"
        "from mm_demos.tasks.transcription import transcribe\n"
        "from mm_demos.evaluation.wer import word_errors\n"
        f"text = transcribe(samples.path('jfk.flac'), model={FAST!r}).text\n"
        "assert word_errors('ask not', text).reference_words == 2\n"
        "assert not {'torch', 'transformers'} & set(sys.modules), 'heavy import'\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=300)
