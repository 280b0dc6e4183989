"""Recordings into a library: which files are new, what is in them, and how far it is."""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from mm_demos import media
from mm_demos.errors import DemoError, InvalidInputError, StoppedError
from mm_demos.media.files import shown
from mm_demos.models.protocols import SAMPLE_RATE, FloatArray
from mm_demos.progress import Progress
from mm_demos.results import Transcription
from mm_demos.retrieval.graph import keep_graphs
from mm_demos.retrieval.library import Library
from mm_demos.retrieval.recordings import Source, file_digest, stamp
from mm_demos.retrieval.types import Entry, FileFault, FileInfo, IndexProgress, IndexSummary, SoundFeatures, Window
from mm_demos.retrieval.windows import DEFAULT_CUT, Cut, cut, spoken

logger = logging.getLogger(__name__)

MAX_FILE_SECONDS = 7200.0  # a recording is decoded whole: two hours are 460 MB
# Probability of a sound from which a window has no words: speech over it, also softer, takes nearly all of the probability away.
SURELY_NO_SPEECH = 0.95
NOBODY_SPEAKS = Transcription("", "", 0.0, 0.0, ())


class Reader(Protocol):
    """The models that read recordings, as indexing needs them."""

    def transcribe(self, waveform: FloatArray, progress: Progress) -> Transcription:
        """What is said in `waveform` (n_samples,) at 16 kHz, with the times of the words."""
        ...

    def embed_texts(self, texts: Sequence[str]) -> FloatArray:
        """Embeddings (n_texts, dim), L2-normalised."""
        ...

    def sounds(self, waveform: FloatArray, windows: Sequence[Window]) -> list[SoundFeatures]:
        """How each window of `waveform` sounds."""
        ...


@dataclass(slots=True)
class _Tally:
    """Counts of one run."""

    bytes_left: int
    files_total: int
    started: float = field(default_factory=time.monotonic)
    files_done: int = 0
    added: int = 0
    unchanged: int = 0
    duplicates: int = 0
    removed: int = 0
    windows: int = 0
    seconds: float = 0.0
    bytes_read: int = 0
    faults: list[FileFault] = field(default_factory=list)

    @property
    def elapsed(self) -> float:
        return max(1e-9, time.monotonic() - self.started)

    def progress(self, path: Path, fault: str = "") -> IndexProgress:
        left = self.bytes_left * self.elapsed / self.bytes_read if self.bytes_read else None
        rate = self.windows / self.elapsed
        return IndexProgress(str(path), self.files_done, self.files_total, self.seconds / 3600, self.windows, rate, left, fault)


def wordless(features: Sequence[SoundFeatures]) -> bool:
    """Whether every window surely is a sound without speech; a baby's cry keeps Whisper busy for minutes and gives no words."""
    return all(each.calibrated and each.tags and each.tags[0].score >= SURELY_NO_SPEECH for each in features)


def index(
    library: Library,
    source: Source,
    reader: Reader,
    *,
    recipe: str,
    progress: Progress,
    windows: Cut = DEFAULT_CUT,
    max_seconds: float = MAX_FILE_SECONDS,
) -> Iterator[IndexProgress | IndexSummary]:
    """Bring a library up to date with a source, file by file; the summary comes last.

    Every file is kept as soon as it is done, so the work can end at any moment and go on later.

    Args:
        reader: the models.
        recipe: what tells the models and the cut from others; a library made with another one is begun anew.
        progress: stopping it ends the run at once, with a summary.
        windows: how recordings are cut.
        max_seconds: longer recordings are refused.

    Raises:
        BusyError: somebody else writes to this library.
    """
    with library.writing():
        library.begin(recipe)
        tally = _Tally(sum(stamp(path).size for path in source.files), len(source.files))
        run = _Run(library, reader, tally, progress, windows, max_seconds)
        stopped = False
        try:
            for path in source.files:
                yield tally.progress(path)
                yield tally.progress(path, run.update(path))
            run.drop_missing(source)
            library.compact()
            keep_graphs(library, progress)
        except StoppedError:
            stopped = True
        yield _summary(library, tally, stopped)


