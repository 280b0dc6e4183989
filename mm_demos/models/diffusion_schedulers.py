"""Schedulers by the names people know, and which of them a pipeline can be run with."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

_SOLVER: Final[dict[str, Any]] = {"algorithm_type": "dpmsolver++", "solver_order": 2}

# Name → class of the diffusers library, and what is changed in the pipeline's own settings.
RECIPES: Final[Mapping[str, tuple[str, dict[str, Any]]]] = MappingProxyType(
    {
        "ddim": ("DDIMScheduler", {}),
        "ddpm": ("DDPMScheduler", {}),
        "euler": ("EulerDiscreteScheduler", {}),
        "euler-ancestral": ("EulerAncestralDiscreteScheduler", {}),
        "heun": ("HeunDiscreteScheduler", {}),
        "dpm++ 2m": ("DPMSolverMultistepScheduler", {**_SOLVER, "use_karras_sigmas": False}),
        "dpm++ 2m karras": ("DPMSolverMultistepScheduler", {**_SOLVER, "use_karras_sigmas": True}),
        "unipc": ("UniPCMultistepScheduler", {}),
        "lms": ("LMSDiscreteScheduler", {}),
        "pndm": ("PNDMScheduler", {"skip_prk_steps": True}),
        "lcm": ("LCMScheduler", {}),
        "flow-match-euler": ("FlowMatchEulerDiscreteScheduler", {}),
        "flow-match-heun": ("FlowMatchHeunDiscreteScheduler", {}),
    }
)
# Flow pipelines that leave the choice of sigmas to the scheduler; the others hand it their own, which Heun's does not take.
OWN_SIGMAS: Final = ("StableDiffusion3Pipeline",)


def own_name(scheduler: Any) -> str:
    """What the scheduler is called here; the name of its class where it has no other."""
    kind, karras = type(scheduler).__name__, bool(scheduler.config.get("use_karras_sigmas", False))
    fitting = [name for name, (class_name, _) in RECIPES.items() if class_name == kind]
    return fitting[-1 if karras else 0] if fitting else kind.removesuffix("Scheduler").lower()


def names(pipeline: Any) -> tuple[str, ...]:
    """Schedulers that the pipeline can be run with, its own first."""
    own = pipeline.scheduler
    compatible = {scheduler.__name__ for scheduler in own.compatibles}
    if type(own).__name__ == "FlowMatchEulerDiscreteScheduler" and _leaves_sigmas(pipeline):
        compatible.add("FlowMatchHeunDiscreteScheduler")
    others = [name for name, (class_name, _) in RECIPES.items() if class_name in compatible]
    return tuple(dict.fromkeys([own_name(own), *others]))


def _leaves_sigmas(pipeline: Any) -> bool:
    return type(pipeline).__name__ in OWN_SIGMAS and not pipeline.scheduler.config.get("use_dynamic_shifting", False)


def rebuilt(scheduler: Any, name: str) -> Any:
    """A fresh scheduler with the settings of `scheduler`, which stays as it is; an empty name gives one of the same kind."""
    if not name or name == own_name(scheduler):
        return type(scheduler).from_config(scheduler.config)
    import diffusers

    class_name, changed = RECIPES[name]
    return getattr(diffusers, class_name).from_config(scheduler.config, **changed)
