"""Windows, and a library on disk: resumed, brought up to date, compacted, damaged, killed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sound_doubles import QuickReader, contents, indexed, make_recordings, steps, tone

from mm_demos import media
from mm_demos.errors import BusyError, InvalidInputError
from mm_demos.models.protocols import SAMPLE_RATE, FloatArray
from mm_demos.progress import Progress
from mm_demos.results import Segment, Transcription, Word
from mm_demos.retrieval import storage
from mm_demos.retrieval.library import Library, delete_library, library_names
from mm_demos.retrieval.types import IndexProgress, IndexSummary, Query, Window
from mm_demos.retrieval.windows import cut, join_words, loudness_dbfs, moments, spoken

ROOT = Path(__file__).parents[1]


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library.open("mine", root=tmp_path / "libraries", create=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_recordings(tmp_path / "recordings", 4)
    return tmp_path / "recordings"


@pytest.mark.parametrize(
    ("seconds", "bounds"),
    [
        (4, [(0, 4)]),
        (10, [(0, 10)]),
        (12, [(0, 10), (5, 12)]),
        (20, [(0, 10), (5, 15), (10, 20)]),
    ],
)
def test_windows_cover_a_recording(seconds: float, bounds: list[tuple[float, float]]) -> None:
    windows, levels = cut("a.wav", tone(300, seconds))
    assert [(window.start, window.end) for window in windows] == bounds
    assert all(-20 < level < -10 for level in levels)


def test_silent_windows_are_dropped() -> None:
    waveform = np.concatenate([tone(300, 10), np.zeros(20 * SAMPLE_RATE, np.float32)])
    assert [(window.start, window.end) for window in cut("a.wav", waveform)[0]] == [(0, 10), (5, 15)]
    assert cut("a.wav", np.zeros(SAMPLE_RATE, np.float32)) == ((), ())


def test_loudness_is_that_of_a_full_sine() -> None:
    waveform = np.sin(2 * np.pi * 1000 * np.arange(SAMPLE_RATE) / SAMPLE_RATE).astype(np.float32)
    assert loudness_dbfs(waveform) == pytest.approx(-3.01, abs=0.01)
    assert loudness_dbfs(np.zeros(100, np.float32)) == -120


def test_a_window_has_the_words_whose_middle_lies_in_it_and_no_invented_ones() -> None:
    words = tuple(Word(second, second + 1, f"w{second}", 0.9) for second in range(12))
    segments = (Segment(0, 12, "", -0.1, 0.0, words=words), Segment(3, 4, "thanks", -2, 0.9, flags=("silence",)))
    heard = spoken(Window("a", 5, 10), Transcription("", "en", 1, 12, segments))
    assert heard.text == "w5 w6 w7 w8 w9"
    assert heard.words[0] == words[5]


def test_words_are_joined_as_their_script_is_written() -> None:
    assert join_words(["a", "dog", "barks"]) == "a dog barks"
    assert join_words(["今天", "天气", "OK"]) == "今天天气 OK"


def test_overlapping_windows_become_one_moment() -> None:
    found = [(Window("a", 5, 15), 1.0), (Window("a", 0, 10), 0.9), (Window("b", 0, 10), 0.5), (Window("a", 10, 20), 0.1)]
    first, second = moments(found, limit=2)
    assert (first.start, first.end, first.score, first.window) == (0, 15, 1.0, found[0][0])
    assert second.window.file == "b"


def test_indexing_stores_every_window(library: Library, folder: Path) -> None:
    told = steps(library, folder)
    summary = told[-1]
    assert isinstance(summary, IndexSummary)
    assert (summary.added, summary.total_files, summary.faults, summary.stopped) == (4, 4, (), False)
    assert summary.total_windows == summary.windows == len(library.windows()) == sum(file.windows for file in library.files())
    assert summary.hours * 3600 == pytest.approx(1 + 6 + 11 + 1)
    progress = [step for step in told if isinstance(step, IndexProgress)]
    assert [step.files_done for step in progress] == [0, 1, 1, 2, 2, 3, 3, 4]
    assert progress[-1].seconds_left == 0
    assert progress[-1].clips_per_second > 0
    first = library.windows()[0]
    assert first.window == Window(str(folder / "tone-000.wav"), 0, 1)
    assert first.text == " ".join(word.text for word in first.words) != ""
    assert library.labels() == ("high sound", "low sound")
    said, sound = library.matrix("said"), library.matrix("sound")
    assert len(said) == len(sound) == summary.windows
    np.testing.assert_allclose(np.linalg.norm(sound, axis=1), 1, atol=1e-5)


def test_a_second_run_reads_nothing(library: Library, folder: Path) -> None:
    indexed(library, folder)
    before = contents(library)
    reader = QuickReader()
    os.utime(folder / "tone-000.wav", ns=(1, 1))  # touched, not changed
    summary = indexed(library, folder, reader=reader)
    assert (reader.read, summary.added, summary.unchanged) == (0, 0, 4)
    assert contents(library) == before


def test_new_changed_moved_copied_and_deleted_files(library: Library, folder: Path) -> None:
    indexed(library, folder)
    (folder / "sub").mkdir()
    (folder / "tone-000.wav").rename(folder / "sub" / "moved.wav")
    (folder / "tone-001.wav").unlink()
    media.save_wav(folder / "tone-002.wav", tone(3000, 4))
    shutil.copy(folder / "tone-003.wav", folder / "zz-copy.wav")
    reader = QuickReader()
    summary = indexed(library, folder, reader=reader)
    assert (reader.read, summary.added, summary.unchanged, summary.removed, summary.duplicates) == (1, 1, 2, 1, 1)
    assert [Path(file.file).name for file in library.files()] == ["moved.wav", "tone-002.wav", "tone-003.wav"]
    (folder / "tone-003.wav").unlink()
    assert indexed(library, folder, reader=reader).unchanged == 3
    assert [Path(file.file).name for file in library.files()] == ["moved.wav", "tone-002.wav", "zz-copy.wav"]
    assert reader.read == 1


def test_a_list_of_files_drops_nothing_and_another_folder_stays(library: Library, folder: Path, tmp_path: Path) -> None:
    indexed(library, folder)
    others = make_recordings(tmp_path / "recordings-2", 6)[4:]
    indexed(library, others)
    assert len(library.files()) == 6
    (folder / "tone-000.wav").unlink()
    assert indexed(library, folder).removed == 1
    assert len(library.files()) == 5


def test_a_bad_file_is_told_and_the_others_are_read(library: Library, folder: Path) -> None:
    (folder / "tone-0005.mp3").write_bytes(b"<html>no</html>")
    (folder / "aa.wav").write_bytes(b"")
    told = steps(library, folder)
    summary = told[-1]
    assert isinstance(summary, IndexSummary)
    assert summary.added == 4
    assert [Path(fault.file).name for fault in summary.faults] == ["aa.wav", "tone-0005.mp3"]
    assert "empty" in summary.faults[0].sentence
    assert [step.fault for step in told[1:2]] == [summary.faults[0].sentence]  # type: ignore[union-attr]
    assert library.faults() == summary.faults
    assert library.info().faults == 2
    (folder / "aa.wav").unlink()
    media.save_wav(folder / "tone-0005.mp3", tone(999, 2))
    assert (indexed(library, folder).added, library.faults()) == (1, ())


def test_a_fault_of_ours_costs_one_file(library: Library, folder: Path) -> None:
    class Faulty(QuickReader):
        def transcribe(self, waveform: FloatArray, progress: Progress) -> Transcription:
            if self.read == 1:
                self.read += 1
                raise ZeroDivisionError
            return super().transcribe(waveform, progress)

    summary = indexed(library, folder, reader=Faulty())
    assert summary.added == 3
    assert "ZeroDivisionError" in summary.faults[0].sentence


def test_stop_keeps_what_is_done(library: Library, folder: Path) -> None:
    progress = Progress()

    class Stopping(QuickReader):
        def transcribe(self, waveform: FloatArray, progress: Progress) -> Transcription:
            if self.read == 2:
                progress.stop()
            return super().transcribe(waveform, progress)

    summary = indexed(library, folder, reader=Stopping(), progress=progress)
    assert (summary.stopped, summary.added, summary.removed) == (True, 2, 0)
    reader = QuickReader()
    assert indexed(library, folder, reader=reader).stopped is False
    assert reader.read == 2


def test_other_models_begin_anew(library: Library, folder: Path) -> None:
    indexed(library, folder)
    before = contents(library)
    reader = QuickReader()
    assert indexed(library, folder, reader=reader, recipe="others").added == 4
    assert reader.read == 4
    assert contents(library) == before
    assert len(list(library.folder.glob("*.f32"))) == 3


def test_dropped_rows_are_swept_out(library: Library, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    indexed(library, folder)
    whole = contents(library)
    (folder / "tone-000.wav").unlink()
    (folder / "tone-002.wav").unlink()
    monkeypatch.setattr(storage, "MAX_DEAD", 1.0)
    indexed(library, folder)
    thinned = contents(library)
    assert thinned.items() >= {key: value for key, value in whole.items() if "001" in str(key) and "tone" in str(key)}.items()
    assert library.vectors("sound")[1] > len(library.windows())
    monkeypatch.setattr(storage, "MAX_DEAD", 0.1)
    indexed(library, folder)
    assert contents(library) == thinned
    assert library.vectors("sound")[1] == len(library.windows())
    assert all(file.path.exists() for file in (library.vectors(kind)[0] for kind in storage.KINDS))
    assert len(list(library.folder.glob("*.f32"))) == 3


def test_what_a_killed_process_wrote_is_cut_off(library: Library, folder: Path) -> None:
    indexed(library, folder)
    whole = contents(library)
    file, rows = library.vectors("sound")
    file.append(np.ones((3, file.dim), np.float32))
    with file.path.open("ab") as torn:
        torn.write(b"abc")
    (library.folder / "sound-99.f32").write_bytes(b"left behind by a sweep")
    assert contents(library) == whole  # readers never see it
    indexed(library, folder)
    assert file.path.stat().st_size == 4 * file.dim * rows
    assert not (library.folder / "sound-99.f32").exists()
    assert contents(library) == whole


@pytest.mark.parametrize("kind", storage.KINDS)
def test_lost_vectors_are_made_again(library: Library, folder: Path, kind: str) -> None:
    indexed(library, folder)
    whole = contents(library)
    file, _ = library.vectors(kind)
    os.truncate(file.path, 4 * file.dim * 2)
    with pytest.raises(InvalidInputError, match="damaged: index the folder again"):
        library.matrix(kind)
    assert indexed(library, folder).added > 0
    assert contents(library) == whole
    library.vectors(kind)[0].path.unlink()
    assert indexed(library, folder).added == 4
    assert contents(library) == whole


@pytest.mark.parametrize("call", range(1, 13))
def test_the_power_may_fail_at_every_write(library: Library, folder: Path, call: int, monkeypatch: pytest.MonkeyPatch) -> None:
    class PowerCut(BaseException):
        pass

    count = 0
    real = os.fsync

    def failing(handle: int) -> None:
        nonlocal count
        count += 1
        if count == call:
            raise PowerCut
        real(handle)

    with monkeypatch.context() as patch, pytest.raises(PowerCut):
        patch.setattr(os, "fsync", failing)
        indexed(library, folder)
    kept = len(library.files())
    with Library.open("mine", root=library.folder.parent) as again:
        assert indexed(again, folder).unchanged == kept
        with Library.open("whole", root=library.folder.parent, create=True) as whole:
            indexed(whole, folder)
            assert contents(again) == contents(whole)


def test_twenty_kills_lose_nothing(tmp_path: Path) -> None:
    make_recordings(tmp_path / "recordings", 40)
    command = [sys.executable, str(ROOT / "tests" / "crash_driver.py"), str(tmp_path / "recordings"), str(tmp_path), "20", "4"]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment, timeout=600)
    found = json.loads(done.stdout)
    assert (found["kills"], found["same"], found["kept"], found["faults"]) == (20, True, True, 0), found


def test_one_writes_and_the_others_wait(library: Library, folder: Path) -> None:
    with library.writing(), Library.open("mine", root=library.folder.parent) as other, pytest.raises(BusyError, match="wait"):
        indexed(other, folder)


def test_a_reader_sees_files_as_they_come(library: Library, folder: Path) -> None:
    with Library.open("mine", root=library.folder.parent) as other:
        counts = []

        class Watching(QuickReader):
            def transcribe(self, waveform: FloatArray, progress: Progress) -> Transcription:
                counts.append((other.info().files, len(other.points("sound")[0])))
                return super().transcribe(waveform, progress)

        indexed(library, folder, reader=Watching())
        assert [files for files, _ in counts] == [0, 1, 2, 3]
        assert other.count(Query()) == len(library.windows())


def test_names(tmp_path: Path) -> None:
    root = tmp_path / "libraries"
    for name in ("", ".", "..", "a/b", "../a", "a\\b", "-a", "a ", "a.", "x" * 65, "a\0", "a\n"):
        with pytest.raises(InvalidInputError, match="cannot be named"):
            Library.open(name, root=root, create=True)
    for name in ("Été 2024", "a", "my-sounds.v2", "声音"):
        Library.open(name, root=root, create=True).close()
    assert library_names(root) == ("a", "my-sounds.v2", "Été 2024", "声音")
    with pytest.raises(InvalidInputError, match=r"There is no library b \(there are: a, my"):
        Library.open("b", root=root)
    delete_library("a", root=root)
    assert "a" not in library_names(root)


def test_a_damaged_database_is_told(library: Library) -> None:
    library.close()
    (library.folder / "library.sqlite").write_bytes(b"not a database" * 100)
    with pytest.raises(InvalidInputError, match="is damaged"):
        Library.open("mine", root=library.folder.parent)


@pytest.mark.parametrize("name", ["nowhere", "tone-000.wav", "empty", "a\0b"])
def test_folders_that_cannot_be_indexed(library: Library, folder: Path, name: str) -> None:
    (folder / "empty" / ".hidden").mkdir(parents=True)
    media.save_wav(folder / "empty" / ".hidden" / "a.wav", tone(300, 1))
    with pytest.raises(InvalidInputError, match=r"There is no (folder|recording)"):
        indexed(library, folder / name)
