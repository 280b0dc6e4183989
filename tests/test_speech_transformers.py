"""Whisper on transformers: a tiny checkpoint against the library's own `generate`, a real one against what was said."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from gradio_client import Client, handle_file
from tiny_speech import convert_whisper, row, save_tiny_whisper

from mm_demos import media, samples, tabs
from mm_demos.errors import InvalidInputError, StoppedError, WeightsUnavailableError
from mm_demos.evaluation.wer import word_errors
from mm_demos.models import catalog, weights
from mm_demos.models.choices import AS_PUBLISHED, ModelChoices
from mm_demos.models.loader import Loader, LoadRequest, reset_shared
from mm_demos.models.protocols import FloatArray, SpeechRecognizer, TranscribeOptions
from mm_demos.models.speech_transformers import TransformersWhisper, load_whisper_transformers
from mm_demos.models.speech_words import TimedToken, join_tokens
from mm_demos.progress import Progress
from mm_demos.results import Segment
from mm_demos.serving.launch import launch
from mm_demos.tasks.transcription import transcribe

JFK = "And so my fellow Americans, ask not what your country can do for you, ask what you can do for your country."
GREEDY = TranscribeOptions(language="en", beam_size=1, temperature=0.0)


@pytest.fixture(scope="module")
def jfk() -> FloatArray:
    return media.load_audio(samples.path("jfk.flac"))


def _downloaded(name: str) -> Path:
    return weights.ensure(catalog.spec(name))


@pytest.fixture(scope="module")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Several languages, random weights."""
    return save_tiny_whisper(_downloaded("whisper-base"), tmp_path_factory.mktemp("whisper") / "tiny")


@pytest.fixture(scope="module")
def english_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real whisper-tiny.en."""
    return convert_whisper(_downloaded("whisper-tiny.en"), tmp_path_factory.mktemp("whisper") / "tiny.en")


@contextmanager
def leased(folder: Path) -> Iterator[TransformersWhisper]:
    """The model of a folder, through the loader."""
    with registered(folder) as name, Loader(budget_bytes=10**9).lease(name) as model:
        yield model


@contextmanager
def registered(folder: Path) -> Iterator[str]:
    spec = row(f"whisper-of-{folder.name}", folder=folder)
    catalog.register(spec)
    reset_shared()
    try:
        yield spec.name
    finally:
        reset_shared()
        catalog.unregister(spec.name)


def _load(folder: Path, *, dtype: str = "", choices: ModelChoices = AS_PUBLISHED) -> TransformersWhisper:
    spec = row("unregistered", folder=folder)
    return load_whisper_transformers(LoadRequest(spec, spec.engines[0], folder, "cpu", dtype, 1, choices=choices))


@pytest.fixture(scope="module")
def tiny(tiny_folder: Path) -> TransformersWhisper:
    return _load(tiny_folder)


@pytest.fixture(scope="module")
def english(english_folder: Path) -> TransformersWhisper:
    return _load(english_folder)


def _segments(model: SpeechRecognizer, waveform: FloatArray, options: TranscribeOptions) -> list[Segment]:
    return list(model.transcribe(waveform, options=options).segments)


def _library(folder: Path, waveform: FloatArray, *, prompt: str = "", **options: Any) -> list[tuple[float, float, str]]:
    """Start, end and text of the library's own segments."""
    import torch
    from transformers import WhisperForConditionalGeneration, WhisperProcessor

    model, processor = WhisperForConditionalGeneration.from_pretrained(folder), WhisperProcessor.from_pretrained(folder)
    given = processor(waveform, sampling_rate=16_000, return_tensors="pt", truncation=False, padding="max_length")
    if prompt:
        options["prompt_ids"] = processor.get_prompt_ids(prompt, return_tensors="pt")
    with torch.no_grad():
        made = (
            model.eval()
            .float()
            .generate(given.input_features, return_timestamps=True, return_segments=True, temperature=0.0, **options)
        )
    end = len(waveform) / 16_000
    parts = [(part, processor.decode(part["tokens"], skip_special_tokens=True).strip()) for part in made["segments"][0]]
    return [(*(min(round(float(part[edge]), 2), end) for edge in ("start", "end")), text) for part, text in parts if text]


@dataclass(frozen=True)
class Case:
    options: TranscribeOptions
    library: dict[str, Any]


@pytest.mark.parametrize(
    "case",
    [
        Case(GREEDY, {"num_beams": 1, "condition_on_prev_tokens": True}),
        Case(
            TranscribeOptions("de", "translate", 2, 0.0, initial_prompt="Names", condition_on_previous_text=False),
            {"num_beams": 2, "language": "de", "task": "translate", "prompt": "Names"},
        ),
        Case(
            TranscribeOptions("en", beam_size=1, temperature=0.0, initial_prompt="Names and places"),
            {"num_beams": 1, "condition_on_prev_tokens": True, "prompt": "Names and places"},
        ),
    ],
    ids=["greedy", "beams", "prompt"],
)
def test_long_recordings_give_the_tokens_of_the_library(
    case: Case, tiny: TransformersWhisper, tiny_folder: Path, jfk: FloatArray
) -> None:
    waveform = np.resize(jfk, 35 * 16_000)
    found = [(each.start, each.end, each.text) for each in _segments(tiny, waveform, case.options)]
    expected = _library(tiny_folder, waveform, **{"language": "en", "task": "transcribe", **case.library})
    assert [each[2] for each in found] == [each[2] for each in expected] != []
    times = np.array([each[:2] for each in expected])
    np.testing.assert_allclose([each[:2] for each in found], np.maximum(times, times[:, :1]), atol=0.01)


