"""What the Image generation tab runs and keeps: pictures from a prompt, their form for programs, downloads."""

from __future__ import annotations

import io
import json
import math
import secrets
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import Any

from mm_demos.errors import InvalidInputError
from mm_demos.models import catalog, loader, weights
from mm_demos.models.diffusion_schedulers import RECIPES
from mm_demos.models.painting import PaintOptions
from mm_demos.progress import Progress
from mm_demos.results import Generation, Receipt, Transcription
from mm_demos.settings import settings
from mm_demos.tasks.image_generation import checked_prompt, generate_steps, spoken_prompt
from mm_demos.tasks.image_options import check_options
from mm_demos.tasks.options import fitted
from mm_demos.ui.events import Export
from mm_demos.ui.files import json_text
from mm_demos.ui.painting_view import file_name, png_uri

MAX_PICTURES = 8
MAX_KEPT = 24  # runs of a visit that can be shown again
MAX_KEPT_BYTES = 60_000_000  # of their pictures


@dataclass(frozen=True, slots=True)
class DeliveredImage:
    """A picture as a program gets it: `png` is the file as a data URI, with its settings inside; the rest as `GeneratedImage`."""

    png: str
    width: int
    height: int
    seed: int
    pixels_sha256: str
    score: float | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """A `Generation` as a program gets it, step by step."""

    prompt: str
    images: tuple[DeliveredImage, ...]
    step: int
    steps: int
    total: int
    notices: tuple[str, ...]
    done: bool
    receipt: Receipt | None


def paint(  # noqa: PLR0917 (an endpoint receives its components' values by position)
    prompt: str,
    negative_prompt: str = "",
    image: str | None = None,
    n: float | None = None,
    rank: bool = False,
    model: str = "",
    steps: float | None = None,
    guidance: float | None = None,
    width: float | None = None,
    height: float | None = None,
    seed: float | None = None,
    scheduler: str = "",
    strength: float | None = None,
    memory: str = "",
    *,
    progress: Progress | None = None,
) -> Iterator[Delivery]:
    """Paint pictures of a prompt; every step is sent, the complete result last, and cancelling ends it within one step.

    Each of `images` has its file in `png` as a data URI (PNG, its settings as text inside), `seed`, `pixels_sha256` and `score`.

    Args:
        prompt: what to paint.
        negative_prompt: what to keep out.
        image: a picture to start from.
        n: how many, 1 to 8, with seeds `seed`, `seed` + 1, ….
        rank: best first, by the cosine of prompt and picture, which is `score`.
        model: of the catalog.
        steps: 0 takes the model's own number.
        guidance: 0 takes the model's own; 1 is none.
        width: in pixels; 0 takes the model's own.
        height: likewise.
        seed: the same one gives the same pixels; null takes a new one.
        scheduler: empty takes the model's own.
        strength: share of `image` that is repainted, above 0 and up to 1.
        memory: auto, off, sliced or offload.
        progress: told about loads and steps.
    """
    values = (negative_prompt, image, n, rank, model, steps, guidance, width, height, seed, scheduler, strength, memory)
    for made in _steps(prompt, *values, previews=False, progress=progress):
        yield delivered(made)


@wraps(paint, assigned=())
def paint_shown(prompt: str, *values: Any, progress: Progress | None = None) -> Iterator[Generation]:
    """`paint` for the page, which shows the picture under way."""
    return _steps(prompt, *values, previews=True, progress=progress)


def _steps(  # noqa: PLR0917
    prompt: str,
    negative_prompt: str,
    image: str | None,
    n: float | None,
    rank: bool,
    model: str,
    *options: Any,
    previews: bool,
    progress: Progress | None,
) -> Iterator[Generation]:
    return generate_steps(
        prompt,
        image=Path(image) if image else None,
        n=int(n or 1),
        model=model or None,
        options=options_of(negative_prompt, *options),
        rank=bool(rank),
        previews=previews,
        progress=progress,
    )


def options_of(  # noqa: PLR0917
    negative_prompt: str | None,
    steps: float | None = None,
    guidance: float | None = None,
    width: float | None = None,
    height: float | None = None,
    seed: float | None = None,
    scheduler: str | None = "",
    strength: float | None = None,
    memory: str | None = "",
) -> PaintOptions:
    """The components' values as options of the task; what is empty stands at its default, an empty seed is a new one."""
    given: dict[str, Any] = {
        "negative_prompt": (negative_prompt or "").strip(),
        "num_inference_steps": _whole(steps),
        "guidance_scale": guidance or None,  # an empty number arrives as 0, which would be no guidance: that is 1, too
        "width": _whole(width),
        "height": _whole(height),
        "scheduler": scheduler or None,
        "strength": strength,
        "seed": new_seed() if _whole(seed) is None else _whole(seed),
        "memory": memory or None,
    }
    return PaintOptions(**{name: value for name, value in given.items() if value is not None})


