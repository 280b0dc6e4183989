"""Word error rate after Whisper's own text normalisation, without importing torch."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from mm_demos.errors import InvalidInputError, MissingDependencyError

# Written without spaces between words: counted by character, as Whisper's paper does (Radford et al., 2022, appendix D.2).
UNSPACED = frozenset({"zh", "ja", "th", "lo", "my", "yue"})
_NORMALIZERS = "mm_demos_whisper_normalizers"  # name under which the library's subpackage is kept


@dataclass(frozen=True, slots=True)
class WordErrors:
    """Edits that turn the hypothesis into the reference; `wer` is their sum over the reference's words, and may exceed 1."""

    wer: float
    substitutions: int
    deletions: int
    insertions: int
    reference_words: int


def word_errors(reference: str, hypothesis: str, language: str = "en") -> WordErrors:
    """Errors of one text against one reference.

    Raises:
        InvalidInputError: nothing is left of the reference after normalisation.
    """
    return corpus_word_errors([(reference, hypothesis)], language)


def corpus_word_errors(pairs: Iterable[tuple[str, str]], language: str = "en") -> WordErrors:
    """Errors over many (reference, hypothesis) pairs, summed before the division.

    Raises:
        InvalidInputError: a reference is empty after normalisation.
    """
    import jiwer

    normalise = normalizer(language)
    rows = [(normalise(reference), normalise(hypothesis)) for reference, hypothesis in pairs]
    if not rows or not all(any(char.isalnum() for char in reference) for reference, _ in rows):
        raise InvalidInputError("The reference text has no words: type what was really said.")
    counts = jiwer.process_words([reference for reference, _ in rows], [hypothesis for _, hypothesis in rows])
    words = counts.hits + counts.substitutions + counts.deletions
    return WordErrors(counts.wer, counts.substitutions, counts.deletions, counts.insertions, words)


@lru_cache(maxsize=8)
def normalizer(language: str = "en") -> Callable[[str], str]:
    """Whisper's normaliser: the English one for "en", else the basic one, which splits unspaced scripts into characters."""
    package = _normalizers()
    english = language == "en"
    rules = package.EnglishTextNormalizer() if english else package.BasicTextNormalizer(split_letters=language in UNSPACED)
    return lambda text: " ".join(rules(text).split())


def _normalizers() -> Any:
    """`whisper.normalizers`, executed from its files alone: `import whisper` would import torch."""
    if _NORMALIZERS in sys.modules:
        return sys.modules[_NORMALIZERS]
    library = importlib.util.find_spec("whisper")
    if library is None or not library.submodule_search_locations:
        raise MissingDependencyError("The word error rate needs Whisper's text normaliser: pip install openai-whisper.")
    folder = Path(library.submodule_search_locations[0]) / "normalizers"
    spec = importlib.util.spec_from_file_location(_NORMALIZERS, folder / "__init__.py", submodule_search_locations=[str(folder)])
    if spec is None or spec.loader is None:
        raise MissingDependencyError("Whisper's text normaliser is missing: pip install --force-reinstall openai-whisper.")
    package = importlib.util.module_from_spec(spec)
    sys.modules[_NORMALIZERS] = package  # before it runs: its own modules import each other through this name
    spec.loader.exec_module(package)
    return package
