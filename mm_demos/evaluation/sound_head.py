"""The sound head of a folder in place of the one that ships, so that one that has not seen a fold is measured like it."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mm_demos.errors import InvalidInputError
from mm_demos.models import catalog
from mm_demos.models.catalog import PackagedSource, WeightFile
from mm_demos.models.sound import TABLE, WEIGHTS

SOUND_MODEL = "whisper-sound-head"


@contextmanager
def sound_head(folder: Path | None) -> Iterator[None]:
    """While it lasts, `whisper-sound-head` is the one in `folder`; None changes nothing.

    Raises:
        InvalidInputError: the folder holds no sound head.
    """
    if folder is None:
        yield
        return
    before = catalog.spec(SOUND_MODEL)
    catalog.unregister(SOUND_MODEL)
    try:
        catalog.register(dataclasses.replace(before, files=tuple(_file(folder / name) for name in (WEIGHTS, TABLE))))
        yield
    finally:
        if SOUND_MODEL in {row.name for row in catalog.rows()}:
            catalog.unregister(SOUND_MODEL)
        catalog.register(before)


def _file(path: Path) -> WeightFile:
    if not path.is_file():
        raise InvalidInputError(f"There is no {path}: give the folder that `python -m mm_demos.training.sound_head` wrote.")
    content = path.read_bytes()
    return WeightFile(path.name, hashlib.sha256(content).hexdigest(), len(content), (PackagedSource(str(path.resolve())),))
