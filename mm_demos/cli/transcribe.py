"""Speech to text: what was said in audio or video files, on standard output or as subtitle files."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mm_demos.cli import UsageError
from mm_demos.cli.inputs import Item, add_inputs, add_model, add_output, check_inputs, items, run_each
from mm_demos.cli.output import Output

if TYPE_CHECKING:
    from mm_demos.results import Transcription

FORMATS = ("txt", "srt", "vtt", "json", "csv")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this verb."""
    add_inputs(parser, "audio or video file", 'JSON lines {"audio": PATH, "language"?: CODE}; "-" is standard input')
    parser.add_argument("--language", metavar="CODE", help="ISO 639-1 code; detected when not given")
    parser.add_argument("--task", choices=("transcribe", "translate"), default="transcribe", help="translate writes English")
    parser.add_argument("--beam", type=int, choices=range(1, 11), metavar="1-10", default=5, help="hypotheses kept; 1 is greedy")
    parser.add_argument("--temperature", type=float, metavar="0-1", help="0 is repeatable; default: raise it when decoding fails")
    parser.add_argument("--vad", action="store_true", help="leave out stretches without voice")
    parser.add_argument("--words", action="store_true", help="give each word its times and probability")
    parser.add_argument("--prompt", default="", metavar="TEXT", help="names and words that the model should expect")
    parser.add_argument("--format", choices=FORMATS, help="how to write the transcript (default txt)")
    parser.add_argument("--out-dir", type=Path, metavar="DIR", help="write one file per input here")
    add_model(parser)
    add_output(parser)


def run(flags: argparse.Namespace) -> int:
    """Transcribe every input."""
    check_inputs(flags)
    if flags.temperature is not None and not 0 <= flags.temperature <= 1:
        raise UsageError(f"--temperature {flags.temperature:g} is out of range: give 0 to 1.")
    if flags.json and flags.format and flags.out_dir is None:
        raise UsageError("--json prints JSON lines: give --out-dir DIR to write files in another format as well.")
    if flags.out_dir is not None:
        _make_folder(flags.out_dir)
    taken: set[str] = set()

    def work(item: Item, output: Output) -> tuple[Mapping[str, Any], str]:
        return _transcribe(item, flags, output, taken)

    return run_each(flags, items(flags.inputs, flags.batch, "audio"), work)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"the folder {folder} cannot be made: {error.strerror}.") from None


def _transcribe(item: Item, flags: argparse.Namespace, output: Output, taken: set[str]) -> tuple[Mapping[str, Any], str]:
    import mm_demos
    from mm_demos.models.protocols import TranscribeOptions
    from mm_demos.tasks.transcript_formats import render

    options = TranscribeOptions(
        language=item.optional("language") or flags.language,
        task=flags.task,
        beam_size=flags.beam,
        temperature=flags.temperature,
        vad_filter=flags.vad,
        word_timestamps=flags.words,
        initial_prompt=flags.prompt,
    )
    audio = item.path("audio")
    result = mm_demos.transcribe(audio, model=flags.model, options=options, progress=output.progress)
    text = render(result, flags.format or "txt") or "".join(f"({notice})\n" for notice in result.notices)
    data = _data(result, flags)
    if flags.out_dir is not None:
        path = _save(audio.name, text if result.segments else render(result, flags.format or "txt"), flags, taken)
        return {**data, "file": str(path)}, str(path)
    many = len(flags.inputs) > 1 or flags.batch is not None
    return data, f"{audio}:\n{text}" if many else text


def _data(result: Transcription, flags: argparse.Namespace) -> dict[str, Any]:
    from mm_demos.results import as_dict

    data: dict[str, Any] = as_dict(result)
    receipt = data.pop("receipt")
    if not flags.words:
        for segment in data["segments"]:
            del segment["words"]
    first = {key: data.pop(key) for key in ("text", "language", "duration", "segments")}
    return {**first, **data, **({"receipt": receipt} if flags.receipt else {})}


def _save(name: str, text: str, flags: argparse.Namespace, taken: set[str]) -> Path:
    from mm_demos.errors import InvalidInputError
    from mm_demos.tasks.transcript_formats import safe_name, unique_name

    path: Path = flags.out_dir / f"{unique_name(safe_name(name), taken)}.{flags.format or 'txt'}"
    try:
        path.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise InvalidInputError(f"{path} cannot be written: {error.strerror}.") from None
    return path