def test_real_weights_give_the_words_and_their_times(english: TransformersWhisper, english_folder: Path, jfk: FloatArray) -> None:
    assert isinstance(english, SpeechRecognizer) and english.languages == ("en",)
    stream = english.transcribe(jfk, options=TranscribeOptions(beam_size=1, word_timestamps=True))
    segments = list(stream.segments)
    assert (stream.language, stream.language_prob) == ("en", 1.0) and stream.duration == pytest.approx(11.0, abs=0.1)
    assert word_errors(JFK, " ".join(each.text for each in segments)).wer == 0
    assert [(each.start, each.end, each.text) for each in segments] == _library(english_folder, jfk, num_beams=1)[: len(segments)]
    words = [word for each in segments for word in each.words]
    assert " ".join(word.text for word in words) == " ".join(each.text for each in segments)
    assert len(words) == 22 and all(0 < word.prob <= 1 and 0 <= word.start <= word.end <= 11.0 for word in words)
    assert [word.start for word in words] == sorted(word.start for word in words)
    country = words[-1]
    assert country.text == "country." and country.start == pytest.approx(10.5, abs=0.3)  # seconds, as faster-whisper has it
    assert all(-1 < each.avg_logprob < 0 and 0 <= each.no_speech_prob < 0.5 and each.compression_ratio > 1 for each in segments)


def test_real_weights_read_on_as_the_library_does(english: TransformersWhisper, english_folder: Path, jfk: FloatArray) -> None:
    waveform = np.concatenate([jfk, np.zeros(8000, np.float32)] * 4)  # 46 s: two windows, the second guided by the first
    options = TranscribeOptions(beam_size=1, temperature=0.0, initial_prompt="Kennedy")
    found = [(each.start, each.end, each.text) for each in _segments(english, waveform, options)]
    assert found == _library(english_folder, waveform, num_beams=1, condition_on_prev_tokens=True, prompt="Kennedy")
    assert word_errors(" ".join([JFK] * 4), " ".join(each[2] for each in found)).wer == 0


def test_the_task_the_endpoint_and_the_page_take_such_a_checkpoint(english_folder: Path) -> None:
    with registered(english_folder) as name:
        result = transcribe(samples.path("jfk.flac"), model=name, options=TranscribeOptions(beam_size=1))
        assert word_errors(JFK, result.text).wer == 0
        assert result.receipt is not None
        assert [(use.name, use.engine, use.dtype) for use in result.receipt.models] == [(name, "transformers", "float32")]
        for options in (TranscribeOptions(language="fr"), TranscribeOptions(task="translate")):
            with pytest.raises(InvalidInputError, match="English"):
                transcribe(samples.path("jfk.flac"), model=name, options=options)
        page = launch([tabs.find("speech")], host="127.0.0.1", port=7970, block=False)
        try:
            said = Client(page.local_url, verbose=False).predict(
                audio=handle_file(str(samples.path("jfk.flac"))), model=name, beam_size=1, api_name="/transcribe"
            )
        finally:
            page.close()
        assert word_errors(JFK, said["text"]).wer == 0


def test_the_language_is_detected_with_its_probability(tiny: TransformersWhisper, tiny_folder: Path, jfk: FloatArray) -> None:
    import torch
    from transformers import WhisperForConditionalGeneration, WhisperProcessor

    model, processor = WhisperForConditionalGeneration.from_pretrained(tiny_folder), WhisperProcessor.from_pretrained(tiny_folder)
    given = processor(jfk, sampling_rate=16_000, return_tensors="pt").input_features
    token = processor.tokenizer.convert_ids_to_tokens(int(model.detect_language(given)[0]))
    numbers = list(model.generation_config.lang_to_id.values())
    with torch.no_grad():
        start = torch.tensor([[model.generation_config.decoder_start_token_id]])
        probs = model(input_features=given, decoder_input_ids=start).logits[0, -1, numbers].softmax(-1)
    stream = tiny.transcribe(jfk, options=TranscribeOptions(temperature=0.0, beam_size=1))
    assert f"<|{stream.language}|>" == token
    assert stream.language_prob == pytest.approx(float(probs.max()), abs=1e-4)
    assert len(tiny.languages) == 99 and {"en", "fr", "zh"} <= set(tiny.languages)


class _Impatient(Progress):
    """Stops by itself once it was asked a number of times whether it was stopped."""

    asked = 0

    @property
    def stopped(self) -> bool:
        self.asked += 1
        if self.asked == 3:
            self.stop()
        return Progress.stopped.fget(self)  # type: ignore[attr-defined,no-any-return]


