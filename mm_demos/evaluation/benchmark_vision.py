"""How fast the picture models are: one caption, and picture embeddings against the same network in eager PyTorch.

Both sides run in processes of their own with the same number of threads, and take turns, so that what else the machine does
meets both. Eager PyTorch is the open_clip model assembled from the same weights, in float32, at the fastest of three batch sizes.
`pictures` starts from decoded pictures and includes each side's own preprocessing; `network` starts from 260-pixel squares, so
that hardly more than the network is left.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mm_demos import accelerator, media, samples
from mm_demos.evaluation import arguments
from mm_demos.models import catalog, weights
from mm_demos.models.mini_clip_export import assemble
from mm_demos.tasks.captioning import caption
from mm_demos.tasks.embedding import embed_images

if TYPE_CHECKING:
    from PIL.Image import Image

MODEL, CAPTIONER = "mm-mini-clip", "mm-mini-captioner"
PHOTOS = ("astronaut.jpg", "cat.jpg", "coffee.jpg", "flower.jpg", "rocket.jpg", "temple.jpg")
PICTURE_SIZE = (640, 480)  # pixels; what a small photo from the web has
SQUARE = 260
EAGER_BATCHES = (1, 8, 32)
SIDES = ("ours", "eager")
MODES = ("pictures", "network")

Work = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Rates:
    """Picture embeddings a second: median over the rounds, and the median of the rounds' own ratios.

    Args:
        cpu_ratio: the same ratio in processor time, which hardly depends on what else the machine does.
    """

    mode: str
    ours_per_second: float
    eager_per_second: float
    ratio: float
    lowest_ratio: float
    highest_ratio: float
    cpu_ratio: float


@dataclass(frozen=True, slots=True)
class Lap:
    """Seconds of one round on the wall, and of the processor, all threads."""

    wall: float
    cpu: float


@dataclass(frozen=True, slots=True)
class SpeedReport:
    """What came out; a caption is one picture at a time on warm models, three candidates ranked."""

    threads: int
    pictures: int
    rounds: int
    rates: tuple[Rates, ...]
    caption_median_seconds: float
    caption_p95_seconds: float
    captions: int


def pictures(n: int) -> list[Image]:
    """`n` decoded photos of an ordinary size."""
    from PIL.Image import Resampling

    photos = [media.load_image(samples.path(name)).resize(PICTURE_SIZE, Resampling.BICUBIC) for name in PHOTOS]
    return [photos[i % len(photos)] for i in range(n)]


def ours(n: int) -> Work:
    """The task that serves visitors."""
    photos = pictures(n)
    squares = [photo.resize((SQUARE, SQUARE)) for photo in photos]
    return lambda mode: embed_images(photos if mode == "pictures" else squares, model=MODEL)


def eager(n: int) -> Work:
    """The open_clip model of the same weights, in batches of the size that is fastest here."""
    import open_clip
    import torch

    torch.set_num_threads(accelerator.threads())
    row = catalog.spec(MODEL)
    with tempfile.TemporaryDirectory() as target:
        folder = weights.folder(row)
        trunk = next(file.name for file in row.files if file.name.endswith(".pth"))
        made = assemble(folder, folder / trunk, folder, Path(target))
        model, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{made}")
    model.eval()
    photos = pictures(n)
    prepared = torch.stack([preprocess(photo) for photo in photos])

    def embed(mode: str, batch: int) -> None:
        pixels = prepared if mode == "network" else torch.stack([preprocess(photo) for photo in photos])
        with torch.inference_mode():
            for part in pixels.split(batch):
                model.encode_image(part, normalize=True)

    embed("network", EAGER_BATCHES[0])
    fastest = min(EAGER_BATCHES, key=lambda batch: timed(partial(embed, "network", batch)).wall)
    return lambda mode: embed(mode, fastest)


def timed(work: Callable[[], object]) -> Lap:
    """How long `work` took."""
    start, cpu = time.perf_counter(), time.process_time()
    work()
    return Lap(time.perf_counter() - start, time.process_time() - cpu)


def serve(side: str, n: int) -> None:
    """Be one side: warm up, say so, then for every mode read from standard input print what it took."""
    work = ours(n) if side == "ours" else eager(n)
    for mode in MODES:
        work(mode)
    print("ready", flush=True)
    for line in sys.stdin:
        mode = line.strip()
        lap = timed(partial(work, mode))
        print(lap.wall, lap.cpu, flush=True)


def race(n: int, rounds: int) -> tuple[Rates, ...]:
    """Both sides in turn, `rounds` times."""
    laps: dict[tuple[str, str], list[Lap]] = {(mode, side): [] for mode in MODES for side in SIDES}
    with ExitStack() as stack:
        children = {side: _child(side, n, stack) for side in SIDES}
        for side in SIDES:
            _answer(children[side], side)
        for number in range(rounds):
            for mode in MODES:
                for side in SIDES if number % 2 == 0 else SIDES[::-1]:
                    _tell(children[side], mode)
                    laps[mode, side].append(Lap(*map(float, _answer(children[side], side).split())))
    return tuple(rates(mode, n, laps[mode, "ours"], laps[mode, "eager"]) for mode in MODES)


def _child(side: str, n: int, stack: ExitStack) -> subprocess.Popen[str]:
    count = str(accelerator.threads())
    child = subprocess.Popen(
        [sys.executable, "-m", "mm_demos.evaluation.benchmark_vision",
         "--side", side, "--pictures", str(n)],
        env=os.environ | {"OMP_NUM_THREADS": count, "MKL_NUM_THREADS": count, "MM_DEMOS_THREADS": count, "HF_HUB_OFFLINE": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    stack.callback(child.wait)
    stack.callback(child.kill)
    return child


def _tell(child: subprocess.Popen[str], mode: str) -> None:
    if child.stdin:
        child.stdin.write(f"{mode}\n")
        child.stdin.flush()


def _answer(child: subprocess.Popen[str], side: str) -> str:
    """The next line a child prints; libraries may not print to this stream, so anything else is a failure.

    Raises:
        RuntimeError: the child ended; its own words are on standard error.
    """
    line = child.stdout.readline().strip() if child.stdout else ""
    if not line:
        raise RuntimeError(f"The {side} side of the comparison ended early; its reason is printed above.")
    return line


def rates(mode: str, n: int, ours_laps: list[Lap], eager_laps: list[Lap]) -> Rates:
    """Medians and ratios of the rounds."""
    ratios = [slow.wall / fast.wall for slow, fast in zip(eager_laps, ours_laps, strict=True)]
    return Rates(
        mode,
        n / statistics.median(lap.wall for lap in ours_laps),
        n / statistics.median(lap.wall for lap in eager_laps),
        statistics.median(ratios),
        min(ratios),
        max(ratios),
        statistics.median(slow.cpu / fast.cpu for slow, fast in zip(eager_laps, ours_laps, strict=True)),
    )


def caption_seconds(n: int) -> list[float]:
    """Seconds of `n` captions, one picture at a time, after a first round that does not count."""
    photos = pictures(n)
    for photo in photos[: len(PHOTOS)]:
        caption(photo, model=CAPTIONER)
    return [timed(partial(caption, photo, model=CAPTIONER)).wall for photo in photos]


def measure(n: int, rounds: int, captions: int) -> SpeedReport:
    """Every figure of this module."""
    seconds = caption_seconds(captions)
    raced = race(n, rounds)
    return SpeedReport(
        accelerator.threads(),
        n,
        rounds,
        raced,
        statistics.median(seconds),
        float(np.quantile(seconds, 0.95)),
        captions,
    )


def main(arguments_given: list[str] | None = None) -> int:
    """Run from the command line, or be one of the two children."""
    parser = argparse.ArgumentParser(
        prog="python -m mm_demos evaluate vision-speed",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--pictures", type=arguments.positive, default=48, metavar="N", help="in a round; default %(default)s")
    parser.add_argument("--rounds", type=arguments.positive, default=7, metavar="N", help="default %(default)s")
    parser.add_argument("--captions", type=arguments.positive, default=30, metavar="N", help="default %(default)s")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments_given)
    if given.side:
        serve(given.side, given.pictures)
        return 0
    return arguments.run(lambda: measure(given.pictures, given.rounds, given.captions), as_json=given.json)


if __name__ == "__main__":
    sys.exit(main())
