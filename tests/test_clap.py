"""CLAP on tiny checkpoints: the library's own vectors, any label for a sound, and searches in its space."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gradio_client import Client, handle_file
from sound_doubles import make_recordings, tone
from tiny_clap import row, save_tiny_clap

from mm_demos import media, samples, tabs
from mm_demos.errors import InvalidInputError, WeightsUnavailableError
from mm_demos.models import catalog, fake, loader
from mm_demos.models.clap import ClapSounds, load_clap, upsampled
from mm_demos.models.loader import LoadRequest
from mm_demos.models.protocols import FloatArray, SoundEmbedder, SoundTagger
from mm_demos.models.sound_labels import NOTHING, PROMPT, nothing_beside, sentence_probs, sound_classes
from mm_demos.retrieval.library import Library
from mm_demos.retrieval.types import Query
from mm_demos.serving.launch import launch
from mm_demos.settings import Settings
from mm_demos.tasks import transcription
from mm_demos.tasks.classification import classify
from mm_demos.tasks.retrieval import index_folder, search
from mm_demos.tasks.retrieval_recipe import SOUNDS, sounds_of
from mm_demos.tasks.sound_sentences import rank_sentences

LABELS = ["rain", "a dog", "music"]
SENTENCES = ["This is a sound of rain.", "something else", "ümlaut 🎺"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Path]:
    """A checkpoint that takes long sounds whole (True), and one that does not."""
    base = tmp_path_factory.mktemp("clap")
    return {fused: save_tiny_clap(base / str(fused), fused=fused) for fused in (False, True)}


def _load(folder: Path, *, dtype: str = "") -> ClapSounds:
    spec = row("unregistered", folder=folder)
    return load_clap(LoadRequest(spec, spec.engines[0], folder, "cpu", dtype, 1))


@pytest.fixture(scope="module")
def clap(folders: dict[bool, Path]) -> ClapSounds:
    return _load(folders[False])


@pytest.fixture(scope="module")
def bark() -> FloatArray:
    return media.load_audio(samples.path("dog-bark.ogg"))


@pytest.mark.parametrize("fused", [False, True])
def test_vectors_are_those_of_the_library(folders: dict[bool, Path], bark: FloatArray, fused: bool) -> None:
    import torch
    from transformers import ClapModel, ClapProcessor

    ours = _load(folders[fused])
    model, processor = ClapModel.from_pretrained(folders[fused]).eval(), ClapProcessor.from_pretrained(folders[fused])
    with torch.no_grad():
        for waveform in (bark, bark[:1600], tone(3000, 10)):
            given = processor(audio=upsampled(waveform, 3), sampling_rate=48_000, return_tensors="pt")
            expected = model.get_audio_features(**given).pooler_output[0].numpy()
            np.testing.assert_allclose(ours.hear(waveform).vector, expected, atol=1e-4)
        given = processor(text=SENTENCES, padding=True, return_tensors="pt")
        expected = model.get_text_features(**given).pooler_output.numpy()
    np.testing.assert_allclose(ours.embed_texts(SENTENCES), expected, atol=1e-4)
    assert ours.logit_scale == pytest.approx(float(model.logit_scale_a.detach().exp()), abs=1e-4)


def test_what_it_gives(clap: ClapSounds, bark: FloatArray) -> None:
    assert isinstance(clap, SoundEmbedder) and not isinstance(clap, SoundTagger)
    heard = clap.hear(bark)
    assert heard.vector.shape == (clap.dim,) == (16,)
    assert heard.vector.dtype == heard.probs.dtype == np.float32
    assert heard.probs.shape == (len(clap.labels) + 1,)
    assert np.linalg.norm(heard.vector) == pytest.approx(1, abs=1e-5) and heard.probs.sum() == pytest.approx(1, abs=1e-5)
    tags = clap.tag_sound(bark)
    assert {tag.label for tag in tags} == set(clap.labels)
    assert [tag.score for tag in tags] == sorted((tag.score for tag in tags), reverse=True)
    silent = clap.hear(np.zeros(16_000, np.float32))
    assert not silent.vector.any() and silent.probs[-1] == 1
    long = np.resize(bark, 25 * 16_000)
    np.testing.assert_array_equal(clap.hear(long).vector, clap.hear(long).vector)  # the library would draw ten seconds of it
    texts = clap.embed_texts([f"a sound number {number}" for number in range(40)])
    assert texts.shape == (40, 16) and np.allclose(np.linalg.norm(texts, axis=1), 1, atol=1e-5)
    assert clap.embed_texts([]).shape == (0, 16)
    assert clap.embed_texts(["rain " * 500]).shape == (1, 16)


def test_half_precision_and_two_callers(folders: dict[bool, Path], clap: ClapSounds, bark: FloatArray) -> None:
    half = _load(folders[False], dtype="bfloat16")
    assert half.dtype == "bfloat16" and str(half._model.dtype) == "torch.bfloat16"
    assert np.allclose(np.linalg.norm(half.embed_texts(SENTENCES), axis=1), 1, atol=1e-5)
    assert float(half.hear(bark).vector @ clap.hear(bark).vector) == pytest.approx(1, abs=0.02)
    waveforms = [bark, tone(3000, 2)]
    together: dict[int, FloatArray] = {}
    threads = [threading.Thread(target=lambda i=i: together.update({i: clap.hear(waveforms[i]).vector})) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i, waveform in enumerate(waveforms):
        np.testing.assert_array_equal(together[i], clap.hear(waveform).vector)


def test_sounds_are_brought_to_its_rate() -> None:
    time = np.arange(16_000) / 16_000
    for hertz in (100, 1000, 5000):
        made = upsampled(np.sin(2 * np.pi * hertz * time).astype(np.float32), 3)
        expected = np.sin(2 * np.pi * hertz * np.arange(48_000) / 48_000)
        assert made.dtype == np.float32 and made.shape == (48_000,)
        np.testing.assert_allclose(made[200:-200], expected[200:-200], atol=1e-3)
    assert upsampled(np.ones(5, np.float32), 3).shape == (15,)


def test_any_labels_are_classes(clap: ClapSounds, bark: FloatArray) -> None:
    classes = sound_classes(clap, LABELS)
    vector = clap.hear(bark).vector
    sentences = [PROMPT.replace("{}", name) for name in (*LABELS, *nothing_beside(LABELS))]
    logits = clap.logit_scale * (clap.embed_texts(sentences) @ vector)
    expected = np.exp(logits) / np.exp(logits).sum()
    np.testing.assert_allclose(classes.probs(vector), [*expected[:3], expected[3:].sum()], rtol=1e-4)
    assert nothing_beside(["Speech", "a dog"]) == ("silence", "background noise")
    assert nothing_beside(["white noise", "silent film"]) == tuple(name for name, _ in NOTHING[:2])
    alone = sentence_probs(clap, vector, LABELS)
    assert alone.shape == (3,) and ((alone > 0) & (alone < 1)).all()


def test_other_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsUnavailableError, match="no CLAP checkpoint"):
        _load(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "whisper"}')
    with pytest.raises(WeightsUnavailableError, match="no CLAP checkpoint"):
        _load(tmp_path)


# -- through the tasks and the endpoints -----------------------------------------------------------------------------------


@pytest.fixture
def chosen(
    folders: dict[bool, Path], tmp_path: Path, configure: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """The tiny checkpoint as the first sound model of the catalog, among stand-ins for the other models."""
    configure(data_dir=tmp_path / "data")
    monkeypatch.setattr(transcription, "voiced_spans", lambda waveform, **_: ((0.0, len(waveform) / 16_000),))
    restore = fake.register_fakes(stand_in=True)
    spec = row("tiny-clap", folder=folders[False], profiles=("embedded",))
    with monkeypatch.context() as patch:
        patch.setattr(catalog, "_registered", {spec.name: spec, **catalog._registered})
        loader.reset_shared()
        yield spec.name
        loader.reset_shared()
    restore()


def test_a_recording_is_classified_by_any_labels(chosen: str, clap: ClapSounds, bark: FloatArray) -> None:
    result = classify(labels=LABELS, audio=bark[: 4 * 16_000], weights={"speech": 0})
    assert result.receipt is not None and [use.name for use in result.receipt.models] == [chosen]
    probs = sound_classes(clap, LABELS).probs(clap.hear(bark[: 4 * 16_000]).vector)
    expected = probs[:-1] + probs[-1] / 3
    assert result.label == LABELS[int(expected.argmax())]
    scores = {score.label: score.score for score in result.per_modality["sound"]}
    assert [scores[label] for label in LABELS] == pytest.approx(expected, rel=0.02)
    asked = classify(labels=[*LABELS, "low sound"], audio=tone(300, 2), weights={"speech": 0}, hear_with=SOUNDS)
    assert asked.receipt is not None and SOUNDS in {use.name for use in asked.receipt.models}
    with pytest.raises(InvalidInputError.__base__, match="model for something else"):  # type: ignore[arg-type]
        classify(labels=LABELS, audio=bark, hear_with="whisper-base")


def test_a_sure_sound_does_not_silence_the_words(
    chosen: str, bark: FloatArray, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ClapSounds, "logit_scale", 1e5)
    result = classify(labels=LABELS, audio=bark)
    assert result.receipt is not None and "whisper-base" in {use.name for use in result.receipt.models}
    index_folder(folder, library="mine")
    with Library.open("mine") as library:
        windows = library.windows()
    assert any(window.text for window in windows)
    assert any(window.tags[0].score > 0.95 for window in windows)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_recordings(tmp_path / "recordings", 3)
    media.save_wav(tmp_path / "recordings" / "high.wav", tone(3000, 2))
    return tmp_path / "recordings"


def _ranked(clap: ClapSounds, folder: Path, direction: FloatArray) -> list[str]:
    """Files by their cosine to a direction, best first."""
    paths = sorted(folder.iterdir())
    vectors = {path.name: clap.hear(media.load_audio(path)[: 10 * 16_000]).vector for path in paths}
    return sorted(vectors, key=lambda name: -float(vectors[name] @ direction))


def test_words_are_searched_among_the_sounds_directly(chosen: str, clap: ClapSounds, folder: Path) -> None:
    for path in sorted(folder.glob("tone-00[12].wav")):
        path.unlink()  # longer ones, whose vectors are means
    summary = index_folder(folder, library="mine")
    assert summary.receipt is not None and chosen in {use.name for use in summary.receipt.models}
    with Library.open("mine") as library:
        assert sounds_of(library) == chosen and library.labels()
    found = search(Query("a high whistle", mode="sounds"), library="mine")
    assert [Path(hit.file).name for hit in found.hits] == _ranked(
        clap, folder, clap.embed_texts([PROMPT.replace("{}", "a high whistle")])[0]
    )
    assert found.notices == ()
    alike = search(Query(audio=folder / "high.wav", mode="sounds"), library="mine")
    assert Path(alike.hits[0].file).name == "high.wav"
    without = search(Query("a high whistle", mode="sounds", negative="a high whistle"), library="mine")
    assert all(hit.score == 0 for hit in without.hits)
    assert search(Query("alpha", mode="both"), library="mine").hits


def test_a_library_keeps_the_model_it_was_made_with(chosen: str, folder: Path) -> None:
    assert index_folder(folder, library="old", hear_with=SOUNDS).added == 4
    again = index_folder(folder, library="old")
    assert (again.added, again.unchanged) == (0, 4)
    found = search(Query("high sound", mode="sounds"), library="old")
    assert found.receipt is not None and SOUNDS in {use.name for use in found.receipt.models}
    anew = index_folder(folder, library="old", hear_with=chosen)
    assert (anew.added, anew.unchanged) == (4, 0)
    spec = catalog.spec(chosen)
    catalog.unregister(chosen)
    with pytest.raises(InvalidInputError, match="made with other models"):
        search("high sound", library="old")
    catalog.register(spec)


def test_sentences_are_ranked_by_how_it_sounds(chosen: str, clap: ClapSounds, bark: FloatArray) -> None:
    ranked = rank_sentences(bark, LABELS)
    by_text = {item.text: item.sounds for item in ranked.sentences}
    expected = sentence_probs(clap, clap.hear(bark).vector, LABELS)
    assert [by_text[label] for label in LABELS] == pytest.approx(expected, rel=0.02)


@pytest.fixture
def page(chosen: str) -> Iterator[Client]:
    blocks = launch([tabs.find("retrieval"), tabs.find("classification")], host="127.0.0.1", port=7980, block=False)
    yield Client(blocks.local_url, verbose=False)
    blocks.close()


def test_programs_classify_and_search_with_it(chosen: str, page: Client, folder: Path) -> None:
    file: Any = handle_file(str(folder / "high.wav"))
    made = page.predict(labels=", ".join(LABELS), audio=file, weight_speech=0, api_name="/classify")
    assert {score["label"] for score in made["per_modality"]["sound"]} == set(LABELS)
    assert chosen in {use["name"] for use in made["receipt"]["models"]}
    found = page.predict(recordings=[file], words="a whistle", mode="sounds", api_name="/search_sounds")
    assert len(found["hits"]) == 1 and chosen in {use["name"] for use in found["receipt"]["models"]}
