"""Speech to text while somebody speaks: text is committed once two hypotheses in a row agree on it."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from mm_demos import media
from mm_demos.models import catalog, loader
from mm_demos.models.protocols import SAMPLE_RATE, FloatArray, SpeechRecognizer, TranscribeOptions
from mm_demos.models.voice_activity import voiced_spans
from mm_demos.results import Segment, Transcription, Word
from mm_demos.tasks.hallucination import flagged
from mm_demos.tasks.receipts import record
from mm_demos.tasks.transcription import NO_SPEECH, check_language, check_options, join_text

STEP_SECONDS = 1.0  # new audio gathered before the buffer is decoded again
TRIM_SECONDS = 12.0  # a longer buffer is cut at the end of its last committed segment; with 8 s words are lost at the seams
MAX_BUFFER_SECONDS = 20.0  # a longer one is cut at a word, committed or not: no push costs more than this much audio
PAUSE_SECONDS = 1.0  # of silence end a phrase: everything before it is committed
PROMPT_CHARS = 200  # of text before the buffer that the model is shown, for spelling and style
SENTENCE_ENDS = (".", "?", "!", "。", "？", "！")
LIVE_OPTIONS = TranscribeOptions(beam_size=1, temperature=0.0, word_timestamps=True, condition_on_previous_text=False)


@dataclass(frozen=True, slots=True)
class LiveText:
    """What was said so far: `committed` never changes again, `pending` may."""

    committed: str
    pending: str


@dataclass(frozen=True, slots=True)
class _Heard:
    """A word and the segment it came with; times from the start of the talk."""

    word: Word
    segment: Segment

    @property
    def key(self) -> str:
        """What two hypotheses are compared by: letters and digits alone."""
        return re.sub(r"\W+", "", self.word.text.casefold())


@dataclass(slots=True)
class LiveTranscriber:
    """Transcribes a talk of any length at a bounded cost per push (LocalAgreement-2: Macháček, Dabre and Bojar, 2023).

    It holds audio and text, no model and no thread: a push that decodes leases the model for that long.

    Args:
        model: catalog name; None takes the default of the profile.
        options: language, task and prompt words are used; beams and temperature are those of `LIVE_OPTIONS` unless given.
    """

    model: str | None = None
    options: TranscribeOptions = LIVE_OPTIONS
    _buffer: FloatArray = field(default_factory=lambda: np.zeros(0, np.float32), repr=False)
    _offset: float = 0.0  # seconds of the talk before the buffer
    _undecoded: float = 0.0  # seconds pushed since the last decoding
    _committed: list[_Heard] = field(default_factory=list, repr=False)
    _pending: list[_Heard] = field(default_factory=list, repr=False)
    _ends: tuple[float, ...] = ()  # where segments of the last decoding end for good: all but the last one, which goes on
    _language: str = ""
    _language_prob: float = 0.0

    @property
    def buffered_seconds(self) -> float:
        """Audio held for the next decoding."""
        return len(self._buffer) / SAMPLE_RATE

    @property
    def seconds(self) -> float:
        """Audio pushed so far."""
        return self._offset + self.buffered_seconds

    @property
    def text(self) -> LiveText:
        """What was said so far."""
        return LiveText(self._join(self._committed), self._join(self._pending))

    def push(self, samples: NDArray[np.generic], sample_rate: int) -> LiveText:
        """Add what the microphone heard since the last push.

        Args:
            samples: (n_samples,) or (n_samples, n_channels), integers or floats in [-1, 1].
            sample_rate: in Hz.

        Raises:
            InvalidInputError: samples that are no sound, or a language the model does not know.
        """
        waveform = media.from_microphone(sample_rate, samples)
        self._buffer = np.concatenate((self._buffer, waveform))
        self._undecoded += len(waveform) / SAMPLE_RATE
        if self._undecoded >= STEP_SECONDS:
            self._advance()
        return self.text

    def finish(self) -> Transcription:
        """Decode what is left, commit everything and return the whole talk."""
        with record("transcribe live", options=asdict(self.options)) as run:
            unheard = self._undecoded > 0 and self._voiced_until() is not None
            if unheard or self._committed or self._pending:
                recognizer = run.lease(self._name)  # the receipt names it even when nothing is left to decode
                self._pending = self._hear(recognizer, self._buffer) if unheard else self._pending
            duration = self.seconds
            self._commit(len(self._pending))
            self._drop(self.buffered_seconds)
            segments = tuple(self._segments())
            notices = () if segments else (NO_SPEECH,)
            text = join_text([segment.text for segment in segments], self._language)
            return Transcription(text, self._language, self._language_prob, duration, segments, run.receipt(), notices)

    @property
    def _name(self) -> str:
        return self.model or catalog.default("speech")

    def _voiced_until(self) -> float | None:
        """Where in the buffer the last voice ends, in seconds; None when nobody speaks in it."""
        spans = voiced_spans(self._buffer, min_silence_seconds=PAUSE_SECONDS)
        return None if media.is_silent(self._buffer) or not spans else spans[-1][1]

    def _advance(self) -> None:
        """Decode the buffer once, commit what is certain, and cut what is no longer needed."""
        self._undecoded = 0.0
        end = self._voiced_until()
        if end is None:
            self._commit(len(self._pending))
            self._drop(self.buffered_seconds - PAUSE_SECONDS)
            return
        with loader.shared().lease(self._name) as recognizer:
            heard = self._hear(recognizer, self._buffer)
        if end <= self.buffered_seconds - PAUSE_SECONDS:  # the phrase is over
            self._pending = heard
            self._commit(len(heard))
            self._drop(end)
            return
        agreed = _common_prefix(self._pending, heard)
        self._pending = heard
        self._commit(agreed)
        self._trim()

    def _hear(self, recognizer: SpeechRecognizer, waveform: FloatArray) -> list[_Heard]:
        """The words of the buffer that are not committed yet."""
        check_options(self.options)
        check_language(recognizer, self.options, self._name)
        before = self._join([heard for heard in self._committed[-60:] if heard.word.end <= self._offset])[-PROMPT_CHARS:]
        options = replace(
            self.options,
            language=self.options.language or (self._language if self._committed else None),
            initial_prompt=f"{self.options.initial_prompt} {before}".strip(),
            word_timestamps=True,
        )
        decoded = recognizer.transcribe(waveform, options=options)
        segments = [flagged(_moved(segment, self._offset)) for segment in decoded.segments]
        self._ends = tuple(segment.end for segment in segments[:-1])
        if not self._committed:
            self._language, self._language_prob = decoded.language, decoded.language_prob
        return self._new([_Heard(word, segment) for segment in segments for word in segment.words if word.text])

    def _new(self, heard: list[_Heard]) -> list[_Heard]:
        """`heard` without the words that are committed, told by their time and, at the seam, by their letters."""
        if not self._committed:
            return heard
        until = self._committed[-1].word.end
        fresh = [item for item in heard if (item.word.start + item.word.end) / 2 > until]
        for size in range(min(5, len(fresh)), 0, -1):
            repeated = [h.key for h in self._committed[-size:]] == [h.key for h in fresh[:size]]
            if repeated and fresh[0].word.start - until < 0.3:
                return fresh[size:]
        return fresh

    def _commit(self, count: int) -> None:
        self._committed += self._pending[:count]
        self._pending = self._pending[count:]

    def _trim(self) -> None:
        """Cut a long buffer behind committed text, so that the next decoding costs no more than this one."""
        if self.buffered_seconds > TRIM_SECONDS and self._committed:
            until = self._committed[-1].word.end
            sentences = (heard.word.end for heard in self._committed[-60:] if heard.word.text.endswith(SENTENCE_ENDS))
            ends = (end for end in (*self._ends, *sentences) if end <= until + 0.1)
            self._drop(max(ends, default=0.0) - self._offset)
        if self.buffered_seconds > MAX_BUFFER_SECONDS:
            if not self._committed or self._committed[-1].word.end <= self._offset:
                self._commit(len(self._pending))
            last = self._committed[-1].word.end if self._committed else 0.0
            room = self.buffered_seconds - MAX_BUFFER_SECONDS
            self._drop(max(last - self._offset, room))

    def _drop(self, seconds: float) -> None:
        """Forget the first `seconds` of the buffer."""
        count = min(len(self._buffer), max(0, round(seconds * SAMPLE_RATE)))
        self._buffer = self._buffer[count:].copy()
        self._offset += count / SAMPLE_RATE

    def _join(self, heard: list[_Heard]) -> str:
        return join_text([item.word.text for item in heard], self._language)

    def _segments(self) -> list[Segment]:
        """Committed words as segments: a new one after a sentence's end, a pause or 12 s."""
        groups: list[list[_Heard]] = []
        for item in self._committed:
            last = groups[-1][-1].word if groups else None
            full = last is not None and item.word.end - groups[-1][0].word.start > 12.0
            if last is None or full or last.text.endswith(SENTENCE_ENDS) or item.word.start - last.end > 1.0:
                groups.append([])
            groups[-1].append(item)
        return [self._segment(group) for group in groups]

    def _segment(self, group: list[_Heard]) -> Segment:
        """One segment; its scores are those of the segment that its first word came with."""
        words = tuple(item.word for item in group)
        return flagged(replace(group[0].segment, start=words[0].start, end=words[-1].end, text=self._join(group), words=words))


def _common_prefix(before: list[_Heard], now: list[_Heard]) -> int:
    """How many words at the start two hypotheses share."""
    count = 0
    for old, new in zip(before, now, strict=False):
        if old.key != new.key:
            break
        count += 1
    return count


def _moved(segment: Segment, offset: float) -> Segment:
    """`segment` later by `offset` seconds."""
    words = tuple(replace(word, start=word.start + offset, end=word.end + offset) for word in segment.words)
    return replace(segment, start=segment.start + offset, end=segment.end + offset, words=words)
