"""Options of painting: refused in a sentence where no model could follow them, filled in with the model's own where left open."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mm_demos.errors import InvalidInputError
from mm_demos.models.painting import PaintDefaults, PaintOptions
from mm_demos.tasks.options import MAX_SEED, check_seed

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_PICTURES = 16
MAX_PROMPT_CHARS = 2000  # several times what text encoders read
MAX_STEPS = 150
MAX_GUIDANCE = 30.0
MIN_SIDE, MAX_SIDE = 8, 2048  # pixels
MEMORY = ("auto", "off", "sliced", "offload")


def check_options(options: PaintOptions, n: int = 1) -> None:
    """Refuse what no model could paint; `n` pictures take the seeds from `options.seed` on.

    Raises:
        InvalidInputError: naming the option and its range.
    """
    if not isinstance(n, int) or not 1 <= n <= MAX_PICTURES:
        raise InvalidInputError(f"Between 1 and {MAX_PICTURES} pictures can be painted at once, not {n}.")
    check_seed(options.seed)
    if options.seed + n - 1 > MAX_SEED:
        raise InvalidInputError(f"The seed is too high for {n} pictures: give at most {MAX_SEED - n + 1}.")
    if not 0 <= options.num_inference_steps <= MAX_STEPS:
        wrong = options.num_inference_steps
        raise InvalidInputError(f"A picture may take 1 to {MAX_STEPS} steps (0 is the model's own number), not {wrong}.")
    if options.guidance_scale is not None and not 0 <= options.guidance_scale <= MAX_GUIDANCE:
        raise InvalidInputError(f"The guidance must lie between 0 and {MAX_GUIDANCE:g}, not at {options.guidance_scale:g}.")
    if not 0 < options.strength <= 1:
        raise InvalidInputError(f"The strength must lie above 0 and be at most 1, not at {options.strength:g}.")
    for what, side in (("width", options.width), ("height", options.height)):
        if side != 0 and not MIN_SIDE <= side <= MAX_SIDE:
            raise InvalidInputError(f"The {what} must lie between {MIN_SIDE} and {MAX_SIDE} pixels, not at {side}.")
    if options.memory not in MEMORY:
        raise InvalidInputError(f"There is no memory mode {options.memory!r}: choose one of {', '.join(MEMORY)}.")
    if len(options.negative_prompt) > MAX_PROMPT_CHARS:
        raise InvalidInputError(f"The negative prompt is too long: write at most {MAX_PROMPT_CHARS:,} characters.")


def filled(options: PaintOptions, own: PaintDefaults, start: Image | None) -> tuple[PaintOptions, tuple[str, ...]]:
    """Complete options for this model and notices about what it does not follow.

    With a start picture and no size, the picture gets its shape, with about as many pixels as the model's own size.

    Raises:
        InvalidInputError: a size, scheduler or start picture that this model cannot take.
    """
    if start is not None and not own.from_image:
        raise InvalidInputError("This model cannot start from a picture: leave the picture out, or choose another model.")
    if options.scheduler and options.scheduler not in own.schedulers:
        raise InvalidInputError(f"This model has no scheduler {options.scheduler!r}: choose one of {', '.join(own.schedulers)}.")
    width, height = _size(options, own, start)
    notices: tuple[str, ...] = ()
    if options.negative_prompt and not own.negative_prompt:
        notices = ("This model does not read a negative prompt, so it was left out.",)
    complete = replace(
        options,
        negative_prompt=options.negative_prompt if own.negative_prompt else "",
        num_inference_steps=options.num_inference_steps or own.num_inference_steps,
        guidance_scale=own.guidance_scale if options.guidance_scale is None else options.guidance_scale,
        width=width,
        height=height,
        scheduler=options.scheduler or next(iter(own.schedulers), ""),
    )
    return complete, notices


def _size(options: PaintOptions, own: PaintDefaults, start: Image | None) -> tuple[int, int]:
    """Width and height that the model can paint."""
    for what, side in (("width", options.width), ("height", options.height)):
        if side % own.multiple_of:
            low = side // own.multiple_of * own.multiple_of
            near = " or ".join(str(size) for size in (low, low + own.multiple_of) if MIN_SIDE <= size <= MAX_SIDE)
            raise InvalidInputError(
                f"The {what} {side} is not a multiple of {own.multiple_of}, as this model needs: choose {near}."
            )
    width, height = own.width, own.height
    if start is not None:
        factor = (own.width * own.height / (start.width * start.height)) ** 0.5
        width, height = (_rounded(side * factor, own.multiple_of) for side in start.size)
    return options.width or width, options.height or height


def _rounded(side: float, multiple_of: int) -> int:
    return min(MAX_SIDE // multiple_of, max(1, round(side / multiple_of))) * multiple_of
