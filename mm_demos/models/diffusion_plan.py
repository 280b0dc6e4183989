"""From a visitor's options and a pipeline's configuration to the arguments of one call."""

from __future__ import annotations

import inspect
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mm_demos.errors import InvalidInputError
from mm_demos.models.diffusion_schedulers import names
from mm_demos.models.painting import PaintDefaults, PaintOptions
from mm_demos.settings import settings

if TYPE_CHECKING:
    from PIL.Image import Image

STEPS = 25  # of networks that were not distilled
FEW_STEPS = 4  # of distilled ones
MAX_STEPS = 1000  # as many as there were noise levels in training
MIN_SIDE = 8
LANCZOS = 1  # of PIL.Image.Resampling
UNREAD = "The negative prompt was not read: it needs a model with guidance, and a guidance above 1."


@dataclass(frozen=True, slots=True)
class Plan:
    """One picture to paint, every number decided.

    Args:
        prompt: what it shows.
        image: the start image in the size of the picture, RGB; None for text alone.
        options: as they were asked for.
        size: width and height in pixels.
        num_inference_steps: as the pipeline takes it.
        steps: that are really done, fewer with a start image.
        guidance_scale: weight of the prompt.
        notices: sentences for the visitor.
    """

    prompt: str
    image: Image | None
    options: PaintOptions
    size: tuple[int, int]
    num_inference_steps: int
    steps: int
    guidance_scale: float
    notices: tuple[str, ...] = ()


def defaults_of(pipeline: Any, *, from_image: bool) -> PaintDefaults:
    """What a pipeline does by itself, read off its configuration."""
    parameters = inspect.signature(pipeline.__call__).parameters
    steps, guidance = _steps_and_guidance(pipeline, parameters)
    scale = int(getattr(pipeline, "vae_scale_factor", 8) or 8)
    patch = 1 if getattr(pipeline, "unet", None) is not None else 2  # transformers see patches of two by two latents
    width, height = _size(pipeline, scale)
    return PaintDefaults(
        num_inference_steps=steps,
        guidance_scale=guidance,
        width=width,
        height=height,
        multiple_of=math.lcm(8, scale * patch),
        schedulers=names(pipeline),
        from_image=from_image,
        negative_prompt="negative_prompt" in parameters and "true_cfg_scale" not in parameters,
    )


def _steps_and_guidance(pipeline: Any, parameters: Any) -> tuple[int, float]:
    """The usual numbers of the pipeline's kind: distilled networks take few steps and no guidance."""
    own = parameters["guidance_scale"].default if "guidance_scale" in parameters else 0.0
    guidance = float(own) if isinstance(own, int | float) else 0.0
    unet, transformer = getattr(pipeline, "unet", None), getattr(pipeline, "transformer", None)
    kind, config = type(pipeline.scheduler).__name__, pipeline.scheduler.config
    if transformer is not None and transformer.config.get("guidance_embeds") is False:
        return FEW_STEPS, 0.0
    if kind == "LCMScheduler":
        return FEW_STEPS, guidance if unet is not None and unet.config.get("time_cond_proj_dim") else 1.0
    # The turbo checkpoints of Stable Diffusion are told by the last steps of the schedule being the ones taken.
    if unet is not None and kind.startswith("Euler") and config.get("timestep_spacing") == "trailing":
        return FEW_STEPS, 0.0
    steps = parameters["num_inference_steps"].default
    return (STEPS if unet is not None or not isinstance(steps, int) else steps), guidance


def _size(pipeline: Any, scale: int) -> tuple[int, int]:
    """Width and height in pixels that the network was trained for."""
    network = getattr(pipeline, "unet", None)
    if network is None:
        network = getattr(pipeline, "transformer", None)
    sample = getattr(pipeline, "default_sample_size", None) or (
        network.config.get("sample_size") if network is not None else None
    )
    rows, columns = sample if isinstance(sample, list | tuple) else (sample or 64, sample or 64)
    return int(columns) * scale, int(rows) * scale


