"""A hundred prompts in wordings that no painter of ours was trained on, the names they ask for, and the 20 each is judged among.

Names are the short names of Unicode's CLDR as emojibase lists them; `phrases` are keywords of several words, kept so that no
prompt turns out to be one.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

CHOICES = 20  # names a picture is recognised among, one of them right
PROMPTS, NAMES = Path(__file__).with_name("image_prompts.jsonl"), Path(__file__).with_name("image_names.json")


@dataclass(frozen=True, slots=True)
class HeldOutPrompt:
    """What is asked for, in words nobody trained on.

    Args:
        prompt: as a person would type it.
        name: the thing that it should show, one of `read_labels()`.
        topic: "animals", "food", …
        wording: whether the prompt says the name, uses other words for it, or only describes it.
    """

    prompt: str
    name: str
    topic: str
    wording: Literal["name", "paraphrase", "description"]


def read_prompts() -> tuple[HeldOutPrompt, ...]:
    """All hundred, in the order in which the sheet shows them."""
    return tuple(HeldOutPrompt(**json.loads(line)) for line in PROMPTS.read_text(encoding="utf-8").splitlines())


@cache
def read_labels() -> tuple[str, ...]:
    """Every name, in emojibase's order."""
    return tuple(json.loads(NAMES.read_text(encoding="utf-8"))["labels"])


def read_phrases() -> frozenset[str]:
    """Keywords of several words, in `plain` form."""
    return frozenset(json.loads(NAMES.read_text(encoding="utf-8"))["phrases"])


def choices(prompt: HeldOutPrompt) -> tuple[str, ...]:
    """The name, and 19 others that this prompt always has: those whose hash with the prompt is smallest."""
    others = (label for label in read_labels() if label != prompt.name)
    return (prompt.name, *sorted(others, key=lambda label: _hashed(prompt.prompt, label))[: CHOICES - 1])


def _hashed(prompt: str, label: str) -> bytes:
    return hashlib.sha256(f"{prompt}\n{label}".encode()).digest()
