"""Indexing and searching through the tasks, on stand-ins for logic and on the real models for what they hear."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sound_doubles import make_recordings, tone

from mm_demos import media, samples
from mm_demos.errors import InvalidInputError
from mm_demos.models import fake, loader
from mm_demos.progress import Progress, Update
from mm_demos.retrieval.library import Library
from mm_demos.retrieval.types import IndexProgress, IndexSummary, Query
from mm_demos.retrieval.windows import DEFAULT_CUT, Cut
from mm_demos.settings import Settings
from mm_demos.tasks import transcription
from mm_demos.tasks.retrieval import index_folder, index_while_reading, search
from mm_demos.tasks.retrieval_recipe import cut_of, recipe


@pytest.fixture(autouse=True)
def own_libraries(tmp_path: Path, configure: Callable[..., Settings]) -> Path:
    configure(data_dir=tmp_path / "data")
    return tmp_path / "data" / "libraries"


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Stand-ins for all models, the voice detector among them: it hears a voice in every tone."""
    monkeypatch.setattr(transcription, "voiced_spans", lambda waveform, **_: ((0.0, len(waveform) / 16_000),))
    restore = fake.register_fakes(stand_in=True)
    loader.reset_shared()
    yield
    restore()
    loader.reset_shared()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_recordings(tmp_path / "recordings", 3)
    media.save_wav(tmp_path / "recordings" / "high.wav", tone(3000, 2))
    return tmp_path / "recordings"


def test_a_folder_is_indexed_and_searched_by_name(fakes: None, folder: Path, own_libraries: Path) -> None:
    updates: list[Update] = []
    summary = index_folder(folder, library="mine", progress=Progress(updates.append))
    assert (summary.library, summary.added, summary.stopped) == ("mine", 4, False)
    assert summary.receipt is not None
    assert {use.name for use in summary.receipt.models} == {"whisper-base", "all-MiniLM-L6-v2", "whisper-sound-head"}
    assert (own_libraries / "mine" / "library.sqlite").is_file()
    assert any(update.message.startswith("Indexing: 4 of 4 files") and update.fraction == 1 for update in updates)
    with Library.open("mine") as library:
        said = next(window.text for window in library.windows() if window.text)
        found = search(Query(said, mode="said"), library=library)
    assert found.hits[0].text == said
    assert found.searched == summary.total_windows
    assert found.receipt is not None
    assert found.receipt.options["mode"] == "said"
    assert search(said, library="mine").hits[0].text == said


def test_sounds_are_asked_for_by_name_and_by_likeness(fakes: None, folder: Path) -> None:
    index_folder(folder, library="mine")
    high = search(Query("high sound", mode="sounds"), library="mine").hits[0]
    assert (Path(high.file).name, high.tags[0].label) == ("high.wav", "high sound")
    alike = search(Query(audio=folder / "tone-001.wav", mode="sounds"), library="mine")
    assert Path(alike.hits[0].file).name == "tone-001.wav"
    nothing = search(Query("zebra", mode="sounds"), library="mine")
    assert "high sound, low sound" in nothing.notices[0]
    assert "comes close" in search(Query("zebra", mode="said"), library="mine").notices[0]
    without = search(Query("high sound", negative="high sound", mode="sounds"), library="mine")
    assert all(hit.score == 0 for hit in without.hits)


def test_a_spoken_query_is_heard_and_searched(fakes: None, folder: Path) -> None:
    index_folder(folder, library="mine")
    found = search(Query(audio=media.load_audio(folder / "tone-001.wav"), mode="said"), library="mine")
    assert found.hits[0].text == found.heard != ""
    quiet = search(Query(audio=np.zeros(16_000, np.float32), mode="said"), library="mine")
    assert (quiet.heard, quiet.hits) == ("", ())
    assert "No speech was heard" in quiet.notices[0]


def test_a_picture_is_compared_with_what_is_said(fakes: None, folder: Path, own_libraries: Path) -> None:
    index_folder(folder, library="mine")
    picture = Image.new("RGB", (64, 48), (220, 40, 40))
    first = search(Query(image=picture, mode="said"), library="mine")
    assert first.hits
    (kept,) = (own_libraries / "mine").glob("pictures-*.cache")
    size = kept.stat().st_size
    assert search(Query(image=picture, mode="said"), library="mine").hits == first.hits
    assert kept.stat().st_size == size
    media.save_wav(folder / "more.wav", tone(777, 2))
    index_folder(folder, library="mine")
    assert len(search(Query(image=picture, mode="said", top_k=50), library="mine").hits) == len(first.hits) + 1
    assert kept.stat().st_size > size
    assert search(Query(image=picture), library="mine").hits


def test_a_library_keeps_its_own_cut(fakes: None, folder: Path) -> None:
    media.save_wav(folder / "long.wav", tone(500, 9))
    usual = index_folder(folder, library="usual").total_windows
    fine = index_folder(folder, library="fine", windows=Cut(3, 0)).total_windows
    assert fine > usual + 1  # nine seconds alone are three windows instead of one
    again = index_folder(folder, library="fine")
    assert (again.added, again.unchanged, again.total_windows) == (0, 5, fine)
    with Library.open("fine") as library:
        assert cut_of(library) == Cut(3, 0)
    assert search(Query("high sound", mode="sounds"), library="fine").hits
    anew = index_folder(folder, library="fine", windows=DEFAULT_CUT)
    assert (anew.added, anew.total_windows) == (5, usual)