@dataclass(frozen=True, slots=True)
class _Run:
    """One run of indexing."""

    library: Library
    reader: Reader
    tally: _Tally
    progress: Progress
    windows: Cut
    max_seconds: float

    def update(self, path: Path) -> str:
        """Bring one file up to date; why it cannot be read, or nothing."""
        self.progress.checkpoint()
        sentence, size = "", stamp(path).size
        try:
            self._update(path, size)
        except InvalidInputError as error:
            sentence = str(error)
        except (DemoError, MemoryError):
            raise  # a model cannot be had: the next file would fare no better
        except Exception as error:  # a fault of ours or of a library must not cost the user the other files
            logger.exception("An unexpected error while reading %s", path)
            sentence = f"{shown(path.name)} could not be read ({type(error).__name__}): please report it with the log."
        if sentence:
            self._note(FileFault(str(path), sentence))
        self.tally.bytes_left -= size
        self.tally.files_done += 1
        return sentence

    def drop_missing(self, source: Source) -> None:
        """Drop what was in the folder and is gone; what has moved bears its new name by now."""
        if source.folder is None:
            return
        present, inside = set(map(str, source.files)), str(source.folder / "_")[:-1]
        gone = [path for path in self.library.stamps() if path.startswith(inside) and path not in present]
        stale = [fault.file for fault in self.library.faults() if fault.file.startswith(inside) and fault.file not in present]
        self.library.remove([*gone, *stale])
        self.tally.removed = len(gone)

    def _update(self, path: Path, size: int) -> None:
        name, found = str(path), stamp(path)
        known = self.library.stamp(name)
        if known is not None and known[1] == found:
            self.tally.unchanged += 1
            return
        digest = file_digest(path)
        copies = self.library.paths_of(digest)
        gone = [copy for copy in copies if copy == name or not os.path.isabs(copy) or not os.path.isfile(copy)]
        if gone:
            self.library.rename(gone[0], name, found)
            self.tally.unchanged += 1
        elif copies:
            self.library.remove([name])  # what was here before is here no longer
            self.tally.duplicates += 1
        else:
            info, entries = self._read(path, digest)
            self._store(info, entries, path)
            self.tally.bytes_read += size

    def _read(self, path: Path, digest: str) -> tuple[FileInfo, list[Entry]]:
        """What is in one recording."""
        waveform = media.load_audio(path, max_seconds=self.max_seconds)
        windows, levels = cut(str(path), waveform, self.windows)
        entries: list[Entry] = []
        language = ""
        if windows:
            features = self.reader.sounds(waveform, windows)
            self.progress.checkpoint()
            transcription = NOBODY_SPEAKS if wordless(features) else self.reader.transcribe(waveform, self.progress)
            self.progress.checkpoint()
            said = [spoken(window, transcription) for window in windows]
            language = transcription.language if any(each.text for each in said) else ""
            texts = [each.text for each in said if each.text]
            vectors = iter(self.reader.embed_texts(texts) if texts else ())
            for window, level, each, sound in zip(windows, levels, said, features, strict=True):
                vector = next(vectors) if each.text else None
                entries.append(Entry(window, each.text, each.words, language, level, sound.tags, vector, sound.vector))
        self.progress.checkpoint()
        return FileInfo(str(path), waveform.size / SAMPLE_RATE, digest, language, len(entries)), entries

    def _store(self, info: FileInfo, entries: Sequence[Entry], path: Path) -> None:
        try:
            self.library.add(info, stamp(path), entries)
        except (OSError, sqlite3.OperationalError) as error:
            raise DemoError(f"The library {self.library.name} cannot be written ({error}): make room on the disk.") from None
        self.tally.added += 1
        self.tally.windows += len(entries)
        self.tally.seconds += info.seconds

    def _note(self, fault: FileFault) -> None:
        self.library.note_fault(fault)
        self.tally.faults.append(fault)


def _summary(library: Library, tally: _Tally, stopped: bool) -> IndexSummary:
    info = library.info()
    return IndexSummary(
        library=library.name,
        added=tally.added,
        unchanged=tally.unchanged,
        removed=tally.removed,
        duplicates=tally.duplicates,
        faults=tuple(tally.faults),
        windows=tally.windows,
        hours=tally.seconds / 3600,
        seconds=tally.elapsed,
        speed=tally.seconds / tally.elapsed,
        stopped=stopped,
        total_files=info.files,
        total_windows=info.windows,
    )
