"""Whether pictures show what was asked for: a hundred prompts in wordings that no painter of ours was trained on.

Each is painted once, with the same seed, and no better one is picked. A classifier that was taught real drawings must find the
name that was meant among 20. FOLDER, or drawings/ in it, holds the unpacked packages of drawings and their names (noto,
fluent-emoji-flat, twemoji, emojibase-data, emojilib); it is not needed where --classifier names a folder with a classifier in it.
A new classifier is kept there.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mm_demos.errors import InvalidInputError
from mm_demos.evaluation import image_generation_classifier as classifier
from mm_demos.evaluation import image_generation_sheet
from mm_demos.evaluation.arguments import counted, positive, run
from mm_demos.evaluation.image_generation_prompts import CHOICES, HeldOutPrompt, choices, read_labels, read_prompts
from mm_demos.evaluation.image_generation_report import Judge, Painted, PaintingReport, over_draws, parts, share

if TYPE_CHECKING:
    from PIL.Image import Image

    from mm_demos.models.protocols import FloatArray

Paint = Callable[[str], "Image"]
MODEL, SEED = "mm-mini-painter", 0
DRAWINGS = "drawings"


def main(arguments: Sequence[str] | None = None) -> int:
    """Paint, judge and print; exit status 0, or 2 when data or model cannot be had."""
    parser = argparse.ArgumentParser(
        prog="python -m mm_demos evaluate image-generation",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="the drawings that the classifier is taught")
    parser.add_argument("--classifier", type=Path, metavar="DIR", help="where the classifier is kept")
    parser.add_argument("--sheet", type=Path, metavar="PNG", help="write a sheet of all pictures")
    parser.add_argument("--model", default=MODEL, help="a catalog name, or a folder of a pipeline; default: %(default)s")
    parser.add_argument("--seed", type=int, default=SEED, help="of every picture's noise (default %(default)s)")
    parser.add_argument("--steps", type=positive, help="denoising steps; the model's own otherwise")
    parser.add_argument("--limit", type=positive, metavar="N", help="the first N prompts only")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    given = parser.parse_args(arguments)

    def measured() -> PaintingReport:
        name = catalog_name(given.model)
        judge = taught(given.data, given.classifier)
        return measure(
            painter(name, given.seed, given.steps or 0),
            judge,
            read_prompts()[: given.limit],
            model=name,
            seed=given.seed,
            sheet=given.sheet,
        )

    return run(measured, as_json=given.json)


def taught(data: Path | None, folder: Path | None) -> classifier.DrawingClassifier:
    """The classifier in `folder`, made from `data` if there is none yet.

    Raises:
        InvalidInputError: neither can be used.
    """
    if folder and (folder / classifier.TABLE).exists():
        return _known(classifier.load(folder))
    if not data:
        raise InvalidInputError("There is no classifier: give --data FOLDER to make one, or --classifier DIR with one in it.")
    drawings = data / DRAWINGS if (data / DRAWINGS).is_dir() else data
    with tempfile.TemporaryDirectory() as temporary:
        made = folder or Path(temporary)
        command = [sys.executable, "-m", "mm_demos.training.emoji_classifier", "--data", str(drawings), "--out", str(made)]
        if subprocess.run(command, stdout=sys.stderr, check=False).returncode:
            raise InvalidInputError(f"No classifier could be made from {data}; the reason is printed above.")
        return _known(classifier.load(made))


def _known(judge: classifier.DrawingClassifier) -> classifier.DrawingClassifier:
    missing = set(read_labels()) - set(judge.labels)
    if missing:
        raise InvalidInputError(
            f"The classifier does not know {len(missing)} of the names, such as “{min(missing)}”: make it from emojibase-data 17."
        )
    return judge


def catalog_name(model: str) -> str:
    """A name that the loader knows; a folder of a pipeline is given one."""
    from mm_demos.models.diffusion_rows import register_pipeline

    return register_pipeline(model) if Path(model).is_dir() else model


def painter(model: str, seed: int, steps: int) -> Paint:
    """The task that serves visitors, one picture a prompt."""
    from mm_demos import media
    from mm_demos.models.painting import PaintOptions
    from mm_demos.tasks.image_generation import generate

    options = PaintOptions(seed=seed, num_inference_steps=steps)
    return lambda prompt: media.load_image(generate(prompt, n=1, model=model, options=options).images[0].png)


def measure(
    paint: Paint,
    judge: classifier.DrawingClassifier,
    prompts: Sequence[HeldOutPrompt],
    *,
    model: str = MODEL,
    seed: int = SEED,
    sheet: Path | None = None,
) -> PaintingReport:
    """Every figure of this module.

    Args:
        paint: a prompt to a picture.
        judge: knows every name of the prompts and their choices.
        prompts: at least one.
        model: its name, for the report.
        seed: its seed, for the report.
        sheet: a PNG to write.
    """
    pictures, seconds = [], []
    for prompt in counted(prompts, "painted", every=10):
        start = time.perf_counter()
        pictures.append(paint(prompt.prompt))
        seconds.append(time.perf_counter() - start)
    rows = judged(prompts, seconds, judge, judge.scores(pictures), judge.pixel_scores(pictures))
    if sheet:
        image_generation_sheet.write(rows, pictures, sheet)
    return report(rows, judge, model, seed)


def judged(
    prompts: Sequence[HeldOutPrompt],
    seconds: Sequence[float],
    judge: classifier.DrawingClassifier,
    scores: FloatArray,
    pixels: FloatArray,
) -> tuple[Painted, ...]:
    """A row for each picture, from both classifiers' scores (n, n_names)."""
    place = {label: number for number, label in enumerate(judge.labels)}
    rows = []
    for prompt, took, row, by_pixels in zip(prompts, seconds, scores, pixels, strict=True):
        offered = choices(prompt)[::-1]  # the right name last, so that equal scores never count for it
        among = [place[label] for label in offered]
        best, likest = (offered[int(np.nan_to_num(found[among], nan=-2).argmax())] for found in (row, by_pixels))
        rank = len(row) - int((row < row[place[prompt.name]]).sum())
        every = judge.labels[int(np.nan_to_num(row, nan=-2).argmax())]
        right = best == prompt.name
        rows.append(Painted(prompt.prompt, prompt.name, prompt.topic, prompt.wording, right, best, every, rank, likest, took))
    return tuple(rows)


def report(rows: Sequence[Painted], judge: classifier.DrawingClassifier, model: str, seed: int) -> PaintingReport:
    """The rows, counted."""
    seconds = [row.seconds for row in rows]
    known = judge.taught
    unseen, unseen_all = (float(np.mean(list(found.values()))) for found in (known.unseen_set, known.unseen_set_all))
    return PaintingReport(
        model=model,
        seed=seed,
        names=len(judge.labels),
        recognised=share(row.right for row in rows),
        recognised_over_draws=over_draws([row.rank for row in rows], len(judge.labels), CHOICES - 1),
        recognised_by_pixels=share(row.pixels == row.name for row in rows),
        top_1=share(row.rank == 1 for row in rows),
        top_5=share(row.rank <= 5 for row in rows),
        median_seconds=statistics.median(seconds[1:] or seconds),
        max_seconds=max(seconds),
        first_seconds=seconds[0],
        judge=Judge(unseen, unseen_all, known.changed, known.changed_all),
        wordings=parts(rows, "wording"),
        topics=parts(rows, "topic"),
        pictures=tuple(rows),
    )


if __name__ == "__main__":
    sys.exit(main())
