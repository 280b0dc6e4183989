"""Prompts to pictures, one PNG file each with its settings inside, from which `--replay` paints it again."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mm_demos.cli import UsageError
from mm_demos.cli.inputs import Item, add_inputs, add_model, add_output, check_inputs, check_model, items, run_each
from mm_demos.cli.output import Output
from mm_demos.errors import InvalidInputError

if TYPE_CHECKING:
    from mm_demos.models.painting import PaintOptions
    from mm_demos.results import Generation

USUAL = Path("picture.png")
MEMORY = ("auto", "off", "sliced", "offload")
BATCH = 'JSON lines {"prompt": TEXT or "audio": FILE, "image"?: FILE, "negative"?: TEXT, "seed"?: NUMBER, "out"?: FILE}'


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this verb."""
    add_inputs(parser, "prompt, in quotes", BATCH)
    out = "PNG file of a single prompt (default picture.png); more pictures are numbered picture-2.png, …"
    parser.add_argument("-o", "--out", type=Path, metavar="FILE", help=out)
    parser.add_argument("--audio", metavar="FILE", help="a recording of the prompt")
    parser.add_argument("--image", metavar="FILE", help="picture to start from")
    parser.add_argument("--replay", metavar="PNG", help="paint this picture again from the settings inside it")
    parser.add_argument("-n", "--number", type=int, default=1, metavar="1-16", help="pictures of each prompt (default 1)")
    parser.add_argument("--rank", action="store_true", help="put the picture that fits its prompt best first")
    parser.add_argument("--negative", default="", metavar="TEXT", help="what the pictures should not show")
    parser.add_argument("--steps", type=int, default=0, metavar="1-150", help="denoising steps (default the model's own)")
    parser.add_argument("--guidance", type=float, metavar="0-30", help="weight of the prompt (default the model's own)")
    parser.add_argument("--size", type=_size, default=(0, 0), metavar="WxH", help="pixels, e.g. 64x64 (default the model's own)")
    parser.add_argument("--seed", type=int, default=0, help="of the first picture; the next ones count on (default 0)")
    parser.add_argument("--scheduler", default="", metavar="NAME", help="one of the model's (default its own)")
    parser.add_argument("--strength", type=float, default=0.6, metavar="0-1", help="share of the start picture that is repainted")
    parser.add_argument("--memory", choices=MEMORY, default="auto", help="how memory is saved (default auto: as needed)")
    add_model(parser)
    add_output(parser)


def run(flags: argparse.Namespace) -> int:
    """Paint every prompt."""
    _check(flags)
    spoken = [Item(flags.audio, {"audio": flags.audio})] if flags.audio else []
    again = [Item(flags.replay, {"replay": flags.replay})] if flags.replay else []
    inputs = [*again, *spoken, *items(flags.inputs, None, "prompt")]
    painter = _Painter(flags)
    return run_each(flags, _chained(inputs, items((), flags.batch, "prompt")), painter.paint)


def _chained(first: list[Item], others: Iterator[Item]) -> Iterator[Item]:
    yield from first
    yield from others


def _size(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d{1,5})(?:[x×*](\d{1,5}))?", text.strip().lower())
    if found is None:
        raise argparse.ArgumentTypeError("write width and height as in 64x64")
    return int(found[1]), int(found[2] or found[1])


def _check(flags: argparse.Namespace) -> None:
    """Refuse what cannot be meant, and add a pipeline that is named by its folder or repository to the catalog.

    Raises:
        UsageError: with the reason.
    """
    single = len(flags.inputs) + bool(flags.audio) + bool(flags.replay)
    if flags.out is not None and (flags.batch is not None or single > 1):
        raise UsageError('--out names one file: give a single prompt, or "out" in each line of the batch.')
    if flags.model and _is_place(flags.model):
        from mm_demos.models.diffusion_rows import register_pipeline

        flags.model = register_pipeline(flags.model)
    if single == 0 or flags.inputs or flags.batch is not None:
        check_inputs(flags)
    elif flags.model:
        check_model(flags.model, flags.verb)


