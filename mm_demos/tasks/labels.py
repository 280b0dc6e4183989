"""Labels and templates as people type them, made fit for a model."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from mm_demos import media
from mm_demos.errors import InvalidInputError

MAX_LABELS, MAX_LABEL_CHARS, MAX_TEMPLATES = 1000, 120, 20


def split_labels(text: str) -> list[str]:
    """Labels as people type them: one a line, or separated by commas (also full-width ones) or semicolons."""
    lines = [line for line in media.clean_text(text).split("\n") if line.strip()]
    return lines if len(lines) > 1 else re.split(r"[,;，；、]", "".join(lines))


def clean_labels(labels: Sequence[str]) -> tuple[str, ...]:
    """Labels with single spaces, none empty, each once whatever its case, in the order given.

    Raises:
        InvalidInputError: fewer than 2, more than 1000, or one too long.
    """
    if isinstance(labels, str):
        labels = split_labels(labels)
    if not isinstance(labels, Iterable):
        raise InvalidInputError('The labels are texts in a list, such as ["dog", "cat"], or one text with commas.')
    unique: dict[str, str] = {}
    for label in labels:
        name = " ".join(media.clean_text(label).split())
        if len(name) > MAX_LABEL_CHARS:
            raise InvalidInputError(f"The label “{name[:30]}…” is too long: use at most {MAX_LABEL_CHARS} characters.")
        if name:
            unique.setdefault(name.casefold(), name)
    if len(unique) < 2:
        raise InvalidInputError("At least two different labels are needed: separate them by commas or put each on its own line.")
    if len(unique) > MAX_LABELS:
        raise InvalidInputError(f"{len(unique)} labels are too many for one run: give at most {MAX_LABELS}.")
    return tuple(unique.values())


def clean_templates(templates: Sequence[str]) -> tuple[str, ...]:
    """Templates that hold `{}`; the bare label when there are none.

    Raises:
        InvalidInputError: a template without `{}`, or more than 20.
    """
    templates = [templates] if isinstance(templates, str) else templates
    cleaned = [" ".join(media.clean_text(template).split()) for template in templates]
    cleaned = [template for template in cleaned if template]
    if len(cleaned) > MAX_TEMPLATES:
        raise InvalidInputError(f"{len(cleaned)} templates are too many: give at most {MAX_TEMPLATES}.")
    for template in cleaned:
        if "{}" not in template:
            raise InvalidInputError(f"The template “{template[:60]}” has no place for the label: write {{}} where it belongs.")
    return tuple(cleaned) or ("{}",)
