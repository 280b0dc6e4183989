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
