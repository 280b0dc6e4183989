"""What a task may ask of a model. Adapters implement these; tasks and tabs know nothing else of a model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from mm_demos.progress import Progress
from mm_demos.results import Answer, Captioning, LabelScore, Segment, TextLine

if TYPE_CHECKING:
    from PIL.Image import Image

FloatArray = NDArray[np.float32]
Lease = Callable[[str], Any]  # gives the model of a catalog name, held until the run ends
SAMPLE_RATE = 16_000  # Hz; every waveform in the project, as Whisper was trained on


@dataclass(frozen=True, slots=True)
class TranscribeOptions:
    """How to transcribe.

    Args:
        language: ISO 639-1 code, or None to detect it.
        task: "transcribe" keeps the language, "translate" writes English.
        beam_size: hypotheses kept; 1 is greedy.
        temperature: 0 is deterministic; None retries hotter when a segment looks failed (Radford et al., 2022, section 4.5).
        vad_filter: drop stretches without voice before decoding (Silero VAD).
        word_timestamps: give each word a time and a probability.
        initial_prompt: words that the model should expect: names, spelling, style.
        condition_on_previous_text: feed each window the text before it; steadier style, but a loop can spread.
    """

    language: str | None = None
    task: Literal["transcribe", "translate"] = "transcribe"
    beam_size: int = 5
    temperature: float | None = None
    vad_filter: bool = False
    word_timestamps: bool = False
    initial_prompt: str = ""
    condition_on_previous_text: bool = True


@dataclass(frozen=True, slots=True)
class SegmentStream:
    """Segments as they are decoded; `language_prob` in [0, 1], `duration` in seconds."""

    segments: Iterator[Segment]
    language: str
    language_prob: float
    duration: float


@runtime_checkable
class SpeechRecognizer(Protocol):
    """Speech to text."""

    @property
    def languages(self) -> tuple[str, ...]:
        """ISO 639-1 codes it knows."""
        ...

    def transcribe(self, waveform: FloatArray, *, options: TranscribeOptions, progress: Progress | None = None) -> SegmentStream:
        """Decode `waveform` (n_samples,) float32 in [-1, 1] at 16 kHz, lazily, segment by segment.

        Stopping `progress` is heard before every attempt at a window, also between the retries at higher temperatures.
        """
        ...


@runtime_checkable
class ImageTagger(Protocol):
    """Pictures to probabilities over a fixed set of labels."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the columns of `tag`."""
        ...

    def tag(self, images: Sequence[Image]) -> FloatArray:
        """Probabilities (n_images, n_labels), each row summing to 1."""
        ...


@runtime_checkable
class TextReader(Protocol):
    """Pictures to the text written in them."""

    def read(self, image: Image) -> tuple[TextLine, ...]:
        """Lines in reading order; empty when there is no text."""
        ...


@runtime_checkable
class TextEmbedder(Protocol):
    """Sentences to unit vectors."""

    def embed_texts(self, texts: Sequence[str]) -> FloatArray:
        """Embeddings (n_texts, dim), L2-normalised."""
        ...


@runtime_checkable
class JointEmbedder(TextEmbedder, Protocol):
    """Pictures and sentences in one space; similarity is the dot product."""

    @property
    def logit_scale(self) -> float:
        """Factor that turns similarities into logits whose softmax is calibrated.

        Of a model trained with a sigmoid, which judges every pair by itself, the softmax is the probability given that exactly
        one of the texts fits: the odds of each against the sum of all odds, in which the bias cancels out.
        """
        ...

    def embed_images(self, images: Sequence[Image]) -> FloatArray:
        """Embeddings (n_images, dim), L2-normalised."""
        ...


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One turn; the chat template of the checkpoint turns the turns into a prompt."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class GenerateOptions:
    """How to generate.

    Args:
        max_new_tokens: upper bound of the answer's length.
        temperature: 0 is greedy.
        top_p: nucleus sampling, in (0, 1].
        seed: makes sampling repeatable.
        stop: strings that end the answer; they are not part of it.
        json_schema: the answer must be JSON that fits this schema; empty for free text.
        grammar: GBNF grammar the answer must follow; empty for free text.
    """

    max_new_tokens: int = 256
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    stop: tuple[str, ...] = ()
    json_schema: str = ""
    grammar: str = ""


