"""Pictures to captions, ranked by how well they fit."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mm_demos import media
from mm_demos.errors import InvalidInputError
from mm_demos.models import catalog
from mm_demos.models.protocols import Captioner, CaptionOptions
from mm_demos.progress import Progress
from mm_demos.results import Captioning
from mm_demos.tasks.options import check_seed, fitted
from mm_demos.tasks.receipts import record

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_CAPTIONS = 8
MAX_PREFIX_CHARS = 100
STYLES = ("short", "detailed", "alt-text", "playful")
METHODS = ("beam", "sampling")
MAX_BEAMS = 8


def caption(
    image: str | Path | bytes | Image,
    *,
    model: str | None = None,
    options: CaptionOptions | None = None,
    progress: Progress | None = None,
) -> Captioning:
    """Caption one picture, best caption first.

    Raises:
        InvalidInputError: the picture cannot be read, or an option is out of range.
        StoppedError: `progress.stop()` was called.
    """
    options, progress = fitted(options, CaptionOptions), progress or Progress()
    check_options(options)
    options = replace(options, prefix=" ".join(options.prefix.split()))
    name = catalog.chosen(model, "captioner")
    picture = media.load_image(image)
    with record("caption", options=asdict(options), seed=options.seed, progress=progress) as run:
        captioner: Captioner = run.lease(name)
        result = captioner.caption(picture, options=options, progress=progress, lease=run.lease)
        return replace(result, receipt=run.receipt())


def check_options(options: CaptionOptions) -> None:
    """Refuse options out of range, in a sentence.

    Raises:
        InvalidInputError: naming the option and its range.
    """
    if options.style not in STYLES:
        raise InvalidInputError(f"There is no caption style {options.style!r}: choose one of {', '.join(STYLES)}.")
    if not 1 <= options.n <= MAX_CAPTIONS:
        raise InvalidInputError(f"Between 1 and {MAX_CAPTIONS} captions can be written at once, not {options.n}.")
    if len(options.prefix) > MAX_PREFIX_CHARS:
        raise InvalidInputError(f"The beginning is too long: give at most {MAX_PREFIX_CHARS} characters.")
    if not 5 <= options.max_new_tokens <= 200:
        raise InvalidInputError(f"A caption may have between 5 and 200 tokens, not {options.max_new_tokens}.")
    if options.method not in METHODS:
        raise InvalidInputError(f"There is no way of writing called {options.method!r}: choose one of {', '.join(METHODS)}.")
    if not isinstance(options.beams, int) or not 1 <= options.beams <= MAX_BEAMS:
        raise InvalidInputError(f"The search may have between 1 and {MAX_BEAMS} beams, not {options.beams}.")
    check_seed(options.seed)
    if not 0 <= options.temperature <= 2:
        raise InvalidInputError(f"The temperature must lie between 0 and 2, not at {options.temperature}.")
