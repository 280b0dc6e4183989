"""How well a joint embedder finds pictures by text and text by pictures, and names what it never saw named.

Retrieval: every caption against every photo. Zero-shot: pictures of ImageNet's classes (`KEY.json` with "index" and "name"),
where the data has some, against all 1,000 names in the words "a photo of a …".
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from mm_demos.errors import InvalidInputError
from mm_demos.evaluation import arguments
from mm_demos.evaluation.photos import Photo, Split, captioned, labelled
from mm_demos.evaluation.retrieval import RetrievalScores, both_directions
from mm_demos.evaluation.shapes import SHAPES
from mm_demos.evaluation.zero_shot import draw_labels
from mm_demos.fusion.measures import calibration_error
from mm_demos.models import catalog, loader
from mm_demos.models.imagenet import imagenet_classes
from mm_demos.models.protocols import FloatArray
from mm_demos.tasks.embedding import embed_images, embed_texts

if TYPE_CHECKING:
    from PIL.Image import Image

Item = TypeVar("Item")
MODEL = "mm-mini-clip"
PROMPT = "a photo of a {}"
DRAWS = 5  # sets of labels for each picture
WARM = 16  # inputs before the clock starts


@dataclass(frozen=True, slots=True)
class ZeroShot:
    """Classification by name alone.

    Args:
        images: pictures, each of one of the 1,000 classes.
        top1: share named right among all 1,000 names; `ece` is the calibration error of the probability given to that name.
        top1_among_20: the same among the right name and 19 random others, mean over five draws.
    """

    images: int
    top1: float
    ece: float
    top1_among_20: float
    ece_among_20: float


@dataclass(frozen=True, slots=True)
class ShapeScores:
    """Recall with every photo in another shape; the changes are those of recall at 1 against the photos as they are."""

    shape: str
    text_to_image_at_1: float
    text_to_image_change: float
    text_to_image_at_10: float
    image_to_text_at_1: float
    image_to_text_change: float
    image_to_text_at_10: float


@dataclass(frozen=True, slots=True)
class ClipReport:
    """What came out; pictures per second start from the file's bytes.

    Args:
        zero_shot: None where the data has no pictures with classes.
        shapes: empty unless asked for.
    """

    model: str
    split: Split
    photos: int
    captions: int
    text_to_image: RetrievalScores
    image_to_text: RetrievalScores
    zero_shot: ZeroShot | None
    images_per_second: float
    texts_per_second: float
    shapes: tuple[ShapeScores, ...] = ()


def evaluate(photos: Sequence[Photo], samples: Sequence[Photo], *, model: str, split: Split, aspect: bool = False) -> ClipReport:
    """Every figure of this module.

    Args:
        photos: with captions.
        samples: with classes; may be empty.
        aspect: also with the photos in other shapes.
    """
    texts = [text for photo in photos for text in photo.captions]
    pictures, image_rate = _timed(lambda part: embed_images(part, model=model), [photo.jpeg for photo in photos])
    sentences, text_rate = _timed(lambda part: embed_texts(part, model=model), texts)
    to_image, to_text = both_directions(pictures, sentences, owners(photos))
    report = ClipReport(
        model, split, len(photos), len(texts), to_image, to_text,
        zero_shot(samples, model) if samples else None, image_rate, text_rate,
    )  # fmt: skip
    if not aspect:
        return report
    shaped = (shape_scores(name, change, photos, sentences, square=report) for name, change in SHAPES.items())
    return replace(report, shapes=tuple(shaped))


def owners(photos: Sequence[Photo]) -> list[int]:
    """For each caption of all photos, one photo after the other, the photo's number."""
    return [number for number, photo in enumerate(photos) for _ in photo.captions]


def _timed(embed: Callable[[list[Item]], FloatArray], inputs: list[Item]) -> tuple[FloatArray, float]:
    """Embeddings of all inputs, and how many of them a second made once the model was warm."""
    embed(inputs[:WARM])
    start = time.perf_counter()
    embeddings = embed(inputs)
    return embeddings, len(inputs) / (time.perf_counter() - start)


