"""How well a library is searched: pairs of a query and the file it should find, ranks, and the scores beside chance."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, cast

import gradio as gr

from mm_demos.errors import DemoError, InvalidInputError
from mm_demos.evaluation.ranks import RankScores, of_chance, of_ranks
from mm_demos.media.files import existing_file, shown
from mm_demos.progress import Progress
from mm_demos.results import Receipt
from mm_demos.retrieval.types import Mode, Query
from mm_demos.tasks.retrieval import MAX_TOP_K, search
from mm_demos.ui import render, sound_library, sound_notes
from mm_demos.ui.events import Export
from mm_demos.ui.files import csv_text, json_text
from mm_demos.ui.sound_library import Place

MAX_PAIRS = 500
MAX_BYTES = 2_000_000
HEADERS = ["query", "file"]
BUILT_IN_PAIRS = [
    ["a dog barking", "dog-bark.ogg"],
    ["a dog barking", "dog-near.ogg"],
    ["a chicken crowing in the morning", "rooster.ogg"],
    ["a chicken crowing in the morning", "cock-crow.ogg"],
    ["water running down on a roof", "rain-on-greenhouse.ogg"],
    ["waves on a beach", "sea-waves.ogg"],
    ["a campfire", "fire.ogg"],
    ["a baby is crying", "baby.ogg"],
    ["achoo", "sneezes.ogg"],
    ["tick tock", "clock.ogg"],
    ["an aircraft with rotors", "helicopter.ogg"],
    ["somebody cuts down a tree", "chainsaw.ogg"],
    ["what you can do for your country", "jfk.flac"],
]


@dataclass(frozen=True, slots=True)
class Pair:
    """A query, the files that are right for it, and the best rank of one among those found, from 1; None when none was found."""

    query: str
    files: tuple[str, ...]
    rank: int | None
    first: str = ""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Pairs tried so far, their scores, and what chance gives with as many recordings."""

    pairs: tuple[Pair, ...]
    scores: RankScores
    chance: RankScores
    recordings: int
    mode: str
    notices: tuple[str, ...] = ()
    receipt: Receipt | None = None


def table() -> gr.Dataframe:
    """The pairs to edit, and below them a button that reads them from a file."""
    pairs = gr.Dataframe(
        BUILT_IN_PAIRS,
        headers=HEADERS,
        label="Queries and the files they should find",
        type="array",
        datatype="str",
        interactive=True,
        wrap=True,
        max_height=300,
        column_widths=["62%", "38%"],
        elem_classes=["mm-segments", "mm-pairs"],
    )
    with gr.Row(elem_classes="mm-adders"):
        read = gr.UploadButton("Open a table", file_types=[".csv", ".tsv", ".txt"], size="sm", min_width=110)
    line = gr.HTML("", elem_classes="mm-plain")
    read.upload(read_pairs, read, [pairs, line], queue=False, show_progress="hidden", api_visibility="private")
    return pairs


def evaluate(
    place: Place | None, name: str, table: Sequence[Sequence[Any]], mode: str, *, progress: Progress | None = None
) -> Iterator[Evaluation]:
    """Search for every query of a table of pairs (query, file), and score the rank of the first right file.

    A query with several files has several right answers.
    """
    progress = progress or Progress()
    wanted = pairs_of(table)
    with sound_library.opened(place, name, progress) as library:
        known = {Path(info.file).name for info in library.files()}
        named = [file for files in wanted.values() for file in files]
        missing = [file for file in named if file not in known]
        if len(missing) == len(named):
            raise InvalidInputError(f"None of the files is in this library, such as {shown(missing[0])}: check the names.")
        notices = (f"Not in the library, so never found: {', '.join(map(shown, missing[:5]))}.",) if missing else ()
        done: list[Pair] = []
        for query, right in wanted.items():
            progress.report("Evaluating", len(done), len(wanted), "queries")
            asked = Query(text=query, mode=cast("Mode", mode), top_k=min(MAX_TOP_K, 10 * len(known)))
            retrieval = search(asked, library=library, progress=progress.part())
            order = list(dict.fromkeys(Path(hit.file).name for hit in retrieval.hits))
            rank = next((place for place, file in enumerate(order, start=1) if file in right), None)
            done.append(Pair(query, right, rank, order[0] if order else ""))
            scores = of_ranks([pair.rank for pair in done])
            chance = of_chance(len(known), [len(known.intersection(pair.files)) for pair in done])
            yield Evaluation(tuple(done), scores, chance, len(known), mode, notices, retrieval.receipt)


def check_evaluate(_place: object, _name: object, table: Sequence[Sequence[Any]], _mode: object) -> None:
    """Refuse a table without pairs before it queues."""
    pairs_of(table)


