"""Frozen results: what every task returns, whichever door asked. `as_dict` is their JSON form."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Option = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class ModelUse:
    """One model that took part in a result.

    Args:
        name: catalog name.
        revision: commit or release of the weights; empty when a library carries them.
        engine: "faster-whisper", "onnxruntime", "llama.cpp", …
        device: "cpu", "cuda:0", "mps".
        dtype: "int8", "float32", "q4_k_m", …
        load_seconds: how long this run waited for the load; 0.0 when the model was resident.
    """

    name: str
    revision: str
    engine: str
    device: str
    dtype: str
    load_seconds: float


@dataclass(frozen=True, slots=True)
class Receipt:
    """How a result came about, complete enough to run it again.

    Args:
        task: the verb, e.g. "transcribe".
        models: every model that took part.
        options: the options after defaults were filled in.
        seed: the seed used; None where nothing is random.
        run_seconds: wall time without model loads.
        peak_memory_bytes: the highest resident set size of the process during the run.
        version: version of mm_demos.
    """

    task: str
    models: tuple[ModelUse, ...]
    options: Mapping[str, Option]
    seed: int | None
    run_seconds: float
    peak_memory_bytes: int
    version: str

    @property
    def load_seconds(self) -> float:
        """Time this run waited for models to load."""
        return sum(use.load_seconds for use in self.models)


@dataclass(frozen=True, slots=True)
class Word:
    """One spoken word; `start` and `end` in seconds, `prob` in [0, 1]."""

    start: float
    end: float
    text: str
    prob: float


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of speech.

    Args:
        start: seconds from the beginning of the file.
        end: seconds from the beginning of the file.
        text: what was said, stripped.
        avg_logprob: mean log-probability of the tokens, ≤ 0.
        no_speech_prob: probability in [0, 1] that the window holds no speech.
        compression_ratio: bytes of text over bytes of its zlib form; above 2.4 the text repeats itself.
        words: empty unless word times were asked for.
        flags: why the text may be invented: "silence", "repetition", "low confidence".
    """

    start: float
    end: float
    text: str
    avg_logprob: float
    no_speech_prob: float
    compression_ratio: float = 1.0
    words: tuple[Word, ...] = ()
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Transcription:
    """What was said in one file.

    Args:
        language: ISO 639-1 code; empty when nobody speaks and none was given.
        language_prob: in [0, 1]; 1.0 when the language was given.
        duration: of the whole file, in seconds.
        notices: sentences for the user, e.g. that no speech was heard.
    """

    text: str
    language: str
    language_prob: float
    duration: float
    segments: tuple[Segment, ...]
    receipt: Receipt | None = None
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LabelScore:
    """A label and its probability in [0, 1] (the docstring of the producer says over what)."""

    label: str
    score: float


@dataclass(frozen=True, slots=True)
class TextLine:
    """A line of text read in a picture; `box` is (left, top, right, bottom) in pixels, `score` in [0, 1]."""

    text: str
    score: float
    box: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the models saw in a picture, and in one sentence what the result is built on."""

    labels: tuple[LabelScore, ...] = ()
    text_lines: tuple[TextLine, ...] = ()
    basis: str = ""


@dataclass(frozen=True, slots=True)
class Caption:
    """One caption of a picture.

    Args:
        text: the caption as a sentence.
        score: its image–text similarity, the cosine in [-1, 1].
        log_prob: natural logarithm of its probability given the picture; None when a language model worded it.
        words: the words of `text` that `looks` are about; empty when a language model worded it.
        looks: for each word, the shares of the 9 x 9 grid's cells, row by row, in where it looked; each sums to 1.
    """

    text: str
    score: float
    log_prob: float | None = None
    words: tuple[str, ...] = ()
    looks: tuple[tuple[float, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Captioning:
    """Captions of one picture, best first."""

    captions: tuple[Caption, ...]
    evidence: Evidence = field(default_factory=Evidence)
    receipt: Receipt | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to a question about a picture.

    Args:
        text: the answer, short.
        confidence: probability in [0, 1] given to `text` among `alternatives`.
        alternatives: the candidates with their probabilities, best first; the first one is `text`.
        unsure: the confidence is under the threshold asked for: show "not sure".
        without_image: the same question with the picture blanked; None unless asked for.
        source: "answer model", "text in the picture" or "language model".
        look: shares of the 9 x 9 grid's cells, row by row, in where the answer model looked; empty for other sources.
    """

    text: str
    confidence: float
    alternatives: tuple[LabelScore, ...]
    evidence: Evidence = field(default_factory=Evidence)
    unsure: bool = False
    without_image: Answer | None = None
    receipt: Receipt | None = None
    source: str = ""
    look: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Classification:
    """A decision among the user's labels.

    Args:
        label: the best label; empty when `abstained`.
        scores: fused probabilities over all labels, best first, summing to 1.
        per_modality: "text", "image", "speech" (what is said), "sound" (how it sounds) → that modality's own probabilities, in
            the order of `scores`.
        weights: the share each modality had in the fused score, summing to 1.
        contributions: the share each modality had in the best label's score, summing to 1.
        transcript: what was said in the audio, if any.
        notices: sentences for the user, e.g. which modality was missing.
        abstained: the best score is under the threshold asked for.
    """

    label: str
    scores: tuple[LabelScore, ...]
    per_modality: Mapping[str, tuple[LabelScore, ...]]
    weights: Mapping[str, float] = field(default_factory=dict)
    contributions: Mapping[str, float] = field(default_factory=dict)
    transcript: str = ""
    notices: tuple[str, ...] = ()
    abstained: bool = False
    receipt: Receipt | None = None


@dataclass(frozen=True, slots=True)
class GeneratedImage:
    """One painted picture.

    Args:
        png: the file, with its settings as text chunks inside; left out of `as_dict`.
        width: pixels.
        height: pixels.
        seed: of its noise; `generate` with this seed and n = 1 paints it again.
        pixels_sha256: of the RGB bytes, row by row: equal for equal pictures.
        score: image–text similarity of prompt and picture, the cosine in [-1, 1]; None when it was not asked for.
    """

    png: bytes = field(repr=False, metadata={"json": False})
    width: int
    height: int
    seed: int
    pixels_sha256: str
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Generation:
    """Pictures for one prompt, finished ones first by score when scores were asked for, otherwise by seed.

    Args:
        prompt: as it was painted, after a spoken prompt was transcribed.
        images: finished pictures.
        preview: a PNG of the picture under way; None when none is.
        step: steps done of the picture under way.
        steps: steps of one picture.
        total: pictures asked for.
        notices: sentences for the user, e.g. which memory saving was chosen.
        done: no more pictures follow.
    """

    prompt: str
    images: tuple[GeneratedImage, ...] = ()
    preview: bytes | None = field(default=None, repr=False, metadata={"json": False})
    step: int = 0
    steps: int = 0
    total: int = 1
    notices: tuple[str, ...] = ()
    done: bool = False
    receipt: Receipt | None = None


def as_dict(result: Any) -> Any:
    """A result as plain dictionaries, lists, strings and numbers, ready for `json.dumps`."""
    if dataclasses.is_dataclass(result) and not isinstance(result, type):
        kept = (f.name for f in dataclasses.fields(result) if f.metadata.get("json", True))
        return {name: as_dict(getattr(result, name)) for name in kept}
    if isinstance(result, Mapping):
        return {str(key): as_dict(value) for key, value in result.items()}
    if isinstance(result, list | tuple):
        return [as_dict(item) for item in result]
    return result
