"""What the Captioning tab runs and keeps: one picture, many pictures, the visitor's edits, downloads."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import wraps
from pathlib import Path
from typing import Any

from mm_demos import media
from mm_demos.errors import InvalidInputError
from mm_demos.media.thumbnails import data_uri
from mm_demos.models.protocols import CaptionOptions
from mm_demos.progress import Progress
from mm_demos.results import Captioning, Receipt
from mm_demos.tasks import caption_exports
from mm_demos.tasks.caption_batch import Batch, Item, caption_all
from mm_demos.tasks.captioning import caption
from mm_demos.ui.events import Export
from mm_demos.ui.files import csv_text, json_text

MAX_PICTURES = 100
MAX_EDIT_CHARS = 2000
PICTURE_SIDE = 800  # pixels of the picture under the heat-map
THUMBNAIL_SIDE = 240  # pixels; shown at half of it, for dense screens
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff")


@dataclass(frozen=True, slots=True)
class Pictured:
    """Captions with the picture they are about, as the page shows it.

    Args:
        captioning: what programs get.
        picture: a JPEG of at most `PICTURE_SIDE` pixels as a data URI.
    """

    captioning: Captioning
    picture: str

    @property
    def receipt(self) -> Receipt | None:
        """How the captions came about."""
        return self.captioning.receipt


@dataclass(frozen=True, slots=True)
class Typed:
    """What the visitor wrote over the captions of one run, by number of the picture."""

    run: str = ""
    texts: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Gallery:
    """A batch with thumbnails and the visitor's own captions.

    Args:
        batch: what programs get.
        thumbnails: a JPEG as a data URI for every item; empty for a picture that could not be read.
        run: tells one run's captions from the next one's.
        texts: the visitor's captions by number of the item.
    """

    batch: Batch
    thumbnails: tuple[str, ...] = ()
    run: str = ""
    texts: Mapping[int, str] = field(default_factory=dict)

    @property
    def receipt(self) -> Receipt | None:
        """How the captions came about."""
        return self.batch.receipt

    @property
    def lines(self) -> tuple[caption_exports.Line, ...]:
        """What is exported."""
        return caption_exports.lines(self.batch, self.texts)


def caption_one(  # noqa: PLR0917 (an endpoint receives its components' values by position)
    image: str,
    style: str = "",
    language: str = "",
    prefix: str = "",
    n: float | None = None,
    seed: float | None = None,
    method: str = "",
    beams: float | None = None,
    temperature: float | None = None,
    max_new_tokens: float | None = None,
    model: str = "",
    *,
    progress: Progress | None = None,
) -> Captioning:
    """Caption a picture: captions best first with image–text similarity, where each word looked, and the evidence.

    Args:
        image: a picture file.
        style: short, detailed, alt-text or playful.
        language: en, zh or fr.
        prefix: words the caption begins with.
        n: how many captions, 1 to 8.
        seed: the same one gives the same captions.
        method: beam (search) or sampling.
        beams: of the search, 1 to 8.
        temperature: of sampling and wording, 0 to 2.
        max_new_tokens: longest caption in tokens, 5 to 80.
        model: of the catalog.
        progress: told about loads and steps.
    """
    options = options_of(style, language, prefix, n, seed, method, beams, temperature, max_new_tokens)
    return caption(Path(image), model=model or None, options=options, progress=progress)


def caption_many(  # noqa: PLR0917
    images: list[str],
    style: str = "",
    language: str = "",
    prefix: str = "",
    n: float | None = None,
    seed: float | None = None,
    method: str = "",
    beams: float | None = None,
    temperature: float | None = None,
    max_new_tokens: float | None = None,
    model: str = "",
    *,
    progress: Progress | None = None,
) -> Iterator[Batch]:
    """Caption many pictures; one that cannot be read gets a sentence and the rest go on. `caption` tells where words looked.

    Args:
        images: picture files, at most 100.
        style: short, detailed, alt-text or playful.
        language: en, zh or fr.
        prefix: words the caption begins with.
        n: how many captions, 1 to 8.
        seed: the same one gives the same captions.
        method: beam (search) or sampling.
        beams: of the search, 1 to 8.
        temperature: of sampling and wording, 0 to 2.
        max_new_tokens: longest caption in tokens, 5 to 80.
        model: of the catalog.
        progress: told about loads and pictures.
    """
    options = options_of(style, language, prefix, n, seed, method, beams, temperature, max_new_tokens)
    for batch in caption_all([Path(path) for path in images], model=model or None, options=options, progress=progress):
        yield replace(batch, items=tuple(map(_without_looks, batch.items)))


def _without_looks(item: Item) -> Item:
    """Ten kilobytes less for every picture of a table."""
    if item.captioning is None:
        return item
    captions = tuple(replace(found, looks=()) for found in item.captioning.captions)
    return replace(item, captioning=replace(item.captioning, captions=captions))


@wraps(caption_one, assigned=())
def picture_one(image: str, *values: Any, progress: Progress | None = None) -> Pictured:
    """`caption_one` for the page."""
    result = caption_one(image, *values, progress=progress)
    return Pictured(result, data_uri(media.load_image(image), PICTURE_SIDE))


@wraps(caption_many, assigned=())
def picture_many(images: list[str], *values: Any, progress: Progress | None = None) -> Iterator[Gallery]:
    """`caption_many` for the page."""
    run, thumbnails = secrets.token_hex(4), []
    for batch in caption_many(images, *values, progress=progress):
        readable = batch.items[-1].captioning is not None
        thumbnails.append(data_uri(media.load_image(images[len(batch.items) - 1]), THUMBNAIL_SIDE) if readable else "")
        yield Gallery(batch, tuple(thumbnails), run)


def options_of(  # noqa: PLR0917
    style: str,
    language: str,
    prefix: str,
    n: float | None,
    seed: float | None,
    method: str,
    beams: float | None,
    temperature: float | None,
    max_new_tokens: float | None,
) -> CaptionOptions:
    """The components' values as options of the task; what is empty stands at its default."""
    given: dict[str, Any] = {
        "style": style or None,
        "language": language or None,
        "prefix": (prefix or "").strip(),
        "n": _whole(n),
        "seed": _whole(seed),
        "method": method or None,
        "beams": _whole(beams),
        "temperature": temperature,
        "max_new_tokens": _whole(max_new_tokens),
    }
    return CaptionOptions(**{name: value for name, value in given.items() if value is not None})


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)