def shape_scores(
    name: str,
    change: Callable[[Image, np.random.Generator], Image],
    photos: Sequence[Photo],
    sentences: FloatArray,
    *,
    square: ClipReport,
) -> ShapeScores:
    """Retrieval with `change` done to every photo before the model's own preprocessing."""
    print(f"shape: {name}", file=sys.stderr, flush=True)
    rows = []
    for start in range(0, len(photos), WARM):
        part = photos[start : start + WARM]
        changed = [change(photo.image, np.random.default_rng([*photo.key.encode()])) for photo in part]
        rows.append(embed_images(changed, model=square.model))
    to_image, to_text = both_directions(np.concatenate(rows), sentences, owners(photos))
    return ShapeScores(
        name,
        to_image.recall_at_1,
        to_image.recall_at_1 - square.text_to_image.recall_at_1,
        to_image.recall_at_10,
        to_text.recall_at_1,
        to_text.recall_at_1 - square.image_to_text.recall_at_1,
        to_text.recall_at_10,
    )


def class_names(samples: Sequence[Photo]) -> list[str]:
    """The 1,000 names: those the samples bring with them, the catalog's for classes without a sample."""
    names = [each.names[0] for each in imagenet_classes()]
    for sample in samples:
        names[sample.class_index] = sample.class_name or names[sample.class_index]
    return names


def zero_shot(samples: Sequence[Photo], model: str) -> ZeroShot:
    """Accuracy and calibration over all names, and over draws of 20.

    Raises:
        InvalidInputError: a sample's class is none of the 1,000.
    """
    classes = np.array([sample.class_index for sample in samples])
    names = class_names(samples) if classes.max() < len(imagenet_classes()) else []
    if not names:
        raise InvalidInputError(f"A picture has the class number {classes.max()}: ImageNet's end at 999.")
    with loader.shared().lease(model) as embedder:
        scale = embedder.logit_scale
    labels = embed_texts([PROMPT.format(name) for name in names], model=model)
    logits = scale * embed_images([sample.jpeg for sample in samples], model=model) @ labels.T
    top1, ece = graded(logits, classes)
    drawn = [draw_labels(len(names), seed)[classes] for seed in range(DRAWS)]
    few = [graded(np.take_along_axis(logits, draw, axis=1), np.zeros(len(classes), np.int64)) for draw in drawn]
    return ZeroShot(len(samples), top1, ece, *(float(np.mean(column)) for column in zip(*few, strict=True)))


def graded(logits: FloatArray, right: NDArray[np.int64]) -> tuple[float, float]:
    """Top-1 accuracy of `logits` (n, n_labels), and the calibration error of their softmax."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    confidence = (powers.max(axis=1) / powers.sum(axis=1)).astype(np.float32)
    correct = logits.argmax(axis=1) == right
    return float(correct.mean()), calibration_error(confidence, correct)


def measure(
    data: Path, *, model: str = MODEL, split: Split = "validation", limit: int | None = None, aspect: bool = False
) -> ClipReport:
    """Read the data and evaluate; the labelled pictures are all used, for none is trained on.

    Raises:
        DemoError: the data or the model cannot be had.
    """
    catalog.chosen(model, "joint-embedder")
    return evaluate(captioned(data, split, limit), labelled(data), model=model, split=split, aspect=aspect)


def main(arguments_given: list[str] | None = None) -> int:
    """Run from the command line."""
    parser = arguments.parser("clip", __doc__, MODEL)
    parser.add_argument("--aspect", action="store_true", help=f"also in other shapes: {', '.join(SHAPES)}")
    given = parser.parse_args(arguments_given)
    return arguments.run(
        lambda: measure(given.data, model=given.model, split=given.split, limit=given.limit, aspect=given.aspect),
        as_json=given.json,
    )


if __name__ == "__main__":
    sys.exit(main())
