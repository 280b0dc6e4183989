"""Frozen features of a table's rows: each text, picture and recording is encoded once, and found again by its content."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mm_demos import media
from mm_demos.errors import InvalidInputError
from mm_demos.fusion.augment import change_name, changed, random_for
from mm_demos.fusion.encoders import Vectors, default_encoders, encode_images, encode_sounds, encode_texts, encoder
from mm_demos.fusion.feature_store import FeatureStore, feature_key
from mm_demos.fusion.types import MODALITIES, Encoder, Features, Modality, Row
from mm_demos.media.files import existing_file, sha256_of
from mm_demos.models.protocols import FloatArray, Lease
from mm_demos.progress import Progress

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_AUGMENT = 20  # copies of a row
LONGEST_SIDE = 1024  # pixels kept of a picture; the encoders see 260
BATCH: Mapping[Modality, int] = {"text": 32, "image": 8, "audio": 1}  # inputs decoded at once
KINDS: Mapping[Modality, str] = {"text": "text", "image": "picture", "audio": "recording"}
MESSAGES: Mapping[Modality, str] = {
    "text": "Reading texts",
    "image": "Looking at pictures",
    "audio": "Listening to recordings",
}
ENCODE: Mapping[Modality, Callable[..., Vectors]] = {"text": encode_texts, "image": encode_images, "audio": encode_sounds}


@dataclass(slots=True)
class _Item:
    """One content, as it is or changed, with the lines of the features that it fills.

    Args:
        vectors: encoder name → (dim,), as far as they are known.
    """

    row: Row
    digest: str
    change: str
    lines: list[int] = field(default_factory=list)
    vectors: dict[str, FloatArray] = field(default_factory=dict)


def extract(
    rows: Sequence[Row],
    labels: Sequence[str],
    *,
    encoders: Mapping[Modality, Sequence[str]],
    lease: Lease,
    augment: int = 0,
    augment_rows: Collection[int] = (),
    seed: int = 0,
    progress: Progress,
) -> Features:
    """Features of `rows`: first a line for each row as it is, in order, then the changed copies of `augment_rows`, row by row.

    Values are as the encoders give them; bringing them to one scale belongs to training. What was encoded before, here or in
    another run, comes from the cache; what is encoded until a stop or a fault is kept there.

    Args:
        labels: the classes; empty, or rows without labels, give features without labels.
        encoders: modality → names; a modality that is not in it is left out, several names stand side by side.
        lease: asked only for the models that something is left to do for.
        augment: changed copies of each row in `augment_rows`, in [0, 20].
        augment_rows: indices into `rows`: the training rows and no others.
        seed: of the changes.

    Raises:
        InvalidInputError: a file cannot be read (the sentence names its row), a label is none of `labels`, or an encoder is not
            one of this modality.
        StoppedError: `progress` was stopped; it is asked between rows.
    """
    chosen = {modality: _chosen(modality, encoders[modality]) for modality in MODALITIES if encoders.get(modality)}
    numbers, copies = _lines(len(rows), augment, augment_rows)
    changes = [change_name(seed, copy) for copy in copies]
    items = {modality: _items(modality, rows, numbers, changes, progress=progress) for modality in chosen}
    with FeatureStore() as store:
        _Encoding(chosen, store, lease, progress).fill(items)
    return Features(
        vectors={modality: _side_by_side(items[modality], chosen[modality], len(numbers)) for modality in chosen},
        present={modality: _present(items[modality], len(numbers)) for modality in chosen},
        labels=_classes(rows, labels)[numbers] if _labelled(rows, labels) else np.zeros(0, np.int64),
        encoders=chosen,
        rows=numbers,
    )


def encoders_of(modalities: Iterable[Modality]) -> dict[Modality, tuple[str, ...]]:
    """The default encoders of these modalities, as `extract` takes them."""
    return {modality: default_encoders(modality) for modality in modalities}


def _chosen(modality: Modality, names: Sequence[str]) -> tuple[Encoder, ...]:
    found = tuple(encoder(name) for name in dict.fromkeys(names))
    for each in found:
        if each.modality != modality:
            raise InvalidInputError(f"The encoder {each.name} is for {each.modality}, not for {modality}: choose another one.")
    return found


def _lines(count: int, augment: int, augment_rows: Collection[int]) -> tuple[NDArray[np.int64], list[int]]:
    """For each line of the features its row, and the number of its copy, 0 for the row as it is."""
    if not 0 <= augment <= MAX_AUGMENT:
        raise InvalidInputError(f"A row can have 0 to {MAX_AUGMENT} changed copies, not {augment}: choose fewer.")
    wanted = sorted(set(augment_rows)) if augment else []
    if wanted and not (wanted[0] >= 0 and wanted[-1] < count):
        raise InvalidInputError(f"Rows to augment are counted from 0 to {count - 1}: {wanted[0]} to {wanted[-1]} do not fit.")
    numbers = [*range(count), *(row for row in wanted for _ in range(augment))]
    copies = [0] * count + [copy for _ in wanted for copy in range(1, augment + 1)]
    return np.array(numbers, np.int64), copies


def _items(
    modality: Modality, rows: Sequence[Row], numbers: NDArray[np.int64], changes: list[str], *, progress: Progress
) -> list[_Item]:
    """The contents of a modality, each once, those of one row together."""
    digests = [_digest(modality, row, progress) for row in rows]
    found: dict[tuple[str, str], _Item] = {}
    for line in sorted(range(len(numbers)), key=lambda line: numbers[line]):  # stable: as it is, first copy, second copy
        number = int(numbers[line])
        digest = digests[number]
        if digest:
            found.setdefault((digest, changes[line]), _Item(rows[number], digest, changes[line])).lines.append(line)
    return list(found.values())


def _digest(modality: Modality, row: Row, progress: Progress) -> str:
    """Hex sha256 of a row's text or of its file's bytes; empty when the row has none."""
    progress.checkpoint()
    if modality == "text":
        return hashlib.sha256(row.text.encode("utf-8", "surrogatepass")).hexdigest() if row.text and row.text.strip() else ""
    path: Path | None = getattr(row, modality)
    if path is None:
        return ""
    try:
        return sha256_of(existing_file(path, KINDS[modality]))
    except InvalidInputError as error:
        raise _at(row, error) from None


@dataclass(frozen=True, slots=True)
class _Encoding:
    """Fills items with vectors, from the store or else by the encoders."""

    chosen: Mapping[Modality, tuple[Encoder, ...]]
    store: FeatureStore
    lease: Lease
    progress: Progress

    def fill(self, items: Mapping[Modality, list[_Item]]) -> None:
        """Give every item the vectors of all encoders of its modality."""
        missing = {modality: self._not_kept(modality, items[modality]) for modality in items}
        total = sum(map(len, items.values()))
        done = total - sum(map(len, missing.values()))
        for modality, waiting in missing.items():
            decoded = _Decoded(modality)
            for start in range(0, len(waiting), BATCH[modality]):
                self.progress.report(MESSAGES[modality], done, total, "inputs")
                batch = waiting[start : start + BATCH[modality]]
                self._encode(modality, batch, decoded)
                done += len(batch)
        self.progress.report("Features are ready", done, total, "inputs")

    def _not_kept(self, modality: Modality, items: list[_Item]) -> list[_Item]:
        """Items that lack a vector; the others are filled from the store."""
        chosen = self.chosen[modality]
        for item in items:
            for each in chosen:
                vector = self.store.find(feature_key(item.digest, each, item.change))
                if vector is not None and vector.size == each.dim:
                    item.vectors[each.name] = vector
        return [item for item in items if len(item.vectors) < len(chosen)]

    def _encode(self, modality: Modality, batch: list[_Item], decoded: _Decoded) -> None:
        contents = []
        for item in batch:
            self.progress.checkpoint()
            contents.append(decoded.content(item))
        wanted = [each for each in self.chosen[modality] if any(each.name not in item.vectors for item in batch)]
        names = [each.name for each in wanted]
        found = ENCODE[modality](contents, names, lease=self.lease, progress=self.progress)
        for each in wanted:
            for item, vector in zip(batch, found[each.name], strict=True):
                item.vectors[each.name] = vector
                self.store.keep(feature_key(item.digest, each, item.change), vector)


@dataclass(slots=True)
class _Decoded:
    """Gives an item's content; the copies of a row come one after the other, and its file is decoded once."""

    modality: Modality
    _digest: str = ""
    _content: Any = None

    def content(self, item: _Item) -> Any:
        """A text, an RGB picture or a waveform (n_samples,) at 16 kHz."""
        if item.digest != self._digest:
            self._content, self._digest = self._load(item.row), item.digest
        return changed(self._content, random_for(item.digest, item.change)) if item.change else self._content

    def _load(self, row: Row) -> str | Image | FloatArray | None:
        try:
            if self.modality == "image" and row.image is not None:
                return _small(media.load_image(row.image))
            if self.modality == "audio" and row.audio is not None:
                return media.load_audio(row.audio)
        except InvalidInputError as error:
            raise _at(row, error) from None
        return row.text


