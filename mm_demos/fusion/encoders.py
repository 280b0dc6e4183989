"""The frozen encoders of the studio: by name, with the revision that tells their features apart, and how each is run."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Any

import numpy as np

from mm_demos.errors import InvalidInputError, MissingDependencyError
from mm_demos.fusion import signal_features
from mm_demos.fusion.types import Encoder, Modality
from mm_demos.models import catalog
from mm_demos.models.catalog import revision_of
from mm_demos.models.protocols import SAMPLE_RATE, FloatArray, Lease, TranscribeOptions

if TYPE_CHECKING:
    from PIL.Image import Image

    from mm_demos.progress import Progress

# Fixed, not the profile's: what a model was trained with must be there when it predicts.
SENTENCES, PICTURES, SPEECH = "all-MiniLM-L6-v2", "mm-mini-clip", "whisper-base"
TRUNK = "efficientnet-lite2"  # runs inside PICTURES, with its own weights unchanged
SENTENCE_DIM = 384
CNN_CHANNELS = 1280  # the last convolution of EfficientNet-Lite2; they come first in the cells of a look
SPOKEN_SECONDS = 60.0  # transcribed at most: the sentence encoder reads no more than 256 tokens, about a minute of speech
LISTENING = TranscribeOptions(beam_size=1, condition_on_previous_text=False)  # greedy: as right on short recordings, faster
FORMAT = 1  # of what is made with the weights; a new one has features made anew

Vectors = Mapping[str, FloatArray]  # encoder name → (n, dim)


@dataclass(frozen=True, slots=True)
class _Recipe:
    """How an encoder of the studio is put together.

    Args:
        model: what is leased; empty for signal processing.
        dim: numbers in its vector.
        revision: of what makes its vectors.
        summary: one line for people.
    """

    modality: Modality
    model: str
    dim: Callable[[], int]
    revision: Callable[[], str]
    summary: str


def _picture_dim() -> int:
    from mm_demos.models.mini_clip import embedding_dim
    from mm_demos.models.sources import PACKAGED

    return embedding_dim(PACKAGED)


def _embedding_dim(model: str, dim: Callable[[], int]) -> int:
    """Numbers in an embedding; the stand-ins that tests of pages run on have a width of their own."""
    if catalog.spec(model).engines[0].name == "fake":
        from mm_demos.models.fake import DIM

        return DIM
    return dim()


def _version(package: str) -> str:
    try:
        return f"{package} {metadata.version(package)}"
    except metadata.PackageNotFoundError:
        raise MissingDependencyError(f"{package} is not installed: install what requirements.txt lists.") from None


_RECIPES: Mapping[str, _Recipe] = {
    "minilm": _Recipe(
        "text",
        SENTENCES,
        lambda: _embedding_dim(SENTENCES, lambda: SENTENCE_DIM),
        lambda: revision_of(SENTENCES),
        "Sentences by meaning: all-MiniLM-L6-v2, a small BERT",
    ),
    "mini-clip": _Recipe(
        "image",
        PICTURES,
        lambda: _embedding_dim(PICTURES, _picture_dim),
        lambda: revision_of(PICTURES),
        "Pictures in the space of sentences: the suite's own joint embedder",
    ),
    "efficientnet": _Recipe(
        "image",
        PICTURES,
        lambda: CNN_CHANNELS,
        lambda: revision_of(TRUNK),
        "Pictures by what a CNN saw last: EfficientNet-Lite2, pooled, trained on ImageNet",
    ),
    "whisper-sound": _Recipe(
        "audio",
        SPEECH,
        lambda: signal_features.WHISPER_DIM,
        lambda: revision_of(SPEECH),
        "How it sounds: statistics of the frames of Whisper's encoder",
    ),
    "mfcc": _Recipe(
        "audio",
        "",
        lambda: signal_features.MFCC_DIM,
        lambda: _version("librosa"),
        "How it sounds: cepstral coefficients, mean and deviation",
    ),
    "mel": _Recipe(
        "audio",
        "",
        lambda: signal_features.MEL_DIM,
        lambda: _version("faster-whisper"),
        "How it sounds: statistics of Whisper's mel spectrogram",
    ),
    "spoken-words": _Recipe(
        "audio",
        SPEECH,
        lambda: _embedding_dim(SENTENCES, lambda: SENTENCE_DIM),
        lambda: f"{revision_of(SPEECH)}-{revision_of(SENTENCES)}",
        "What is said: Whisper's transcript by meaning",
    ),
}
# By a linear classifier in four folds: ESC-10 sounds 0.94 by whisper-sound, 0.74 by mel, 0.72 by mfcc; the main subject of photos
# that no model was trained on, of eight, 0.91 by mini-clip, 0.89 by efficientnet, 0.91 by both.
_DEFAULTS: Mapping[Modality, tuple[str, ...]] = {"text": ("minilm",), "image": ("mini-clip",), "audio": ("whisper-sound",)}
ENCODERS: tuple[str, ...] = tuple(_RECIPES)


def default_encoders(modality: Modality) -> tuple[str, ...]:
    """Names of the encoders that are used unless others are asked for: the best single one of the modality."""
    return _DEFAULTS[modality]


def encoders_for(modality: Modality) -> tuple[str, ...]:
    """Names of all encoders of a modality."""
    return tuple(name for name, recipe in _RECIPES.items() if recipe.modality == modality)


def summary(name: str) -> str:
    """One line about an encoder, for people."""
    return _recipe(name).summary


def encoder(name: str) -> Encoder:
    """The encoder of this name; nothing is loaded.

    Raises:
        InvalidInputError: there is none; the message names the closest, or all.
        MissingDependencyError: the library that computes it is not installed.
    """
    recipe = _recipe(name)
    return Encoder(name, recipe.modality, recipe.model, f"{recipe.revision()}-v{FORMAT}", recipe.dim())


def _recipe(name: str) -> _Recipe:
    if name in _RECIPES:
        return _RECIPES[name]
    close = difflib.get_close_matches(str(name).lower(), ENCODERS, n=2)
    hint = f"did you mean {' or '.join(close)}?" if close else f"choose one of {', '.join(ENCODERS)}."
    raise InvalidInputError(f"There is no encoder named {str(name)[:60]!r}: {hint}")


def encode_texts(texts: Sequence[str], names: Sequence[str], *, lease: Lease, progress: Progress) -> Vectors:
    """Vectors of texts by the encoders `names`."""
    progress.checkpoint()
    return {name: lease(SENTENCES).embed_texts(texts) for name in names}


def encode_images(images: Sequence[Image], names: Sequence[str], *, lease: Lease, progress: Progress) -> Vectors:
    """Vectors of RGB pictures by the encoders `names`; both come from one pass of the network."""
    model = lease(PICTURES)
    progress.checkpoint()
    if "efficientnet" not in names:
        return {name: model.embed_images(images) for name in names}
    rows = []
    for image in images:
        progress.checkpoint()
        look = model.look(image)
        rows.append({"mini-clip": look.embedding, "efficientnet": look.features[:, :CNN_CHANNELS].mean(0)})
    return {name: np.stack([row[name] for row in rows]).astype(np.float32) for name in names}


def encode_sounds(waveforms: Sequence[FloatArray], names: Sequence[str], *, lease: Lease, progress: Progress) -> Vectors:
    """Vectors of waveforms (n_samples,) at 16 kHz by the encoders `names`."""
    return {
        name: np.stack([_encode_sound(waveform, name, lease, progress) for waveform in waveforms]).astype(np.float32)
        for name in names
    }


def _encode_sound(waveform: FloatArray, name: str, lease: Lease, progress: Progress) -> FloatArray:
    progress.checkpoint()
    if name == "mfcc":
        return signal_features.mfcc(waveform)
    if name == "mel":
        return signal_features.mel(waveform)
    speech: Any = lease(SPEECH)
    if name == "whisper-sound":
        return signal_features.heard_by(speech, waveform, progress=progress)
    heard = waveform[: round(SPOKEN_SECONDS * SAMPLE_RATE)]
    said = " ".join(segment.text for segment in speech.transcribe(heard, options=LISTENING, progress=progress).segments).strip()
    words: FloatArray = lease(SENTENCES).embed_texts([said])[0]
    return words if said else np.zeros_like(words)
