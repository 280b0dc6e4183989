"""Labels and templates as people type them, made fit for a model."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mm_demos import media
from mm_demos.errors import InvalidInputError

MAX_LABELS, MAX_LABEL_CHARS, MAX_DESCRIPTION_CHARS, MAX_TEMPLATES = 1000, 120, 500, 20
Labels = Sequence[str] | Mapping[str, str]
BARE = "{}"


@dataclass(frozen=True, slots=True)
class LabelSet:
    """Labels to choose among; `descriptions` says of each in a few words what it means, or is empty."""

    names: tuple[str, ...]
    descriptions: tuple[str, ...]

    @property
    def described(self) -> tuple[int, ...]:
        """Numbers of the labels that have a description."""
        return tuple(number for number, text in enumerate(self.descriptions) if text)


def split_labels(text: str) -> list[str] | dict[str, str]:
    """Labels as people type them: one a line, or separated by commas (also full-width ones) or semicolons, or in JSON.

    On lines of their own a label may have a description after a colon and a space, such as "cat: a small furry pet".

    Raises:
        InvalidInputError: it begins as JSON and is none.
    """
    cleaned = media.clean_text(text).strip()
    if cleaned.startswith(("[", "{")):
        return _from_json(cleaned)
    lines = [line.strip() for line in cleaned.split("\n") if line.strip()]
    if len(lines) <= 1:
        return re.split(r"[,;，；、]", "".join(lines))
    pairs = [re.split(r":\s+|：\s*", line, maxsplit=1) for line in lines]
    return {pair[0]: "".join(pair[1:]) for pair in pairs} if any(len(pair) > 1 for pair in pairs) else lines


def _from_json(text: str) -> list[str] | dict[str, str]:
    try:
        read = json.loads(text)
    except ValueError:
        read = None
    if isinstance(read, list):
        return read
    if isinstance(read, dict):
        return read
    raise InvalidInputError(
        'The labels begin like JSON and are none: write ["cat", "dog"], or {"cat": "a small pet", "dog": ""}.'
    )


def read_labels(labels: Labels) -> LabelSet:
    """Labels with single spaces, none empty, each once whatever its case, in the order given, with their descriptions.

    Args:
        labels: a list, label → description, or both in one text as `split_labels` takes it.

    Raises:
        InvalidInputError: fewer than 2, more than 1000, or one too long.
    """
    if isinstance(labels, str):
        labels = split_labels(labels)
    if not isinstance(labels, Iterable):
        raise InvalidInputError('The labels are texts in a list, such as ["dog", "cat"], or one text with commas.')
    unique: dict[str, tuple[str, str]] = {}
    for label in labels:
        name = _one_line(label, "label", MAX_LABEL_CHARS)
        about = labels[label] if isinstance(labels, Mapping) else ""
        if name:
            unique.setdefault(name.casefold(), (name, _one_line(about or "", "description", MAX_DESCRIPTION_CHARS)))
    if len(unique) < 2:
        raise InvalidInputError("At least two different labels are needed: separate them by commas or put each on its own line.")
    if len(unique) > MAX_LABELS:
        raise InvalidInputError(f"{len(unique)} labels are too many for one run: give at most {MAX_LABELS}.")
    return LabelSet(*zip(*unique.values(), strict=True))


def _one_line(text: object, what: str, limit: int) -> str:
    if not isinstance(text, str):
        raise InvalidInputError(f"The {what} {text!r:.40} is no text: write each {what} in quotation marks.")
    line = " ".join(media.clean_text(text).split())
    if len(line) > limit:
        raise InvalidInputError(f"The {what} “{line[:30]}…” is too long: use at most {limit} characters.")
    return line


def clean_templates(templates: Sequence[str]) -> tuple[str, ...]:
    """Templates that hold `{}`, each once; none where none is given.

    Raises:
        InvalidInputError: a template without `{}`, or more than 20.
    """
    templates = templates.split("\n") if isinstance(templates, str) else templates
    cleaned = dict.fromkeys(" ".join(media.clean_text(template).split()) for template in templates)
    kept = tuple(template for template in cleaned if template)
    if len(kept) > MAX_TEMPLATES:
        raise InvalidInputError(f"{len(kept)} templates are too many: give at most {MAX_TEMPLATES}.")
    for template in kept:
        if BARE not in template:
            raise InvalidInputError(f"The template “{template[:60]}” has no place for the label: write {{}} where it belongs.")
    return kept
