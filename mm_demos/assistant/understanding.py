"""Pictures as words: caption, labels and the text read in them, all of it data and never instructions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
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
SAME = 0.9  # cosine from which a picture shows the same product as the shop's own picture
CLEARER = 0.02  # by which the nearest product must be nearer than the second
POINTING = re.compile(
    r"\b(?:this|that|these|those|it|its|they|them|here|picture|photo|image|attached|screenshot|label|slip|one|see)\b",
    re.IGNORECASE,
)


def look(
    images: Sequence[Path], *, lease: Lease, progress: Progress, products: Mapping[str, Path] | None = None
) -> tuple[Seen, ...]:
    """What each picture shows.

    Args:
        lease: gives the captioner, the text reader and, where there are pictures of products, the joint embedder.
        products: the shop's own pictures by product name; a product that is recognised becomes the first label.

    Raises:
        InvalidInputError: a picture cannot be read.
    """
    if not images:
        return ()
    pictures = [media.load_image(path) for path in images]
    captioner: Captioner = lease(catalog.default("captioner"))
    reader: TextReader = lease(catalog.default("text-reader"))
    found = []
    for path, picture in zip(images, pictures, strict=True):
        progress.report("Looking at the picture")
        captioning = captioner.caption(picture, options=CaptionOptions(n=1), progress=progress.part(), lease=lease)
        best = captioning.captions[0] if captioning.captions else None
        text = guard.cleaned(" ".join(line.text.strip() for line in readable(reader.read(picture))), limit=MAX_TEXT_CHARS)
        labels = captioning.evidence.labels[:SHOWN_LABELS]
        found.append(Seen(guard.file_name(Path(path).name), best.text if best and best.score >= FITS else "", labels, text))
    if not products:
        return tuple(found)
    embedder: JointEmbedder = lease(catalog.default("joint-embedder"))
    known = recognised(pictures, products, embedder=embedder)
    return tuple(_with_product(seen, product) for seen, product in zip(found, known, strict=True))


def recognised(
    pictures: Sequence[Image], products: Mapping[str, Path], *, embedder: JointEmbedder
) -> tuple[LabelScore | None, ...]:
    """The product that each picture shows, with the cosine to the shop's picture of it; None when none is clearly nearest."""
    names = tuple(products)
    shop = embedder.embed_images([media.load_image(products[name]) for name in names])
    return tuple(_nearest(row, shop, names) for row in embedder.embed_images(list(pictures)))


def _nearest(row: FloatArray, shop: FloatArray, names: Sequence[str]) -> LabelScore | None:
    similarity = shop @ row
    order = np.argsort(-similarity)
    best = float(similarity[order[0]])
    clear = len(order) < 2 or best - float(similarity[order[1]]) >= CLEARER
    return LabelScore(names[int(order[0])], min(best, 1.0)) if best >= SAME and clear else None


def _with_product(seen: Seen, product: LabelScore | None) -> Seen:
    if product is None:
        return seen
    # The captioner learnt from photos of people and dogs; what the picture was recognised as says more.
    return Seen(seen.name, f"This looks like our {product.label}.", (product, *seen.labels), seen.text)


def product_in(seen: Sequence[Seen], names: Sequence[str]) -> str:
    """The product that a picture was recognised as or that is written in it; empty when it is none or more than one."""
    by_label = {name.lower(): name for name in names}
    found = {by_label[label.label.lower()] for picture in seen for label in picture.labels if label.label.lower() in by_label}
    if not found:
        found = {name for name in names for picture in seen if name.lower() in picture.text.lower()}
    return found.pop() if len(found) == 1 else ""


def points_at_picture(question: str) -> bool:
    """Whether the user's words lean on the picture: "is this …", "the one in the photo"; no words at all do."""
    return not question.strip() or bool(POINTING.search(question))
