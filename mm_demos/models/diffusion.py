"""Pipelines of the diffusers library: text to image and image to image, whatever class AutoPipeline knows."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mm_demos.errors import InsufficientMemoryError, InvalidInputError
from mm_demos.models import diffusion_memory, diffusion_schedulers
from mm_demos.models.diffusion_folder import check_folder, variant
from mm_demos.models.diffusion_plan import Plan, call_arguments, defaults_of, plan_of
from mm_demos.models.diffusion_preview import Sketch
from mm_demos.models.diffusion_prompt import cut_off
from mm_demos.models.diffusion_rows import register_pipeline
from mm_demos.models.diffusion_run import Brake, run
from mm_demos.models.loading import out_of_memory
from mm_demos.models.painting import PaintDefaults, Painting, PaintOptions
from mm_demos.models.prompt_reader import PromptReader
from mm_demos.progress import Progress

if TYPE_CHECKING:
    from PIL.Image import Image

    from mm_demos.models.loader import LoadRequest

__all__ = ["DiffusionPainter", "load_pipeline", "register_pipeline"]

POLL_SECONDS = 0.1  # how often one who waits for the pipeline looks whether the visitor pressed Stop
HIDDEN = "The model's own safety checker hid this picture: word the prompt another way."


def load_pipeline(request: LoadRequest) -> DiffusionPainter:
    """The pipeline of a folder in diffusers' format; safetensors only, and no code that the folder brings along.

    Raises:
        InvalidInputError: the folder holds no such pipeline, or asks for its own code or pickled weights.
    """
    import torch
    from diffusers import AutoPipelineForText2Image

    check_folder(request.folder)
    dtype = request.dtype or "float32"
    with _quiet():
        try:
            pipeline = AutoPipelineForText2Image.from_pretrained(
                request.folder,
                dtype=getattr(torch, dtype),
                use_safetensors=True,
                local_files_only=True,
                variant=variant(request.folder),
            )
        except (ValueError, OSError, AttributeError, KeyError, TypeError) as error:
            raise InvalidInputError(
                f"{request.spec.name} is not a text-to-image pipeline that diffusers knows, or not a whole one: copy it again."
            ) from error
    pipeline.set_progress_bar_config(disable=True)
    if diffusion_memory.weight_bytes(pipeline)[0] < diffusion_memory.free_bytes(request.device):
        pipeline.to(request.device)
    reader = PromptReader.load(request.folder)
    own = request.spec.guidance_scale
    return DiffusionPainter(pipeline, device=request.device, dtype=dtype, guidance_scale=own, reader=reader)


class DiffusionPainter:
    """One pipeline; one picture at a time is painted, the others wait.

    Args:
        pipeline: text to image; image to image shares its networks.
        device: that computes; larger pipelines wait in main memory until a network's turn comes.
        dtype: of the weights.
        guidance_scale: used unless asked otherwise; None takes that of the pipeline's class.
        reader: finds the name of what a prompt means, for a model that was trained with names.
    """

    def __init__(
        self,
        pipeline: Any,
        *,
        device: str,
        dtype: str,
        guidance_scale: float | None = None,
        reader: PromptReader | None = None,
    ) -> None:
        self._text = pipeline
        self._image = _image_to_image(pipeline)
        self._brake = Brake(pipeline)
        self._turn = threading.Lock()
        self._reader = reader
        defaults = defaults_of(pipeline, from_image=self._image is not None)
        self._defaults = defaults if guidance_scale is None else replace(defaults, guidance_scale=guidance_scale)
        self.device = device
        self.dtype = dtype

    @property
    def defaults(self) -> PaintDefaults:
        """Its own settings and limits."""
        return self._defaults

    def paint(
        self, prompt: str, *, image: Image | None = None, options: PaintOptions, progress: Progress, previews: bool = False
    ) -> Iterator[Painting]:
        """Yield the picture step by step, the finished one last; closing it or stopping `progress` ends it within a step.

        Previews show the picture that the model foresees; decoding them changes nothing of the finished one.

        Raises:
            InvalidInputError: an option that does not fit `defaults`, at the call.
            InsufficientMemoryError: even the most frugal mode would not fit.
            StoppedError: `progress.stop()` was called.
        """
        plan = plan_of(prompt, image, options, self._defaults)
        return self._painted(plan, progress, previews)

    def close(self) -> None:
        """Wait for the picture under way, then let go of the networks."""
        with self._turn:
            self._brake.remove()
            self._text = self._image = None

    def _painted(self, plan: Plan, progress: Progress, previews: bool) -> Iterator[Painting]:
        with self._own_turn(progress):
            pipeline = self._text if plan.image is None else self._image
            guided = plan.guidance_scale > 1 and self._defaults.negative_prompt
            needed = diffusion_memory.need(pipeline, *plan.size, guided=guided)
            placed = str(pipeline.device).partition(":")[0] == self.device.partition(":")[0]
            choice = diffusion_memory.choose(
                pipeline, plan.options.memory, needed, device=self.device, size=plan.size, placed=placed
            )
            notices = (*plan.notices, *cut_off(pipeline, plan.prompt), *choice.notices)
            with diffusion_memory.saving(pipeline, choice.mode, self.device), _own_scheduler(pipeline, plan.options.scheduler):
                # Decoding in between would push the other networks off the GPU and back.
                sketch = Sketch(pipeline, plan.size) if previews and choice.mode != "offload" else None
                call = self._call(pipeline, plan, sketch, Painting(None, 0, plan.steps, notices=notices, memory=choice.mode))
                yield from run(call, self._brake, progress)

    @contextmanager
    def _own_turn(self, progress: Progress) -> Iterator[None]:
        while not self._turn.acquire(timeout=POLL_SECONDS):
            progress.report("Waiting for the picture before this one")
        try:
            yield
        finally:
            self._turn.release()

    def _call(
        self, pipeline: Any, plan: Plan, sketch: Sketch | None, blank: Painting
    ) -> Callable[[Callable[[Painting], None]], None]:
        """What runs on the thread: it puts the steps, then the finished picture."""

        def call(put: Callable[[Painting], None]) -> None:
            nonlocal plan, blank
            if self._reader is not None:
                plan = self._reader.applied(pipeline, plan)
                blank = replace(blank, notices=tuple(dict.fromkeys((*blank.notices, *plan.notices))))
            done = 0

            def after_step(pipe: Any, index: int, _timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
                nonlocal done
                self._brake.check()
                # Some schedulers look at a step twice, or add one.
                step = min(plan.steps, (index + 1) * plan.steps // max(1, pipe.num_timesteps))
                if step > done and step < plan.steps:
                    done = step
                    picture = sketch.image(tensors["latents"]) if sketch else None
                    put(replace(blank, image=picture, step=step))
                return {}

            with _same_decoder(pipeline):
                try:
                    result = pipeline(**call_arguments(pipeline, plan), callback_on_step_end=after_step)
                except Exception as error:
                    if out_of_memory(error):
                        raise _ran_out(plan.size) from error
                    raise
            self._brake.check()
            hidden = any(getattr(result, "nsfw_content_detected", None) or ())
            notices = (*blank.notices, HIDDEN) if hidden else blank.notices
            put(replace(blank, image=result.images[0], step=plan.steps, final=True, notices=notices))

        return call


def _image_to_image(pipeline: Any) -> Any:
    """The pipeline that starts from a picture, on the same networks; None where there is none of this kind."""
    from diffusers import AutoPipelineForImage2Image

    try:
        found = AutoPipelineForImage2Image.from_pipe(pipeline)
    except ValueError:
        return None
    found.set_progress_bar_config(disable=True)
    return found


@contextmanager
def _own_scheduler(pipeline: Any, name: str) -> Iterator[None]:
    """A fresh scheduler for one run, so that no run sees what another left in it."""
    kept = pipeline.scheduler
    pipeline.scheduler = diffusion_schedulers.rebuilt(kept, name)
    try:
        yield
    finally:
        pipeline.scheduler = kept


@contextmanager
def _same_decoder(pipeline: Any) -> Iterator[None]:
    """Some pipelines widen their decoder while it works; a run that ends in the middle would leave it so."""
    vae = getattr(pipeline, "vae", None)
    dtype = getattr(vae, "dtype", None)
    try:
        yield
    finally:
        if vae is not None and vae.dtype != dtype:
            vae.to(dtype)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without progress bars in the log, and without warnings about classes that a pipeline may well be made of."""
    import diffusers
    import transformers

    libraries = (diffusers.utils.logging, transformers.utils.logging)
    shown = [library.is_progress_bar_enabled() for library in libraries]
    level = diffusers.utils.logging.get_verbosity()
    diffusers.utils.logging.set_verbosity_error()
    for library in libraries:
        library.disable_progress_bar()
    try:
        yield
    finally:
        diffusers.utils.logging.set_verbosity(level)
        for library, was_shown in zip(libraries, shown, strict=True):
            if was_shown:
                library.enable_progress_bar()


def _ran_out(size: tuple[int, int]) -> InsufficientMemoryError:
    return InsufficientMemoryError(
        f"Memory ran out while a picture of {size[0]} × {size[1]} pixels was painted: choose a smaller one, or memory saving."
    )
