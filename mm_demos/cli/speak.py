"""Text to speech, one WAV file per text; 16 bits, mono, at the voice's own rate."""

from __future__ import annotations

import argparse
import wave
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mm_demos.cli import UsageError
from mm_demos.cli.inputs import Item, add_inputs, add_model, add_output, check_inputs, items, run_each
from mm_demos.cli.output import Output

if TYPE_CHECKING:
    from mm_demos.results import Receipt
    from mm_demos.tasks.speaking import Speech

PAUSE_SECONDS = 0.25  # between two sentences


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this verb."""
    add_inputs(parser, 'text, in quotes; "-" reads it from standard input', 'JSON lines {"text": TEXT, "out"?: FILE}')
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="WAV file of a single text (default speech.wav, speech-2.wav, …)"
    )
    parser.add_argument("--speed", type=float, default=1.0, metavar="0.5-2", help="2 takes little more than half the time")
    parser.add_argument(
        "--variation", type=float, default=1.0, metavar="0-1", help="of melody and rhythm; 0 always sounds the same (default 1)"
    )
    add_model(parser)
    add_output(parser)


def run(flags: argparse.Namespace) -> int:
    """Speak every text."""
    check_inputs(flags)
    if flags.out is not None and (flags.batch is not None or len(flags.inputs) > 1):
        raise UsageError('--out names one file: give a single text, or "out" in each line of the batch.')
    numbers = count(1)

    def work(item: Item, output: Output) -> tuple[Mapping[str, Any], str]:
        number = next(numbers)
        usual = Path("speech.wav" if number == 1 else f"speech-{number}.wav")
        return _spoken(item, Path(item.optional("out") or flags.out or usual), flags, output)

    return run_each(flags, items(flags.inputs, flags.batch, "text"), work)


def _spoken(item: Item, path: Path, flags: argparse.Namespace, output: Output) -> tuple[Mapping[str, Any], str]:
    import mm_demos

    text = _standard_input() if item.text("text") == "-" else item.text("text")
    speeches = mm_demos.speak(text, model=flags.model, speed=flags.speed, variation=flags.variation, progress=output.progress)
    with _at_once(path) as partial:
        sentences, duration, receipt = _written(speeches, partial)
    data = {"file": str(path), "duration": duration, "sentences": sentences}
    shown = mm_demos.as_dict(receipt) if receipt is not None and flags.receipt else None
    return {**data, **({"receipt": shown} if shown else {})}, f"{path}  {duration:.1f} s"


def _standard_input() -> str:
    import sys

    return sys.stdin.read()


@contextmanager
def _at_once(path: Path) -> Iterator[Path]:
    """A file that takes its name when it is whole.

    Raises:
        InvalidInputError: it cannot be written there.
    """
    from mm_demos.errors import InvalidInputError

    partial = path.with_name(f".{path.name}.partial")
    try:
        yield partial
        partial.replace(path)
    except OSError as error:
        raise InvalidInputError(f"{path} cannot be written: {error.strerror}.") from None
    finally:
        partial.unlink(missing_ok=True)


def _written(speeches: Iterable[Speech], path: Path) -> tuple[list[dict[str, str | float]], float, Receipt | None]:
    """What was said when, how many seconds it takes in all, and the last receipt."""
    import numpy as np

    sentences: list[dict[str, str | float]] = []
    samples, receipt, rate = 0, None, 1
    with path.open("wb") as raw, wave.open(raw, "wb") as file:
        for speech in speeches:
            receipt, rate = speech.receipt, speech.sample_rate
            if not sentences:
                file.setparams((1, 2, rate, 0, "NONE", ""))
            else:
                samples += _append(file, np.zeros(round(PAUSE_SECONDS * rate)))
            start = samples / rate
            samples += _append(file, speech.waveform)
            sentences.append({"start": round(start, 3), "end": round(samples / rate, 3), "text": speech.text})
        if not sentences:
            file.setparams((1, 2, rate, 0, "NONE", ""))
    return sentences, samples / rate, receipt


def _append(file: wave.Wave_write, waveform: Any) -> int:
    """Write samples in [-1, 1] as 16 bits; how many."""
    file.writeframes((waveform * 32767.0).round().astype("<i2").tobytes())
    return len(waveform)
