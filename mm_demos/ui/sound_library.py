"""Whose libraries a visitor sees: the built-in one, those in the user's data folder, or those of one visit to a public page."""

from __future__ import annotations

import filecmp
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import gradio as gr

from mm_demos import samples
from mm_demos.errors import DemoError, InvalidInputError
from mm_demos.progress import Progress
from mm_demos.results import Receipt
from mm_demos.retrieval.exchange import export_library, import_library
from mm_demos.retrieval.library import Library, check_name, delete_library, libraries_folder, library_names
from mm_demos.retrieval.recordings import stamp
from mm_demos.retrieval.types import IndexProgress, IndexSummary, LibraryInfo
from mm_demos.retrieval.windows import DEFAULT_CUT, Cut
from mm_demos.settings import LOOPBACK, PROXY_HEADERS, settings
from mm_demos.tasks.retrieval import index_while_reading
from mm_demos.tasks.retrieval_recipe import SOUNDS, is_current, recipe
from mm_demos.ui.sound_notes import line, told

BUILT_IN = "Built-in sounds"
BUILT_IN_NAME = "built-in"
FIRST_NAME = "My recordings"
SOUND_SUFFIXES = {".flac", ".ogg"}
VISITOR_SECONDS = 7200.0  # longest recording of the user's own page
MAX_FILES = 500
SHIPPED = "sounds.mmlibrary"
OTHER_MODELS = "made with other models, so it has to be indexed again"
SAVED_SUFFIX = ".mmlibrary"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a visitor's libraries are; `own` when the visitor sits at this machine, and they are the user's."""

    root: str
    own: bool = False


@dataclass(frozen=True, slots=True)
class Indexed:
    """How far a run of indexing is, or what it did."""

    place: Place
    name: str
    step: IndexProgress | IndexSummary

    @property
    def receipt(self) -> Receipt | None:
        """Of the whole run."""
        return self.step.receipt if isinstance(self.step, IndexSummary) else None


def is_own(request: gr.Request) -> bool:
    """Whether a request comes from this machine itself: no proxy, no link for others, no page of another site."""
    headers = {name.lower(): value for name, value in dict(request.headers).items()}
    named = [headers.get("host", ""), urlsplit(headers.get("origin", "")).netloc or headers.get("host", "")]
    hosts = [urlsplit(f"//{name}").hostname or "" for name in named]
    client = request.client.host if request.client else ""
    asked = getattr(request, "request", None)
    if asked is not None and asked.scope.get("http_version") == "1.0":
        return False  # nginx without options: it asks in its own name, by the old version that no browser speaks
    return client in LOOPBACK and all(host in LOOPBACK for host in hosts) and not any(name in headers for name in PROXY_HEADERS)


def enter(request: gr.Request) -> Place:
    """The place of a new visitor."""
    return Place(str(libraries_folder()), own=True) if is_own(request) else visitors_place()


def visitors_place() -> Place:
    """A folder for one visit."""
    return Place(tempfile.mkdtemp(prefix="mm-demos-visit-"))


def leave(place: Place | None) -> None:
    """Delete what a visit has left, when it is over."""
    if place is not None and not place.own:
        shutil.rmtree(place.root, ignore_errors=True)


def names(place: Place | None) -> list[str]:
    """The libraries to choose from, the built-in one first."""
    return [BUILT_IN, *(library_names(Path(place.root)) if place is not None else ())]


@contextmanager
def opened(place: Place | None, name: str | None, progress: Progress | None = None) -> Iterator[Library]:
    """A library by the name on the page; the built-in one is indexed first if it is not yet.

    Raises:
        InvalidInputError: there is none of this name.
    """
    if not name or name == BUILT_IN:
        with _built_in(progress) as library:
            yield library
        return
    with Library.open(name, root=_root(place)) as library:
        yield library


def built_in_paths() -> list[Path]:
    """The recordings that ship with the project."""
    return [samples.path(name) for name in samples.names() if Path(name).suffix in SOUND_SUFFIXES]


@contextmanager
def _built_in(progress: Progress | None) -> Iterator[Library]:
    paths = built_in_paths()
    with unpacked() as library:
        if library.meta("recipe") != recipe() or {info.file for info in library.files()} != set(map(str, paths)):
            for _ in index_while_reading(paths, library=library, hear_with=SOUNDS, progress=progress):
                pass
        yield library


def unpacked() -> Library:
    """The built-in library as it ships; what was made with other models is indexed again before it is searched.

    `python -m mm_demos index mm_demos/samples --library built-in --export mm_demos/samples/sounds.mmlibrary` makes the file.
    """
    root = settings().cache_dir / "libraries"
    if BUILT_IN_NAME in library_names(root):
        library = Library.open(BUILT_IN_NAME, root=root)
        if library.meta("recipe") == recipe():
            return library
        library.close()  # of an earlier version of the models
        delete_library(BUILT_IN_NAME, root=root)
    library = import_library(samples.FOLDER / SHIPPED, BUILT_IN_NAME, root=root)
    with library.writing():
        for info in library.files():
            path = samples.path(info.file)
            library.rename(info.file, str(path), stamp(path))
    return library


def add(  # noqa: PLR0917 (an endpoint receives its components' values by position)
    place: Place | None,
    name: str,
    files: Sequence[str] | None,
    folder: str | None,
    window_seconds: float = DEFAULT_CUT.seconds,
    overlap: float = DEFAULT_CUT.overlap,
    *,
    progress: Progress | None = None,
) -> Iterator[Indexed]:
    """Put recordings into a library of the visitor's own, made if it is not there.

    Args:
        place: of the visitor.
        name: of the library.
        files: uploaded recordings; they are copied, since uploads are deleted after a while.
        folder: on this machine, for the user's own page; its recordings stay where they are.
        window_seconds: how a new library is cut, as its overlap; one that is there stays as it is cut.
    """
    place = place or visitors_place()
    how = None if name in library_names(Path(place.root)) else Cut(window_seconds, overlap)
    check_add(place, name, files, folder)
    limit = VISITOR_SECONDS if place.own else settings().max_audio_seconds
    with Library.open(name, root=Path(place.root), create=True) as library:
        sources: list[str | Path | list[Path]] = [kept(library.folder, files)] if files else []
        if folder and place.own:
            sources.append(folder)
        for source in sources:
            for step in index_while_reading(source, library=library, windows=how, progress=progress, max_seconds=limit):
                yield Indexed(place, name, step)


def kept(library_folder: Path, files: Sequence[str]) -> list[Path]:
    """Copies of uploads beside the library that they are part of."""
    folder = library_folder / "recordings"
    folder.mkdir(exist_ok=True)
    copies = []
    for file in map(Path, files):
        names_to_try = (file.name, *(f"{file.stem} ({number}){file.suffix}" for number in range(2, MAX_FILES)))
        copy = next(folder / name for name in names_to_try if not (folder / name).exists() or _same(file, folder / name))
        if not copy.exists():
            shutil.copyfile(file, copy)
        copies.append(copy)
    return copies


def _same(one: Path, other: Path) -> bool:
    return filecmp.cmp(one, other, shallow=False)


def check_add(place: Place | None, name: str | None, files: Sequence[str] | None, folder: str | None, *_cut: float) -> None:
    """Refuse what cannot be indexed before it queues."""
    check_new(name)
    if not files and not (folder and place is not None and place.own):
        raise InvalidInputError("Choose recordings or a folder of recordings first.")
    if files and len(files) > MAX_FILES:
        raise InvalidInputError(
            f"{len(files):,} files are too many at once: take at most {MAX_FILES:,}, or use the command index."
        )


def may_hear(place: Place | None, file: str) -> bool:
    """Whether a recording of a library may be played: what a library file from elsewhere names on this machine may not."""
    path = Path(file)
    if not path.is_absolute() or (place is not None and place.own):
        return path.is_absolute()
    roots = [samples.FOLDER, *([Path(place.root)] if place is not None else [])]
    return any(path.resolve().is_relative_to(root.resolve()) for root in roots)


def save(place: Place | None, name: str) -> Iterator[tuple[Any, str]]:
    """A library as a file to download."""
    with tempfile.TemporaryDirectory(prefix="mm-demos-") as folder:  # Gradio has its own copy when the yield returns
        target = Path(folder) / f"{name}{SAVED_SUFFIX}"
        try:
            with opened(place, name) as library:
                export_library(library, target)
        except DemoError as error:
            yield gr.update(visible=False), line(str(error), failed=True)
            return
        yield gr.update(value=str(target), visible=True), line(f"{name} is saved below, without the recordings themselves.")


def load(place: Place | None, path: str, name: str) -> tuple[Place, str, str]:
    """A library from a file that was saved; gives the place, the name chosen and a line."""
    place = place or visitors_place()
    try:
        check_new(name)
        import_library(path, name, root=Path(place.root)).close()
    except DemoError as error:
        return place, BUILT_IN, line(str(error), failed=True)
    return place, name, line(f"{name} was loaded; add its recordings to hear them.")


def check_new(name: str | None) -> None:
    """Refuse a name that a library of the visitor's own cannot have."""
    check_name(name or "")
    if name in {BUILT_IN, BUILT_IN_NAME}:
        raise InvalidInputError(f"The library {BUILT_IN} stays as it is: give yours another name.")


def delete(place: Place | None, name: str) -> str:
    """Delete a library of the visitor's own; the line says what became of it."""
    if name == BUILT_IN or place is None:
        return line(f"{BUILT_IN} cannot be deleted: choose one of your own libraries first.", failed=True)
    try:
        delete_library(name, root=Path(place.root))
    except DemoError as error:
        return line(str(error), failed=True)
    return line(f"{name} was deleted.")


def about(place: Place | None, name: str | None) -> tuple[str, LibraryInfo | None]:
    """A line about a library, and what is known of it; nothing is indexed for it."""
    try:
        with unpacked() if not name or name == BUILT_IN else Library.open(name, root=_root(place)) as library:
            info = library.info()
            fresh = is_current(library)
    except DemoError as error:
        return line(str(error), failed=True), None
    return line(told(info) if fresh else f"{told(info)} · {OTHER_MODELS}"), info


def _root(place: Place | None) -> Path:
    if place is None:
        raise InvalidInputError(f"This library is not here any more: choose {BUILT_IN}.")
    return Path(place.root)
