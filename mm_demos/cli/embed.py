"""Pictures or texts to vectors: a NumPy file with `embeddings` (n, dim) float32, L2-normalised, and `inputs` (n,)."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mm_demos.cli import UsageError
from mm_demos.cli.inputs import add_inputs, add_model, add_output, check_inputs, lines
from mm_demos.cli.output import Output, known, standard_output
from mm_demos.errors import DemoError, InvalidInputError

if TYPE_CHECKING:
    from PIL.Image import Image

    from mm_demos.models.protocols import FloatArray

CHUNK = 16  # inputs embedded together: enough for a batch, few enough to keep decoded pictures small


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this verb."""
    parser.add_argument("kind", choices=("image", "text"), help="what the inputs are")
    add_inputs(parser, "picture file, or text", 'one input a line, as plain text; "-" is standard input')
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.npz", help="NumPy file to write")
    add_model(parser)
    add_output(parser)


def run(flags: argparse.Namespace) -> int:
    """Embed every input; what cannot be used is reported and left out of the file."""
    check_inputs(flags)
    if not flags.out.absolute().parent.is_dir() or flags.out.is_dir():
        raise UsageError(f"--out {flags.out}: there is no such folder, or it is a folder itself.")
    rows: list[FloatArray] = []
    kept: list[str] = []
    inputs = _inputs(flags)
    with standard_output(as_json=flags.json, quiet=flags.quiet) as output:
        while chunk := list(islice(inputs, CHUNK)):
            for name, vector in zip(chunk, _embed(chunk, flags, output), strict=True):
                if isinstance(vector, DemoError):
                    output.error(name, str(vector))
                    continue
                rows.append(vector)
                kept.append(name)
                if flags.json:
                    output.result(name, {"row": len(rows) - 1, "dim": int(vector.size)}, "")
        if rows:
            _save(flags.out, rows, kept)
        if not flags.json and rows:
            output.write(f"{flags.out}: {len(rows)} embeddings of {rows[0].size} numbers")
        return output.status


def _inputs(flags: argparse.Namespace) -> Iterator[str]:
    yield from flags.inputs
    if flags.batch is not None:
        yield from lines(flags.batch)


def _embed(chunk: list[str], flags: argparse.Namespace, output: Output) -> list[FloatArray | DemoError]:
    """For each input its vector (dim,), or why there is none."""
    converted = [_convert(name, flags.kind) for name in chunk]
    good = [value for value in converted if not isinstance(value, DemoError)]
    vectors = iter(_vectors(good, flags, output) if good else [])
    return [value if isinstance(value, DemoError) else next(vectors) for value in converted]


def _convert(name: str, kind: str) -> Image | str | DemoError:
    from mm_demos import media

    try:
        return media.load_image(name) if kind == "image" else media.clean_text(name)
    except DemoError as error:
        return error


def _vectors(values: list[Any], flags: argparse.Namespace, output: Output) -> list[FloatArray | DemoError]:
    """All together; one by one when the model finds fault with one of them."""
    import mm_demos

    embed = mm_demos.embed_images if flags.kind == "image" else mm_demos.embed_texts
    try:
        return list(embed(values, model=flags.model, progress=output.progress))
    except InvalidInputError as error:
        if len(values) == 1:
            return [error]
        return [vector for value in values for vector in _vectors([value], flags, output)]
    except Exception as error:
        return [known(error)] * len(values)


def _save(path: Path, rows: list[FloatArray], names: list[str]) -> None:
    """Write beside the file, then put it in place, so that nobody reads half of it."""
    import numpy as np

    fresh = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        with fresh.open("wb") as file:
            np.savez(file, embeddings=np.stack(rows).astype(np.float32), inputs=np.array(names))
        fresh.replace(path)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise InvalidInputError(f"{path} cannot be written: {error.strerror}.") from None
