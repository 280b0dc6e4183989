"""The fakes keep the contracts of the models they stand for, and are never there unless asked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mm_demos.errors import UnknownModelError
from mm_demos.models import catalog, fake, painting, protocols
from mm_demos.models.loader import Loader, reset_shared, shared
from mm_demos.progress import Progress
from mm_demos.settings import settings

PROTOCOLS = {
    "speech": protocols.SpeechRecognizer,
    "image-tagger": protocols.ImageTagger,
    "text-reader": protocols.TextReader,
    "text-embedder": protocols.TextEmbedder,
    "joint-embedder": protocols.JointEmbedder,
    "captioner": protocols.Captioner,
    "answerer": protocols.QuestionAnswerer,
    "chat": protocols.ChatModel,
    "sound-tagger": protocols.SoundTagger,
    "speaker": protocols.Speaker,
    "image-generator": painting.ImageGenerator,
}
RED = Image.new("RGB", (64, 48), (220, 40, 40))
BLUE = Image.new("RGB", (64, 48), (40, 70, 210))


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("MM_DEMOS_CACHE_DIR", str(tmp_path))
    settings.cache_clear()
    yield
    settings.cache_clear()


@pytest.fixture
def loader() -> Iterator[Loader]:
    restore = fake.register_fakes()
    yield Loader(budget_bytes=100_000_000, idle_seconds=0)
    restore()


def test_no_fake_is_in_the_catalog_by_itself() -> None:
    engines = {engine.name for row in catalog.rows() for engine in row.engines}
    assert "fake" not in engines
    with pytest.raises(UnknownModelError):
        catalog.spec("fake-chat")


@pytest.mark.parametrize("role", PROTOCOLS)
def test_every_protocol_has_a_fake(role: catalog.Role, loader: Loader) -> None:
    assert PROTOCOLS.keys() >= {row.role for row in catalog.rows()}
    with loader.lease(f"fake-{role}") as model:
        assert isinstance(model, PROTOCOLS[role])
        assert loader.describe(f"fake-{role}").engine == "fake"


def test_fakes_stand_in_for_every_row_and_leave_again() -> None:
    before = catalog.rows()
    defaults = {row.role: catalog.default(row.role) for row in catalog.rows("embedded")}
    restore = fake.register_fakes(stand_in=True)
    assert {role: catalog.default(role) for role in defaults} == defaults
    assert all(row.engines[-1].name == "fake" and not row.has_weights for row in catalog.rows())
    restore()
    assert catalog.rows() == before


def test_a_process_started_for_tests_runs_on_fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    before = catalog.rows()
    monkeypatch.setenv("MM_DEMOS_FAKE", "1")
    reset_shared()
    try:
        with shared().lease(catalog.default("speech")) as model:
            assert isinstance(model, fake.FakeRecognizer)
    finally:
        reset_shared()
        for row in catalog.rows():
            catalog.unregister(row.name)
        for row in before:
            catalog.register(row)


def test_speech_is_heard_in_sound_and_not_in_silence() -> None:
    tone = np.sin(np.arange(5 * protocols.SAMPLE_RATE) / 20).astype(np.float32) / 2
    options = protocols.TranscribeOptions(word_timestamps=True)
    stream = fake.FakeRecognizer().transcribe(tone, options=options)
    segments = list(stream.segments)
    assert stream.duration == 5.0
    assert [(segment.start, segment.end) for segment in segments] == [(0.0, 2.0), (2.0, 4.0), (4.0, 5.0)]
    assert all(segment.text == " ".join(word.text for word in segment.words) for segment in segments)
    assert segments == list(fake.FakeRecognizer().transcribe(tone, options=options).segments)
    assert list(fake.FakeRecognizer().transcribe(np.zeros_like(tone), options=options).segments) == []


def test_pictures_are_known_by_their_colour() -> None:
    probs = fake.FakeTagger().tag([RED, BLUE])
    assert probs.shape == (2, len(fake.FakeTagger.labels))
    assert np.allclose(probs.sum(1), 1)
    assert [fake.FakeTagger.labels[i] for i in probs.argmax(1)] == ["red", "blue"]
    joint = fake.FakeJointEmbedder()
    similarity = joint.embed_images([RED, BLUE]) @ joint.embed_texts(["a red thing", "a blue thing"]).T
    assert similarity.argmax(1).tolist() == [0, 1]


def test_embeddings_have_unit_length() -> None:
    embeddings = fake.FakeTextEmbedder().embed_texts(["one two", "", "三"])
    assert embeddings.dtype == np.float32
    assert np.allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-6)
    assert fake.FakeTextEmbedder().embed_texts([]).shape == (0, fake.DIM)


def test_chat_obeys_length_and_stop() -> None:
    messages = [protocols.ChatMessage("user", "one two three four")]

    def reply(options: protocols.GenerateOptions) -> str:
        return "".join(fake.FakeChat().stream(messages, options=options))

    assert reply(protocols.GenerateOptions()) == "You said: one two three four"
    assert reply(protocols.GenerateOptions(max_new_tokens=3)) == "You said: one"
    assert reply(protocols.GenerateOptions(stop=("three",))) == "You said: one two"
    probs = fake.FakeChat().score(messages, ["five", "two"])
    assert probs.argmax() == 1
    assert np.isclose(probs.sum(), 1)


def test_captions_and_answers_say_what_they_are_built_on() -> None:
    captioning = fake.FakeCaptioner().caption(RED, options=protocols.CaptionOptions(n=3), progress=Progress(), lease=str)
    assert captioning.captions[0].text == "a red picture"
    assert len(captioning.captions) == 3
    assert captioning.evidence.basis
    options = protocols.AnswerOptions(kind="choice", choices=("blue", "red"))
    answer = fake.FakeAnswerer().answer(RED, "Which colour?", options=options, progress=Progress(), lease=str)
    assert (answer.text, answer.alternatives[0].label) == ("red", "red")
    assert {alternative.label for alternative in answer.alternatives} == {"blue", "red"}
