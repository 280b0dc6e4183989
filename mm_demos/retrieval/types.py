"""What a library of recordings holds, what is asked of it and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from mm_demos.models.protocols import FloatArray
from mm_demos.results import LabelScore, Receipt, Word

if TYPE_CHECKING:
    from pathlib import Path

    from PIL.Image import Image

Mode = Literal["said", "sounds", "both"]
MODES: tuple[Mode, ...] = ("said", "sounds", "both")
QUIETEST_DBFS = -120.0  # below 16-bit recordings' own noise: leaves nothing out


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of a recording; `file` is its path, `start` and `end` are seconds from its beginning."""

    file: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class SoundFeatures:
    """How one window sounds: `vector` (d,) float32, L2-normalised, and every event with its probability, best first.

    Where the probabilities are `calibrated`, a sure event leaves no room for a voice.
    """

    vector: FloatArray
    tags: tuple[LabelScore, ...]
    calibrated: bool = True


@dataclass(frozen=True, slots=True)
class Entry:
    """One window of a library.

    Args:
        text: what is said in it; empty when nobody speaks.
        words: the same with times in seconds from the beginning of the file.
        language: ISO 639-1 code of the recording; empty when nobody speaks.
        loudness_dbfs: root mean square in dB of full scale, ≤ 0.
        tags: sound events with probabilities in [0, 1], best first.
        text_vector: sentence embedding (384,) float32, L2-normalised; None when `text` is empty.
        sound_vector: (d,) float32, L2-normalised.
    """

    window: Window
    text: str
    words: tuple[Word, ...]
    language: str
    loudness_dbfs: float
    tags: tuple[LabelScore, ...]
    text_vector: FloatArray | None
    sound_vector: FloatArray


@dataclass(frozen=True, slots=True)
class StoredWindow:
    """One window read back from a library: as `Entry`, with its `id` there and without the vectors."""

    id: int
    window: Window
    text: str
    words: tuple[Word, ...]
    language: str
    loudness_dbfs: float
    tags: tuple[LabelScore, ...]


@dataclass(frozen=True, slots=True)
class Hit:
    """A moment found: one window, or neighbouring ones that all fit.

    Args:
        file: path of the recording as it stands in the library.
        start: seconds from the beginning of the file.
        end: seconds from the beginning of the file.
        score: in [0, 1], best first; comparable within one result only. Where several rankings are fused it is the share of
            what being first in all of them gives, otherwise the cosine or the probability, cut off at 0.
        text: what is said in the moment.
        tags: sound events of its best window with probabilities, best first.
        words: of `text`, with times in seconds from the beginning of the file.
        play_from: where to start playing, in seconds from the beginning of the file.
        matched: positions in `words` of those that the query asks for.
        language: ISO 639-1 code; empty when nobody speaks.
        loudness_dbfs: of its best window.
    """

    file: str
    start: float
    end: float
    score: float
    text: str
    tags: tuple[LabelScore, ...]
    words: tuple[Word, ...] = ()
    play_from: float = 0.0
    matched: tuple[int, ...] = ()
    language: str = ""
    loudness_dbfs: float = 0.0


@dataclass(frozen=True, slots=True)
class Query:
    """What to look for: exactly one of `text`, `audio` and `image`.

    Args:
        text: words.
        audio: a recording, as a path or a waveform (n_samples,) at 16 kHz: what is said in it is looked for with mode "said",
            what sounds like it with "sounds", either with "both".
        image: a picture, as a path or open.
        negative: words whose match counts against a moment.
        mode: what is compared.
        top_k: how many moments at most.
        language: only recordings in this language (ISO 639-1); empty for all.
        tag: only windows in which this sound event is the likeliest; empty for all.
        min_loudness: only windows at least this loud, in dB of full scale.
    """

    text: str = ""
    audio: str | Path | FloatArray | None = None
    image: str | Path | Image | None = None
    negative: str = ""
    mode: Mode = "both"
    top_k: int = 10
    language: str = ""
    tag: str = ""
    min_loudness: float = QUIETEST_DBFS


@dataclass(frozen=True, slots=True)
class Retrieval:
    """The best moments, best first.

    Args:
        searched: windows that the filters left.
        heard: what was understood of a spoken query.
        notices: sentences for the user, e.g. that nobody speaks in the query.
    """

    hits: tuple[Hit, ...]
    searched: int = 0
    heard: str = ""
    notices: tuple[str, ...] = ()
    receipt: Receipt | None = None


@dataclass(frozen=True, slots=True)
class FileFault:
    """A file that is not in the library, and the sentence that says why."""

    file: str
    sentence: str


@dataclass(frozen=True, slots=True)
class FileInfo:
    """A recording of a library: `seconds` long, its sha256 and how many windows it was cut into (silent ones are dropped)."""

    file: str
    seconds: float
    digest: str
    language: str
    windows: int


@dataclass(frozen=True, slots=True)
class LibraryInfo:
    """A library at a glance: `bytes` on disk, `hours` of recordings, `labels` of the sound events it knows."""

    name: str
    files: int
    windows: int
    hours: float
    bytes: int
    languages: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    faults: int = 0


@dataclass(frozen=True, slots=True)
class IndexProgress:
    """How far indexing is.

    Args:
        file: the recording that is being read, or was read last.
        files_done: read, known already or given up.
        files_total: in all.
        hours_done: of the recordings read in this run.
        windows_done: windows made in this run.
        clips_per_second: windows made in a second, so far.
        seconds_left: at the speed so far; None as long as it cannot be told.
        fault: why `file` cannot be read; empty when it can.
    """

    file: str
    files_done: int
    files_total: int
    hours_done: float
    windows_done: int
    clips_per_second: float
    seconds_left: float | None
    fault: str = ""


@dataclass(frozen=True, slots=True)
class IndexSummary:
    """What one run of indexing did.

    Args:
        library: its name.
        added: files read and stored.
        unchanged: files whose content was known already.
        removed: files that are gone and were dropped.
        duplicates: files left out because another one with the same bytes is in the library.
        faults: files that cannot be read.
        windows: windows made in this run.
        hours: of the recordings read in this run.
        seconds: how long the run took.
        speed: seconds of recording read in a second.
        stopped: Stop was pressed; what was done until then is kept.
        total_files: files in the library now.
        total_windows: windows in the library now.
    """

    library: str
    added: int
    unchanged: int
    removed: int
    duplicates: int
    faults: tuple[FileFault, ...]
    windows: int
    hours: float
    seconds: float
    speed: float
    stopped: bool
    total_files: int
    total_windows: int
    receipt: Receipt | None = None
