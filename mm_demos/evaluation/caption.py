"""How good captions are against what people wrote, with the options a visitor gets: BLEU-1 to BLEU-4, CIDEr-D, seconds.

The captions are lower-cased and stripped of punctuation, as the references are; document frequencies come from the references.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mm_demos.errors import InvalidInputError
from mm_demos.evaluation import arguments, captions
from mm_demos.evaluation.photos import Photo, Split, captioned
from mm_demos.models import catalog
from mm_demos.models.protocols import CaptionOptions
from mm_demos.results import Caption
from mm_demos.tasks.captioning import caption

MODEL = "mm-mini-captioner"
WARM = 3  # captions before the clock starts


@dataclass(frozen=True, slots=True)
class CaptionReport:
    """What came out.

    Args:
        scores: of the caption shown first.
        likeliest: of the candidate the decoder found most probable; None where a model gives no probabilities.
        mean_words: of the caption shown first; `reference_words` is the mean of the references.
        distinct: different captions among all; few of them mean that the model repeats itself.
        median_seconds: for one photo, decoding of the file and ranking of the candidates included.
    """

    model: str
    split: Split
    photos: int
    scores: captions.CaptionScores
    likeliest: captions.CaptionScores | None
    mean_words: float
    reference_words: float
    distinct: int
    median_seconds: float
    p95_seconds: float
    options: CaptionOptions


def evaluate(
    photos: Sequence[Photo], *, model: str, split: Split = "all", options: CaptionOptions | None = None
) -> CaptionReport:
    """One captioning a photo, one photo after the other.

    Raises:
        InvalidInputError: fewer than two photos, which CIDEr-D cannot weigh n-grams with.
    """
    if len(photos) < 2:
        raise InvalidInputError("Captions are measured on two photos or more: CIDEr-D weighs words by how many photos have them.")
    options = options or CaptionOptions()
    found, seconds = [], []
    for photo in photos[:WARM]:
        caption(photo.jpeg, model=model, options=options)
    for photo in arguments.counted(photos, "photos"):
        start = time.perf_counter()
        found.append(caption(photo.jpeg, model=model, options=options).captions)
        seconds.append(time.perf_counter() - start)
    first = [group[0].text for group in found]
    references = [photo.captions for photo in photos]
    return CaptionReport(
        model=model,
        split=split,
        photos=len(photos),
        scores=captions.score(first, references),
        likeliest=_likeliest(found, references),
        mean_words=float(np.mean([len(captions.words(text)) for text in first])),
        reference_words=float(np.mean([len(captions.words(text)) for group in references for text in group])),
        distinct=len({" ".join(captions.words(text)) for text in first}),
        median_seconds=float(np.median(seconds)),
        p95_seconds=float(np.quantile(seconds, 0.95)),
        options=options,
    )


def _likeliest(found: Sequence[Sequence[Caption]], references: Sequence[Sequence[str]]) -> captions.CaptionScores | None:
    """Scores of each photo's candidate with the highest log-probability a word, the end mark counted as one."""
    best = []
    for group in found:
        known = [(each.log_prob / (len(captions.words(each.text)) + 1), each.text) for each in group if each.log_prob is not None]
        if not known:
            return None
        best.append(max(known)[1])
    return captions.score(best, references)


def measure(data: Path, *, model: str = MODEL, split: Split = "validation", limit: int | None = None) -> CaptionReport:
    """Read the data and evaluate with the default options.

    Raises:
        DemoError: the data or the model cannot be had.
    """
    catalog.chosen(model, "captioner")
    return evaluate(captioned(data, split, limit), model=model, split=split)


def main(arguments_given: list[str] | None = None) -> int:
    """Run from the command line."""
    given = arguments.parser("caption", __doc__, MODEL).parse_args(arguments_given)
    return arguments.run(lambda: measure(given.data, model=given.model, split=given.split, limit=given.limit), as_json=given.json)


if __name__ == "__main__":
    sys.exit(main())
