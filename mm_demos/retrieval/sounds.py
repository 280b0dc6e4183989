"""How the windows of a recording sound, and which sound a query asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mm_demos.models.protocols import SAMPLE_RATE, FloatArray, Heard, SoundEmbedder, SoundListener, SoundTagger, TextEmbedder
from mm_demos.models.sound import chunks, loudest, mixed, scores
from mm_demos.models.sound_labels import NOTHING, PROMPT
from mm_demos.results import LabelScore
from mm_demos.retrieval.types import SoundFeatures, Window


@dataclass(frozen=True, slots=True)
class Directions:
    """In the space of the sound vectors: what is `wanted` (dim,), and `nothing` (n, dim), what is no event."""

    wanted: FloatArray
    nothing: FloatArray


class SoundEncoder:
    """Windows to vectors and events; stateless, so that threads may share it.

    Args:
        model: what hears.
    """

    def __init__(self, model: SoundListener) -> None:
        self._model = model

    @property
    def labels(self) -> tuple[str, ...]:
        """The sound events it knows."""
        return self._model.labels

    @property
    def dim(self) -> int:
        """Numbers in a vector."""
        return self._model.dim

    def encode(self, waveform: FloatArray, windows: Sequence[Window]) -> list[SoundFeatures]:
        """How each window sounds.

        Windows are heard in pieces of five seconds, and a piece that two of them share is heard once. An event is in a window
        as surely as in the piece where it is surest.

        Args:
            waveform: the whole recording (n_samples,) float32 in [-1, 1] at 16 kHz.
            windows: stretches of it.
        """
        heard: dict[tuple[int, int], Heard] = {}
        found = []
        for window in windows:
            pieces = chunks(round(window.start * SAMPLE_RATE), min(round(window.end * SAMPLE_RATE), waveform.size))
            for start, end in pieces:
                if (start, end) not in heard:
                    heard[start, end] = self._model.hear(waveform[start:end])
            found.append(self._together([heard[piece] for piece in pieces]))
        return found

    def encode_query(self, waveform: FloatArray) -> SoundFeatures:
        """How a recording sounds as a whole (n_samples,), to be compared with windows."""
        return self._together([self._model.hear(waveform[start:end]) for start, end in chunks(0, waveform.size)])

    def _together(self, heard: list[Heard]) -> SoundFeatures:
        tags = scores(self.labels, loudest(heard))
        return SoundFeatures(mixed(heard), tags, calibrated=isinstance(self._model, SoundTagger))

    def query_tags(self, text: str, embedder: TextEmbedder) -> tuple[LabelScore, ...]:
        """How probably `text` asks for each sound event, best first; what the sum lacks to 1 is that it asks for none of them.

        Args:
            text: a query in words: "a chicken crowing".
            embedder: the loaded `all-MiniLM-L6-v2`.

        Returns:
            Nothing where the model can be asked for any sound, see `directions`.
        """
        if not isinstance(self._model, SoundTagger):
            return ()
        return scores(self.labels, self._model.named(embedder.embed_texts([text])[0])[:-1])

    def directions(self, text: str) -> Directions | None:
        """Where a query in words lies among the vectors of windows; None where the model knows its own events alone."""
        if not isinstance(self._model, SoundEmbedder):
            return None
        rows = self._model.embed_texts([PROMPT.replace("{}", name) for name in (text, *(name for name, _ in NOTHING))])
        return Directions(rows[0], rows[1:])