def plan_of(prompt: str, image: Image | None, options: PaintOptions, defaults: PaintDefaults) -> Plan:
    """Decide every number of a picture.

    Raises:
        InvalidInputError: an option that this model cannot follow; the sentence names what it can.
    """
    _check(image, options, defaults)
    size = _picture_size(image, options, defaults)
    asked = options.num_inference_steps or defaults.num_inference_steps
    taken, done = asked, asked
    start = None
    if image is not None:
        # The library rounds down, and refuses to do nothing.
        taken = max(asked, math.ceil(1 / options.strength))
        done = max(1, min(taken, int(taken * options.strength)))
        start = image.convert("RGB").resize(size, LANCZOS)
    guidance = defaults.guidance_scale if options.guidance_scale is None else options.guidance_scale
    read = defaults.negative_prompt and guidance > 1
    notices = (UNREAD,) if options.negative_prompt.strip() and not read else ()
    return Plan(prompt, start, options, size, taken, done, float(guidance), notices)


def _check(image: Image | None, options: PaintOptions, defaults: PaintDefaults) -> None:
    if image is not None and not defaults.from_image:
        raise InvalidInputError("This model cannot start from a picture: choose another one or leave the picture out.")
    if options.scheduler and options.scheduler not in defaults.schedulers:
        raise InvalidInputError(
            f"This model has no scheduler {options.scheduler!r}: choose one of {', '.join(defaults.schedulers)}."
        )
    if not 0 <= options.num_inference_steps <= MAX_STEPS:
        raise InvalidInputError(f"Between 1 and {MAX_STEPS} steps can be taken, not {options.num_inference_steps}.")
    if not 0 < options.strength <= 1:
        raise InvalidInputError(f"The strength is a share above 0 and at most 1, not {options.strength:g}.")
    if options.guidance_scale is not None and not 0 <= options.guidance_scale <= 100:
        raise InvalidInputError(f"The guidance is a number from 0 to 100, not {options.guidance_scale:g}.")
    if not 0 <= options.seed < 2**63:
        raise InvalidInputError("The seed is a whole number from 0 to 2^63 - 1: choose another one.")
    if options.memory not in {"auto", "off", "sliced", "offload"}:
        raise InvalidInputError(f"There is no memory saving {options.memory!r}: choose auto, off, sliced or offload.")
    for name, side in (("width", options.width), ("height", options.height)):
        unit = defaults.multiple_of
        if side < 0 or side % unit or (side and side < MIN_SIDE):
            low = max(unit, side // unit * unit)
            raise InvalidInputError(f"The {name} is a multiple of {unit} pixels, not {side}: choose {low} or {low + unit}.")


def _picture_size(image: Image | None, options: PaintOptions, defaults: PaintDefaults) -> tuple[int, int]:
    """Width and height: as asked for, else the shape of the start image with as many pixels as the model's own size."""
    width, height = options.width, options.height
    if image is not None and not (width and height):
        ratio, unit = image.width / image.height, defaults.multiple_of
        area = defaults.width * defaults.height
        wide = width or (height * ratio if height else math.sqrt(area * ratio))
        high = height or wide / ratio
        width, height = (max(unit, round(side / unit) * unit) for side in (wide, high))
    width, height = width or defaults.width, height or defaults.height
    limit = settings().max_image_pixels
    if width * height > limit:
        raise InvalidInputError(f"A picture of {width} × {height} has more than {limit:,} pixels: choose a smaller one.")
    return width, height


def call_arguments(pipeline: Any, plan: Plan) -> dict[str, Any]:
    """Keyword arguments of the pipeline's call, those that its class knows."""
    import torch

    width, height = plan.size
    wanted: dict[str, Any] = {
        "prompt": plan.prompt,
        "num_inference_steps": plan.num_inference_steps,
        "guidance_scale": plan.guidance_scale,
        "width": width,
        "height": height,
        # On the CPU whatever the device, so that every device starts from the same noise.
        "generator": torch.Generator("cpu").manual_seed(plan.options.seed),
        "output_type": "pil",
    }
    if plan.options.negative_prompt.strip() and not plan.notices:
        wanted["negative_prompt"] = plan.options.negative_prompt
    if plan.image is not None:
        wanted.update(image=plan.image, strength=plan.options.strength)
    known = inspect.signature(pipeline.__call__).parameters
    return {name: value for name, value in wanted.items() if name in known}