def _small(image: Image) -> Image:
    """A picture of which eight may be held at once."""
    image.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    return image


def _at(row: Row, error: InvalidInputError) -> InvalidInputError:
    return InvalidInputError(f"Row {row.number}: {error}")


def _side_by_side(items: list[_Item], chosen: tuple[Encoder, ...], count: int) -> FloatArray:
    """(n, d) float32: the encoders' columns in their order; zeros where a row lacks the modality."""
    vectors = np.zeros((count, sum(each.dim for each in chosen)), np.float32)
    for item in items:
        vectors[item.lines] = np.concatenate([item.vectors[each.name] for each in chosen])
    return vectors


def _present(items: list[_Item], count: int) -> NDArray[np.bool_]:
    present = np.zeros(count, np.bool_)
    for item in items:
        present[item.lines] = True
    return present


def _labelled(rows: Sequence[Row], labels: Sequence[str]) -> bool:
    return bool(labels) and any(row.label for row in rows)


def _classes(rows: Sequence[Row], labels: Sequence[str]) -> NDArray[np.int64]:
    """Class index (n,) of every row."""
    places = {label: place for place, label in enumerate(labels)}
    for row in rows:
        if row.label not in places:
            what = f"the label {row.label[:60]!r} is none of the {len(places)} classes" if row.label else "there is no label"
            raise InvalidInputError(f"Row {row.number}: {what}; correct it or leave the row out.")
    return np.array([places[row.label] for row in rows], np.int64)
