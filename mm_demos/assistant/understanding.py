"""Pictures as words: caption, labels and the text read in them, all of it data and never instructions."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mm_demos import media
from mm_demos.assistant import guard
from mm_demos.assistant.types import Seen
from mm_demos.models import catalog
from mm_demos.models.evidence import readable
from mm_demos.models.protocols import Captioner, CaptionOptions, JointEmbedder, Lease, TextReader
from mm_demos.progress import Progress
from mm_demos.results import LabelScore

if TYPE_CHECKING:
    from PIL.Image import Image

    from mm_demos.models.protocols import FloatArray

MAX_TEXT_CHARS = 400  # read in one picture; a page of print is a document and belongs into the knowledge base
SHOWN_LABELS = 5
FITS = 0.2  # image–text similarity under which a caption is more likely wrong than right
SAME = 0.78  # cosine from which a picture shows a product: other photos stay below 0.7, turned and dark ones of it above
SURELY_SAME = 0.93  # and from which it does even with other text in it
LITTLE_TEXT = 15  # characters
CLEARER = 0.015  # by which the nearest product must be nearer than the second
BORDER_SIDE, BORDER_STEP = 64, 24  # pixels to which a picture is shrunk to find its border, and how much its colours may vary
POINTING = re.compile(
    r"\b(?:this|that|these|those|it|its|they|them|here|picture|photo|image|attached|screenshot|label|slip|one|see)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, eq=False)
class Products:
    """What the shop's products look like: embeddings (n_products, dim), L2-normalised, in the order of `names`."""

    names: tuple[str, ...]
    embeddings: FloatArray

    @classmethod
    def build(cls, pictures: Mapping[str, Path], *, embedder: JointEmbedder) -> Products:
        """From the shop's own pictures by product name."""
        return cls(tuple(pictures), embedder.embed_images([media.load_image(path) for path in pictures.values()]))

    def recognised(self, picture: Image, *, embedder: JointEmbedder) -> LabelScore | None:
        """The product that a picture shows, with the cosine to the shop's picture of it; None when none is clearly nearest."""
        views = [picture, *filter(None, [trimmed(picture)])]
        return _nearest((embedder.embed_images(views) @ self.embeddings.T).max(axis=0), self.names)


def look(
    images: Sequence[Path], *, lease: Lease, progress: Progress, products: Callable[[], Products | None] = lambda: None
) -> tuple[Seen, ...]:
    """What each picture shows.

    Args:
        lease: gives the captioner, the text reader and, where there are products, the joint embedder.
        products: asked for when there is a picture; a product that is recognised becomes the first label.

    Raises:
        InvalidInputError: a picture cannot be read.
    """
    if not images:
        return ()
    pictures = [media.load_image(path) for path in images]
    captioner: Captioner = lease(catalog.default("captioner"))
    reader: TextReader = lease(catalog.default("text-reader"))
    known = products()
    found = []
    for path, picture in zip(images, pictures, strict=True):
        progress.report("Looking at the picture")
        captioning = captioner.caption(picture, options=CaptionOptions(n=1), progress=progress.part(), lease=lease)
        best = captioning.captions[0] if captioning.captions else None
        text = " ".join(line.text.strip() for line in readable(reader.read(picture)))
        seen = Seen(
            guard.file_name(Path(path).name),
            best.text if best and best.score >= FITS else "",
            captioning.evidence.labels[:SHOWN_LABELS],
            guard.cleaned(text, limit=MAX_TEXT_CHARS),
        )
        if known is not None:
            seen = _with_product(seen, known.recognised(picture, embedder=lease(catalog.default("joint-embedder"))))
        found.append(seen)
    return tuple(found)


def trimmed(picture: Image) -> Image | None:
    """The picture without an even border; None where there is none, or hardly anything else."""
    pixels = np.asarray(picture.convert("RGB").resize((BORDER_SIDE, BORDER_SIDE)), np.int16)
    edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    other = np.abs(pixels - np.median(edge, axis=0)).max(axis=2) > BORDER_STEP
    rows, columns = np.flatnonzero(other.any(axis=1)), np.flatnonzero(other.any(axis=0))
    if len(rows) < BORDER_SIDE // 4 or len(columns) < BORDER_SIDE // 4 or (len(rows) == BORDER_SIDE == len(columns)):
        return None
    across, down = picture.width / BORDER_SIDE, picture.height / BORDER_SIDE
    box = (columns[0] * across, rows[0] * down, (columns[-1] + 1) * across, (rows[-1] + 1) * down)
    return picture.crop(tuple(round(float(side)) for side in box))  # type: ignore[arg-type]  # four of them


def _nearest(similarity: FloatArray, names: Sequence[str]) -> LabelScore | None:
    order = np.argsort(-similarity)
    best = float(similarity[order[0]])
    clear = len(order) < 2 or best - float(similarity[order[1]]) >= CLEARER
    return LabelScore(names[int(order[0])], min(best, 1.0)) if best >= SAME and clear else None


def _with_product(seen: Seen, product: LabelScore | None) -> Seen:
    """What is known of the picture with the product it shows; one full of other text shows none unless it is very like it."""
    if product is None or (len(seen.text) > LITTLE_TEXT and not _names(seen.text, product.label) and product.score < SURELY_SAME):
        return seen
    # The captioner learnt from photos of people and dogs; what the picture was recognised as says more.
    return Seen(seen.name, f"This looks like our {product.label}.", (product, *seen.labels), seen.text)


def _names(text: str, name: str) -> bool:
    """Whether a name stands in a text, whatever the reader made of its spaces."""
    return "".join(name.lower().split()) in "".join(text.lower().split())


def product_in(seen: Sequence[Seen], names: Sequence[str]) -> str:
    """The product that a picture was recognised as or that is written in it; empty when it is none or more than one."""
    by_label = {name.lower(): name for name in names}
    found = {by_label[label.label.lower()] for picture in seen for label in picture.labels if label.label.lower() in by_label}
    if not found:
        found = {name for name in names for picture in seen if _names(picture.text, name)}
    return found.pop() if len(found) == 1 else ""


def points_at_picture(question: str) -> bool:
    """Whether the user's words lean on the picture: "is this …", "the one in the photo"; no words at all do."""
    return not question.strip() or bool(POINTING.search(question))
