"""Intents and sentiment on sentences that were written before the examples and are never tuned on."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from mm_demos.assistant.intents import IntentClassifier
from mm_demos.assistant.intents_examples import INTENT_EXAMPLES, SENTIMENT_EXAMPLES
from mm_demos.assistant.types import INTENTS, Intent, Sentiment
from mm_demos.models import loader
from mm_demos.models.protocols import TextEmbedder

HELD_OUT: dict[Intent, tuple[str, ...]] = {
    "order status": (
        "Has my parcel left your warehouse yet?",
        "I'm still waiting for the lamp I bought last week, when does it get here?",
        "Could you look up 1007 for me?",
        "tracking info pls",
        "When should I expect order 1012?",
        "Did you already post my package or is it still being packed?",
        "It says out for delivery since Monday, where is it now?",
        "what's happening with my order",
        "Can you tell me which carrier has my box?",
        "I want to know the state of my purchase number 1019.",
    ),
    "refund": (
        "I'd like to send the mug back and get my money.",
        "Can I still return order 1003?",
        "please reimburse me for the headphones",
        "These shoes don't fit, I want to return them.",
        "How much will I get back if I send the blanket back today?",
        "I changed my mind about the chair and want a refund.",
        "Am I still entitled to my money back for the kettle from 1011?",
        "Cancel the purchase and give me back what I paid.",
        "is it too late to return the backpack i got in march",
        "Take it back and credit my card.",
    ),
    "product question": (
        "Is the blue mug dishwasher safe?",
        "How many litres does the backpack hold?",
        "Do you have the lamp in green?",
        "what is the kettle made of",
        "Which of your blankets is the warmest?",
        "How much is the desk lamp?",
        "Does the bottle fit a bicycle holder?",
        "Do the candles come with a scent?",
        "I'm looking for a gift under 20 euros, what have you got?",
        "Are the headphones wireless?",
    ),
    "policy question": (
        "How many days do customers have to return things?",
        "Do you ship to Norway?",
        "What does express shipping cost?",
        "can i pay with paypal",
        "How long is the guarantee on electrical goods?",
        "What are your opening hours?",
        "Who pays the postage for returns?",
        "Do you delete my data when I close my account?",
        "Is delivery free above a certain amount?",
        "Are gift cards refundable in general?",
    ),
    "complaint": (
        "The vase came in a thousand pieces.",
        "You sent me the wrong colour again.",
        "This is unacceptable, nobody has answered my mails for a week.",
        "The lamp stopped working after two days.",
        "half the things in the box were missing",
        "I'm really disappointed with the quality of this bag.",
        "Your courier threw the parcel over my fence and it's soaked.",
        "I was charged twice for the same thing!",
        "The zip of the jacket broke the first time I wore it.",
        "Worst shop I have ever bought from.",
    ),
    "human": (
        "I want to talk to a real person.",
        "Can somebody call me back?",
        "connect me with your staff please",
        "Is there a supervisor I can speak with?",
        "No more robots, give me an employee.",
        "Please pass me on to a colleague.",
        "Let me speak to customer service.",
        "I'd rather discuss this with a human being.",
        "put me through to someone",
        "I need an agent.",
    ),
    "small talk": (
        "Good evening!",
        "thanks a lot, that helped",
        "How are you doing?",
        "What's your name?",
        "bye, have a nice day",
        "Hey there",
        "You are very kind.",
        "Are you a bot?",
        "ok great",
        "Nice to meet you",
    ),
    "other": (
        "What's the tallest mountain on Earth?",
        "Write a poem about the sea.",
        "Who won the football match yesterday?",
        "Solve x squared minus four equals zero.",
        "Translate this sentence into French.",
        "Will it snow tomorrow?",
        "Tell me how to bake sourdough bread.",
        "Which stocks should I buy?",
        "Give me some Python code for sorting.",
        "Recommend me a film for tonight.",
    ),
}
HELD_OUT_SENTIMENT: dict[Sentiment, tuple[str, ...]] = {
    "positive": (
        "The blanket is wonderful, thank you so much!",
        "That was quick, I'm impressed.",
        "Great service as always.",
        "My daughter loves the backpack.",
        "Perfect, exactly what I needed.",
        "You've been really helpful, cheers.",
        "Very happy with the lamp.",
        "Lovely packaging, and it arrived early!",
    ),
    "neutral": (
        "When should I expect order 1012?",
        "Do you ship to Norway?",
        "I would like to return order 1003.",
        "How many litres does the backpack hold?",
        "Please send me a copy of the invoice.",
        "My address is 4 Mill Lane.",
        "Let me speak to customer service.",
        "What does express shipping cost?",
        "I ordered two mugs on Monday.",
    ),
    "negative": (
        "The vase came in a thousand pieces.",
        "This is unacceptable, nobody has answered my mails for a week.",
        "I am so angry right now.",
        "What a waste of money.",
        "Still nothing, I've been waiting forever!",
        "The zip broke the first time I wore it.",
        "I'm really disappointed with the quality of this bag.",
        "Your support is useless.",
        "I was charged twice for the same thing!",
    ),
}

LEAST_INTENT = 0.85  # of the held-out sentences
LEAST_SENTIMENT = 0.85


@pytest.fixture(scope="module")
def embedder() -> Iterator[TextEmbedder]:
    with loader.shared().lease("all-MiniLM-L6-v2") as leased:
        yield leased


@pytest.fixture(scope="module")
def classifier(embedder: TextEmbedder) -> IntentClassifier:
    return IntentClassifier.build(embedder)


def test_every_intent_and_feeling_has_enough_examples() -> None:
    assert set(INTENT_EXAMPLES) == set(INTENTS)
    assert all(len(set(sentences)) >= 15 for sentences in (*INTENT_EXAMPLES.values(), *SENTIMENT_EXAMPLES.values()))


def test_no_held_out_sentence_is_an_example() -> None:
    for held_out, examples in ((HELD_OUT, INTENT_EXAMPLES), (HELD_OUT_SENTIMENT, SENTIMENT_EXAMPLES)):
        known = {sentence.lower().strip(" .!?") for group in examples.values() for sentence in group}
        assert not known & {sentence.lower().strip(" .!?") for group in held_out.values() for sentence in group}


def test_intents_of_held_out_sentences(classifier: IntentClassifier, embedder: TextEmbedder) -> None:
    rows = [
        (classifier.understand(text, embedder=embedder), intent, text) for intent, group in HELD_OUT.items() for text in group
    ]
    wrong = [
        f"{text!r}: {found.intent} {found.intent_score:.2f}, not {intent}"
        for found, intent, text in rows
        if found.intent != intent
    ]
    accuracy = 1 - len(wrong) / len(rows)
    confidence = float(np.mean([found.intent_score for found, _, _ in rows]))
    print(f"\nintents: {accuracy:.3f} of {len(rows)} right, mean confidence {confidence:.3f}", *wrong, sep="\n  ")
    assert accuracy >= LEAST_INTENT
    assert abs(accuracy - confidence) < 0.15  # calibrated: as sure as it is right


def test_feelings_of_held_out_sentences(classifier: IntentClassifier, embedder: TextEmbedder) -> None:
    rows = [
        (classifier.understand(text, embedder=embedder), mood, text)
        for mood, group in HELD_OUT_SENTIMENT.items()
        for text in group
    ]
    wrong = [f"{text!r}: {found.sentiment}, not {mood}" for found, mood, text in rows if found.sentiment != mood]
    print(f"\nsentiment: {1 - len(wrong) / len(rows):.3f} of {len(rows)} right", *wrong, sep="\n  ")
    assert 1 - len(wrong) / len(rows) >= LEAST_SENTIMENT


def test_probabilities_sum_to_one(classifier: IntentClassifier, embedder: TextEmbedder) -> None:
    found = classifier.understand("Hello! Where is order S-10241? Thanks.", embedder=embedder)
    assert sum(found.probs.values()) == pytest.approx(1.0)
    assert found.intent_score == found.probs[found.intent] == max(found.probs.values())
    assert 0 < found.sentiment_score <= 1


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("Hello! I hope you are well. Where is my parcel? Thanks a lot.", "order status"),
        ("Good morning, the teapot I got yesterday has a crack.", "complaint"),
        ("S-10241", "order status"),
        ("Hi, it's about S-10241.", "order status"),
        ("Hi there, could I speak to somebody?", "human"),
        ("Please refund order S-10234.", "refund"),
    ],
)
def test_greetings_and_numbers_do_not_distract(
    text: str, intent: Intent, classifier: IntentClassifier, embedder: TextEmbedder
) -> None:
    assert classifier.understand(text, embedder=embedder).intent == intent


def test_a_bare_number_goes_on_with_what_was_asked(classifier: IntentClassifier, embedder: TextEmbedder) -> None:
    found = classifier.understand("It is S-10234.", embedder=embedder, previous="refund")
    assert (found.intent, found.intent_score, found.tool) == ("refund", 1.0, "refund_rule")
    assert classifier.understand("Where is S-10234?", embedder=embedder, previous="refund").intent == "order status"


def test_only_four_intents_call_a_tool(classifier: IntentClassifier, embedder: TextEmbedder) -> None:
    assert classifier.understand("What is the capital of Peru?", embedder=embedder).tool is None
    assert classifier.understand("Is the bowl oven safe?", embedder=embedder).tool is None
    assert classifier.understand("Let me talk to a human being.", embedder=embedder).tool == "hand_over"


@pytest.mark.parametrize("text", ["", "?", "🙂", "\n", "a " * 3000])
def test_any_text_is_understood_as_something(text: str, classifier: IntentClassifier, embedder: TextEmbedder) -> None:
    assert classifier.understand(text, embedder=embedder).intent in INTENTS
