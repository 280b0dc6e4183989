"""How long a picture takes: by denoising steps, warm and in a fresh process, against the bare diffusers call on the same folder.

Warm, both sides live in this process with the same threads and take turns, so that what else the machine does meets both; ours is
the task that serves visitors, its PNG included. Cold, each side is a process of its own: imports, loading and one picture.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mm_demos import accelerator
from mm_demos.evaluation.arguments import positive, run
from mm_demos.evaluation.image_generation import MODEL, catalog_name

PROMPT = "a lighthouse above the sea"
SIDES = ("ours", "bare")
OTHER_STEPS = (1, 5, 10, 20)  # measured beside the model's own number

Work = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class StepsLine:
    """Seconds a warm picture at a number of steps: medians of the rounds, and the median of the rounds' own ratios."""

    steps: int
    ours_seconds: float
    bare_seconds: float
    ratio: float
    lowest_ratio: float
    highest_ratio: float


@dataclass(frozen=True, slots=True)
class PaintingSpeed:
    """What came out.

    Args:
        own_steps: denoising steps of the model when none are asked for.
        step_seconds: of one more step.
        other_seconds: of what every picture needs besides: text encoder, decoder, PNG.
        cold_ours_seconds: a fresh process until its first picture, imports and loading included.
        cold_bare_seconds: the same of the bare call.
        cold_ratio: of the two.
    """

    model: str
    threads: int
    rounds: int
    width: int
    height: int
    own_steps: int
    step_seconds: float
    other_seconds: float
    cold_ours_seconds: float
    cold_bare_seconds: float
    cold_ratio: float
    warm: tuple[StepsLine, ...]


def ours(model: str) -> Work:
    """The task that serves visitors."""
    from mm_demos.models.painting import PaintOptions
    from mm_demos.tasks.image_generation import generate

    name = catalog_name(model)
    return lambda steps: generate(PROMPT, n=1, model=name, options=PaintOptions(num_inference_steps=steps))


def bare(model: str) -> Work:
    """The pipeline called as diffusers' own documentation does; 0 steps stand for the model's own number."""
    import torch
    from diffusers import AutoPipelineForText2Image

    torch.set_num_threads(accelerator.threads())
    own = defaults(model)
    pipeline: Any = AutoPipelineForText2Image.from_pretrained(pipeline_folder(model), local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)
    return lambda steps: pipeline(
        PROMPT,
        num_inference_steps=steps or own.num_inference_steps,
        guidance_scale=own.guidance_scale,
        width=own.width,
        height=own.height,
        generator=torch.Generator().manual_seed(0),
    )


def pipeline_folder(model: str) -> Path:
    """Where the pipeline's files lie."""
    from mm_demos.models import catalog, weights

    if Path(model).is_dir():
        return Path(model)
    row = catalog.spec(model)
    weights.ensure(row)
    return weights.folder(row)


def defaults(model: str) -> Any:
    """The model's `PaintDefaults`."""
    from mm_demos.models import loader

    with loader.shared().lease(catalog_name(model)) as painter:
        return painter.defaults


def timed(work: Work, steps: int) -> float:
    """Seconds of one picture."""
    start = time.perf_counter()
    work(steps)
    return time.perf_counter() - start


def race(sides: dict[str, Work], steps: int, rounds: int) -> StepsLine:
    """Both sides in turn, after one picture each that does not count."""
    laps: dict[str, list[float]] = {side: [] for side in SIDES}
    for side in SIDES:
        sides[side](steps)
    for number in range(rounds):
        for side in SIDES if number % 2 == 0 else SIDES[::-1]:
            laps[side].append(timed(sides[side], steps))
    ratios = [a / b for a, b in zip(laps["ours"], laps["bare"], strict=True)]
    ours_seconds, bare_seconds = (statistics.median(laps[side]) for side in SIDES)
    return StepsLine(steps, ours_seconds, bare_seconds, statistics.median(ratios), min(ratios), max(ratios))


def cold(side: str, model: str, steps: int) -> float:
    """Seconds of a fresh process that paints one picture in so many steps."""
    count = str(accelerator.threads())
    command = [sys.executable, "-m", "mm_demos.evaluation.image_generation_speed", "--side", side, "--model", model]
    command += ["--steps", str(steps)]
    start = time.perf_counter()
    subprocess.run(command, check=True, env=os.environ | {"OMP_NUM_THREADS": count, "MM_DEMOS_THREADS": count})
    return time.perf_counter() - start


def serve(side: str, model: str, steps: int) -> None:
    """Be one side of the cold comparison; the bare one needs nothing of the suite but the folder."""
    if side == "ours":
        ours(model)(steps)
        return
    from diffusers import AutoPipelineForText2Image

    pipeline: Any = AutoPipelineForText2Image.from_pretrained(model, local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)
    pipeline(PROMPT, num_inference_steps=steps)


def measure(model: str, rounds: int, cold_rounds: int) -> PaintingSpeed:
    """Every figure of this module."""
    own = defaults(model)
    sides = {"ours": ours(model), "bare": bare(model)}
    tried = sorted({*OTHER_STEPS, own.num_inference_steps})
    lines = tuple(race(sides, steps, rounds) for steps in tried)
    step, other = np.polyfit([line.steps for line in lines], [line.ours_seconds for line in lines], 1)
    folder = str(pipeline_folder(model))
    starts = [
        (cold("ours", model, own.num_inference_steps), cold("bare", folder, own.num_inference_steps)) for _ in range(cold_rounds)
    ]
    ours_cold, bare_cold = (statistics.median(side) for side in zip(*starts, strict=True))
    return PaintingSpeed(
        model, accelerator.threads(), rounds, own.width, own.height, own.num_inference_steps,
        float(step), max(0.0, float(other)), ours_cold, bare_cold, statistics.median(a / b for a, b in starts), lines,
    )  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line, or be a side of the cold comparison."""
    parser = argparse.ArgumentParser(
        prog="python -m mm_demos evaluate image-speed", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default=MODEL, help="a catalog name, or a folder of a pipeline; default: %(default)s")
    parser.add_argument("--rounds", type=positive, default=5, metavar="N", help="default %(default)s")
    parser.add_argument("--cold-rounds", type=positive, default=2, metavar="N", help="default %(default)s")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--steps", type=positive, default=25, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.side:
        serve(given.side, given.model, given.steps)
        return 0
    return run(lambda: measure(given.model, given.rounds, given.cold_rounds), as_json=given.json)


if __name__ == "__main__":
    sys.exit(main())
