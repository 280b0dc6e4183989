"""Recordings made searchable, and moments found in them by words, voice, sound or picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mm_demos.progress import Progress
from mm_demos.retrieval.types import IndexProgress, IndexSummary, Query, Retrieval

if TYPE_CHECKING:
    from mm_demos.retrieval.library import Library


def index_folder(folder: str | Path, *, library: str | Library, progress: Progress | None = None) -> IndexSummary:
    """Read every recording of a folder, and of the folders in it, into a library.

    Files whose content is known are skipped, those that are gone are dropped, and those that cannot be read are told in `faults`.

    Args:
        folder: recordings and videos in any format that can be decoded.
        library: its name in the user's data folder, where it is made if it is not there; or an open `Library`.
        progress: told about every file; stopping it keeps what is done and gives a summary with `stopped`.

    Raises:
        InvalidInputError: no such folder, no recording in it, or a name that cannot be used.
        BusyError: another process writes to this library.
    """
    *_, last = index_while_reading(folder, library=library, progress=progress)
    assert isinstance(last, IndexSummary)  # noqa: S101  # by the contract of `index_while_reading`
    return last


def index_while_reading(
    source: str | Path | Sequence[str | Path], *, library: str | Library, progress: Progress | None = None
) -> Iterator[IndexProgress | IndexSummary]:
    """Like `index_folder`, yielding an `IndexProgress` before and after every file and the `IndexSummary` last.

    Args:
        source: a folder, or a list of files; with a list nothing is dropped.
    """
    raise NotImplementedError


def search(query: Query | str, *, library: str | Library, progress: Progress | None = None) -> Retrieval:
    """The moments of a library that fit a query best.

    Args:
        query: words, or a `Query` with a recording, a picture, filters and so on.
        library: the name of one in the user's data folder, or an open `Library`.
        progress: told what is being done.

    Raises:
        InvalidInputError: an empty query, a file that cannot be read, an option out of range, no such library, or one that was
            made with other models.
    """
    raise NotImplementedError