@runtime_checkable
class ChatModel(Protocol):
    """A language model that follows instructions."""

    @property
    def context_tokens(self) -> int:
        """Prompt and answer together may have at most this many tokens."""
        ...

    def stream(self, messages: Sequence[ChatMessage], *, options: GenerateOptions) -> Iterator[str]:
        """Yield pieces of the answer; closing the iterator ends generation within one token."""
        ...

    def score(self, messages: Sequence[ChatMessage], choices: Sequence[str]) -> FloatArray:
        """Probabilities (n_choices,), summing to 1, that the answer is each of `choices`."""
        ...


@dataclass(frozen=True, slots=True)
class CaptionOptions:
    """How to caption.

    Args:
        style: "alt-text" has at most 125 characters.
        language: ISO 639-1 code.
        prefix: words that every caption begins with.
        n: how many captions.
        max_new_tokens: upper bound of a caption's length.
        temperature: of sampling and of the language model.
        seed: makes sampling repeatable.
        method: "beam" searches for the likeliest words, "sampling" draws them.
        beams: captions under way in the search, in [1, 8]; at least `n` are kept.
    """

    style: Literal["short", "detailed", "alt-text", "playful"] = "short"
    language: str = "en"
    prefix: str = ""
    n: int = 3
    max_new_tokens: int = 40
    temperature: float = 0.7
    seed: int = 0
    method: Literal["beam", "sampling"] = "beam"
    beams: int = 4


@runtime_checkable
class Captioner(Protocol):
    """Pictures to sentences."""

    def caption(self, image: Image, *, options: CaptionOptions, progress: Progress, lease: Lease) -> Captioning:
        """`options.n` captions, best first by image–text similarity, with what they are built on.

        `lease` is asked for the models that only some requests need.
        """
        ...


@dataclass(frozen=True, slots=True)
class AnswerOptions:
    """How to answer: `choices` restricts the answer to a list; `kind` restricts it to yes/no or a number."""

    kind: Literal["open", "yes/no", "count", "choice"] = "open"
    choices: tuple[str, ...] = ()
    top_k: int = 5
    max_new_tokens: int = 24
    seed: int = 0


@runtime_checkable
class QuestionAnswerer(Protocol):
    """A picture and a question to a short answer."""

    def answer(self, image: Image | None, question: str, *, options: AnswerOptions, progress: Progress, lease: Lease) -> Answer:
        """The answer with its alternatives; `image` None asks with the picture blanked (the language prior alone).

        `lease` is asked for the models that only some questions need.
        """
        ...


@dataclass(frozen=True, slots=True)
class Heard:
    """How a stretch sounds: `vector` (dim,) L2-normalised; `probs` (n_labels + 1,) summing to 1, none of the labels last."""

    vector: FloatArray
    probs: FloatArray


@runtime_checkable
class SoundListener(Protocol):
    """Sounds to vectors that can be compared, and to probabilities over a fixed set of events."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The sound events it knows."""
        ...

    @property
    def dim(self) -> int:
        """Numbers in a vector."""
        ...

    def hear(self, waveform: FloatArray) -> Heard:
        """One stretch of sound (n_samples,) at 16 kHz, of about five seconds, at most 30."""
        ...

    def tag_sound(self, waveform: FloatArray) -> tuple[LabelScore, ...]:
        """Events in `waveform` (n_samples,) at 16 kHz with probabilities, best first."""
        ...


@runtime_checkable
class SoundTagger(SoundListener, Protocol):
    """A listener that knows which of its events a query means."""

    def named(self, query: FloatArray) -> FloatArray:
        """Probabilities (n_labels + 1,), summing to 1, that a query means each sound; none of them last.

        `query` is its embedding (384,) in the space of all-MiniLM-L6-v2, L2-normalised.
        """
        ...


@runtime_checkable
class SoundEmbedder(SoundListener, TextEmbedder, Protocol):
    """A listener with sentences in the space of its vectors, by dot product: it can be asked for any sound."""

    @property
    def logit_scale(self) -> float:
        """Factor that turns similarities into logits whose softmax is calibrated."""
        ...


@runtime_checkable
class Speaker(Protocol):
    """Text to speech."""

    def speak(self, text: str, *, speed: float = 1.0, variation: float = 1.0) -> tuple[FloatArray, int]:
        """Waveform (n_samples,) float32 in [-1, 1], and its sample rate in Hz; empty where nothing can be pronounced.

        Args:
            speed: 2 takes little more than half the time.
            variation: of melody and rhythm from one call to the next; at 0 the same text always sounds the same.
        """
        ...
