"""A knowledge base: documents cut into spans, found by words and meaning, each with how surely it supports an answer.

Words (BM25, Robertson & Zaragoza 2009) and meaning (cosine of sentence embeddings) are fused by reciprocal rank (Cormack et al.
2009); the support of what was found is told by a logistic function of both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mm_demos.assistant.documents import SUFFIXES, Document, read_document
from mm_demos.assistant.knowledge_support import Support, support
from mm_demos.assistant.knowledge_words import WordIndex
from mm_demos.assistant.spans import cut, sentences
from mm_demos.assistant.types import Passage, Span
from mm_demos.errors import InvalidInputError
from mm_demos.media.files import shown
from mm_demos.models.protocols import FloatArray, TextEmbedder
from mm_demos.progress import Progress
from mm_demos.retrieval.search import fuse
from mm_demos.retrieval.vectors import nearest

SUPPORTED = 0.5  # below it, nothing supports an answer to the question
MAX_FILES = 200
MAX_SPANS = 10_000
CANDIDATES = 20  # taken from each ranking
CHUNK = 32  # texts embedded between two looks at Stop
MAX_QUESTION_CHARS = 1_000  # the encoder reads no more
WORDS_WEIGHT, MEANING_WEIGHT = 1.0, 1.0


@dataclass(frozen=True, slots=True)
class Vectors:
    """Unit vectors of what can be found.

    Args:
        rows: (n_rows, dim) float32: of each span as a whole, then of each of its sentences where there are several.
        owners: (n_rows,) int64, position of the span that each row belongs to.
    """

    rows: FloatArray
    owners: np.ndarray[tuple[int], np.dtype[np.int64]]


@dataclass(frozen=True, slots=True)
class Knowledge:
    """Documents that answers are quoted from.

    Args:
        documents: in the order they were given.
        spans: of all documents, in order.
        vectors: of the spans.
        model: that made the vectors; empty when it was not told.
        faults: one sentence for each file that could not be read.
    """

    documents: tuple[Document, ...]
    spans: tuple[Span, ...]
    vectors: Vectors
    model: str = ""
    faults: tuple[str, ...] = ()
    _words: WordIndex = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        texts = [searched_text(span) for span in self.spans]
        object.__setattr__(self, "_words", WordIndex(texts))

    @classmethod
    def build(
        cls, paths: Sequence[str | Path], *, embedder: TextEmbedder, model: str = "", progress: Progress | None = None
    ) -> Knowledge:
        """Read, cut and embed files, and the files in folders; what cannot be read is told in `faults`.

        Args:
            paths: files or folders.
            embedder: the same must be given to `find`.
            model: its name, kept with the knowledge.
            progress: counts files, then texts.

        Raises:
            InvalidInputError: no file could be read, or there is too much.
            StoppedError: `progress.stop()` was called.
        """
        progress = progress or Progress()
        documents, faults = _read(_files(paths), progress)
        spans = tuple(span for document in documents for span in cut(document))
        if len(spans) > MAX_SPANS:
            raise InvalidInputError(f"There are {len(spans):,} passages and the limit is {MAX_SPANS:,}: give fewer documents.")
        return cls(documents, spans, _embedded(spans, embedder, progress), model, faults)

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the documents."""
        return tuple(document.source for document in self.documents)

    def find(self, question: str, *, embedder: TextEmbedder, top_k: int = 3) -> tuple[Passage, ...]:
        """The spans that fit a question, best supported first; nothing supports it when the first scores below `SUPPORTED`.

        Args:
            question: one question as a sentence; what it refers to must be named in it.
            embedder: the one the knowledge was built with.
            top_k: how many at most.

        Raises:
            InvalidInputError: another embedder made the vectors.
        """
        material = self.examine(question, embedder=embedder)
        scored = [(Passage(self.spans[each.span], support(each.material)), each.rank) for each in material]
        return tuple(passage for passage, _ in sorted(scored, key=lambda pair: (-round(pair[0].score, 6), pair[1]))[:top_k])

    def examine(self, question: str, *, embedder: TextEmbedder) -> tuple[Support, ...]:
        """The candidates in their fused order, with what their support is told by."""
        asked = " ".join(question.split())[:MAX_QUESTION_CHARS]
        if not any(char.isalnum() for char in asked):
            return ()
        vector = embedder.embed_texts([asked])[0]
        if vector.shape != self.vectors.rows.shape[1:]:
            raise InvalidInputError("This knowledge was embedded with another model: build it again from the documents.")
        cosines = self._cosines(vector)
        near, _ = nearest(cosines[:, None], np.ones(1, np.float32), CANDIDATES)
        by_meaning = {int(i): float(cosines[i]) for i in near}
        by_words = self._words.ranked(asked, CANDIDATES)
        rankings = [(weight, scores) for weight, scores in ((WORDS_WEIGHT, by_words), (MEANING_WEIGHT, by_meaning)) if scores]
        fused = list(fuse(rankings))
        shares = self._words.shares(asked, fused)
        unknown = self._words.unknown(asked)
        best = [cosines[i] for i in near[:2]]
        gap = float(best[0] - best[1]) if len(best) == 2 else 0.0
        return tuple(
            Support(i, rank, np.array([cosines[i], shares[i], unknown, gap if i == near[0] else 0.0], np.float32))
            for rank, i in enumerate(fused)
        )

    def _cosines(self, vector: FloatArray) -> FloatArray:
        """Of each span: the best of its own and its sentences' cosines."""
        best = np.full(len(self.spans), -1.0, np.float32)
        np.maximum.at(best, self.vectors.owners, self.vectors.rows @ vector)
        return best

    def span(self, source: str, number: int) -> Span:
        """A span of a document.

        Raises:
            InvalidInputError: there is none.
        """
        for span in self.spans:
            if span.source == source and span.number == number:
                return span
        raise InvalidInputError(f"There is no passage {number} in {shown(source)}: the documents may have been replaced.")

    def neighbours(self, span: Span, *, reach: int = 1) -> tuple[Span, ...]:
        """The span with those around it in its document, in order.

        Args:
            reach: how many before it and how many after it.
        """
        return tuple(each for each in self.spans if each.source == span.source and abs(each.number - span.number) <= reach)

    def document(self, source: str) -> Document:
        """A whole document; `span.start` and `span.end` are positions in its text.

        Raises:
            InvalidInputError: there is none of this name.
        """
        for document in self.documents:
            if document.source == source:
                return document
        raise InvalidInputError(f"There is no document {shown(source)} in this knowledge: choose one of its sources.")

    def save(self, path: str | Path) -> None:
        """Write everything to one file.

        Raises:
            InvalidInputError: the file cannot be written.
        """
        from mm_demos.assistant.knowledge_file import save

        save(self, path)

    @classmethod
    def load(cls, path: str | Path) -> Knowledge:
        """What `save` has written.

        Raises:
            InvalidInputError: the file is not such a file, or damaged.
        """
        from mm_demos.assistant.knowledge_file import load

        return load(path)


