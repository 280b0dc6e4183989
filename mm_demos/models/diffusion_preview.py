"""Pictures of a picture under way: what the model expects at the end, decoded small and not too often."""

from __future__ import annotations

import time
from functools import wraps
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.Image import Image

MIN_SECONDS = 0.5  # between two previews
COST_SHARE = 5  # of the time between two previews, at most one part in so many is spent on them
MAX_LATENTS = 64  # on the longer side; more are averaged down before they are decoded


class Sketch:
    """Looks over the shoulder of one run of a pipeline; changes nothing of what it computes.

    Args:
        pipeline: with a scheduler of its own for this run.
        size: width and height of the picture in pixels.
    """

    def __init__(self, pipeline: Any, size: tuple[int, int]) -> None:
        self._pipeline = pipeline
        self._size = size
        self._expected: Any = None
        self._ready = 0.0
        self._watch(pipeline.scheduler)

    def image(self, latents: Any) -> Image | None:
        """The expected picture after a step that ended with `latents`; None when it is too early for the next one."""
        if time.monotonic() < self._ready:
            return None
        start = time.monotonic()
        picture = self._decoded(latents if self._expected is None else self._expected)
        end = time.monotonic()
        self._ready = end + max(MIN_SECONDS, COST_SHARE * (end - start))
        return picture

    def _watch(self, scheduler: Any) -> None:
        step = scheduler.step

        @wraps(step)  # pipelines look at its parameters
        def watched(model_output: Any, timestep: Any, sample: Any, *args: Any, **options: Any) -> Any:
            result = step(model_output, timestep, sample, *args, **options)
            self._expected = expected(scheduler, result, model_output, timestep, sample)
            return result

        scheduler.step = watched

    def _decoded(self, latents: Any) -> Image | None:
        """The picture of latents (1, channels, height, width), or of Flux's packed ones (1, n_patches, 4 · channels)."""
        import torch

        pipeline, (width, height) = self._pipeline, self._size
        vae = getattr(pipeline, "vae", None)
        if latents.ndim == 3 and hasattr(pipeline, "_unpack_latents"):
            latents = pipeline._unpack_latents(latents, height, width, pipeline.vae_scale_factor)
        if vae is None or latents.ndim != 4 or latents.shape[1] != vae.config.get("latent_channels"):
            return None
        sides = latents.shape[-2:]
        factor = max(1.0, max(sides) / MAX_LATENTS)
        if factor > 1:
            small = [max(1, round(side / factor)) for side in sides]
            latents = torch.nn.functional.interpolate(latents.float(), size=small, mode="area")
        with torch.no_grad():
            pixels = _decode(vae, _unscaled(latents.float(), vae.config))
        return pipeline.image_processor.postprocess(pixels.float(), output_type="pil")[0]  # type: ignore[no-any-return]


def expected(scheduler: Any, result: Any, model_output: Any, timestep: Any, sample: Any) -> Any:
    """The noiseless latents that the model foresees at this step, or what the step ended with where they are not at hand."""
    config = scheduler.config
    if type(scheduler).__name__.startswith("FlowMatch"):
        return sample - float(timestep) / config.num_train_timesteps * model_output
    if isinstance(result, tuple) and len(result) > 1:
        return result[1]
    if config.get("predict_x0") or str(config.get("algorithm_type", "")).endswith("dpmsolver++"):
        return scheduler.model_outputs[-1]
    if type(scheduler).__name__ == "PNDMScheduler":
        kept = scheduler.alphas_cumprod[int(timestep)]
        if config.prediction_type == "v_prediction":
            return kept**0.5 * sample - (1 - kept) ** 0.5 * model_output
        return (sample - (1 - kept) ** 0.5 * model_output) / kept**0.5
    return result[0]


def _unscaled(latents: Any, config: Any) -> Any:
    """Latents as the decoder takes them."""
    mean, std = config.get("latents_mean"), config.get("latents_std")
    if mean is not None and std is not None:
        shape = (1, -1, 1, 1)
        return latents * latents.new_tensor(std).view(shape) / config.scaling_factor + latents.new_tensor(mean).view(shape)
    return latents / (config.get("scaling_factor") or 1) + (config.get("shift_factor") or 0)


def _decode(vae: Any, latents: Any) -> Any:
    """Pixels in [-1, 1]; a decoder that overflows in float16 works in float32 meanwhile, which is undone without loss."""
    import torch

    dtype = vae.dtype
    widened = dtype == torch.float16 and bool(vae.config.get("force_upcast"))
    if widened:
        vae.to(torch.float32)
    try:
        return vae.decode(latents.to(vae.dtype), return_dict=False)[0]
    finally:
        if widened:
            vae.to(dtype)