def test_stop_is_heard_between_two_tokens(tiny: TransformersWhisper, jfk: FloatArray) -> None:
    progress = _Impatient()
    stream = tiny.transcribe(jfk, options=GREEDY, progress=progress)
    with pytest.raises(StoppedError):
        next(stream.segments)
    assert progress.asked == 3


def test_a_window_that_fails_is_tried_hotter(tiny: TransformersWhisper, jfk: FloatArray, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny._decoder._model
    generate, tried = model.generate, []

    def spy(**options: Any) -> Any:
        tried.append((options["temperature"], options["num_beams"]))
        return generate(**options)

    monkeypatch.setattr(model, "generate", spy)
    segments = _segments(tiny, jfk, TranscribeOptions(language="en", beam_size=2))  # random weights are never sure
    assert tried == [(0.0, 2), (0.2, 1), (0.4, 1), (0.6, 1), (0.8, 1), (1.0, 1)]
    assert all(each.avg_logprob < -1 for each in segments)


def test_distilled_checkpoints_and_half_precision(tmp_path: Path, jfk: FloatArray) -> None:
    folder = save_tiny_whisper(_downloaded("whisper-base"), tmp_path / "distilled", layers=1, alignment=False)
    model = _load(folder, dtype="bfloat16")
    assert (model.dtype, str(model._decoder._model.dtype), model.device) == ("bfloat16", "torch.bfloat16", "cpu")
    segments = _segments(model, jfk, TranscribeOptions("en", beam_size=1, temperature=0.0, word_timestamps=True))
    assert segments
    for each in segments:
        assert each.words and each.words[0].start >= 0 and each.words[-1].end <= 11.0


@pytest.mark.parametrize("kind", ["int8", "int4"])
def test_weights_are_packed_where_that_was_chosen(kind: Literal["int8", "int4"], tiny_folder: Path, jfk: FloatArray) -> None:
    model = _load(tiny_folder, choices=ModelChoices(quantisation=kind))
    assert model.dtype == kind
    packed = {type(layer).__name__ for layer in model._decoder._model.modules()}
    assert packed & {"Int8Linear", "Int4Linear"}
    segments = _segments(model, jfk, GREEDY)
    assert segments and all(np.isfinite(each.avg_logprob) for each in segments)


def test_voice_detection_leaves_silence_out(tiny: TransformersWhisper, jfk: FloatArray) -> None:
    waveform = np.concatenate((np.zeros(5 * 16_000, np.float32), jfk, np.zeros(10 * 16_000, np.float32)))
    options = TranscribeOptions("en", beam_size=1, temperature=0.0, vad_filter=True)
    assert all(4 < each.start <= each.end < 17 for each in _segments(tiny, waveform, options))
    assert _segments(tiny, np.zeros(16_000, np.float32), TranscribeOptions(vad_filter=True)) == []


def test_two_callers_get_what_one_gets(tiny: TransformersWhisper, jfk: FloatArray) -> None:
    waveforms = [jfk, jfk[: 6 * 16_000]]
    alone = [_segments(tiny, waveform, GREEDY) for waveform in waveforms]
    together: dict[int, list[Segment]] = {}
    threads = [threading.Thread(target=lambda i=i: together.update({i: _segments(tiny, waveforms[i], GREEDY)})) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [together[0], together[1]] == alone


def test_the_loader_weighs_and_names_it(tiny_folder: Path) -> None:
    with leased(tiny_folder) as model:
        assert (model.device, model.dtype) == ("cpu", "float32")


def test_other_folders_are_refused(tmp_path: Path, tiny_folder: Path) -> None:
    with pytest.raises(WeightsUnavailableError, match=r"has no config\.json"):
        _load(tmp_path)
    for name in ("generation_config.json", "tokenizer_config.json"):
        (tmp_path / name).write_bytes((tiny_folder / name).read_bytes())
    (tmp_path / "config.json").write_text('{"model_type": "clap"}')
    with pytest.raises(WeightsUnavailableError, match="is a clap checkpoint"):
        _load(tmp_path)


def _decode(numbers: list[int]) -> str:
    return b"".join({1: b" He", 2: b"llo", 3: b" (", 4: b"you", 5: b")", 6: b"\xe4\xbd", 7: b"\xa0", 8: b"\xe3\x80\x82"}[n]
                    for n in numbers).decode(errors="replace")  # fmt: skip


def _tokens(*numbers: int) -> list[TimedToken]:
    return [TimedToken(number, float(i), i + 1.0, 0.5) for i, number in enumerate(numbers)]


def test_tokens_become_words() -> None:
    spaced = join_tokens(_tokens(1, 2, 3, 4, 5), _decode, language="en")
    assert [(word.text, word.start, word.end) for word in spaced] == [("Hello", 0.0, 2.0), ("(you)", 2.0, 5.0)]
    unspaced = join_tokens(_tokens(6, 7, 8, 6, 7), _decode, language="zh")
    assert [(word.text, word.start, word.end) for word in unspaced] == [("你。", 0.0, 3.0), ("你", 3.0, 5.0)]
    assert join_tokens([], _decode, language="en") == ()
