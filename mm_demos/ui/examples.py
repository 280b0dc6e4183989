"""Results of example rows, kept in memory so that the next visitor has them at once; nothing a visitor brought is ever kept."""

from __future__ import annotations

import filecmp
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr

FILE_COMPONENTS = (gr.Image, gr.Audio, gr.Video, gr.File)


class ExampleRows:
    """The example rows of a page and the results they gave.

    Args:
        examples: what the visitor clicks.
        rows: values of `components`, row by row; a file by its path.
        components: the inputs that a row fills; every other input has to stand at its default for a row to be recognised.
    """

    def __init__(
        self, examples: gr.Examples, rows: Sequence[Sequence[Any]], components: Sequence[gr.components.Component]
    ) -> None:
        self.examples = examples
        self._rows = [dict(zip(map(id, components), row, strict=True)) for row in rows]
        self._results: dict[int, Any] = {}

    def fit(self, inputs: Sequence[gr.components.Component]) -> bool:
        """Whether the rows fill these inputs."""
        return set(self._rows[0]) <= set(map(id, inputs))

    def find(self, inputs: Sequence[gr.components.Component], values: Sequence[Any]) -> int | None:
        """Number of the row that these values are; None when a visitor changed anything."""
        for number, row in enumerate(self._rows):
            if all(
                _same(item, row.get(id(item), getattr(item, "value", None)), value)
                for item, value in zip(inputs, values, strict=True)
            ):
                return number
        return None

    def recall(self, number: int | None) -> Any:
        """The result that a row gave before, if it did."""
        return None if number is None else self._results.get(number)

    def keep(self, number: int, result: Any) -> None:
        """Keep the complete result of a row."""
        self._results[number] = result


def _same(item: gr.components.Component, expected: Any, value: Any) -> bool:
    if value in (None, "") or expected in (None, ""):
        return value in (None, "") and expected in (None, "")
    if isinstance(item, FILE_COMPONENTS):
        return (
            isinstance(value, str)
            and isinstance(expected, str)
            and Path(value).is_file()
            and filecmp.cmp(expected, value, shallow=False)
        )
    return bool(value == expected)