def check_one(image: str | None, *_options: Any) -> None:
    """Refuse a run without a picture."""
    if not image:
        raise InvalidInputError("Choose, paste or take a picture first.")


def check_many(images: Sequence[str] | None, *_options: Any) -> None:
    """Refuse a run without pictures, or with too many."""
    if not images:
        raise InvalidInputError("Choose the pictures first; you can take many at once.")
    if len(images) > MAX_PICTURES:
        raise InvalidInputError(f"{len(images)} pictures are too many for one run: take at most {MAX_PICTURES} at a time.")


def pictures_in(files: Sequence[str] | None) -> list[str]:
    """The pictures among the files of a folder, by name."""
    pictures = [Path(file) for file in files or () if Path(file).suffix.lower() in SUFFIXES]
    return [str(path) for path in sorted(pictures, key=lambda path: (path.name.lower(), str(path)))]


def typed(run: str, texts: Mapping[str, Any]) -> Typed:
    """The visitor's captions as the page sends them, by number of the picture."""
    rows = [int(row) for row in texts if row.isdecimal() and int(row) < MAX_PICTURES]
    return Typed(run, {row: str(texts[str(row)])[:MAX_EDIT_CHARS] for row in rows})


def edited(gallery: Gallery, changes: Typed) -> Gallery:
    """The gallery with the visitor's captions; those of an earlier run change nothing."""
    return replace(gallery, texts=changes.texts) if changes.run == gallery.run else gallery


def _rows(result: Pictured) -> list[tuple[str, float]]:
    return [(found.text, found.score) for found in result.captioning.captions]


ONE_EXPORTS = (
    Export("TXT", "captions.txt", lambda result: "".join(f"{text}\n" for text, _ in _rows(result))),
    Export("CSV", "captions.csv", lambda result: csv_text(("caption", "score"), _rows(result))),
    Export("JSON", "captions.json", lambda result: json_text(result.captioning)),
)
MANY_EXPORTS = (
    Export("CSV", "captions.csv", lambda gallery: caption_exports.csv_table(gallery.lines)),
    Export("JSONL", "captions.jsonl", lambda gallery: caption_exports.json_lines(gallery.lines)),
    Export("TXT per picture", "captions-txt.zip", lambda gallery: caption_exports.text_files(gallery.lines)),
    Export("ZIP of all", "captions.zip", lambda gallery: caption_exports.archive(gallery.lines)),
)
