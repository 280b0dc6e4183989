"""Results of example rows, kept so that the next visitor has them at once; nothing a visitor brought is ever kept.

They are kept in memory; a Space brings some of them along in a folder, computed before it was published.
"""

from __future__ import annotations

import filecmp
import hashlib
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from mm_demos.errors import InvalidInputError
from mm_demos.progress import Progress
from mm_demos.settings import settings
from mm_demos.ui import kept_results

logger = logging.getLogger(__name__)

KEPT_BYTES = 200_000  # of one result in a folder; larger ones are computed when they are wanted
MAX_PATH_CHARS = 4096  # longer text is no file, and the operating system would not look for it
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
        self._values = [tuple(row) for row in rows]
        self._rows = [dict(zip(map(id, components), row, strict=True)) for row in rows]
        self._results: dict[int, Any] = {}
        self._run: Callable[..., Any] | None = None
        self._inputs: tuple[gr.components.Component, ...] = ()

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

    def connected(self, run: Callable[..., Any], inputs: Sequence[gr.components.Component]) -> None:
        """Say what a click on a row runs, and on which inputs."""
        self._run, self._inputs = run, tuple(inputs)

    def recall(self, number: int | None) -> Any:
        """The result that a row gave before, here or when the Space was built, if it did."""
        if number is None:
            return None
        folder = settings().examples_dir
        if number not in self._results and folder is not None and (folder / self.file_name(number)).is_file():
            try:
                self._results[number] = kept_results.read(folder / self.file_name(number))
            except InvalidInputError as error:
                logger.warning("%s", error)
                return None
        return self._results.get(number)

    def keep(self, number: int, result: Any) -> None:
        """Keep the complete result of a row."""
        self._results[number] = result

    def compute(self, folder: Path) -> list[str]:
        """Run every row as a click on it does, and write what it gave into `folder`; returns what could not be kept, and why."""
        missing = []
        for number, row in enumerate(self._rows):
            if self._run is None:
                break
            values = [row.get(id(item), getattr(item, "value", None)) for item in self._inputs]
            produced = self._run(*values, progress=Progress())
            for result in produced if hasattr(produced, "__next__") else (produced,):
                last = result
            target = folder / self.file_name(number)
            try:
                kept_results.write(last, target)
            except InvalidInputError as error:
                missing.append(f"{self._run.__name__}, row {number + 1}: {error}")
                continue
            if target.stat().st_size > KEPT_BYTES:
                target.unlink()
                missing.append(f"{self._run.__name__}, row {number + 1}: the result is too large to be kept.")
        return missing

    def file_name(self, number: int) -> str:
        """Under which a row's result is kept: another one as soon as the row, a file in it or the function changes."""
        key = hashlib.sha256(f"{self._run.__module__}.{self._run.__qualname__}".encode() if self._run else b"")
        for value in self._values[number]:
            file = Path(value) if isinstance(value, str) and value and len(value) < MAX_PATH_CHARS else None
            key.update(b"|" + (file.read_bytes() if file is not None and file.is_file() else repr(value).encode()))
        return f"{key.hexdigest()[:16]}.json"


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