@pytest.mark.parametrize(("seconds", "overlap"), [(0.5, 0.5), (31, 0), (10, 1), (10, -0.1), (float("nan"), 0)])
def test_a_cut_out_of_range_is_refused(seconds: float, overlap: float) -> None:
    with pytest.raises(InvalidInputError, match="choose a"):
        Cut(seconds, overlap)


def test_stop_gives_a_summary(fakes: None, folder: Path) -> None:
    progress = Progress()
    told: list[IndexProgress | IndexSummary] = []
    for step in index_while_reading(folder, library="mine", progress=progress):
        told.append(step)
        if isinstance(step, IndexProgress) and step.files_done == 2:
            progress.stop()
    last = told[-1]
    assert isinstance(last, IndexSummary)
    assert (last.stopped, last.added, last.total_files) == (True, 2, 2)
    assert index_folder(folder, library="mine").unchanged == 2


def test_a_list_of_files(fakes: None, folder: Path) -> None:
    *_, last = index_while_reading([folder / "high.wav", folder / "nowhere.wav"], library="mine")
    assert isinstance(last, IndexSummary)
    assert (last.added, len(last.faults)) == (1, 1)
    assert "There is no file" in last.faults[0].sentence or "cannot be read" in last.faults[0].sentence


def test_a_library_of_other_models_is_told(fakes: None, folder: Path) -> None:
    index_folder(folder, library="mine")
    with Library.open("mine") as library:
        with library.writing():
            library.begin("others")
        with pytest.raises(InvalidInputError, match="made with other models: index its folder again"):
            search("alpha", library=library)
    assert index_folder(folder, library="mine").added == 4
    assert len(recipe()) == 16


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        (Query(), "Write what to look for"),
        (Query("  \n"), "Write what to look for"),
        (Query("a", image="b.jpg"), "give one of them"),
        (Query("a" * 1001), "too long"),
        (Query("a", negative="a" * 1001), "too long"),
        (Query("a", mode="smells"), "There is no mode smells"),  # type: ignore[arg-type]
        (Query("a", top_k=0), "Between 1 and 1,000"),
        (Query("a", top_k="3"), "Between 1 and 1,000"),  # type: ignore[arg-type]
        (Query(audio="nowhere.wav"), "There is no file"),
        (Query(image="nowhere.jpg"), "There is no file"),
        (Query(audio=np.zeros(0, np.float32)), "is empty"),
    ],
)
def test_queries_that_cannot_be_searched(fakes: None, folder: Path, query: Query, sentence: str) -> None:
    index_folder(folder, library="mine")
    with pytest.raises(InvalidInputError, match=sentence):
        search(query, library="mine")


def test_filters_that_leave_nothing_are_told(fakes: None, folder: Path) -> None:
    index_folder(folder, library="mine")
    found = search(Query("alpha", language="zz"), library="mine")
    assert (found.hits, found.searched) == ((), 0)
    assert "loosen" in found.notices[-1]
    with pytest.raises(InvalidInputError, match="There is no library other"):
        search("alpha", library="other")


@pytest.fixture
def real(real_weights: Callable[[str], Path], tmp_path: Path) -> str:
    """A library of a speech, a dog and silence, heard by the real models."""
    for name in ("whisper-base", "all-MiniLM-L6-v2", "whisper-sound-head"):
        real_weights(name)
    folder = tmp_path / "real"
    folder.mkdir()
    for name in ("jfk.flac", "dog-bark.ogg"):
        (folder / name).write_bytes(samples.path(name).read_bytes())
    media.save_wav(folder / "silence.wav", np.zeros(16_000, np.float32))
    summary = index_folder(folder, library="real")
    assert (summary.added, summary.faults) == (3, ())
    return "real"


def test_real_models_find_by_words_voice_sound_and_name(real: str) -> None:
    with Library.open(real) as library:
        assert {Path(file.file).name: file.windows > 0 for file in library.files()} == {
            "dog-bark.ogg": True,
            "jfk.flac": True,
            "silence.wav": False,
        }
        said = search(Query("what you can do for your nation", mode="said"), library=library).hits[0]
        assert "country" in said.text
        assert Path(said.file).name == "jfk.flac"
        country = search(Query("country", mode="said"), library=library).hits[0]
        word = country.words[country.matched[0]]
        assert "country" in word.text.lower()
        assert word.start - 1 < country.play_from <= word.start
        assert country.language == "en"
        named = search(Query("a puppy is barking", mode="sounds"), library=library).hits[0]
        assert (Path(named.file).name, named.tags[0].label) == ("dog-bark.ogg", "dog bark")
        both = search("a dog barks", library=library)
        assert Path(both.hits[0].file).name == "dog-bark.ogg"
        like = search(Query(audio=samples.path("dog-bark.ogg")), library=library)
        assert Path(like.hits[0].file).name == "dog-bark.ogg"
        spoken = search(Query(audio=samples.path("jfk.flac"), mode="said"), library=library)
        assert "country" in spoken.heard
        assert Path(spoken.hits[0].file).name == "jfk.flac"
