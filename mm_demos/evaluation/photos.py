"""Photos to measure on, in webdataset tars or folders of `KEY.jpg` beside `KEY.json`, and the split that no model trained on."""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from mm_demos.errors import InvalidInputError

if TYPE_CHECKING:
    from PIL.Image import Image

Split = Literal["validation", "all"]
SPLITS: tuple[Split, ...] = get_args(Split)
HELD_OUT = 1_000  # photos at the end of the last tars; no model ever trains on them
FIRST_HELD_OUT = "143237785_93f81b3201"  # where they begin in flickr8k-06.tar, so that a part of the set is not taken for all
PICTURES = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True, slots=True)
class Photo:
    """One photo: its key, the bytes of its file, and what people wrote about it or the class it belongs to.

    Args:
        class_index: among ImageNet's 1,000 classes, or -1.
        class_name: empty where there is no class.
    """

    key: str
    jpeg: bytes
    captions: tuple[str, ...]
    class_index: int = -1
    class_name: str = ""

    @property
    def image(self) -> Image:
        """The photo in RGB."""
        from PIL import Image

        return Image.open(io.BytesIO(self.jpeg)).convert("RGB")


def read_tar(path: Path) -> Iterator[Photo]:
    """Photos of one webdataset tar, in the order of their keys.

    Raises:
        InvalidInputError: the file is no tar archive, or a description in it is damaged.
    """
    try:
        with tarfile.open(path) as tar:
            members = {member.name.removeprefix("./"): member for member in tar.getmembers() if member.isfile()}

            def content(name: str) -> bytes:
                file = tar.extractfile(members[name])
                return file.read() if file else b""

            yield from _photos(members, content, path)
    except tarfile.TarError as error:
        raise InvalidInputError(f"{path} cannot be read as a tar archive ({error}): fetch it again.") from error


def read_folder(folder: Path) -> Iterator[Photo]:
    """Photos of the pictures and descriptions in `folder` itself, in the order of their keys."""
    names = [path.name for path in folder.iterdir() if path.suffix in (*PICTURES, ".json")]
    yield from _photos(names, lambda name: (folder / name).read_bytes(), folder)


def _photos(names: Iterable[str], content: Callable[[str], bytes], where: Path) -> Iterator[Photo]:
    """Every picture among `names` that has a description; the key is the name without its suffix."""
    known = set(names)
    for name in sorted(name for name in known if name.endswith(PICTURES)):
        key = name.rpartition(".")[0]
        if f"{key}.json" in known:
            facts = _facts(content(f"{key}.json"), f"{key}.json in {where}")
            captions = tuple(str(text) for text in facts.get("captions", ()))
            yield Photo(key, content(name), captions, int(facts.get("index", -1)), str(facts.get("name", "")))


def _facts(text: bytes, name: str) -> dict[str, Any]:
    try:
        facts = json.loads(text)
    except ValueError:
        facts = None
    if not isinstance(facts, dict):
        raise InvalidInputError(f"{name} is not a JSON object: each photo needs one with its captions or its class.")
    return facts


def read(data: Path) -> Iterator[Photo]:
    """Photos of every tar and folder in `data`, or of the one tar that it is; those with the same key come once.

    Raises:
        InvalidInputError: there is no such folder, or something in it is damaged.
    """
    if not data.exists():
        raise InvalidInputError(f"There is no {data}: give the folder that holds the photos.")
    folders = sorted(_folders(data))
    tars = [data] if data.is_file() else sorted(tar for folder in folders for tar in folder.glob("*.tar"))
    seen: set[str] = set()
    for photo in (photo for source in (*map(read_tar, tars), *map(read_folder, folders)) for photo in source):
        if photo.key not in seen:
            seen.add(photo.key)
            yield photo


def _folders(data: Path) -> Iterator[Path]:
    """`data` and the folders below it that are not hidden."""
    for folder, names, _ in os.walk(data):
        names[:] = [name for name in names if not name.startswith(".")]
        yield Path(folder)


def captioned(data: Path, split: Split = "validation", limit: int | None = None) -> list[Photo]:
    """Photos with captions: all of them, or those held out from training.

    Args:
        limit: at most so many, the first ones.

    Raises:
        InvalidInputError: there are none, or the training set, whose end is held out, is not complete.
    """
    photos = [photo for photo in read(data) if photo.captions]
    if not photos:
        raise InvalidInputError(f"{data} holds no photos with captions: KEY.jpg beside KEY.json, in tars or folders.")
    return (held_out(photos) if split == "validation" else photos)[:limit]


def held_out(photos: list[Photo]) -> list[Photo]:
    """The validation split of the training set.

    Raises:
        InvalidInputError: `photos` are another set, or a part of it.
    """
    if len(photos) < HELD_OUT or photos[-HELD_OUT].key != FIRST_HELD_OUT:
        raise InvalidInputError(
            f"The validation split is the last {HELD_OUT:,} photos of flickr8k-00.tar to flickr8k-07.tar, and these are "
            f"{len(photos):,} others: use --split all to measure on every photo of a set of your own."
        )
    return photos[-HELD_OUT:]


def labelled(data: Path) -> list[Photo]:
    """Photos with one of ImageNet's classes, by its number; no model trained on any."""
    return sorted((photo for photo in read(data) if photo.class_index >= 0), key=lambda photo: photo.class_index)
