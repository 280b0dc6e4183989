"""Moments of a library that fit words, a recording or a picture, by what is said, how it sounds, or both."""

from __future__ import annotations

import argparse
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mm_demos.cli import UsageError
from mm_demos.cli.inputs import Item, add_output, items
from mm_demos.cli.output import Output, attempt, known, standard_output
from mm_demos.errors import InvalidInputError

if TYPE_CHECKING:
    from mm_demos.retrieval.library import Library
    from mm_demos.retrieval.types import Hit, Query

MODES = ("said", "sounds", "both")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this verb."""
    parser.add_argument("query", nargs="?", metavar="WORDS", help='what to look for, e.g. "a dog barks"')
    parser.add_argument("--audio", metavar="FILE", help="a spoken query, or a sound to find the like of")
    parser.add_argument("--image", metavar="FILE", help="a picture of what to look for")
    parser.add_argument(
        "--batch", metavar="FILE", help='JSON lines {"id", "text" | "audio" | "image", "mode"?}; "-" is standard input'
    )
    parser.add_argument("--library", required=True, metavar="NAME", help="the library to search, made with `index`")
    parser.add_argument("--mode", choices=MODES, default="both", help="what is compared (default both)")
    parser.add_argument("--without", default="", metavar="WORDS", help="what counts against a moment")
    parser.add_argument("--top-k", type=int, default=10, metavar="N", help="how many moments (default 10)")
    parser.add_argument("--language", default="", metavar="CODE", help="only recordings in this language (ISO 639-1)")
    parser.add_argument("--tag", default="", metavar="NAME", help="only where this sound event is the likeliest")
    parser.add_argument("--min-loudness", type=float, metavar="DBFS", help="only what is at least this loud, e.g. -40")
    add_output(parser)


def run(flags: argparse.Namespace) -> int:
    """Search once, or for every line of the batch file."""
    given = [value for value in (flags.query, flags.audio, flags.image, flags.batch) if value]
    if len(given) != 1:
        raise UsageError("give one of: words in quotes, --audio FILE, --image FILE, --batch FILE.")
    if flags.batch not in {None, "-"} and not Path(flags.batch).is_file():
        raise UsageError(f"there is no batch file {flags.batch}.")
    from mm_demos.retrieval.library import Library

    with closing(Library.open(flags.library)) as library:
        if flags.batch:
            return _batch(flags, library)
        values = {"text": flags.query, "audio": flags.audio, "image": flags.image}
        item = Item(given[0], {key: value for key, value in values.items() if value})
        with standard_output(as_json=flags.json, quiet=flags.quiet) as output:
            attempt(output, item.shown, lambda: _single(item, flags, library, output))
            return output.status


def _single(item: Item, flags: argparse.Namespace, library: Library, output: Output) -> None:
    from mm_demos.tasks.retrieval import search

    found = search(_query(item, flags), library=library, progress=output.progress)
    for hit in found.hits:
        output.write(_data(hit) if flags.json else _line(hit))
    if not flags.json:
        for notice in found.notices:
            output.write(f"({notice})")


def _batch(flags: argparse.Namespace, library: Library) -> int:
    """One JSON object per line of the file, in order, whether it could be answered or not."""
    from mm_demos.tasks.retrieval import search

    with standard_output(as_json=True, quiet=flags.quiet) as output:
        for number, item in enumerate(items((), flags.batch, "text"), start=1):
            name = item.values.get("id", number)
            try:
                found = search(_query(item, flags), library=library, progress=output.progress)
            except BrokenPipeError:
                raise
            except Exception as error:  # one bad line must not cost the user the others
                output.failed += 1
                output.write({"id": name, "hits": [], "error": str(known(error))})
                continue
            output.write({"id": name, "hits": [_data(hit) for hit in found.hits]})
        return output.status


def _query(item: Item, flags: argparse.Namespace) -> Query:
    from mm_demos.retrieval.types import QUIETEST_DBFS, Query

    if item.fault:
        raise InvalidInputError(item.fault)
    mode: Any = item.optional("mode") or flags.mode
    top_k = item.values.get("top_k", flags.top_k)
    return Query(
        text=item.optional("text") or "",
        audio=item.optional_path("audio"),
        image=item.optional_path("image"),
        negative=item.optional("without") or flags.without,
        mode=mode,
        top_k=top_k,
        language=flags.language,
        tag=flags.tag,
        min_loudness=QUIETEST_DBFS if flags.min_loudness is None else flags.min_loudness,
    )


def _data(hit: Hit) -> dict[str, Any]:
    return {
        "file": hit.file,
        "start": round(hit.start, 3),
        "end": round(hit.end, 3),
        "score": round(hit.score, 6),
        "text": hit.text,
        "tags": [{"label": tag.label, "score": round(tag.score, 4)} for tag in hit.tags],
    }


def _line(hit: Hit) -> str:
    tag = f"  [{hit.tags[0].label} {hit.tags[0].score:.0%}]" if hit.tags else ""
    return f"{hit.score:6.3f}  {hit.file}  {_clock(hit.start)}–{_clock(hit.end)}{tag}  {hit.text}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{int(minutes)}:{rest:04.1f}"
