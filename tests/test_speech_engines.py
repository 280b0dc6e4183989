"""Both Whisper engines on the same weights, and the shortened window against the full one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from openai_checkpoint import save_openai

from mm_demos import media, samples
from mm_demos.errors import StoppedError, WeightsUnavailableError
from mm_demos.evaluation.wer import word_errors
from mm_demos.models import catalog
from mm_demos.models.loader import LoadRequest
from mm_demos.models.protocols import FloatArray, SpeechRecognizer, TranscribeOptions
from mm_demos.models.speech import load_faster_whisper, load_openai_whisper, temperatures
from mm_demos.progress import Progress

JFK = "And so my fellow Americans, ask not what your country can do for you, ask what you can do for your country."
NAME = "whisper-tiny.en"


@pytest.fixture(scope="module")
def jfk() -> FloatArray:
    return media.load_audio(samples.path("jfk.flac"))


def _request(folder: Path) -> LoadRequest:
    spec = catalog.spec(NAME)
    return LoadRequest(spec=spec, engine=spec.engines[0], folder=folder, device="cpu", dtype="", threads=2)


def _text(model: SpeechRecognizer, waveform: FloatArray, options: TranscribeOptions) -> str:
    return " ".join(segment.text for segment in model.transcribe(waveform, options=options).segments)


def test_openai_checkpoints_give_the_words_and_word_times(
    real_weights: Callable[[str], Path], tmp_path: Path, jfk: FloatArray
) -> None:
    save_openai(real_weights(NAME) / "model.bin", tmp_path / "tiny.en.pt")
    model = load_openai_whisper(_request(tmp_path))
    assert isinstance(model, SpeechRecognizer) and model.languages == ("en",)
    decoded = model.transcribe(jfk, options=TranscribeOptions(beam_size=1, temperature=0.0, word_timestamps=True))
    segments = list(decoded.segments)
    assert word_errors(JFK, " ".join(segment.text for segment in segments)).wer == 0.0
    assert decoded.language == "en" and decoded.duration == pytest.approx(11.0, abs=0.1)
    assert sum(len(segment.words) for segment in segments) == 22
    assert all(segment.avg_logprob < 0 and 0 <= segment.no_speech_prob <= 1 for segment in segments)
    longer = np.concatenate((jfk, np.zeros(4 * 16_000, np.float32), jfk, np.zeros(4 * 16_000, np.float32), jfk))
    segments = list(model.transcribe(longer, options=TranscribeOptions(beam_size=1, temperature=0.0, vad_filter=True)).segments)
    assert word_errors(f"{JFK} {JFK} {JFK}", " ".join(segment.text for segment in segments)).wer <= 0.1
    assert segments[-1].start > 28.0  # seconds: times are those of the whole recording


def test_missing_files_are_named_instead_of_fetched(tmp_path: Path) -> None:
    with pytest.raises(WeightsUnavailableError, match=r"model\.bin"):
        load_faster_whisper(_request(tmp_path))
    with pytest.raises(WeightsUnavailableError, match=r"\.pt"):
        load_openai_whisper(_request(tmp_path))


@pytest.fixture
def lengths(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Frames of 10 ms in each window that is encoded, in order."""
    from mm_demos.models import whisper_window

    seen: list[int] = []
    encode = whisper_window.WhisperModel.encode

    def spy(self: object, features: FloatArray) -> object:
        seen.append(features.shape[-1])
        return encode(self, features)

    monkeypatch.setattr(whisper_window.WhisperModel, "encode", spy)
    return seen


def test_a_shortened_window_costs_less_and_keeps_the_words(
    real_weights: Callable[[str], Path], jfk: FloatArray, lengths: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    from mm_demos.models import whisper_window

    model = load_faster_whisper(_request(real_weights(NAME)))
    options = TranscribeOptions(beam_size=1, temperature=0.0)
    short = _text(model, jfk, options)
    assert 1100 <= lengths[-1] < 3000  # frames of 10 ms
    monkeypatch.setattr(whisper_window, "MARGIN_FRAMES", 3000)
    full = _text(model, np.concatenate((jfk, np.zeros(1600, np.float32))), options)
    assert lengths[-1] == 3000
    assert word_errors(full, short).wer == 0.0


def test_a_short_recording_is_encoded_once(real_weights: Callable[[str], Path], jfk: FloatArray, lengths: list[int]) -> None:
    model = load_faster_whisper(_request(real_weights("whisper-base")))  # which is asked for the language, too
    for recording in (jfk, jfk[: 16_000 * 4]):
        lengths.clear()
        stream = model.transcribe(recording, options=TranscribeOptions(beam_size=1, temperature=0.0))
        assert stream.language == "en"
        assert list(stream.segments)
        assert len(lengths) == 1


def test_a_failed_short_window_is_encoded_again_at_full_length(
    real_weights: Callable[[str], Path], jfk: FloatArray, lengths: list[int]
) -> None:
    model = load_faster_whisper(_request(real_weights(NAME)))
    stutter = np.tile(jfk[: 16_000 * 2], 8)  # its text compresses like a loop's
    _text(model, stutter, TranscribeOptions(beam_size=1, temperature=0.0))
    assert lengths[0] < 3000 and 3000 in lengths


def test_stop_is_heard_before_each_attempt_at_a_window(
    real_weights: Callable[[str], Path], jfk: FloatArray, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mm_demos.models import whisper_window

    progress = Progress()
    attempts = iter(temperatures(TranscribeOptions(), progress))
    assert next(attempts) == 0.0
    progress.stop()
    with pytest.raises(StoppedError):
        next(attempts)

    progress = Progress()
    encode = whisper_window.WhisperModel.encode

    def stop_while_encoding(self: object, features: FloatArray) -> object:
        progress.stop()
        return encode(self, features)

    monkeypatch.setattr(whisper_window.WhisperModel, "encode", stop_while_encoding)
    model = load_faster_whisper(_request(real_weights(NAME)))
    decoded = model.transcribe(np.resize(jfk, 60 * 16_000), options=TranscribeOptions(language="en"), progress=progress)
    with pytest.raises(StoppedError):
        next(decoded.segments)
