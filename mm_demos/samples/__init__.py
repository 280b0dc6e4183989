"""Small files that ship with the project, for examples and tests; LICENCES.md names the source and licence of each."""

from __future__ import annotations

from pathlib import Path

from mm_demos.errors import InvalidInputError

FOLDER = Path(__file__).parent
STUDIO_SET = "caretaker.zip"


def names() -> tuple[str, ...]:
    """File names of all samples, sorted."""
    return tuple(sorted(file.name for file in FOLDER.iterdir() if file.suffix in {".flac", ".ogg", ".jpg", ".png"}))


def path(name: str) -> Path:
    """Path of a bundled file, e.g. "jfk.flac".

    Raises:
        InvalidInputError: there is no such sample.
    """
    if name not in names():
        raise InvalidInputError(f"There is no sample {name!r}: choose one of {', '.join(names())}.")
    return FOLDER / name


def studio_set() -> Path:
    """The table the studio opens with, a ZIP: 300 notes of a caretaker, with text, image, audio, label and group."""
    return FOLDER / STUDIO_SET


def shop() -> Path:
    """Folder of the assistant's sample shop: policies, a care guide, products with pictures, orders; see the README in it."""
    return FOLDER / "shop"
