"""Pictures of a folder that fit words or another picture best; embeddings are kept by content, so a second search is quick."""

from __future__ import annotations

import argparse
import os
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from mm_demos.cli import UsageError
from mm_demos.cli.inputs import add_output, check_model
from mm_demos.cli.output import Output, attempt, standard_output
from mm_demos.errors import InvalidInputError

if TYPE_CHECKING:
    from mm_demos.tasks.picture_index import PictureIndex


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of this verb."""
    parser.add_argument("folder", metavar="FOLDER", help="folder of pictures, with the folders in it; or a saved index")
    parser.add_argument("query", nargs="?", metavar="WORDS", help='what the pictures should show, e.g. "a dog on a beach"')
    parser.add_argument("--image", metavar="FILE", help="search for pictures like this one instead of words")
    parser.add_argument("--without", default="", metavar="WORDS", help="what they should not show")
    parser.add_argument("--top-k", type=int, default=12, metavar="N", help="how many pictures (default 12)")
    parser.add_argument("--min-score", type=float, metavar="COSINE", help="leave out what scores less")
    parser.add_argument("--model", metavar="NAME", help="joint embedder to use; `models list` shows them")
    parser.add_argument("--no-cache", action="store_true", help="neither use nor keep embeddings of earlier runs")
    parser.add_argument(
        "--save-index", type=Path, metavar="FILE", help="write the index, which can be searched in place of FOLDER"
    )
    add_output(parser)


def run(flags: argparse.Namespace) -> int:
    """Search; a picture that cannot be read is reported, and the others are searched."""
    if bool(flags.query) == bool(flags.image):
        raise UsageError("give either what to search for, in quotes, or --image FILE.")
    if not Path(flags.folder).exists():
        raise UsageError(f"there is no folder {flags.folder}.")
    if flags.save_index is not None and (not flags.save_index.absolute().parent.is_dir() or flags.save_index.is_dir()):
        raise UsageError(f"--save-index {flags.save_index}: there is no such folder, or it is a folder itself.")
    if flags.model:
        check_model(flags.model, flags.verb)
    with standard_output(as_json=flags.json, quiet=flags.quiet) as output:
        attempt(output, flags.folder, lambda: _search(flags, output))
        return output.status


def _search(flags: argparse.Namespace, output: Output) -> None:
    from mm_demos.tasks.picture_index_file import index_bytes
    from mm_demos.tasks.picture_search import PictureQuery, check_query, search_pictures

    wanted = Path(flags.image) if flags.image else flags.query
    check_query(PictureQuery(wanted, flags.without, flags.top_k, flags.min_score))
    index = _index(flags, output)
    for fault in index.faults:
        output.error(fault.name, fault.sentence)
    if flags.save_index is not None:
        _save(flags.save_index, index_bytes(index))
    found = search_pictures(
        index, wanted, negative=flags.without, top_k=flags.top_k, min_score=flags.min_score, progress=output.progress
    )
    for hit in found.hits:
        output.write({"file": hit.file, "score": round(hit.score, 4)} if flags.json else f"{hit.score:6.3f}  {hit.file}")


def _index(flags: argparse.Namespace, output: Output) -> PictureIndex:
    from mm_demos.models import catalog
    from mm_demos.tasks.embedding_cache import EmbeddingCache
    from mm_demos.tasks.picture_index import PictureIndex, picture_files
    from mm_demos.tasks.picture_index_file import load_index

    if Path(flags.folder).is_file():
        return load_index(flags.folder)
    files = picture_files(flags.folder)
    model = catalog.chosen(flags.model, "joint-embedder")
    thumbnails = flags.save_index is not None
    if flags.no_cache:
        return PictureIndex.build(files, model=model, thumbnails=thumbnails, progress=output.progress)
    with closing(EmbeddingCache(model)) as cache:
        return PictureIndex.build(files, model=model, cache=cache, thumbnails=thumbnails, progress=output.progress)


def _save(path: Path, content: bytes) -> None:
    """Write beside the file, then put it in place, so that nobody reads half of it."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        fresh.write_bytes(content)
        fresh.replace(path)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise InvalidInputError(f"{path} cannot be written: {error.strerror}.") from None
