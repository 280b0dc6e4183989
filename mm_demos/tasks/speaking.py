"""Text read aloud sentence by sentence, also text that still grows: the first sentence sounds before the last is written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mm_demos import media
from mm_demos.errors import InvalidInputError
from mm_demos.models import catalog
from mm_demos.models.protocols import FloatArray, Speaker
from mm_demos.progress import Progress
from mm_demos.results import Receipt
from mm_demos.tasks.receipts import record
from mm_demos.tasks.speaking_text import Sentences, spoken

MAX_CHARS = 20_000  # about 20 minutes of speech
SLOWEST, FASTEST = 0.5, 2.0


@dataclass(frozen=True, slots=True)
class Speech:
    """A sentence and its sound.

    Args:
        text: as it stood in the text.
        waveform: (n_samples,) float32 in [-1, 1].
        sample_rate: in Hz.
        receipt: of everything spoken until now.
    """

    text: str
    waveform: FloatArray
    sample_rate: int
    receipt: Receipt | None = None

    @property
    def duration(self) -> float:
        """Seconds of sound."""
        return self.waveform.size / self.sample_rate


def speak(
    text: str | Iterable[str],
    *,
    model: str | None = None,
    speed: float = 1.0,
    variation: float = 1.0,
    progress: Progress | None = None,
) -> Iterator[Speech]:
    """Yield each sentence with its sound as soon as it can be spoken; a sentence without a word is passed over.

    Args:
        text: whole, or as it grows: each item is the whole text so far. Close the iterator to stop.
        model: a catalog name; the profile's own voice by default.
        speed: in [0.5, 2].
        variation: of melody and rhythm, in [0, 1]; at 0 the same text always sounds the same.

    Raises:
        InvalidInputError: nothing to speak, too long a text, or an option out of range.
        UnknownModelError: no such voice.
        StoppedError: `progress.stop()` was called.
    """
    if not SLOWEST <= speed <= FASTEST:
        raise InvalidInputError(f"The speed must lie between {SLOWEST} and {FASTEST}, not at {speed}.")
    if not 0 <= variation <= 1:
        raise InvalidInputError(f"The variation must lie between 0 and 1, not at {variation}.")
    name = catalog.chosen(model, "speaker")
    if isinstance(text, str) or not isinstance(text, Iterable):
        text = checked(text)
    return _speeches(text, name, speed, variation, progress or Progress())


def checked(text: str) -> str:
    """The text without control characters.

    Raises:
        InvalidInputError: there is no word in it, or it is too long.
    """
    if isinstance(text, str) and len(text) > MAX_CHARS:
        raise InvalidInputError(f"The text is too long to be read aloud: give at most {MAX_CHARS:,} characters.")
    text = media.clean_text(text)
    if not any(map(str.isalnum, text)):
        raise InvalidInputError("There is nothing to read aloud: write a sentence.")
    return text


def _speeches(text: str | Iterable[str], name: str, speed: float, variation: float, progress: Progress) -> Iterator[Speech]:
    noted = {"speed": speed, "variation": variation}
    sentences = Sentences.of(text) if isinstance(text, str) else _growing(text)
    with record("speak", options=noted, seed=None, progress=progress) as run:
        voice: Speaker = run.lease(name)
        for number, sentence in enumerate(sentences):
            progress.report("Speaking", number, None, "sentences")
            waveform, sample_rate = voice.speak(spoken(sentence), speed=speed, variation=variation)
            if waveform.size:
                yield Speech(sentence, waveform, sample_rate, run.receipt())


def _growing(texts: Iterable[str]) -> Iterator[str]:
    """Sentences of a text that grows, each as soon as it cannot change any more."""
    sentences = Sentences()
    for text in texts:
        yield from sentences.feed(media.clean_text(text)[:MAX_CHARS])
    yield from sentences.finish()
