"""mm-mini-answerer: questions it was trained for by its own vocabulary, text by reading, the rest by the language model."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from mm_demos.models.answer_head import NUMBERS, AnswerHead
from mm_demos.models.answer_words import Probs, chosen_by_text, counted, named, shares, texts, written
from mm_demos.models.caption_phrases import notes
from mm_demos.models.evidence import SURE, Sight, readable, singulars
from mm_demos.models.imagenet import imagenet_classes
from mm_demos.models.picture_questions import (
    COLOURS,
    LEARNT,
    PLACES,
    SPELLINGS,
    PictureQuestion,
    Subject,
    about,
    content_words,
    parse,
    wanted_lines,
)
from mm_demos.models.protocols import CaptionOptions, ChatMessage, GenerateOptions
from mm_demos.results import Answer, LabelScore

if TYPE_CHECKING:
    from PIL.Image import Image

    from mm_demos.models.mini_clip import Look, MiniClip
    from mm_demos.models.protocols import AnswerOptions, Captioner, ChatModel, Lease, TextReader
    from mm_demos.progress import Progress

MODEL, TEXT, CHAT = "answer model", "text in the picture", "language model"
SEEN = "Answered by a small model that looks at the picture; it was trained on photos of people and dogs."
LABELLED = "Answered from ImageNet labels, which name the main subject of a picture."
COMPARED = "Chosen by how well each choice fits the picture as its caption."
READ = "Answered from the text that PP-OCR read in the picture."
GUESSED = "Guessed by the language model, which has not seen the picture, from its caption, ImageNet labels and text read in it."
BLANK = "Answered without the picture, from what is usual."

SYSTEM = "You answer questions about a picture from notes, in one to three words."
_EXAMPLES = (
    ("a brown dog runs through the grass; surely a dog, likely a beagle; no text", "Is it an animal?", "Yes"),
    ("a man is standing on a street; possibly a street sign; text “MAIN STREET”", "Where could this be?", "On Main Street"),
    ("a brown dog runs through the grass; surely a dog, likely a beagle; no text", "Is the dog made of wood?", "No"),
)
GUESS = 0.5  # how far an answer that the evidence does not decide may move from chance
OPEN_GUESS = 0.3  # the same for a free answer, where chance is next to nothing
BESIDE = 0.1  # that a thing is there although the labels, which name one main subject, give it nothing
PROMPT = "a photo of {}"


@dataclass(slots=True)
class _Asking:
    """One question on its way, with what was found out about its picture so far; text and captions are looked up once."""

    image: Image | None
    look: Look | None
    question: str
    asked: PictureQuestion
    about: Subject
    options: AnswerOptions
    progress: Progress
    lease: Lease
    sight: Sight
    where: tuple[float, ...] = ()
    was_read: bool = False


@dataclass(frozen=True, slots=True)
class _Found:
    """Probabilities of answers, whose they are, and what they are built on."""

    probs: Probs
    source: str
    basis: str


class MiniAnswerer:
    """A `QuestionAnswerer`.

    Args:
        clip: looks at the picture and reads the question.
        head: chooses among its answers.
    """

    def __init__(self, clip: MiniClip, head: AnswerHead) -> None:
        self._clip = clip
        self._head = head
        self._labels = tuple(each.names[0] for each in imagenet_classes())
        self._answers = frozenset(head.answers)

    def answer(self, image: Image | None, question: str, *, options: AnswerOptions, progress: Progress, lease: Lease) -> Answer:
        """The answer with at most `options.top_k` alternatives, where it looked, and what it is built on.

        The head's probabilities are calibrated among the answers it may give to this question; guesses of the language model
        are drawn half-way to chance, because its notes do not decide them.
        """
        progress.report("Looking at the picture")
        look = self._clip.look(image) if image is not None else None
        probs = look.class_probs if look is not None else np.zeros(len(self._labels), np.float32)
        asking = _Asking(
            image, look, question, parse(question), about(question), options, progress, lease, Sight(self._labels, probs, ())
        )
        progress.report("Answering")
        found = self._choose(asking) if options.choices else self._free(asking)
        ranked = sorted(((text, float(p)) for text, p in found.probs.items()), key=lambda item: -item[1])[: max(1, options.top_k)]
        evidence = asking.sight.evidence(found.basis if image is not None else BLANK)
        look_at = asking.where if found.source == MODEL and image is not None else ()
        alternatives = tuple(LabelScore(text, p) for text, p in ranked)
        return Answer(*ranked[0], alternatives, evidence, source=found.source, look=look_at)

    def _free(self, asking: _Asking) -> _Found:
        """Route a question without choices by what it asks for."""
        kind, asked = asking.options.kind, asking.asked
        if kind == "count" or (kind == "open" and asked.form == "count"):
            return self._count(asking)
        if kind == "yes/no" or (kind == "open" and asked.form in {"presence", "yes/no"}):
            return self._yes_no(asking)
        if asked.form == "text":
            return self._written(asking)
        if asked.form == "identify" and asking.about != "who":
            return self._identify(asking)
        return self._open(asking)

    def _choose(self, asking: _Asking) -> _Found:
        """Probabilities over the choices: by the head where it knows them all, else by their fit to the picture."""
        choices = asking.options.choices
        known = {choice: word for choice in choices if (word := self._answer_for(choice))}
        if asking.asked.form == "text" and self._read(asking).lines:
            return _Found(chosen_by_text(asking.sight, choices), TEXT, READ)
        things = not set(known.values()) & {"yes", "no", *NUMBERS, *COLOURS, *self._actions}
        if (len(known) == len(choices) and not (things and asking.look)) or {"yes", "no"} <= set(known.values()):
            probs = self._ask_head(asking, asking.question, tuple(known.values()))
            return _Found({choice: probs.get(known.get(choice, ""), 0.0) for choice in choices}, MODEL, SEEN)
        if asking.look is None:
            return _Found(dict.fromkeys(choices, 1 / len(choices)), MODEL, BLANK)
        labelled = [asking.sight.prob_of(choice) or 0.0 for choice in choices]
        if sum(labelled) >= SURE:
            return _Found(shares(choices, np.array(labelled, np.float32)), MODEL, LABELLED)
        logits = self._clip.embed_texts([PROMPT.format(choice) for choice in choices]) @ asking.look.embedding
        fit = shares(choices, np.exp((logits - logits.max()) * self._clip.logit_scale))
        if len(known) < len(choices):
            return _Found(fit, MODEL, COMPARED)
        probs = self._ask_head(asking, asking.question, tuple(known.values()))
        return _Found({choice: (fit[choice] + probs[known[choice]]) / 2 for choice in choices}, MODEL, f"{SEEN} {COMPARED}")

    def _yes_no(self, asking: _Asking) -> _Found:
        """Probabilities of "yes" and "no"."""
        noun = asking.asked.noun
        if noun in {"text", "writing", "words", "letters"} and asking.image is not None:
            yes = 0.95 if self._read(asking).lines else 1 - written(asking.sight, ())["no text"]
            return _Found({"yes": yes, "no": 1 - yes}, TEXT, READ)
        labelled = asking.sight.prob_of(noun) if asking.asked.form == "presence" else None
        if self._knows(asking.question, noun) or (labelled is not None and asking.look is None):
            probs = self._ask_head(asking, asking.question, ("yes", "no"))
            if labelled is not None and labelled >= SURE:  # the labels' thousand classes see what the head never learnt to
                probs = {"yes": max(probs["yes"], labelled), "no": min(probs["no"], 1 - labelled)}
            return _Found(probs, MODEL, SEEN)
        if labelled is not None:
            yes = labelled + (1 - labelled) * BESIDE
            return _Found({"yes": yes, "no": 1 - yes}, MODEL, LABELLED)
        said = float(self._chat(asking).score(self._turns(asking), ["Yes", "No"])[0])
        yes = 0.5 + GUESS * (said - 0.5)
        return _Found({"yes": yes, "no": 1 - yes}, CHAT, GUESSED)

    def _count(self, asking: _Asking) -> _Found:
        """Probabilities of numbers: none by whether the thing is there at all, the others by the head."""
        noun = asking.asked.noun
        if noun in {"words", "lines", "lines of text", "letters"} and asking.image is not None:
            self._read(asking)
            return _Found(counted(asking.sight, noun), TEXT, READ)
        numbers = tuple(number for number in NUMBERS if number in self._answers)
        there = 1.0
        if noun:
            there = self._ask_head(asking, f"Are there any {noun} in the picture?", ("yes", "no"))["yes"]
            labelled = asking.sight.prob_of(noun) if asking.look is not None else None
            there = max(there, labelled or 0.0)
        probs = self._ask_head(asking, asking.question, numbers)
        if not self._knows("", noun):
            probs = {number: GUESS * p + (1 - GUESS) / len(numbers) for number, p in probs.items()}
        digits = {str(NUMBERS.index(number) + 1): there * p for number, p in probs.items()}
        return _Found({"0": 1 - there} | digits, MODEL, SEEN)

    def _written(self, asking: _Asking) -> _Found:
        """What is written, or the part of it that the question asks for."""
        if asking.image is None:
            return self._guess(asking)
        self._read(asking)
        return _Found(written(asking.sight, wanted_lines(asking.question, texts(asking.sight))), TEXT, READ)

    def _identify(self, asking: _Asking) -> _Found:
        """What is there: by the labels where they are sure or where their kind is asked for, else by the head."""
        probs = named(asking.sight, asking.asked.noun) if asking.look is not None else {}
        if probs and max(probs.values()) >= SURE:
            return _Found(probs, MODEL, LABELLED)
        return _Found(self._ask_head(asking, asking.question, self._objects), MODEL, SEEN)

    def _open(self, asking: _Asking) -> _Found:
        """Colours, actions, places, objects by the head; forms of text by reading; anything else by the language model."""
        among = {"colour": self._of(COLOURS), "action": self._actions, "place": self._of(PLACES)}.get(asking.about, self._objects)
        if asking.about:
            return _Found(self._ask_head(asking, asking.question, among), MODEL, SEEN)
        if asking.image is not None and (wanted := wanted_lines(asking.question, texts(self._read(asking)))):
            return _Found(written(asking.sight, wanted), TEXT, READ)
        return self._guess(asking)

    def _guess(self, asking: _Asking) -> _Found:
        """A short answer of the language model, with probabilities that sum to at most 1."""
        chat, turns, text = self._chat(asking), self._turns(asking), ""
        generate = GenerateOptions(max_new_tokens=asking.options.max_new_tokens, seed=asking.options.seed, stop=("\n",))
        with closing(chat.stream(turns, options=generate)) as pieces:  # type: ignore[type-var]
            for piece in pieces:
                asking.progress.checkpoint()
                text += piece
        text = text.strip().rstrip(".") or "unknown"
        if text.lower() == "unknown":
            return _Found({"unknown": OPEN_GUESS}, CHAT, GUESSED)
        sure, unsure = chat.score(turns, [text, "Unknown"])
        return _Found({text: OPEN_GUESS * float(sure), "unknown": OPEN_GUESS * float(unsure)}, CHAT, GUESSED)

    def _ask_head(self, asking: _Asking, question: str, among: Sequence[str]) -> dict[str, float]:
        """The head's probabilities over `among`; without a picture it looks at the mean of all pictures."""
        states = self._clip.question_states(question)
        features = asking.look.features if asking.look is not None else self._head.mean_features()
        answered = self._head.answer(features, states, among=among)
        if question == asking.question:
            asking.where = tuple(round(float(share), 4) for share in answered.evidence.reshape(-1))
        return dict(answered.answers)

    def _read(self, asking: _Asking) -> Sight:
        """The evidence with the text in the picture."""
        if not asking.was_read and asking.image is not None:
            asking.progress.report("Reading text")
            reader: TextReader = asking.lease("pp-ocr")
            asking.sight = replace(asking.sight, lines=readable(reader.read(asking.image)))
            asking.was_read = True
        return asking.sight

    def _chat(self, asking: _Asking) -> ChatModel:
        """The language model, with a caption and the text of the picture in the evidence it is given."""
        self._read(asking)
        if asking.image is not None and not asking.sight.captions:
            captioner: Captioner = asking.lease("mm-mini-captioner")
            short = CaptionOptions(n=1)
            found = captioner.caption(asking.image, options=short, progress=asking.progress, lease=asking.lease)
            asking.sight = replace(asking.sight, captions=(found.captions[0].text,))
        model: ChatModel = asking.lease("qwen2.5-coder-0.5b")
        return model

    @staticmethod
    def _turns(asking: _Asking) -> list[ChatMessage]:
        """The conversation that asks the language model."""
        turns = [ChatMessage("system", SYSTEM)]
        for note, asked, said in _EXAMPLES:
            turns += [ChatMessage("user", f"Notes: {note}\n{asked}"), ChatMessage("assistant", said)]
        note = notes(asking.sight) if asking.image is not None else "nothing is known of the picture"
        return [*turns, ChatMessage("user", f"Notes: {note}\n{asking.question.strip()}")]

    def _answer_for(self, choice: str) -> str:
        """The head's word for a choice, empty when it has none: "Dogs" is "dog", "2" is "two"."""
        word = re.sub(r"^(?:an?|the)\s+", "", choice.strip().lower())
        if word.isdecimal() and 1 <= int(word) <= len(NUMBERS):
            word = NUMBERS[int(word) - 1]
        return next((form for form in (*singulars(word), SPELLINGS.get(word, "")) if form in self._answers), "")

    def _knows(self, question: str, noun: str) -> bool:
        """Whether the head learnt the words that decide a yes/no question, or the noun that is counted."""
        asked = content_words(noun or question)
        return bool(asked) and all(self._answer_for(word) or word in LEARNT for word in asked)

    def _of(self, words: Sequence[str]) -> tuple[str, ...]:
        return tuple(word for word in words if word in self._answers)

    @property
    def _actions(self) -> tuple[str, ...]:
        return tuple(word for word in self._head.answers if word.endswith("ing") and word not in {"swing", "string"})

    @property
    def _objects(self) -> tuple[str, ...]:
        """Every answer that is no action, number, colour, yes or no."""
        others = {"yes", "no", *NUMBERS, *COLOURS, *self._actions}
        return tuple(word for word in self._head.answers if word not in others)
