"""A library as one file and back, and files that only pretend."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sound_doubles import QuickReader, contents, indexed, make_recordings

from mm_demos.errors import InvalidInputError
from mm_demos.retrieval.exchange import ABOUT, FILES, export_library, import_library
from mm_demos.retrieval.library import Library, library_names
from mm_demos.retrieval.types import Query

Members = dict[str, bytes]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "secret" / "recordings"
    last = make_recordings(folder, 3)[-1]
    (folder / "sub").mkdir()
    last.rename(folder / "sub" / last.name)
    return folder


@pytest.fixture
def exported(folder: Path, tmp_path: Path) -> Path:
    with Library.open("mine", root=tmp_path / "libraries", create=True) as library:
        indexed(library, folder)
        export_library(library, tmp_path / "mine.zip")
    return tmp_path / "mine.zip"


def test_there_and_back(exported: Path, folder: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(exported) as archive:
        assert sorted(archive.namelist()) == [ABOUT, FILES, "said.f32", "sound.f32"]
        assert all(b"secret" not in archive.read(name) for name in archive.namelist())
    with Library.open("mine", root=tmp_path / "libraries") as library:
        original = contents(library)
    with import_library(exported, "copy", root=tmp_path / "elsewhere") as library:
        assert [file.file for file in library.files()] == ["sub/tone-002.wav", "tone-000.wav", "tone-001.wav"]
        assert library.windows()[0].text
        assert library.with_words(library.windows()[0].text, Query(), 5)
        reader = QuickReader()
        summary = indexed(library, folder, reader=reader)  # the recordings are known by their content
        assert (reader.read, summary.added) == (0, 0)
        assert contents(library) == original
        export_library(library, tmp_path / "again.zip")
    with zipfile.ZipFile(exported) as first, zipfile.ZipFile(tmp_path / "again.zip") as second:
        assert {name: first.read(name) for name in first.namelist()} == {name: second.read(name) for name in second.namelist()}


def rewritten(path: Path, change: Callable[[Members], None]) -> Path:
    """The same archive with other members."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    changed = path.with_name("changed.zip")
    with zipfile.ZipFile(changed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return changed


def with_about(**values: object) -> Callable[[Members], None]:
    def change(members: Members) -> None:
        members[ABOUT] = json.dumps({**json.loads(members[ABOUT]), **values}).encode()

    return change


def with_first_window(**values: object) -> Callable[[Members], None]:
    def change(members: Members) -> None:
        first, *others = members[FILES].splitlines()
        row = json.loads(first)
        row["windows"][0].update(values)
        members[FILES] = b"\n".join([json.dumps(row).encode(), *others])

    return change


def with_vectors(name: str, factor: float) -> Callable[[Members], None]:
    def change(members: Members) -> None:
        members[name] = (np.frombuffer(members[name], "<f4") * np.float32(factor)).tobytes()

    return change


def without(name: str) -> Callable[[Members], None]:
    def change(members: Members) -> None:
        del members[name]

    return change


def cut(name: str) -> Callable[[Members], None]:
    def change(members: Members) -> None:
        members[name] = members[name][:-4]

    return change


CHANGES = {
    "another format": with_about(format="something else"),
    "too few windows": with_about(windows=1),
    "negative count": with_about(windows=-1),
    "huge rows": with_about(dims={"said": 2**40, "sound": 64}),
    "no rows": with_about(dims={"said": 0, "sound": 64}),
    "no table": without(FILES),
    "no vectors": without("sound.f32"),
    "vectors cut off": cut("said.f32"),
    "no unit vectors": with_vectors("sound.f32", 2.0),
    "not numbers": with_vectors("said.f32", float("nan")),
    "text as number": with_first_window(text=3),
    "infinite time": with_first_window(start=float("inf")),
    "words amiss": with_first_window(words=[["a", 1, 2]]),
    "unsaid": with_first_window(said=False),
    "a table that is none": lambda members: members.update({FILES: b"\x80\x04\x95 a pickle"}),
    "too long a path": lambda members: members.update({FILES: members[FILES].replace(b'"path": "', b'"path": "' + b"x" * 5000)}),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_is_no_library_leaves_nothing_behind(exported: Path, tmp_path: Path, change: Callable[[Members], None]) -> None:
    with pytest.raises(InvalidInputError, match="is not an exported library"):
        import_library(rewritten(exported, change), "bad", root=tmp_path / "elsewhere")
    assert library_names(tmp_path / "elsewhere") == ()
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_members_are_never_unpacked_where_they_say(exported: Path, tmp_path: Path) -> None:
    def add(members: Members) -> None:
        members["../../evil"] = members["/etc/evil"] = b"x"
        members[FILES] = members[FILES].replace(b'"path": "', b'"path": "../../')

    before = set(tmp_path.rglob("*"))
    root = tmp_path / "elsewhere"
    import_library(rewritten(exported, add), "odd", root=root).close()
    fresh = {path for path in tmp_path.rglob("*") if path not in before} - {tmp_path / "changed.zip", root}
    assert all(root / "odd" in (path, *path.parents) for path in fresh)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut", b"<html>", b"\0" * 100])
def test_files_that_are_no_archives(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file.zip"
    path.write_bytes(content)
    with pytest.raises(InvalidInputError):
        import_library(path, "bad", root=tmp_path / "libraries")
    assert library_names(tmp_path / "libraries") == ()


def test_a_name_that_is_taken(exported: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="There is a library mine already"):
        import_library(exported, "mine", root=tmp_path / "libraries")
    assert library_names(tmp_path / "libraries") == ("mine",)


def test_an_empty_library(tmp_path: Path) -> None:
    with Library.open("empty", root=tmp_path, create=True) as library:
        export_library(library, tmp_path / "empty.zip")
    with import_library(tmp_path / "empty.zip", "again", root=tmp_path) as library:
        assert library.info().windows == 0
        with library.writing():
            library.remove(["nothing"])


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    with (
        Library.open("empty", root=tmp_path, create=True) as library,
        pytest.raises(InvalidInputError, match="cannot be written"),
    ):
        export_library(library, tmp_path / "nowhere" / "a.zip")