def pairs_of(table: Sequence[Sequence[Any]] | None) -> dict[str, tuple[str, ...]]:
    """Query → names of the right files, of the complete rows of a table (query, file).

    Raises:
        InvalidInputError: none, too many, or a row of which half is missing.
    """
    rows = [tuple(str(cell or "").strip() for cell in row[:2]) for row in table or () if len(row) >= 2]
    half = [row for row in rows if bool(row[0]) != bool(row[1])]
    if half:
        raise InvalidInputError(
            f"The row with “{shown(half[0][0] or half[0][1])}” lacks a query or a file: complete or empty it."
        )
    pairs = [(row[0], row[1]) for row in rows if row[0]]
    if not pairs:
        raise InvalidInputError("There is no pair: write a query and the name of the file that it should find.")
    if len(pairs) > MAX_PAIRS:
        raise InvalidInputError(f"{len(pairs):,} pairs are too many for the page: take at most {MAX_PAIRS:,}.")
    right: dict[str, tuple[str, ...]] = {}
    for query, file in pairs:
        right[query] = (*right.get(query, ()), Path(file).name)
    return right


def read_pairs(path: str | None) -> tuple[Any, str]:
    """A CSV or TSV file's pairs for the table, and a line about them."""
    try:
        rows = table_in(path or "")
    except DemoError as error:
        return gr.skip(), sound_notes.line(str(error), failed=True)
    return rows, sound_notes.line(f"{len(rows):,} pairs read from {shown(Path(path or '').name)}.")


def table_in(path: str) -> list[list[str]]:
    """The columns query and file of a table, or its first two without such a head.

    Raises:
        InvalidInputError: too large, no text, or without two columns.
    """
    file = existing_file(path, "table of pairs")
    content = file.read_bytes() if file.stat().st_size <= MAX_BYTES else b"\0"
    if b"\0" in content:
        raise InvalidInputError(f"{shown(file.name)} is too large or no text: save the pairs as a CSV file in UTF-8.")
    text = content.decode("utf-8-sig", "replace")
    head = text.partition("\n")[0]
    try:
        rows = [row for row in csv.reader(text.splitlines(), delimiter=max(",;\t", key=head.count)) if any(row)]
    except csv.Error as error:
        raise InvalidInputError(f"The table cannot be read ({error}): save it as CSV again.") from None
    names = [cell.strip().lower() for cell in rows[0]] if rows else []
    headed = set(HEADERS) <= set(names)
    columns = [names.index(name) for name in HEADERS] if headed else [0, 1]
    found = [[row[column].strip() for column in columns] for row in rows[headed:] if len(row) > max(columns)]
    if not found:
        raise InvalidInputError(f"{shown(file.name)} has no two columns, query and file: save it as CSV again.")
    return found


def show(result: Evaluation) -> list[str]:
    """The scores beside chance, and the rank of every pair."""
    notices = "".join(render.notice(text, "warn") for text in result.notices)
    names = (("Recall@1", "recall_at_1"), ("Recall@5", "recall_at_5"), ("Recall@10", "recall_at_10"), ("MRR", "mrr"))
    tiles = "".join(
        _tile(name, getattr(result.scores, field), getattr(result.chance, field), field == "mrr") for name, field in names
    )
    rows = "".join(_row(pair) for pair in result.pairs)
    count = f"{len(result.pairs)} quer{'ies' if len(result.pairs) != 1 else 'y'}, {result.recordings} recordings"
    return [
        f'<div class="mm-card">{notices}<h3>{count}</h3><div class="mm-tiles">{tiles}</div>'
        '<table class="mm-ranks"><thead><tr><th>Query</th><th>Should find</th><th>Rank</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    ]


def _tile(name: str, value: float, chance: float, plain: bool) -> str:
    told, by_chance = (f"{value:.2f}", f"{chance:.2f}") if plain else (f"{value:.0%}", f"{chance:.0%}")
    return (
        f'<div class="mm-tile"><span>{name}</span><b>{told}</b><span class="mm-track"><span style="width:{value:.1%}"></span>'
        f'<i style="left:{min(chance, 0.995):.1%}"></i></span><small>chance {by_chance}</small></div>'
    )


def _row(pair: Pair) -> str:
    wrong = f"<small>first: {escape(pair.first)}</small>" if pair.rank != 1 and pair.first else ""
    rank = str(pair.rank) if pair.rank is not None else "not found"
    return (
        f'<tr class="{"mm-hit-row" if pair.rank == 1 else ""}"><td>{escape(pair.query)}</td>'
        f'<td>{escape(" or ".join(pair.files))}{wrong}</td><td class="mm-value">{rank}</td></tr>'
    )


def _csv(result: Evaluation) -> str:
    return csv_text(
        ["query", "files", "rank", "first"], ((p.query, "; ".join(p.files), p.rank or "", p.first) for p in result.pairs)
    )


EXPORTS = (Export("CSV", "ranks.csv", _csv), Export("JSON", "evaluation.json", json_text))
