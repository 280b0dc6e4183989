"""Deterministic, weightless models for every protocol: for tests of pages and commands, never for results.

They come into the catalog only when asked for: `register_fakes()`, or `MM_DEMOS_FAKE=1` for a process started by a test.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
import signal
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from mm_demos.models import catalog
from mm_demos.models.catalog import Engine, ModelSpec, Role
from mm_demos.models.fake_painter import COLOURS, FakePainter
from mm_demos.models.fake_senses import FakeHearing, FakeSight, FakeSpeaker
from mm_demos.models.protocols import (
    SAMPLE_RATE,
    AnswerOptions,
    CaptionOptions,
    ChatMessage,
    FloatArray,
    GenerateOptions,
    Heard,
    Lease,
    SegmentStream,
    TranscribeOptions,
)
from mm_demos.progress import Progress
from mm_demos.results import Answer, Caption, Captioning, Evidence, LabelScore, Segment, TextLine, Word
from mm_demos.settings import Profile

if TYPE_CHECKING:
    from PIL.Image import Image

    from mm_demos.models.loader import LoadRequest

ENGINE = Engine("fake", "mm_demos.models.fake:load_fake")
CRASHING = Engine("fake-crash", "mm_demos.models.fake:load_crash", probe=True)
WORDS = ("alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel")
BASIS = "Made by a fake model: the answer is the main colour of the picture."
SEGMENT_SECONDS = 2.0
SILENCE = 1e-4  # peak below which a stretch holds no speech
DIM = 64
CELLS = 81  # of the 9 x 9 grid of looks


def register_fakes(stand_in: bool = False) -> Callable[[], None]:
    """Add one fake row per role, named `fake-<role>`, and `fake-crash`, whose first engine crashes.

    Args:
        stand_in: also let a fake answer under the name of every other row, without files or components.

    Returns:
        A function that restores the catalog.
    """
    before = catalog.rows()
    summary = "Deterministic, for tests"
    served = {row.role for row in before if "embedded" in row.profiles}
    profiles: dict[Role, tuple[Profile, ...]] = {role: () if role in served else ("embedded",) for role in get_args(Role)}
    rows = [ModelSpec(f"fake-{role}", role, "fake", profiles[role], (ENGINE,), summary=summary) for role in profiles]
    rows.append(ModelSpec("fake-crash", "chat", "fake", (), (CRASHING, ENGINE), summary="Its first engine crashes"))
    if stand_in:
        rows = [dataclasses.replace(row, engines=(ENGINE,), files=(), repository=None, components=()) for row in before] + rows
    _replace_rows(rows)

    def restore() -> None:
        for row in rows:
            catalog.unregister(row.name)
        _replace_rows(before)

    return restore


def _replace_rows(rows: Sequence[ModelSpec]) -> None:
    present = {row.name for row in catalog.rows()}
    for row in rows:
        if row.name in present:
            catalog.unregister(row.name)
        catalog.register(row)


def load_fake(request: LoadRequest) -> Any:
    """The fake for the row's role."""
    request.progress.report(f"Making a fake {request.spec.role}", 1, 1, "steps")
    return {
        "speech": FakeRecognizer,
        "image-tagger": FakeTagger,
        "text-reader": FakeReader,
        "text-embedder": FakeTextEmbedder,
        "joint-embedder": FakeJointEmbedder,
        "captioner": FakeCaptioner,
        "answerer": FakeAnswerer,
        "chat": FakeChat,
        "sound-tagger": FakeSoundTagger,
        "speaker": FakeSpeaker,
        "image-generator": FakePainter,
    }[request.spec.role]()


def load_crash(request: LoadRequest) -> Any:
    """Crash the process as a broken native library does."""
    signal.raise_signal(signal.SIGSEGV)
    raise AssertionError(f"{request.spec.name} survived a segmentation fault")


def main_colour(image: Image) -> dict[str, float]:
    """Probabilities of colour names for the picture's mean colour, summing to 1."""
    mean = np.asarray(image.convert("RGB").resize((1, 1)), dtype=np.float64).reshape(3)
    distances = np.array([np.linalg.norm(mean - np.array(rgb)) for rgb in COLOURS.values()])
    return dict(zip(COLOURS, _softmax(-distances / 20).tolist(), strict=True))