def searched_text(span: Span) -> str:
    """What a span is found by: its heading and its text."""
    return f"{span.heading}. {span.text}" if span.heading else span.text


def _files(paths: Sequence[str | Path]) -> list[tuple[str, Path]]:
    """Name and path of each file; folders give what can be read in them; equal names get their folder in front."""
    if isinstance(paths, str | Path):
        paths = [paths]
    found: dict[Path, None] = {}
    for path in map(Path, paths):
        if path.is_dir():
            inside = (each for each in sorted(path.rglob("*")) if each.suffix.lower() in SUFFIXES and each.is_file())
            found |= dict.fromkeys(each for each in inside if not each.name.startswith("."))
        else:
            found[path] = None
    if not found:
        raise InvalidInputError("There is no document to read: give Markdown, PDF, CSV or TXT files.")
    if len(found) > MAX_FILES:
        raise InvalidInputError(f"There are {len(found):,} files and the limit is {MAX_FILES}: give fewer.")
    named: dict[str, Path] = {}
    for path in found:
        name = shown(path.name)
        if name in named:
            name = shown(f"{path.parent.name}/{path.name}")
        named[name if name not in named else f"{name} ({len(named) + 1})"] = path
    return list(named.items())


def _read(files: Sequence[tuple[str, Path]], progress: Progress) -> tuple[tuple[Document, ...], tuple[str, ...]]:
    """Documents, and sentences on files that are none; raises the first of these when nothing else is left."""
    documents: list[Document] = []
    faults: list[InvalidInputError] = []
    for done, (name, path) in enumerate(files):
        progress.report(f"Reading {name}", done, len(files), "files")
        try:
            documents.append(read_document(path, source=name, progress=progress.part()))
        except InvalidInputError as fault:
            faults.append(fault)
    if not documents:
        raise faults[0]
    return tuple(documents), tuple(map(str, faults))


def _embedded(spans: Sequence[Span], embedder: TextEmbedder, progress: Progress) -> Vectors:
    texts, owners = [searched_text(span) for span in spans], list(range(len(spans)))
    for position, span in enumerate(spans):
        pieces = sentences(span.text)
        if len(pieces) > 1:
            texts += [f"{span.heading}. {span.text[start:end]}" for start, end in pieces]
            owners += [position] * len(pieces)
    rows = []
    for start in range(0, len(texts), CHUNK):
        progress.report("Embedding passages", start, len(texts), "texts")
        rows.append(embedder.embed_texts(texts[start : start + CHUNK]))
    return Vectors(np.concatenate(rows), np.array(owners, np.int64))