def _whole(value: float | None) -> int | None:
    return None if value is None or not math.isfinite(value) else int(value)


def new_seed() -> int:
    """A seed that nobody can guess, short enough to be read out."""
    return secrets.randbelow(1_000_000)


def delivered(made: Generation) -> Delivery:
    """A generation for a program, its pictures inside."""
    images = tuple(
        DeliveredImage(png_uri(each.png), each.width, each.height, each.seed, each.pixels_sha256, each.score)
        for each in made.images
    )
    return Delivery(made.prompt, images, made.step, made.steps, made.total, made.notices, made.done, made.receipt)


def check(
    prompt: str | None,
    negative_prompt: str | None,
    _image: str | None,
    n: float | None,
    _rank: bool,
    model: str | None,
    *options: Any,
) -> None:
    """Refuse before the queue what cannot be painted."""
    checked_prompt(prompt or "")
    if n is not None and not 1 <= n <= MAX_PICTURES:
        raise InvalidInputError(f"Between 1 and {MAX_PICTURES} pictures can be painted at once here, not {n:g}.")
    check_options(fitted(options_of(negative_prompt, *options), PaintOptions), int(n or 1))
    if model and model not in names():
        raise InvalidInputError(f"There is no painter called {model[:80]!r}: choose one of {', '.join(names())}.")


def names() -> list[str]:
    """The painters of the catalog, also those added since the page was made."""
    return [row.name for row in catalog.rows(role="image-generator")]


def default_name() -> str | None:
    """The painter that the page begins with; None where the installation has none."""
    return catalog.default("image-generator") if catalog.rows("embedded", "image-generator") else None


def schedulers(name: str | None) -> tuple[str, ...]:
    """What a painter's pictures can be stepped with, its own first; of one that is not loaded, as its folder says."""
    if name is None:
        return ()
    if name in {each.name for each in loader.shared().resident()}:
        with loader.shared().lease(name) as painter:
            return tuple(painter.defaults.schedulers)
    return _schedulers_in(weights.folder(catalog.spec(name)) / "scheduler" / "scheduler_config.json")


def _schedulers_in(config: Path) -> tuple[str, ...]:
    """Names that fit a scheduler's file; none when it is not there, or of a kind that is not known here."""
    if not config.is_file():
        return ()
    own = str(json.loads(config.read_text(encoding="utf-8")).get("_class_name", ""))
    fitting = [name for name, (kind, _) in RECIPES.items() if kind == own or not (_alone(kind) or _alone(own))]
    return tuple(sorted(fitting, key=lambda name: RECIPES[name][0] != own))


def _alone(scheduler: str) -> bool:
    """Whether pipelines are trained for this kind of steps and take, or replace, no other."""
    return scheduler.startswith(("FlowMatch", "LCM"))


def is_private() -> bool:
    """Whether the page is for this machine alone, so that folders of it may be named."""
    return settings().host in {"127.0.0.1", "localhost", "::1"}


def closed(made: Generation) -> Generation:
    """What is left of a run that was stopped: nothing is under way any more."""
    return made if made.done and made.preview is None else replace(made, preview=None, done=True)


def listen(recording: str | None, *, progress: Progress | None = None) -> Transcription:
    """Turn a spoken prompt into text.

    Raises:
        InvalidInputError: there is no recording, or nobody speaks in it.
    """
    if not recording:
        raise InvalidInputError("The recording is empty: press the microphone, speak, then press stop.")
    return spoken_prompt(recording, progress=progress)


def remembered(made: Generation | None, history: Sequence[Generation]) -> tuple[Generation, ...]:
    """The runs of a visit with this one in front, once; the oldest are let go when there are too many or too large ones."""
    if made is None or not made.images:
        return tuple(history)
    kept: list[Generation] = []
    room = MAX_KEPT_BYTES
    for each in (made, *(old for old in history if _shas(old) != _shas(made))):
        room -= sum(len(image.png) for image in each.images)
        if len(kept) == MAX_KEPT or (kept and room < 0):
            break
        kept.append(each)
    return tuple(kept)


def _shas(made: Generation) -> tuple[str, frozenset[str]]:
    return made.prompt, frozenset(image.pixels_sha256 for image in made.images)


def archive(made: Generation) -> bytes:
    """The pictures in their order, and the result as JSON."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as file:
        for rank, image in enumerate(made.images, start=1):
            file.writestr(zipfile.ZipInfo(f"{rank} {file_name(made.prompt, image.seed)}"), image.png)
        file.writestr(zipfile.ZipInfo("pictures.json"), json_text(made))
    return stream.getvalue()


EXPORTS = (
    Export("PNG", "picture.png", lambda made: made.images[0].png),
    Export("ZIP of all", "pictures.zip", archive),
    Export("JSON", "pictures.json", json_text),
)
SNIPPET: Mapping[str, str] = {"prompt": "a red apple"}
