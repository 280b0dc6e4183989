"""One real input for every tab: what a visitor does on the page, what a program sends, and what must come out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Fill:
    """Write a text into the box of this label, or with this placeholder."""

    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Attach:
    """Give a bundled sample to the tab's first input of a kind."""

    sample: str
    kind: Literal["picture", "sound"]


@dataclass(frozen=True, slots=True)
class Click:
    """Click what a CSS selector finds first."""

    selector: str


@dataclass(frozen=True, slots=True)
class RealInput:
    """A row.

    Args:
        tab: name of the tab.
        acts: what to do before `press`.
        press: name of the button that runs it.
        expected: regular expression, case ignored; has to be found in what the tab shows, and in what the endpoint answers.
        api_name: endpoint for the same input.
        arguments: its named arguments; "file:NAME" stands for a bundled sample.
        answer: CSS selector of what has to show `expected`.
    """

    tab: str
    acts: tuple[Fill | Attach | Click, ...]
    press: str
    expected: str
    api_name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    answer: str = ".mm-results"


# They ask whether an answer comes, and of the right kind; how good the models are is measured elsewhere.
# None of them equals an example row, so that none can be answered from what was stored.
INPUTS: tuple[RealInput, ...] = (
    RealInput(
        "speech",
        (Attach("jfk.flac", "sound"),),
        "Transcribe",
        r"ask not what your country can do for you",
        "transcribe",
        {"audio": "file:jfk.flac"},
    ),
    RealInput(
        "captioning", (Attach("flower.jpg", "picture"),), "Caption", r"\ba \w+ \w+", "caption", {"image": "file:flower.jpg"}
    ),
    RealInput(
        "visual-qa",
        (Attach("cat.jpg", "picture"), Fill("Question", "Is there a cat?")),
        "Ask",
        r"\byes\b",
        "answer",
        {"image": "file:cat.jpg", "question": "Is there a cat?"},
    ),
    RealInput(
        "retrieval",
        (Fill("What to listen for", "a helicopter flies"),),
        "Search",
        r"helicopter\.ogg",
        "search_sounds",
        {"words": "a helicopter flies"},
    ),
    RealInput(
        "classification",
        (Fill("Labels", "cat, rocket, temple"), Attach("rocket.jpg", "picture")),
        "Classify",
        r"rocket",
        "classify",
        {"labels": "cat, rocket, temple", "image": "file:rocket.jpg"},
    ),
    RealInput(
        "picture-search",
        (Fill("What they show", "a rocket that takes off"),),
        "Search",
        r"rocket\.jpg",
        "search_pictures",
        {"words": "a rocket that takes off"},
    ),
    RealInput(
        "assistant",
        (Fill("Write a message, add pictures", "Where is my order S-10241?"),),
        "Send",
        r"S-10241",
        "reply",
        {"text": "Where is my order S-10241?"},
        answer=".mm-as-answer",
    ),
    RealInput(
        "image-generation",
        (Fill("Prompt", "a green leaf"),),
        "Paint",
        r"a green leaf",
        "generate",
        {"prompt": "a green leaf"},
    ),
    RealInput(
        "models",
        (Click("tr[data-model='all-MiniLM-L6-v2']"),),
        "Load",
        r"all-MiniLM-L6-v2",
        "models_load",
        {"model": "all-MiniLM-L6-v2"},
        answer=".mm-models tr:has-text('all-MiniLM-L6-v2'):has-text('MB')",
    ),
)


def of_tab(name: str) -> RealInput:
    """The row of a tab; every tab has one, which a test holds."""
    return next(row for row in INPUTS if row.tab == name)