def _is_place(model: str) -> bool:
    """Whether a folder or a repository is meant rather than a name of the catalog."""
    from mm_demos.models import catalog

    known = {row.name for row in catalog.rows()}
    return "/" in model or "\\" in model or (model not in known and Path(model).is_dir())


@dataclass(slots=True)
class _Painter:
    """Paints one input after another and numbers the files that have no name of their own."""

    flags: argparse.Namespace
    named: int = 0  # files with the usual name so far

    def paint(self, item: Item, output: Output) -> tuple[Mapping[str, Any], str]:
        """One input: its pictures are written as they are finished, so that those remain when it is stopped."""
        import mm_demos

        flags, out = self.flags, item.optional("out") or self.flags.out
        if out and Path(out).is_dir():
            raise InvalidInputError(f"{out} is a folder: name the file that the picture is written to, such as picture.png.")
        files = _Files(Path(out) if out else USUAL, 0 if out else self.named)
        if not out:
            self.named += flags.number
        made = self._replayed(item, output) if item.optional("replay") else self._followed(item, files, output)
        files.keep(made)
        data = mm_demos.as_dict(replace(made, receipt=None))
        pictures = [{"file": str(path), **image} for path, image in zip(files.paths, data["images"], strict=True)]
        result = {"prompt": made.prompt, "images": pictures, "notices": list(made.notices)}
        if flags.receipt:
            result["receipt"] = mm_demos.as_dict(made.receipt)
        return result, "\n".join([*map(_line, pictures), *made.notices])

    def _followed(self, item: Item, files: _Files, output: Output) -> Generation:
        import mm_demos

        flags, audio = self.flags, item.optional_path("audio")
        image = item.optional_path("image") or flags.image
        steps = mm_demos.generate_steps(
            item.text("prompt") if audio is None else "",
            audio=audio,
            image=image,
            n=flags.number,
            model=flags.model,
            options=_options(item, flags),
            rank=flags.rank,
            progress=output.progress,
        )
        for made in steps:
            files.keep(made)
        return made

    def _replayed(self, item: Item, output: Output) -> Generation:
        import mm_demos

        image = item.optional_path("image") or self.flags.image
        return mm_demos.replay(item.path("replay"), image=image, model=self.flags.model, progress=output.progress)


def _options(item: Item, flags: argparse.Namespace) -> PaintOptions:
    import mm_demos

    seed = item.values.get("seed", flags.seed)
    if not isinstance(seed, int):
        raise InvalidInputError('"seed" must be a whole number.')
    return mm_demos.PaintOptions(
        negative_prompt=item.optional("negative") or flags.negative,
        num_inference_steps=flags.steps,
        guidance_scale=flags.guidance,
        width=flags.size[0],
        height=flags.size[1],
        scheduler=flags.scheduler,
        strength=flags.strength,
        seed=seed,
        memory=flags.memory,
    )


def _line(picture: Mapping[str, Any]) -> str:
    score = "" if picture["score"] is None else f"  {picture['score']:+.3f}"
    return f"{picture['file']}  seed {picture['seed']}{score}"


@dataclass(slots=True)
class _Files:
    """The files of one input, in the order of its pictures: what is on disk always is the latest result.

    Args:
        first: name of the first one.
        before: files that were numbered before it.
    """

    first: Path
    before: int
    _written: dict[Path, str] = field(default_factory=dict)

    @property
    def paths(self) -> list[Path]:
        """The files in their order."""
        return list(self._written)

    def keep(self, made: Generation) -> None:
        """Write what is not yet there.

        Raises:
            InvalidInputError: it cannot be written there.
        """
        for number, image in enumerate(made.images, start=self.before + 1):
            path = self.first if number == 1 else self.first.with_stem(f"{self.first.stem}-{number}")
            if self._written.get(path) != image.pixels_sha256:
                _write(path, image.png)
                self._written[path] = image.pixels_sha256


def _write(path: Path, png: bytes) -> None:
    """A file that takes its name when it is whole."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_bytes(png)
        partial.replace(path)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InvalidInputError(f"{path} cannot be written: {reason}.") from None
    finally:
        partial.unlink(missing_ok=True)
