"""How fast a loaded model is here: one small piece of its own kind of work, timed."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Any

from mm_demos import media, samples
from mm_demos.models import catalog, loader
from mm_demos.models.protocols import (
    SAMPLE_RATE,
    AnswerOptions,
    CaptionOptions,
    ChatMessage,
    GenerateOptions,
    TranscribeOptions,
)
from mm_demos.models.usage import usage_of
from mm_demos.progress import Progress

QUESTION = "Describe a morning in a harbour town in five sentences."
WARM_TOKENS, TOKENS = 3, 32
RUNS = 3  # the best counts: what else the machine does only ever makes it slower
SENTENCE = "A dog runs along the beach."


@dataclass(frozen=True, slots=True)
class Speed:
    """A rate and its unit: "tokens/s", "× real time", "runs/s"."""

    rate: float
    unit: str


def speed_of(name: str, progress: Progress | None = None) -> Speed | None:
    """The speed of a model, loading it first if need be; None for a kind of model that has no piece of work here."""
    told = progress or Progress()
    measure = MEASURES.get(catalog.spec(name).role)
    if measure is None:
        return None
    with ExitStack() as stack:

        def lease(other: str) -> Any:
            return stack.enter_context(loader.shared().lease(other, progress=told))

        model = lease(name)
        told.report(f"Timing {name}")
        return measure(model, told, lease)


def _chat(model: Any, progress: Progress, _: Any) -> Speed | None:
    """Tokens after the first one a second; by the pieces where the model does not count tokens."""
    _write(model, progress, WARM_TOKENS)
    began = time.perf_counter()
    usage, pieces = _write(model, progress, TOKENS)
    rate = usage.decode_tokens_per_second if usage else pieces / (time.perf_counter() - began)
    return Speed(rate, "tokens/s") if rate else None


def _write(model: Any, progress: Progress, n_tokens: int) -> tuple[Any, int]:
    stream = model.stream([ChatMessage("user", QUESTION)], options=GenerateOptions(max_new_tokens=n_tokens))
    pieces = 0
    with closing(stream):
        for _ in stream:
            progress.checkpoint()
            pieces += 1
    return usage_of(stream), pieces


def _speech(model: Any, progress: Progress, _: Any) -> Speed:
    waveform = media.load_audio(samples.path("jfk.flac"))
    options = TranscribeOptions(language="en")
    seconds = _best(lambda: list(model.transcribe(waveform, options=options, progress=progress).segments), progress, runs=2)
    return Speed(len(waveform) / SAMPLE_RATE / seconds, "× real time")


def _captioner(model: Any, progress: Progress, lease: Any) -> Speed:
    image, options = media.load_image(samples.path("cat.jpg")), CaptionOptions(n=1)
    return _runs(lambda: model.caption(image, options=options, progress=progress.part(), lease=lease), progress)


def _answerer(model: Any, progress: Progress, lease: Any) -> Speed:
    image, options = media.load_image(samples.path("cat.jpg")), AnswerOptions()
    question = "What animal is this?"
    return _runs(lambda: model.answer(image, question, options=options, progress=progress.part(), lease=lease), progress)


def _pictures(model: Any, progress: Progress, _: Any) -> Speed:
    image = media.load_image(samples.path("cat.jpg"))
    return _runs(lambda: model.embed_images([image]), progress)


def _sentences(model: Any, progress: Progress, _: Any) -> Speed:
    return _runs(lambda: model.embed_texts([SENTENCE]), progress)


def _sounds(model: Any, progress: Progress, _: Any) -> Speed:
    waveform = media.load_audio(samples.path("dog-bark.ogg"))
    return _runs(lambda: model.hear(waveform), progress)


def _runs(work: Callable[[], Any], progress: Progress) -> Speed:
    return Speed(1 / _best(work, progress), "runs/s")


def _best(work: Callable[[], Any], progress: Progress, runs: int = RUNS) -> float:
    """Seconds of the fastest of `runs` runs."""
    seconds = []
    for _ in range(runs):
        progress.checkpoint()
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return max(1e-9, min(seconds))


MEASURES: dict[catalog.Role, Callable[[Any, Progress, Any], Speed | None]] = {
    "chat": _chat,
    "speech": _speech,
    "captioner": _captioner,
    "answerer": _answerer,
    "joint-embedder": _pictures,
    "text-embedder": _sentences,
    "sound-tagger": _sounds,
}
