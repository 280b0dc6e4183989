"""Many pictures read once: each one's embedding, its digest and a small picture of it, to search in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mm_demos.errors import InvalidInputError
from mm_demos.media.files import shown
from mm_demos.models.protocols import FloatArray
from mm_demos.progress import Progress
from mm_demos.results import Receipt
from mm_demos.tasks.embedding_cache import EmbeddingCache

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"})
MAX_PICTURES = 20_000


@dataclass(frozen=True, slots=True)
class IndexedPicture:
    """One picture of an index.

    Args:
        name: what it is called in results.
        digest: sha256 of the file, hex; no two pictures of an index share one.
        thumbnail: JPEG of at most 288 pixels a side; empty when none was asked for.
        path: where the file was; None when the index was loaded from a file.
        stamp: size in bytes and time of change (ns) of the file when it was read.
    """

    name: str
    digest: str
    thumbnail: bytes = b""
    path: Path | None = None
    stamp: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class PictureFault:
    """A file that is not in the index, and the sentence that says why."""

    name: str
    sentence: str


@dataclass(frozen=True, slots=True)
class PictureIndex:
    """Pictures and their embeddings.

    Args:
        pictures: in the order they were given, each content once.
        embeddings: (n_pictures, dim) float32, L2-normalised.
        model: the joint embedder that made them; queries are embedded with it too.
        revision: of that model's weights.
        faults: files that could not be read.
        duplicates: files left out because a picture with the same bytes is there already.
    """

    pictures: tuple[IndexedPicture, ...]
    embeddings: FloatArray
    model: str
    revision: str
    faults: tuple[PictureFault, ...] = ()
    duplicates: int = 0
    receipt: Receipt | None = None

    def __len__(self) -> int:
        """Number of pictures."""
        return len(self.pictures)

    def find(self, digest: str) -> IndexedPicture | None:
        """The picture with this content."""
        return next((picture for picture in self.pictures if picture.digest == digest), None)

    @classmethod
    def build(
        cls,
        paths: Sequence[str | Path],
        *,
        model: str | None = None,
        cache: EmbeddingCache | None = None,
        thumbnails: bool = True,
        progress: Progress | None = None,
    ) -> PictureIndex:
        """Read and embed pictures; what cannot be read is told in `faults`.

        Args:
            paths: files; `picture_files(folder)` gives those of a folder.
            model: a joint embedder; the profile's own by default.
            cache: embeddings from earlier runs.
            thumbnails: keep a small picture of each.
            progress: counts pictures.

        Raises:
            InvalidInputError: no picture could be read, or there are too many.
        """
        from mm_demos.tasks.picture_reading import read_pictures  # which makes what this class holds

        index = None
        for index in read_pictures(paths, model=model, cache=cache, thumbnails=thumbnails, progress=progress):  # noqa: B007
            pass
        if index is None or not index.pictures:
            first = f" {index.faults[0].sentence}" if index is not None and index.faults else ""
            raise InvalidInputError(f"None of the {len(paths)} pictures could be read.{first}")
        return index


def picture_files(folder: str | Path) -> list[Path]:
    """Pictures in a folder and the folders in it, sorted by path; hidden ones are left out.

    Raises:
        InvalidInputError: no such folder, or no picture in it.
    """
    root = Path(folder)
    if not root.is_dir():
        raise InvalidInputError(f"There is no folder {shown(folder)}: check the path.")
    found = sorted(
        path
        for path in root.rglob("*")
        if path.suffix.lower() in SUFFIXES and not any(part.startswith(".") for part in path.relative_to(root).parts)
    )
    if not found:
        raise InvalidInputError(f"There is no picture in {shown(folder)}: put JPEG, PNG, WebP, GIF, BMP or TIFF files there.")
    return found
