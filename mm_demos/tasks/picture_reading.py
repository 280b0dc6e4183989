"""Pictures to an index, chunk by chunk: known ones are not embedded again, and a bad one does not spoil the rest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mm_demos import media
from mm_demos.errors import DemoError, InvalidInputError
from mm_demos.media.files import existing_file, sha256_of, shown
from mm_demos.models import catalog
from mm_demos.models.catalog import revision_of
from mm_demos.models.protocols import FloatArray, JointEmbedder
from mm_demos.progress import Progress
from mm_demos.tasks.embedding_cache import EmbeddingCache
from mm_demos.tasks.picture_index import MAX_PICTURES, IndexedPicture, PictureFault, PictureIndex
from mm_demos.tasks.receipts import Run, record

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_FILE_BYTES = 100_000_000
CHUNK, CHUNK_PIXELS = 8, 25_000_000  # pictures embedded together, whichever is reached first: decoded, they fill memory
THUMBNAIL_SIDE, THUMBNAIL_QUALITY = 288, 78  # pixels of the longer side; about 12 kB


def read_pictures(
    paths: Sequence[str | Path],
    *,
    names: Sequence[str] | None = None,
    model: str | None = None,
    base: PictureIndex | None = None,
    known: PictureIndex | None = None,
    cache: EmbeddingCache | None = None,
    thumbnails: bool = True,
    progress: Progress | None = None,
) -> Iterator[PictureIndex]:
    """Yield the index as it grows; a stopped reading loses at most the few pictures that were not yet embedded.

    Args:
        paths: files.
        names: what they are called; their paths by default.
        base: pictures that are in the index from the start; their model is used.
        known: pictures that need not be embedded again when they are among `paths`.

    Raises:
        InvalidInputError: too many pictures.
        StoppedError: `progress.stop()` was called.
    """
    if isinstance(paths, str | bytes | Path) or not isinstance(paths, Sequence):
        raise InvalidInputError("A list of pictures is needed here: put the path into brackets, also when it is only one.")
    if len(paths) + (len(base) if base else 0) > MAX_PICTURES:
        raise InvalidInputError(f"{len(paths):,} pictures are too many for one index: give at most {MAX_PICTURES:,}.")
    progress = progress or Progress()
    name = catalog.chosen(base.model if base else model, "joint-embedder")
    with record("read_pictures", options={"n": len(paths)}, progress=progress) as run:
        reading = _Reading(name, run, known, cache, thumbnails)
        if base is not None:
            reading.start_with(base)
        for done, path in enumerate(paths):
            progress.report("Reading pictures", done, len(paths), "pictures")
            reading.take(path, names[done] if names else str(path))
            if reading.chunk_is_full:
                reading.embed()
                yield reading.index()
        progress.report("Reading pictures", len(paths), len(paths), "pictures")
        reading.embed()
        yield reading.index()


@dataclass(slots=True)
class _Waiting:
    """A decoded picture that is yet to be embedded, and its place in the index."""

    place: int
    image: Image


@dataclass(slots=True)
class _Reading:
    """An index in the making."""

    model: str
    run: Run
    known: PictureIndex | None
    cache: EmbeddingCache | None
    thumbnails: bool
    _pictures: list[IndexedPicture] = field(default_factory=list)
    _rows: list[FloatArray | None] = field(default_factory=list)
    _digests: set[str] = field(default_factory=set)
    _faults: list[PictureFault] = field(default_factory=list)
    _duplicates: int = 0
    _waiting: list[_Waiting] = field(default_factory=list)
    _embedder: JointEmbedder | None = None
    _known_paths: dict[Path, int] = field(default_factory=dict)
    _known_digests: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.known is None or (self.known.model, self.known.revision) != (self.model, revision_of(self.model)):
            return
        for place, picture in enumerate(self.known.pictures):
            self._known_digests[picture.digest] = place
            if picture.path is not None:
                self._known_paths[picture.path] = place

    def start_with(self, base: PictureIndex) -> None:
        """Put the pictures of another index of the same model in front."""
        for picture, row in zip(base.pictures, base.embeddings, strict=True):
            self._add(picture, row)

    def take(self, source: str | Path, name: str) -> None:
        """Add one file; a fault becomes a sentence."""
        try:
            self._take(existing_file(source, "picture"), name)
        except DemoError as error:
            self._faults.append(PictureFault(name, str(error)))

    def _take(self, path: Path, name: str) -> None:
        status = path.stat()
        stamp = (status.st_size, status.st_mtime_ns)
        if status.st_size > MAX_FILE_BYTES:
            raise InvalidInputError(f"{shown(path.name)} has more than {MAX_FILE_BYTES // 1_000_000} MB: save it smaller.")
        earlier = self._known_at(path, stamp)
        digest = earlier.digest if earlier is not None else _digest(path)
        if digest in self._digests:
            self._duplicates += 1
            return
        picture = IndexedPicture(name, digest, path=path, stamp=stamp)
        place = self._known_digests.get(digest)
        if place is not None and self.known is not None:
            thumbnail = self.known.pictures[place].thumbnail
            if thumbnail or not self.thumbnails:
                self._add(replace(picture, thumbnail=thumbnail), self.known.embeddings[place])
                return
        self._decode(picture, path)

    def _known_at(self, path: Path, stamp: tuple[int, int]) -> IndexedPicture | None:
        place = self._known_paths.get(path)
        picture = self.known.pictures[place] if place is not None and self.known is not None else None
        return picture if picture is not None and picture.stamp == stamp else None

    def _decode(self, picture: IndexedPicture, path: Path) -> None:
        kept = self.cache.find(picture.digest) if self.cache is not None else None
        if kept is not None and not self.thumbnails:
            self._add(picture, kept)
            return
        image = media.load_image(path)
        if self.thumbnails:
            picture = replace(picture, thumbnail=thumbnail_of(image))
        self._add(picture, kept)
        if kept is None:
            self._waiting.append(_Waiting(len(self._pictures) - 1, image))

    def _add(self, picture: IndexedPicture, row: FloatArray | None) -> None:
        self._digests.add(picture.digest)
        self._pictures.append(picture)
        self._rows.append(row)

    @property
    def chunk_is_full(self) -> bool:
        """Whether what waits is to be embedded now."""
        pixels = sum(each.image.width * each.image.height for each in self._waiting)
        return len(self._waiting) >= CHUNK or pixels >= CHUNK_PIXELS

    def embed(self) -> None:
        """Embed what waits."""
        if not self._waiting:
            return
        if self._embedder is None:
            self._embedder = self.run.lease(self.model)
        rows = self._embedder.embed_images([each.image for each in self._waiting])
        for each, row in zip(self._waiting, rows, strict=True):
            self._rows[each.place] = row
        if self.cache is not None:
            self.cache.keep([(self._pictures[each.place].digest, row) for each, row in zip(self._waiting, rows, strict=True)])
        self._waiting.clear()

    def index(self) -> PictureIndex:
        """What there is; call it when nothing waits."""
        rows = [row for row in self._rows if row is not None]
        embeddings = np.stack(rows).astype(np.float32) if rows else np.zeros((0, 1), np.float32)
        return PictureIndex(
            tuple(self._pictures),
            embeddings,
            self.model,
            revision_of(self.model),
            tuple(self._faults),
            self._duplicates,
            self.run.receipt(),
        )


def thumbnail_of(image: Image) -> bytes:
    """A small JPEG of a picture."""
    small = image.copy() if max(image.size) <= THUMBNAIL_SIDE else image.reduce(max(1, max(image.size) // (3 * THUMBNAIL_SIDE)))
    small.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    stream = BytesIO()
    small.save(stream, "JPEG", quality=THUMBNAIL_QUALITY)
    return stream.getvalue()


def _digest(path: Path) -> str:
    try:
        return sha256_of(path)
    except OSError:
        raise InvalidInputError(f"{shown(path.name)} cannot be read: check its permissions.") from None
