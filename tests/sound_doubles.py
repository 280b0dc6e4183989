"""Small recordings made here, and quick stand-ins for the models that read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mm_demos import media
from mm_demos.models import fake
from mm_demos.models.protocols import SAMPLE_RATE, FloatArray, SoundTagger, TranscribeOptions
from mm_demos.progress import Progress
from mm_demos.results import Transcription
from mm_demos.retrieval.indexing import index
from mm_demos.retrieval.library import Library
from mm_demos.retrieval.recordings import recordings
from mm_demos.retrieval.sounds import SoundEncoder
from mm_demos.retrieval.types import IndexProgress, IndexSummary, SoundFeatures, Window

RECIPE = "stand-ins"


@dataclass
class QuickReader:
    """Hears a word per half second, which depends on the samples alone; `read` counts recordings."""

    read: int = 0
    encoder: SoundEncoder = field(default_factory=lambda: SoundEncoder(tagger()))

    def transcribe(self, waveform: FloatArray, progress: Progress) -> Transcription:
        self.read += 1
        options = TranscribeOptions(word_timestamps=True)
        segments = tuple(fake.FakeRecognizer().transcribe(waveform, options=options, progress=progress).segments)
        text = " ".join(segment.text for segment in segments)
        return Transcription(text, "en", 1.0, len(waveform) / SAMPLE_RATE, segments)

    def embed_texts(self, texts: Sequence[str]) -> FloatArray:
        return fake.FakeTextEmbedder().embed_texts(texts)

    def sounds(self, waveform: FloatArray, windows: Sequence[Window]) -> list[SoundFeatures]:
        return self.encoder.encode(waveform, windows)


def tagger() -> SoundTagger:
    return fake.FakeSoundTagger()


def tone(hertz: float, seconds: float, *, level: float = 0.3) -> FloatArray:
    """A tone that swells and fades, so that no two stretches of it are the same."""
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return np.asarray(level * np.sin(2 * np.pi * hertz * time) * (0.6 + 0.4 * np.sin(1.3 * time)), np.float32)


def make_recordings(folder: Path, count: int, *, seconds: float = 1.0) -> list[Path]:
    """WAV files of different tones, `seconds` long and more."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"tone-{number:03}.wav" for number in range(count)]
    for number, path in enumerate(paths):
        media.save_wav(path, tone(200 + 61 * number, seconds + number % 3 * 5))
    return paths


def steps(library: Library, source: Path | list[Path], **options: object) -> list[IndexProgress | IndexSummary]:
    reader = options.pop("reader", None) or QuickReader()
    progress = options.pop("progress", None) or Progress()
    recipe = options.pop("recipe", RECIPE)
    return list(index(library, recordings(source), reader, recipe=recipe, progress=progress, **options))  # type: ignore[arg-type]


def indexed(library: Library, source: Path | list[Path], **options: object) -> IndexSummary:
    last = steps(library, source, **options)[-1]
    assert isinstance(last, IndexSummary)
    return last


def contents(library: Library) -> dict[object, object]:
    """Everything a library holds, whatever the order it was stored in."""
    held: dict[object, object] = {
        (file.file,): (file.digest, file.seconds, file.language, file.windows) for file in library.files()
    }
    said, sound, tags = (dict(zip(*_listed(library, kind), strict=True)) for kind in ("said", "sound", "tags"))
    for window in library.windows():
        held[window.window] = (window.text, window.words, window.language, window.loudness_dbfs, window.tags)
        held[window.window, "vectors"] = (said.get(window.id), sound[window.id], tags[window.id])
    for label in ("alpha", "bravo", "charlie"):
        from mm_demos.retrieval.types import Query

        held["said", label] = sorted(
            (each.window.file, each.window.start) for each in library.windows(library.with_words(label, Query(), 1000))
        )
    return held


def _listed(library: Library, kind: str) -> tuple[list[int], list[bytes]]:
    ids, vectors = library.points(kind)
    return ids.tolist(), [vector.tobytes() for vector in vectors]