def _softmax(logits: Any) -> FloatArray:
    odds = np.exp(np.asarray(logits, dtype=np.float64) - np.max(logits))
    return np.asarray(odds / odds.sum(), dtype=np.float32)


def _best_first(scores: dict[str, float]) -> tuple[LabelScore, ...]:
    return tuple(LabelScore(label, score) for label, score in sorted(scores.items(), key=lambda item: -item[1]))


def _seed(text: str | bytes) -> int:
    data = text.encode("utf-8", "replace") if isinstance(text, str) else text
    return int.from_bytes(hashlib.sha256(data).digest()[:8], "big")


class FakeRecognizer(FakeHearing):
    """Hears one word of a small alphabet per half second of sound, nothing in silence."""

    languages = ("en", "fr", "zh")
    dtype = "float32"

    def transcribe(self, waveform: FloatArray, *, options: TranscribeOptions, progress: Progress | None = None) -> SegmentStream:
        """Segments of two seconds, made as they are asked for."""
        language = options.language or "en"
        return SegmentStream(
            self._segments(waveform, options, progress or Progress()), language, 0.9, len(waveform) / SAMPLE_RATE
        )

    def _segments(self, waveform: FloatArray, options: TranscribeOptions, progress: Progress) -> Iterator[Segment]:
        size = int(SEGMENT_SECONDS * SAMPLE_RATE)
        for first in range(0, len(waveform), size):
            progress.checkpoint()
            words = self._words(waveform[first : first + size], first / SAMPLE_RATE)
            if words:
                text = " ".join(word.text for word in words)
                kept = tuple(words) if options.word_timestamps else ()
                yield Segment(words[0].start, words[-1].end, text, -0.2, 0.05, 1.2, kept)

    def _words(self, waveform: FloatArray, start: float) -> list[Word]:
        words = []
        step = SAMPLE_RATE // 2
        for first in range(0, len(waveform), step):
            piece = waveform[first : first + step]
            if np.abs(piece).max() > SILENCE:
                text = WORDS[_seed(np.round(piece[::160] * 100).astype(np.int16).tobytes()) % len(WORDS)]
                begin = start + first / SAMPLE_RATE
                words.append(Word(begin, begin + len(piece) / SAMPLE_RATE, text, 0.9))
        return words


class FakeTagger:
    """Sees colours."""

    labels = tuple(COLOURS)

    def tag(self, images: Sequence[Image]) -> FloatArray:
        """Probabilities (n_images, n_labels) of the main colour."""
        return np.array([list(main_colour(image).values()) for image in images], dtype=np.float32).reshape(-1, len(COLOURS))


class FakeReader:
    """Reads the word FAKE in every picture that is at least twice as wide as high."""

    def read(self, image: Image) -> tuple[TextLine, ...]:
        """One line or none."""
        width, height = image.size
        return (TextLine("FAKE", 0.99, (0.0, 0.0, float(width), float(height))),) if width >= 2 * height else ()


class FakeTextEmbedder:
    """Sums a fixed random vector per word, so that sentences are alike when they share words."""

    def embed_texts(self, texts: Sequence[str]) -> FloatArray:
        """Embeddings (n_texts, 64), L2-normalised."""
        rows = [sum((_word_vector(word) for word in re.findall(r"\w+", text.lower()) or [""]), np.zeros(DIM)) for text in texts]
        embeddings = np.array(rows, dtype=np.float64).reshape(-1, DIM)
        return np.asarray(embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True), dtype=np.float32)


def _word_vector(word: str) -> FloatArray:
    return np.asarray(np.random.default_rng(_seed(word)).normal(size=DIM), dtype=np.float32)


class FakeJointEmbedder(FakeSight, FakeTextEmbedder):
    """Puts a picture where the name of its main colour is."""

    logit_scale = 20.0

    def embed_images(self, images: Sequence[Image]) -> FloatArray:
        """Embeddings (n_images, 64), L2-normalised."""
        return self.embed_texts([max(scores, key=scores.__getitem__) for scores in map(main_colour, images)])


