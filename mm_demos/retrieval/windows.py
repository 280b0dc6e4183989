"""Recordings cut into windows, and windows that were found joined into moments."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from mm_demos.errors import InvalidInputError
from mm_demos.media import is_silent
from mm_demos.models.protocols import SAMPLE_RATE, FloatArray
from mm_demos.results import Transcription, Word
from mm_demos.retrieval.types import QUIETEST_DBFS, Window

WINDOW_SECONDS = 10.0
OVERLAP = 0.5  # share of a window that the next one repeats, so that no sentence is cut in both
MAX_MOMENT_SECONDS = 30.0
KEEN = 0.8  # share of a moment's best score that a neighbour needs to lengthen it
RUN_UP_SECONDS = 0.5  # played before the first word that matches
INVENTED = frozenset({"silence", "repetition"})  # flags of segments that were probably never said

# Scripts written without spaces between words: Thai, Lao, Burmese, Khmer, kana and the Chinese characters.
UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")


@dataclass(frozen=True, slots=True)
class Cut:
    """How recordings are cut.

    Args:
        seconds: length of a window, in [1, 30]: what Whisper hears at once.
        overlap: share of a window in [0, 0.9] that the next one repeats.

    Raises:
        InvalidInputError: out of range.
    """

    seconds: float = WINDOW_SECONDS
    overlap: float = OVERLAP

    def __post_init__(self) -> None:
        if not 1 <= self.seconds <= 30:
            raise InvalidInputError(f"Windows of {self.seconds:g} s cannot be made: choose a length from 1 to 30 seconds.")
        if not 0 <= self.overlap <= 0.9:
            raise InvalidInputError(f"Windows cannot overlap by {self.overlap:g}: choose a share from 0 to 0.9.")


@dataclass(frozen=True, slots=True)
class Spoken:
    """What is said in one window, and the words with their times in the file."""

    text: str
    words: tuple[Word, ...]


@dataclass(slots=True)
class Moment:
    """Windows that lie together: the one at position `best` among those found, and the bounds of all."""

    best: int
    window: Window
    start: float
    end: float
    score: float


DEFAULT_CUT = Cut()


def cut(file: str, waveform: FloatArray, how: Cut = DEFAULT_CUT) -> tuple[tuple[Window, ...], tuple[float, ...]]:
    """Windows of a recording that are not silent, and how loud each is in dB of full scale.

    Args:
        waveform: (n_samples,) float32 in [-1, 1] at 16 kHz.
        how: a recording shorter than a window is one window, and the last one ends with the recording.
    """
    size = round(how.seconds * SAMPLE_RATE)
    step = max(1, round(how.seconds * (1 - how.overlap) * SAMPLE_RATE))
    starts = range(0, max(1, waveform.size - (size - step)), step)
    windows, levels = [], []
    for first in starts:
        piece = waveform[first : first + size]
        if not is_silent(piece):
            windows.append(Window(file, first / SAMPLE_RATE, (first + piece.size) / SAMPLE_RATE))
            levels.append(loudness_dbfs(piece))
    return tuple(windows), tuple(levels)


def loudness_dbfs(waveform: FloatArray) -> float:
    """Root mean square of `waveform` in dB of full scale, from -120 to 0."""
    power = float(np.mean(np.square(waveform, dtype=np.float64))) if waveform.size else 0.0
    return max(QUIETEST_DBFS, 10 * float(np.log10(max(power, 1e-12))))


def spoken(window: Window, transcription: Transcription) -> Spoken:
    """What is said in a window: the words whose middle lies in it, or whole segments where words have no times.

    Segments that nobody seems to have said are left out.
    """
    inside: list[Word] = []
    for segment in transcription.segments:
        if segment.end < window.start or segment.start > window.end or INVENTED & set(segment.flags):
            continue
        words = segment.words or (Word(segment.start, segment.end, segment.text, 1.0),)
        inside += [word for word in words if window.start <= (word.start + word.end) / 2 < window.end + 1e-6]
    return Spoken(join_words(word.text for word in inside), tuple(inside))


def join_words(words: Iterable[str]) -> str:
    """Words in one line: a space between them, except between two characters of scripts written without spaces."""
    text = ""
    for word in words:
        if text and word and not (UNSPACED.match(text[-1]) and UNSPACED.match(word[0])):
            text += " "
        text += word
    return text


def moments(found: Sequence[tuple[Window, float]], *, limit: int) -> list[Moment]:
    """At most `limit` moments of the windows found, best first.

    A window that overlaps a moment belongs to it; it lengthens the moment if its score is nearly as good.

    Args:
        found: windows with their scores, best first.
    """
    made: list[Moment] = []
    of_file: dict[str, list[Moment]] = {}
    for position, (window, score) in enumerate(found):
        near = next((each for each in of_file.get(window.file, ()) if window.start < each.end and each.start < window.end), None)
        if near is None:
            if len(made) == limit:
                continue  # later ones may still lengthen what is there
            near = Moment(position, window, window.start, window.end, score)
            made.append(near)
            of_file.setdefault(window.file, []).append(near)
        elif score >= KEEN * near.score:
            start, end = min(near.start, window.start), max(near.end, window.end)
            if end - start <= MAX_MOMENT_SECONDS:
                near.start, near.end = start, end
    return made
