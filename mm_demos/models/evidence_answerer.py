"""Answers from evidence: labels for what is there, text for what is written, the language model for the rest."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np

from mm_demos.models.caption_phrases import notes
from mm_demos.models.evidence import MENTIONED, look
from mm_demos.models.picture_questions import PictureQuestion, parse, wanted_lines
from mm_demos.models.protocols import ChatMessage, GenerateOptions
from mm_demos.results import Answer, LabelScore

if TYPE_CHECKING:
    from PIL.Image import Image

    from mm_demos.models.evidence import Sight
    from mm_demos.models.protocols import AnswerOptions, ChatModel, FloatArray, ImageTagger, JointEmbedder, TextReader
    from mm_demos.progress import Progress

SEEN = "Answered from ImageNet labels, which name the main subject of a picture; the language model has not seen it."
READ = "Answered from the text that PP-OCR read in the picture."
GUESSED = "Guessed by the language model from ImageNet labels and text read in the picture; it has not seen the picture itself."
COUNTED = "Labels do not count: a guess from whether it is there at all, and how often pictures show one or more of a thing."
BLANK = "Answered without the picture, from what the language model expects."

SYSTEM = "You answer questions about a picture from notes, in one to three words."
_EXAMPLES = (
    ("surely a dog, likely a beagle; no text", "Is it an animal?", "Yes"),
    ("possibly a tram; text “MAIN STREET”", "Where could this be?", "On Main Street"),
    ("surely a dog, likely a beagle; no text", "Is the dog made of wood?", "No"),
)
BESIDE = 0.05  # that a thing is there although the labels, which name one main subject, give it nothing
UNRECOGNISED = 0.2  # the same, for the share of probability that lies on no likely label
GUESS = 0.5  # how far an answer that the evidence does not decide may move from chance
OPEN_GUESS = 0.3  # the same for a free answer, where chance is next to nothing
NO_TEXT = 0.7  # that there is none when the reader found none: it misses small and handwritten text
FIRST_COUNTS = (0.6, 0.2, 0.1, 0.05, 0.05)  # of 1 to 5 when the thing is there
SAME, RELATED = 0.75, 0.45  # cosines of sentence embeddings at which two words name the same thing, or nothing alike

Probs = Mapping[str, float]


class EvidenceAnswerer:
    """A `QuestionAnswerer` made of an image tagger, a text reader, a joint embedder and a chat model."""

    def __init__(self, tagger: ImageTagger, reader: TextReader, embedder: JointEmbedder, chat: ChatModel) -> None:
        self._tagger = tagger
        self._reader = reader
        self._embedder = embedder
        self._chat = chat

    def answer(self, image: Image | None, question: str, *, options: AnswerOptions, progress: Progress) -> Answer:
        """The answer with at most `options.top_k` alternatives, and what it is built on.

        Probabilities of labels and choices are calibrated as far as the tagger and the joint embedder are; guesses of the
        language model are drawn half-way to chance, because the evidence does not decide them.
        """
        progress.report("Looking at the picture")
        sight = look(image, self._tagger, self._reader)
        progress.report("Answering")
        asked = parse(question)
        if options.choices:
            probs, basis = self._choose(image, sight, question, asked, options.choices)
        elif options.kind == "yes/no" or (options.kind == "open" and asked.form in {"presence", "yes/no"}):
            probs, basis = self._yes_no(sight, question, asked)
        elif options.kind == "count" or (options.kind == "open" and asked.form == "count"):
            probs, basis = self._count(sight, question, asked)
        else:
            probs, basis = self._open(sight, question, asked, options, progress)
        ranked = sorted(((text, float(p)) for text, p in probs.items()), key=lambda item: -item[1])[: max(1, options.top_k)]
        alternatives = tuple(LabelScore(text, p) for text, p in ranked)
        return Answer(*ranked[0], alternatives, sight.evidence(basis if image is not None else BLANK))

    def _choose(
        self, image: Image | None, sight: Sight, question: str, asked: PictureQuestion, choices: Sequence[str]
    ) -> tuple[Probs, str]:
        """Probabilities over the choices."""
        if asked.form == "text" and sight.lines:
            likeness = np.array([max(_likeness(choice, line) for line in (*_texts(sight), sight.text)) for choice in choices])
            return _shares(choices, np.exp(8 * likeness)), READ
        said = self._chat.score(self._turns(sight, question), choices)
        if image is None or {choice.strip().lower() for choice in choices} <= {"yes", "no", "maybe"}:
            if asked.form == "presence" and image is not None:
                yes_no, basis = self._yes_no(sight, question, asked)
                return _shares(choices, np.array([yes_no.get(choice.strip().lower(), 0.0) for choice in choices])), basis
            return _shares(choices, said), GUESSED
        logits = self._embedder.embed_texts(choices) @ self._embedder.embed_images([image])[0] * self._embedder.logit_scale
        alike = np.exp(logits - logits.max())
        # Joint embeddings tell things apart; where the choices are no things they only add a little.
        things = sum(sight.columns_of(choice) is not None for choice in choices) / len(choices)
        weight = 0.9 if things > 0.5 or asked.form == "identify" else 0.3
        return _shares(choices, weight * alike / alike.sum() + (1 - weight) * said), SEEN if weight > 0.5 else GUESSED

    def _yes_no(self, sight: Sight, question: str, asked: PictureQuestion) -> tuple[Probs, str]:
        """Probabilities of "yes" and "no"."""
        if asked.noun in {"text", "writing", "words", "letters"} and sight.probs.any():
            yes, basis = (0.95 if sight.lines else 1 - NO_TEXT), READ
        elif asked.form == "presence" and sight.probs.any() and (there := self._there(sight, asked.noun)) is not None:
            yes, basis = there, SEEN
        else:
            said = float(self._chat.score(self._turns(sight, question), ["Yes", "No"])[0])
            yes, basis = 0.5 + GUESS * (said - 0.5), GUESSED
        return {"yes": yes, "no": 1 - yes}, basis

    def _count(self, sight: Sight, question: str, asked: PictureQuestion) -> tuple[Probs, str]:
        """Probabilities of the numbers 0 to 5; words and lines of text are counted."""
        if asked.noun in {"words", "lines", "lines of text", "letters"} and sight.probs.any():
            n = {"words": len(sight.text.split()), "letters": sum(map(str.isalpha, sight.text))}.get(asked.noun, len(sight.lines))
            return {str(n): 0.8 if n else NO_TEXT}, READ
        there = self._there(sight, asked.noun) if sight.probs.any() else None
        if there is None:
            numbers = [str(i) for i in range(6)]
            said = self._chat.score(self._turns(sight, question), numbers)
            return _shares(numbers, GUESS * said + (1 - GUESS) / len(numbers)), GUESSED
        return {"0": 1 - there} | {str(i): there * share for i, share in enumerate(FIRST_COUNTS, 1)}, COUNTED

    def _open(
        self, sight: Sight, question: str, asked: PictureQuestion, options: AnswerOptions, progress: Progress
    ) -> tuple[Probs, str]:
        """Short answers with probabilities that sum to at most 1."""
        wanted = wanted_lines(question, _texts(sight))
        if (asked.form == "text" and sight.probs.any()) or (asked.form == "open" and wanted):
            return _written(sight, wanted), READ
        if asked.form == "identify" and sight.probs.any():
            named = _identified(sight, asked.noun)
            if named:
                return named, SEEN
        turns = self._turns(sight, question)
        text = ""
        generate = GenerateOptions(max_new_tokens=options.max_new_tokens, seed=options.seed, stop=("\n",))
        with closing(self._chat.stream(turns, options=generate)) as pieces:  # type: ignore[type-var]
            for piece in pieces:
                progress.checkpoint()
                text += piece
        text = text.strip().rstrip(".") or "unknown"
        if text.lower() == "unknown":
            return {"unknown": OPEN_GUESS}, GUESSED
        sure, unsure = self._chat.score(turns, [text, "Unknown"])
        return {text: OPEN_GUESS * float(sure), "unknown": OPEN_GUESS * float(unsure)}, GUESSED

    def _there(self, sight: Sight, noun: str) -> float | None:
        """Probability that the picture shows `noun`; None when the labels cannot tell, as with people."""
        prob = sight.prob_of(noun)
        if prob is None:
            prob = self._related(sight, noun)
        if not noun or prob is None:
            return None
        recognised = sum(thing.prob for thing in sight.things() if thing.prob >= MENTIONED)
        hidden = BESIDE + UNRECOGNISED * (1 - min(1.0, recognised))
        return prob + (1 - prob) * hidden

    def _related(self, sight: Sight, noun: str) -> float | None:
        """Probability of a thing that no label names, from the labels whose names mean nearly the same; None when none does."""
        things = sight.things()
        if not noun or not things:
            return None
        vectors = self._embedder.embed_texts([noun, *(thing.name for thing in things)])
        closeness = np.clip((vectors[1:] @ vectors[0] - RELATED) / (SAME - RELATED), 0, 1)
        return float(sum(c * thing.prob for c, thing in zip(closeness, things, strict=True))) if closeness.any() else None

    def _turns(self, sight: Sight, question: str) -> list[ChatMessage]:
        """The conversation that asks the language model."""
        turns = [ChatMessage("system", SYSTEM)]
        for note, asked, answer in _EXAMPLES:
            turns += [ChatMessage("user", f"Notes: {note}\n{asked}"), ChatMessage("assistant", answer)]
        note = notes(sight) if sight.probs.any() else "nothing is known of the picture"
        return [*turns, ChatMessage("user", f"Notes: {note}\n{question.strip()}")]


def _texts(sight: Sight) -> tuple[str, ...]:
    return tuple(line.text for line in sight.lines)


def _written(sight: Sight, wanted: Sequence[str]) -> Probs:
    """The answer to a question about what is written: the lines of the form asked for, or all of them."""
    if not sight.lines:
        return {"no text": NO_TEXT}
    scores = {line.text: line.score for line in sight.lines}
    wanted = wanted or _texts(sight)
    sure = float(np.mean([scores[text] for text in wanted])) * 0.95
    rest = [text for text in scores if text not in wanted] or [text for text in scores if len(scores) > 1]
    return {" ".join(wanted): sure} | {text: (1 - sure) / (len(rest) + 1) for text in rest}


def _identified(sight: Sight, noun: str) -> Probs:
    """Names of what the picture shows; of one kind, the classes of that kind, given that it is one if it probably is."""
    columns = sight.columns_of(noun) if noun else None
    if columns is None:
        return {thing.name: min(1.0, thing.prob) for thing in reversed(sight.things())}
    members = {sight.labels[i]: float(sight.above_floor[i]) for i in columns if sight.above_floor[i] > 0}
    whole = sum(members.values())
    return {name: p / whole if whole >= 0.5 else p for name, p in members.items()}


def _likeness(first: str, second: str) -> float:
    """1 when one text holds the other, else how much of their letters match, in [0, 1]."""
    a, b = first.lower().strip(), second.lower().strip()
    return 1.0 if a and (a in b) else difflib.SequenceMatcher(None, a, b).ratio()


def _shares(choices: Sequence[str], values: FloatArray) -> Probs:
    """Values divided by their sum."""
    total = float(values.sum()) or 1.0
    return {choice: float(value) / total for choice, value in zip(choices, values, strict=True)}