class FakeChat:
    """Answers with the last message, word by word; in JSON with an empty object."""

    context_tokens = 2048

    def stream(self, messages: Sequence[ChatMessage], *, options: GenerateOptions) -> Iterator[str]:
        """Yield at most `max_new_tokens` words."""
        if options.json_schema or options.grammar:
            yield "{}"
            return
        text = "You said: " + messages[-1].content
        for stop in filter(None, options.stop):
            text = text.partition(stop)[0]
        for number, piece in enumerate(re.findall(r"\s*\S+", text)):
            if number >= options.max_new_tokens:
                return
            yield piece

    def score(self, messages: Sequence[ChatMessage], choices: Sequence[str]) -> FloatArray:
        """Probabilities (n_choices,): a choice that is named in the question wins."""
        asked = messages[-1].content.lower()
        return _softmax([2.0 * (choice.lower() in asked) + (_seed(choice) % 100) / 100 for choice in choices])


def _fake_look(word: str) -> tuple[float, ...]:
    """Shares of the 81 cells, all on the one that the word hashes to."""
    cell = _seed(word) % CELLS
    return tuple(float(i == cell) for i in range(CELLS))


class FakeCaptioner:
    """Names the main colour."""

    def caption(self, image: Image, *, options: CaptionOptions, progress: Progress, lease: Lease) -> Captioning:  # noqa: ARG002
        """`options.n` captions, best first."""
        colours = _best_first(main_colour(image))
        captions = []
        for number in range(options.n):
            progress.report("Captioning", number + 1, options.n, "captions")
            guess = colours[number % len(colours)]
            text = f"{options.prefix} a {guess.label} picture".strip()
            words = tuple(text.split())
            captions.append(Caption(text, guess.score, float(np.log(guess.score + 1e-9)), words, tuple(map(_fake_look, words))))
        return Captioning(tuple(captions), Evidence(colours[:5], FakeReader().read(image), BASIS))


class FakeAnswerer:
    """Answers with the main colour, or the first choice without a picture."""

    def answer(self, image: Image | None, question: str, *, options: AnswerOptions, progress: Progress, lease: Lease) -> Answer:  # noqa: ARG002
        """The answer with its alternatives."""
        progress.report("Answering", 1, 1, "questions")
        colours = main_colour(image) if image is not None else dict.fromkeys(COLOURS, 1 / len(COLOURS))
        words = options.choices or {"yes/no": ("yes", "no"), "count": ("1", "2", "3")}.get(options.kind, tuple(COLOURS))
        probs = _softmax([5 * colours.get(word, (_seed(question + word) % 100) / 200) for word in words])
        ranked = _best_first(dict(zip(words, probs.tolist(), strict=True)))[: options.top_k]
        evidence = Evidence(_best_first(colours)[:5], FakeReader().read(image) if image is not None else (), BASIS)
        look = _fake_look(question) if image is not None else ()
        return Answer(ranked[0].label, ranked[0].score, ranked, evidence, source="answer model", look=look)


class FakeSoundTagger:
    """Hears loudness, and how many times a second it changes sign."""

    labels = ("high sound", "low sound")
    dim = DIM

    def hear(self, waveform: FloatArray) -> Heard:
        """A vector that turns with the pitch; above 1 kHz a sound is high."""
        loud = bool(waveform.size) and float(np.abs(waveform).max()) > SILENCE
        hertz = float(np.count_nonzero(np.diff(np.signbit(waveform)))) / 2 / max(1, waveform.size) * SAMPLE_RATE
        vector = np.zeros(DIM, np.float32)
        vector[:2] = np.cos(hertz / 5000), np.sin(hertz / 5000)
        probs = [0.0, 0.0, 1.0] if not loud else [0.8, 0.1, 0.1] if hertz > 1000 else [0.1, 0.8, 0.1]
        return Heard(vector, np.array(probs, np.float32))

    def named(self, query: FloatArray) -> FloatArray:
        """Whichever of the labels a fake text embedder puts nearest to `query`."""
        similarity = FakeTextEmbedder().embed_texts(self.labels) @ query
        return _softmax([*(10 * similarity), 5.0])

    def tag_sound(self, waveform: FloatArray) -> tuple[LabelScore, ...]:
        """ "High sound" and "low sound" with probabilities, best first."""
        return _best_first(dict(zip(self.labels, self.hear(waveform).probs.tolist(), strict=False)))
