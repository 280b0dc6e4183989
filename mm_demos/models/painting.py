"""What a task may ask of a model that paints: a prompt, with or without a start image, to a picture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

from mm_demos.progress import Progress

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True, slots=True)
class PaintOptions:
    """How to paint one picture.

    Args:
        negative_prompt: what the picture should not show; models without guidance do not read it.
        num_inference_steps: denoising steps; 0 takes the model's own number.
        guidance_scale: weight of the prompt (Ho and Salimans, 2022); None takes the model's own.
        width: pixels; 0 takes the model's own size, or that of the start image.
        height: pixels; as `width`.
        scheduler: one of the model's `schedulers`; empty keeps its own.
        strength: share of the steps that a start image is repainted with, in (0, 1]; without one it has no effect.
        seed: of the noise; the same seed and options on the same device give the same pixels.
        memory: "auto" saves as much as free memory asks for; "off" nothing, "sliced" attention and decoder in slices,
            "offload" also keeps on the accelerator only the part that computes.
    """

    negative_prompt: str = ""
    num_inference_steps: int = 0
    guidance_scale: float | None = None
    width: int = 0
    height: int = 0
    scheduler: str = ""
    strength: float = 0.6
    seed: int = 0
    memory: Literal["auto", "off", "sliced", "offload"] = "auto"


@dataclass(frozen=True, slots=True)
class PaintDefaults:
    """What a model does when nothing else is asked for, and what it can be asked.

    Args:
        num_inference_steps: denoising steps.
        guidance_scale: weight of the prompt.
        width: pixels of a picture.
        height: pixels of a picture.
        multiple_of: both sides are multiples of it.
        schedulers: names that `PaintOptions.scheduler` takes, the model's own first.
        from_image: whether it can start from a picture.
        negative_prompt: whether it reads one.
    """

    num_inference_steps: int
    guidance_scale: float
    width: int
    height: int
    multiple_of: int
    schedulers: tuple[str, ...]
    from_image: bool
    negative_prompt: bool


@dataclass(frozen=True, slots=True)
class Painting:
    """A picture while it is painted: `step` of `total` done; the last one, of step `total`, is `final`.

    `notices` are sentences for the visitor, such as which memory saving was chosen; `memory` is the one that is used, of the
    values of `PaintOptions.memory`, where the model knows: painting again with it gives the same pixels.
    """

    image: Image | None
    step: int
    total: int
    final: bool = False
    notices: tuple[str, ...] = ()
    memory: str = ""


@runtime_checkable
class ImageGenerator(Protocol):
    """A prompt, with or without a start image, to a picture."""

    @property
    def defaults(self) -> PaintDefaults:
        """Its own settings and limits."""
        ...

    def paint(
        self, prompt: str, *, image: Image | None = None, options: PaintOptions, progress: Progress, previews: bool = False
    ) -> Iterator[Painting]:
        """Yield the picture step by step, the finished one last; closing it or stopping `progress` ends it within a step.

        Args:
            prompt: what the picture shows.
            image: the picture to start from.
            options: fitting `defaults`.
            progress: asked at every step whether to go on; told how far it is, in the unit "steps".
            previews: decode an image at some of the steps; where False, `Painting.image` is None until the final one.

        Raises:
            InsufficientMemoryError: even the most frugal mode would not fit.
            StoppedError: `progress.stop()` was called.
        """
        ...
