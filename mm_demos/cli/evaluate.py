"""Measurements on data of your own: a row below names the module that measures one thing."""

from __future__ import annotations

import argparse
from pathlib import Path

from mm_demos.cli import UsageError
from mm_demos.cli.inputs import add_output, check_model
from mm_demos.cli.output import standard_output


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the measurements."""
    subjects = parser.add_subparsers(dest="subject", metavar="SUBJECT", required=True)
    speech = subjects.add_parser("speech", help="word error rate and speed on recordings with known words")
    speech.add_argument("--data", type=Path, required=True, help="folder or .tar with KEY.ogg (wav, flac, mp3)")
    references = "what was said: folder, .tar or .jsonl; KEY.txt, KEY.json or lines {key, text} (default: beside the recordings)"
    speech.add_argument("--references", type=Path, action="append", default=[], help=references)
    speech.add_argument("--limit", type=int, help="measure the first N recordings only")
    speech.add_argument("--language", default="en", help="of the recordings (default en)")
    speech.add_argument("--beam", type=int, default=5, help="hypotheses kept (default 5)")
    speech.add_argument("--model", help="speech model; `models list` shows them")
    add_output(speech)


def run(flags: argparse.Namespace) -> int:
    """Measure, and write one result."""
    for path in [flags.data, *flags.references]:
        if not path.exists():
            raise UsageError(f"there is no {path}.")
    if flags.model:
        check_model(flags.model, "transcribe")
    from mm_demos.evaluation import speech
    from mm_demos.models.protocols import TranscribeOptions
    from mm_demos.results import as_dict

    with standard_output(as_json=flags.json, quiet=flags.quiet) as output:
        options = TranscribeOptions(language=flags.language, beam_size=flags.beam)
        result = speech.evaluate(
            flags.data,
            references=flags.references or [flags.data],
            model=flags.model,
            options=options,
            limit=flags.limit,
            progress=output.progress,
        )
        text = (
            f"{result.model}: word error rate {result.wer:.4f} on {result.recordings} recordings, {result.audio_seconds:.0f} s, "
            f"{result.times_real_time:.1f} times real time"
        )
        output.result(str(flags.data), as_dict(result), text)
    return 0
