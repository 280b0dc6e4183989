"""Pictures of one prompt painted one after another, each with its settings inside, and put in order."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from functools import partial
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import mm_demos
from mm_demos import media
from mm_demos.errors import BusyError, InsufficientMemoryError
from mm_demos.models import catalog
from mm_demos.models.painting import ImageGenerator, Painting, PaintOptions
from mm_demos.models.protocols import FloatArray
from mm_demos.progress import Progress, Update
from mm_demos.results import GeneratedImage, Generation, Receipt
from mm_demos.tasks.image_ranking import best_first, similarity
from mm_demos.tasks.image_settings import PaintSettings, png_of
from mm_demos.tasks.receipts import Run

if TYPE_CHECKING:
    from PIL.Image import Image

RANKING_SECONDS = 10.0  # that finished pictures wait for memory to be compared in
UNRANKED = "The pictures stand as they were painted: there is no memory for the model that compares them with the prompt."


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be painted, checked as far as it can be before a model is loaded."""

    prompt: str
    audio: str | Path | FloatArray | None
    start: Image | None
    n: int
    model: str
    options: PaintOptions
    rank: bool
    previews: bool
    memory: str = ""  # the saving mode of an earlier run, in place of that in `options`


@dataclass(slots=True)
class Easel:
    """Pictures under way.

    Args:
        order: with complete options.
        run: holds the painter.
        painter: fits the order.
        heard: the receipt of the spoken prompt.
        progress: counts the steps of all pictures.
        memory_used: the saving mode of the first picture, which the others keep; empty where the model does not tell.
        unranked: there was no memory to compare the pictures in.
    """

    order: Order
    run: Run
    painter: ImageGenerator
    heard: Receipt | None
    progress: Progress
    memory_used: str = ""
    unranked: bool = False

    def steps(self, notices: tuple[str, ...]) -> Iterator[Generation]:
        """Growing results, the last one done."""
        result = Generation(self.order.prompt, total=self.order.n, notices=notices)
        for number in range(self.order.n):
            seed = self.order.options.seed + number
            with closing(self._painted(replace(self.order.options, seed=seed), number)) as paintings:
                for painting in paintings:
                    result = self._grown(result, painting, seed)
                    yield result
            # Without room it is tried once more only, at the end: every try waits.
            if self.order.rank and (not self.unranked or number == self.order.n - 1):
                result = self._ranked(result)
        yield replace(result, done=True, receipt=self._receipt())

    def _painted(self, options: PaintOptions, number: int) -> Generator[Painting, None, None]:
        """One picture, step by step."""
        order = self.order
        start = None if order.start is None else cropped(order.start, options.width, options.height)
        part = self.progress.part(partial(self._report, number))
        told = replace(options, memory=order.memory or self.memory_used or options.memory)  # type: ignore[arg-type]
        yield from self.painter.paint(order.prompt, image=start, options=told, progress=part, previews=order.previews)

    def _grown(self, result: Generation, painting: Painting, seed: int) -> Generation:
        """The result with one step more; a preview stays until the next one, since not every step brings one."""
        notices = tuple(dict.fromkeys([*result.notices, *painting.notices]))
        result = replace(result, step=painting.step, steps=painting.total, notices=notices)
        if painting.image is None:
            return result
        if not painting.final:
            return replace(result, preview=_png(painting.image))
        self.memory_used = painting.memory
        images = (*result.images, self._finished(painting.image, seed))
        return replace(result, images=images, preview=None, receipt=self._receipt())

    def _finished(self, image: Image, seed: int) -> GeneratedImage:
        digest = pixels_sha256(image)
        own = replace(self.order.options, seed=seed)
        inside = replace(self._settings(), options=own, pixels_sha256=digest, n=1, rank=False)
        return GeneratedImage(png_of(image, inside), *image.size, seed, digest)

    def _settings(self) -> PaintSettings:
        order = self.order
        return PaintSettings(
            prompt=order.prompt,
            model=order.model,
            options=order.options,
            model_revision=revision_of(order.model),
            image_sha256="" if order.start is None else pixels_sha256(order.start),
            n=order.n,
            rank=order.rank,
            memory_used=self.memory_used,
            version=mm_demos.__version__,
        )

    def _receipt(self) -> Receipt:
        """The run until now, with the hearing of a spoken prompt."""
        receipt, noted = self.run.receipt(), asdict(self._settings())
        options = {**noted.pop("options"), **noted, "spoken": self.heard is not None}
        receipt = replace(receipt, options={name: options[name] for name in options if name not in {"pixels_sha256", "version"}})
        if self.heard is None:
            return receipt
        seconds = receipt.run_seconds + self.heard.run_seconds
        peak = max(receipt.peak_memory_bytes, self.heard.peak_memory_bytes)
        return replace(receipt, models=(*self.heard.models, *receipt.models), run_seconds=seconds, peak_memory_bytes=peak)

    def _ranked(self, result: Generation) -> Generation:
        """The pictures with scores, best first; where the model for it finds no memory, as they are, with a notice."""
        try:
            embedder = self.run.lease(catalog.default("joint-embedder"), timeout_seconds=RANKING_SECONDS)
        except (BusyError, InsufficientMemoryError):
            self.unranked = True
            return replace(result, notices=tuple(dict.fromkeys([*result.notices, UNRANKED])))
        self.unranked = False
        scored = [
            replace(image, score=similarity(embedder, result.prompt, media.load_image(image.png)))
            if image.score is None
            else image
            for image in result.images
        ]
        notices = tuple(notice for notice in result.notices if notice != UNRANKED)
        return replace(result, images=best_first(scored), notices=notices, receipt=self._receipt())

    def _report(self, number: int, update: Update) -> None:
        """The steps of one picture among those of all."""
        count = self.order.n
        if update.done is None or not update.total:
            self.progress.report(update.message)
            return
        message = update.message if count == 1 else f"Painting picture {number + 1} of {count}"
        self.progress.report(message, number * update.total + update.done, count * update.total, update.unit)


def revision_of(model: str) -> str:
    """Tells the bytes of a painter's files from others, whatever it is called and wherever they lie."""
    row = catalog.spec(model)
    return row.digest[:16] if row.files else row.revision


def cropped(image: Image, width: int, height: int) -> Image:
    """The middle of a start picture in the shape asked for, at that size."""
    from PIL import ImageOps
    from PIL.Image import Resampling

    return ImageOps.fit(image, (width, height), Resampling.LANCZOS)


def _png(image: Image) -> bytes:
    """A preview: quick to write rather than small."""
    file = BytesIO()
    image.save(file, "PNG", compress_level=1)
    return file.getvalue()


def pixels_sha256(image: Image) -> str:
    """Hex sha256 of the RGB bytes, row by row."""
    return sha256(image.convert("RGB").tobytes()).hexdigest()
