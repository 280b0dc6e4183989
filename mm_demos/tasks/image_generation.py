"""Prompts to pictures: streamed step by step, each with its settings inside, so that it can be painted again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from functools import partial
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from mm_demos import media
from mm_demos.errors import InvalidInputError
from mm_demos.models import catalog
from mm_demos.models.protocols import ImageGenerator, PaintOptions
from mm_demos.progress import Progress, Update
from mm_demos.results import GeneratedImage, Generation, Option
from mm_demos.tasks.options import check_seed, fitted
from mm_demos.tasks.receipts import record

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_PICTURES = 16


def generate(
    prompt: str = "",
    *,
    image: str | Path | bytes | Image | None = None,
    n: int = 1,
    model: str | None = None,
    options: PaintOptions | None = None,
    rank: bool = False,  # noqa: ARG001
    progress: Progress | None = None,
) -> Generation:
    """Paint `n` pictures of a prompt; `generate_steps` gives the same while they are painted."""
    *_, last = generate_steps(prompt, image=image, n=n, model=model, options=options, rank=rank, progress=progress)
    return last


def generate_steps(
    prompt: str = "",
    *,
    image: str | Path | bytes | Image | None = None,
    n: int = 1,
    model: str | None = None,
    options: PaintOptions | None = None,
    rank: bool = False,  # noqa: ARG001
    previews: bool = False,
    progress: Progress | None = None,
) -> Iterator[Generation]:
    """Yield the pictures as they come about, the last `Generation` done and with its receipt. Close it to stop.

    Raises:
        InvalidInputError: an empty prompt, an option out of range, or a picture that cannot be read.
        StoppedError: `progress.stop()` was called; the pictures finished by then were in what was yielded before.
    """
    options, progress = fitted(options, PaintOptions), progress or Progress()
    prompt = " ".join(media.clean_text(prompt).split())
    if not prompt:
        raise InvalidInputError("The prompt is empty: say what the picture should show.")
    if not 1 <= n <= MAX_PICTURES:
        raise InvalidInputError(f"Between 1 and {MAX_PICTURES} pictures can be painted at once, not {n}.")
    check_seed(options.seed)
    start = None if image is None else media.load_image(image)
    return _paint(prompt, start, n, catalog.chosen(model, "image-generator"), options, previews, progress)


def _paint(  # noqa: PLR0917
    prompt: str, start: Image | None, n: int, name: str, options: PaintOptions, previews: bool, progress: Progress
) -> Iterator[Generation]:
    noted: dict[str, Option] = {"prompt": prompt, "model": name, "n": n, **asdict(options)}
    with record("generate", options=noted, seed=options.seed, progress=progress) as run:
        painter: ImageGenerator = run.lease(name)
        result = Generation(prompt, total=n)
        for number in range(n):
            own = replace(options, seed=options.seed + number)
            part = progress.part(partial(_report, progress, number, n))
            for painting in painter.paint(prompt, image=start, options=own, progress=part, previews=previews):
                notices = tuple(dict.fromkeys([*result.notices, *painting.notices]))
                result = replace(result, step=painting.step, steps=painting.total, preview=None, notices=notices)
                if painting.final and painting.image is not None:
                    images = (*result.images, _finished(painting.image, own.seed))
                    result = replace(result, images=images, receipt=run.receipt(), done=len(images) == n)
                elif painting.image is not None:
                    result = replace(result, preview=_png(painting.image))
                yield result


def _report(progress: Progress, number: int, n: int, update: Update) -> None:
    """The steps of one picture among those of all."""
    if update.done is None or not update.total:
        progress.report(update.message)
        return
    message = update.message if n == 1 else f"Painting picture {number + 1} of {n}"
    progress.report(message, number * update.total + update.done, n * update.total, update.unit)


def _finished(image: Image, seed: int) -> GeneratedImage:
    return GeneratedImage(_png(image), *image.size, seed, sha256(image.convert("RGB").tobytes()).hexdigest())


def _png(image: Image) -> bytes:
    file = BytesIO()
    image.save(file, "PNG")
    return file.getvalue()
