"""Vision-language models of the hub as captioners and answerers: BLIP, BLIP-2, Florence-2, SmolVLM, Idefics3, Qwen-VL."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from mm_demos.errors import InvalidInputError
from mm_demos.models import catalog
from mm_demos.models.caption_phrases import LANGUAGES, fitted
from mm_demos.models.caption_writer import distinct
from mm_demos.models.placing import number_format, weight_bytes
from mm_demos.models.vlm_transformers_answers import Candidates, by_likelihood, counted, free
from mm_demos.models.vlm_transformers_checkpoints import Checkpoint, fitting, open_checkpoint
from mm_demos.models.vlm_transformers_decoding import Draft, Start, Way, log_prob, write
from mm_demos.models.vlm_transformers_prompts import Prompts, prompts_of
from mm_demos.models.vlm_transformers_wording import reworded
from mm_demos.results import Answer, Caption, Captioning, Evidence

if TYPE_CHECKING:
    from PIL.Image import Image

    from mm_demos.models.loader import LoadRequest
    from mm_demos.models.protocols import AnswerOptions, CaptionOptions, ChatModel, JointEmbedder, Lease
    from mm_demos.progress import Progress

SOURCE = "answer model"
BLANK = "Answered without the picture, from what is usual."
WAIT_SECONDS = 0.1  # between two looks at whether a caller that waits for its turn has been stopped
ANSWER_BEAMS = 5


def load_captioner(request: LoadRequest) -> VisionLanguage:
    """The checkpoint in `request.folder`, or the one that this row is made of.

    Raises:
        InvalidInputError: it was trained to answer only.
    """
    model = _shared(request) or _own(request)
    if not model.can_caption:
        raise InvalidInputError(f"{request.spec.name} was trained to answer questions only: choose another model for captions.")
    return model


def load_answerer(request: LoadRequest) -> VisionLanguage:
    """The checkpoint in `request.folder`, or the one that this row is made of.

    Raises:
        InvalidInputError: it was trained to caption only.
    """
    model = _shared(request) or _own(request)
    if not model.can_answer:
        raise InvalidInputError(f"{request.spec.name} was trained to write captions only: choose another model for questions.")
    return model


def _own(request: LoadRequest) -> VisionLanguage:
    checkpoint = open_checkpoint(request)
    return VisionLanguage(request.spec.name, checkpoint, number_format(checkpoint.model, request))


def _shared(request: LoadRequest) -> VisionLanguage | None:
    """The model of another row that this one is made of, so that both roles share one checkpoint in memory."""
    other = next((model for model in request.components.values() if isinstance(model, VisionLanguage)), None)
    return None if other is None else other.under(request.spec.name)


class VisionLanguage:
    """A `Captioner` and a `QuestionAnswerer`; one thread at a time generates, the others wait.

    Args:
        name: of its catalog row, for sentences to the visitor.
        checkpoint: model and processor.
        dtype: what a receipt calls its numbers.
        lock: of the model that it shares its checkpoint with.
    """

    def __init__(self, name: str, checkpoint: Checkpoint, dtype: str, lock: threading.Lock | None = None) -> None:
        self._name = name
        self._checkpoint: Checkpoint | None = checkpoint
        self._lock = lock or threading.Lock()
        self._prompts: Prompts = prompts_of(checkpoint.model.config.model_type)
        self.can_caption, self.can_answer = checkpoint.can_caption, checkpoint.can_answer
        self.device = str(checkpoint.model.device)
        self.dtype = dtype
        self.weight_bytes = 0 if lock else weight_bytes(checkpoint.model)  # what is shared weighs once

    def under(self, name: str) -> VisionLanguage:
        """The same checkpoint under another name; closing one leaves the other as it is."""
        return VisionLanguage(name, self._open, self.dtype, self._lock)

    def caption(self, image: Image, *, options: CaptionOptions, progress: Progress, lease: Lease) -> Captioning:
        """`options.n` distinct captions where the method finds as many, best first by image–text similarity.

        The similarity is that of the profile's joint embedder. Styles and languages that the family does not write are worded
        from its short English captions by the profile's language model.

        Raises:
            InvalidInputError: a language that nobody here writes.
        """
        if options.language not in LANGUAGES:
            raise InvalidInputError(f"Captions cannot be written in {options.language!r}: choose one of {', '.join(LANGUAGES)}.")
        styled, spoken = self._prompts.styled(options), self._prompts.spoken(options)
        own = replace(options, language=spoken) if styled else replace(options, style="short", language="en", prefix="")
        probs = self._written(image, own, progress)
        shown, basis = [(text, text) for text in probs], ""
        embedder: JointEmbedder = lease(catalog.default("joint-embedder"))
        if shown and (own.style, own.language) != (options.style, options.language):
            chat: ChatModel = lease(catalog.default("chat"))
            shown, basis = reworded(list(probs), options, progress, restyle=not styled, chat=chat, embedder=embedder)
        progress.report("Ranking the captions")
        scores = (embedder.embed_texts([text for _, text in shown]) @ embedder.embed_images([image])[0]).clip(-1, 1)
        captions = [Caption(text, float(score), probs.get(text)) for (text, _), score in zip(shown, scores, strict=True)]
        best_first = tuple(sorted(captions, key=lambda caption: -caption.score))
        return Captioning(best_first, Evidence(basis=f"{self._basis} {basis}".strip()))

    def _written(self, image: Image, options: CaptionOptions, progress: Progress) -> dict[str, float]:
        """At most `options.n` captions in its own words, each with its log-probability."""
        with self._turn(progress) as checkpoint:
            progress.report("Looking at the picture")
            begun = checkpoint.tokens(checkpoint.plain(options.prefix))
            start = checkpoint.start(fitting(image), self._prompts.caption(options))
            drafts = self._drafts(start, begun, options, _counter(progress, "Writing captions", options.max_new_tokens))
            texts = [checkpoint.text([*begun, *draft.tokens]) for draft in drafts]
        written = {
            fitted(text, options): draft.log_prob for text, draft in reversed(list(zip(texts, drafts, strict=True))) if text
        }
        return {text: written[text] for text in distinct(list(written)[::-1])[: options.n]}

    def answer(
        self,
        image: Image | None,
        question: str,
        *,
        options: AnswerOptions,
        progress: Progress,
        lease: Lease,  # noqa: ARG002 (asked as every answerer is)
    ) -> Answer:
        """The answer with at most `options.top_k` alternatives; nothing else is leased.

        Probabilities are the network's own: of a free answer that it says exactly this, of a choice, of yes and of no their share
        in what it gives to all of them. `image` None shows it a grey picture.
        """
        with self._turn(progress) as checkpoint:
            progress.report("Looking at the picture")
            start = checkpoint.start(fitting(image), self._prompts.answer(*_plain(checkpoint, question, options)))
            found = self._candidates(checkpoint, start, options, progress)[: max(1, options.top_k)]
        basis = self._basis if image is not None else BLANK
        return Answer(found[0].label, found[0].score, found, Evidence(basis=basis), source=SOURCE)

    def close(self) -> None:
        """Wait for the running text, then let go of the weights."""
        with self._lock:
            self._checkpoint = None

    @property
    def _open(self) -> Checkpoint:
        if self._checkpoint is None:
            raise RuntimeError(f"{self._name} was closed while it was in use.")
        return self._checkpoint

    @property
    def _basis(self) -> str:
        return self._prompts.about.format(name=self._name)

    @contextmanager
    def _turn(self, progress: Progress) -> Iterator[Checkpoint]:
        while not self._lock.acquire(timeout=WAIT_SECONDS):
            progress.checkpoint()
        try:
            yield self._open
        finally:
            self._lock.release()

    def _drafts(self, start: Start, begun: Sequence[int], options: CaptionOptions, step: Callable[[int], None]) -> list[Draft]:
        """More drafts than captions wanted, because some of them differ in a space or a full stop only."""
        most, beams = options.max_new_tokens, max(options.beams, options.n)
        found: list[Draft] = []
        if options.method == "sampling" and options.temperature > 0:
            drawn = Way("sampling", options.n, temperature=options.temperature, seed=options.seed, max_new_tokens=most)
            found = write(start, begun, drawn, step)
        if len({draft.tokens for draft in found}) < options.n:
            one = options.n == 1 and options.beams == 1
            found += write(start, begun, Way(n=1 if one else beams, beams=beams, max_new_tokens=most), step)
        return found

    def _candidates(self, checkpoint: Checkpoint, start: Start, options: AnswerOptions, progress: Progress) -> Candidates:
        """Answers with their probabilities, best first."""

        def likelihood(text: str) -> float:
            progress.report("Weighing the answers")
            return log_prob(start, checkpoint.tokens(text))

        if options.choices:
            return by_likelihood({choice: (choice,) for choice in options.choices}, likelihood)
        if options.kind == "yes/no":
            return by_likelihood({"yes": ("yes", "Yes"), "no": ("no", "No")}, likelihood)
        beams = min(max(options.top_k, 1), ANSWER_BEAMS)
        way = Way(n=beams, beams=beams, max_new_tokens=options.max_new_tokens, by_total=True)
        drafts = write(start, (), way, _counter(progress, "Answering", options.max_new_tokens))
        said = [(checkpoint.text(draft.tokens), math.exp(draft.log_prob)) for draft in drafts]
        return counted(said, likelihood) if options.kind == "count" else free(said)


def _plain(checkpoint: Checkpoint, question: str, options: AnswerOptions) -> tuple[str, AnswerOptions]:
    """Question and choices without words that steer the model."""
    return checkpoint.plain(question), replace(options, choices=tuple(map(checkpoint.plain, options.choices)))


def _counter(progress: Progress, message: str, total: int) -> Callable[[int], None]:
    return lambda done: progress.report(message, min(done, total), total, "tokens")
