"""What a message is for and how its writer feels: similarity to example sentences, with probabilities that can be believed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from mm_demos.assistant.arguments_numbers import has_order_number, masked
from mm_demos.assistant.intents_examples import INTENT_EXAMPLES, SENTIMENT_EXAMPLES
from mm_demos.assistant.types import Intent, Sentiment, ToolName
from mm_demos.models.protocols import FloatArray, TextEmbedder

RIDGE = 0.1  # weight of the penalty; this and the next chosen by leaving one example out
SHARPNESS = 2.0  # of the kernel exp(SHARPNESS · (similarity - 1)), a Gaussian on unit vectors
SCALES = np.geomspace(1.0, 40.0, 60)  # tried for the softmax
MAX_SENTENCES = 6  # of one message; more only cost time
SENTENCE = re.compile(r"[^.!?\n]+[.!?]*")
UNSURE = 0.4  # below it an intent calls no tool
WITH_NUMBER: Mapping[Intent, float] = {
    "order status": 2.0,
    "small talk": 0.1,
    "other": 0.1,
    "product question": 0.5,
    "policy question": 0.3,
}
TOOL_OF: Mapping[Intent, ToolName] = {
    "order status": "order_status",
    "refund": "refund_rule",
    "complaint": "ticket_draft",
    "human": "hand_over",
}
Label = TypeVar("Label", bound=str)
Scores = NDArray[np.float64]  # (n_texts, n_labels)


@dataclass(frozen=True, slots=True)
class Understood:
    """What a message is for and how its writer feels; probabilities in [0, 1], those of `probs` summing to 1."""

    intent: Intent
    intent_score: float
    sentiment: Sentiment
    sentiment_score: float
    probs: Mapping[Intent, float]

    @property
    def tool(self) -> ToolName | None:
        """The tool that serves this intent; None where words are enough, or where the intent is unsure."""
        return TOOL_OF.get(self.intent) if self.intent_score >= UNSURE else None


class ExampleClassifier(Generic[Label]):
    """Kernel ridge regression on the similarity to examples, and a softmax whose scale is fitted on examples left out.

    Args:
        embeddings: of the examples, (n_examples, dim), L2-normalised.
        labels: of the examples.
    """

    def __init__(self, embeddings: FloatArray, labels: Sequence[Label]) -> None:
        self.labels: tuple[Label, ...] = tuple(dict.fromkeys(labels))
        self._examples = embeddings
        targets = np.array([[label == name for name in self.labels] for label in labels], np.float64)
        self._mean = targets.mean(axis=0)
        inverse = np.linalg.inv(self._kernel(embeddings) + RIDGE * np.eye(len(labels)))
        self._weights = inverse @ (targets - self._mean)
        # The score of an example by all the others has a closed form (Rasmussen and Williams, 2006, eq. 5.12).
        left_out = targets - self._weights / np.diag(inverse)[:, None]
        self.left_out_accuracy = float((left_out.argmax(axis=1) == targets.argmax(axis=1)).mean())
        losses = [-np.log((softmax(scale * left_out) * targets).sum(axis=1)).mean() for scale in SCALES]
        self._scale = float(SCALES[int(np.argmin(losses))])

    def _kernel(self, embeddings: FloatArray) -> Scores:
        kernel: Scores = np.exp(SHARPNESS * (embeddings.astype(np.float64) @ self._examples.T - 1.0))
        return kernel

    def logits(self, embeddings: FloatArray) -> Scores:
        """Scores (n_texts, n_labels) whose softmax is calibrated."""
        scores: Scores = self._kernel(embeddings) @ self._weights + self._mean
        return self._scale * scores


class IntentClassifier:
    """Intent and sentiment of messages; takes about a second to build, and a few milliseconds for a message."""

    def __init__(self, intents: ExampleClassifier[Intent], sentiments: ExampleClassifier[Sentiment]) -> None:
        self.intents = intents
        self.sentiments = sentiments

    @classmethod
    def build(cls, embedder: TextEmbedder) -> IntentClassifier:
        """From the example sentences."""
        return cls(_fitted(INTENT_EXAMPLES, embedder), _fitted(SENTIMENT_EXAMPLES, embedder))

    def understand(self, text: str, *, embedder: TextEmbedder, previous: Intent | None = None) -> Understood:
        """What `text` is for; a message of several sentences is also judged sentence by sentence, without its greetings.

        Args:
            previous: intent of the turn before; a message that only gives an order number goes on with it.
        """
        own = masked(text)
        sentences = [own, *_sentences(own)]
        embeddings = embedder.embed_texts(sentences)
        probs = self._intent_probs(self.intents.logits(embeddings), numbered=has_order_number(text))
        if previous in TOOL_OF and _only_a_number(text):
            probs = {intent: (1.0 if intent == previous else 0.0) for intent in probs}
        feelings = _combined(softmax(self.sentiments.logits(embeddings)), self.sentiments.labels, calm="neutral")
        intent, sentiment = max(probs, key=probs.__getitem__), max(feelings, key=feelings.__getitem__)
        return Understood(intent, probs[intent], sentiment, feelings[sentiment], probs)

    def _intent_probs(self, logits: Scores, *, numbered: bool) -> dict[Intent, float]:
        probs = _combined(softmax(logits), self.intents.labels, calm="small talk")
        if numbered:
            probs = {intent: prob * WITH_NUMBER.get(intent, 1.0) for intent, prob in probs.items()}
        total = sum(probs.values())
        return {intent: prob / total for intent, prob in probs.items()}


def softmax(logits: Scores) -> Scores:
    """Rows that sum to 1."""
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    probs: Scores = raised / raised.sum(axis=1, keepdims=True)
    return probs


def _fitted(examples: Mapping[Label, Sequence[str]], embedder: TextEmbedder) -> ExampleClassifier[Label]:
    sentences = [masked(sentence) for group in examples.values() for sentence in group]
    labels = [label for label, group in examples.items() for _ in group]
    return ExampleClassifier(embedder.embed_texts(sentences), labels)


def _combined(probs: Scores, labels: Sequence[Label], *, calm: Label) -> dict[Label, float]:
    """Half of the whole text (first row), half of the surest of its sentences; those that are merely `calm` do not count."""
    calm_column = labels.index(calm)
    telling = [row for row in probs[1:] if row.argmax() != calm_column] or list(probs[1:])
    if not telling:
        return dict(zip(labels, map(float, probs[0]), strict=True))
    surest = max(telling, key=lambda row: row.max())
    return dict(zip(labels, map(float, (probs[0] + surest) / 2), strict=True))


def _sentences(text: str) -> list[str]:
    found = [sentence.strip() for sentence in SENTENCE.findall(text) if sentence.strip(" .!?")]
    return found[:MAX_SENTENCES] if len(found) > 1 else []


def _only_a_number(text: str) -> bool:
    words = re.sub(
        r"\b(?:order|number|my|it|is|it's|its|the|no|sure|yes|here|sorry|ok|okay|that|would|be)\b",
        " ",
        masked(text),
        flags=re.IGNORECASE,
    )
    return has_order_number(text) and not re.search(r"[a-z]{2,}", words, re.IGNORECASE)
