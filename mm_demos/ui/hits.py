"""Moments found, as players and as files."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from mm_demos.results import LabelScore, Receipt
from mm_demos.retrieval.types import Hit, Retrieval
from mm_demos.retrieval.windows import UNSPACED
from mm_demos.ui import render
from mm_demos.ui.clips import Clip, player
from mm_demos.ui.events import Export
from mm_demos.ui.files import csv_text, json_text
from mm_demos.ui.transcript_view import LANGUAGES

LIKELY = 0.5  # least probability of a sound event that is named
MAX_TAGS = 2
FAINT = 0.1  # share of the best score under which a moment is only there to fill the list


@dataclass(frozen=True, slots=True)
class Found:
    """What a search on the page gave: the moments, their clips in the same order, and the library's map as HTML."""

    retrieval: Retrieval
    clips: tuple[Clip, ...]
    map_html: str = ""

    @property
    def receipt(self) -> Receipt | None:
        """Of the search."""
        return self.retrieval.receipt


def show_found(found: Found) -> tuple[str, str, str]:
    """The list of players, no point of the map chosen, and the map."""
    retrieval = found.retrieval
    notices = "".join(render.notice(text) for text in retrieval.notices)
    facts = render.chips(_facts(retrieval), given=["heard"])
    if not retrieval.hits:
        nothing = "" if retrieval.notices else render.notice("Nothing was found: change the words or the filters.", "warn")
        return f'<div class="mm-searched">{notices}{nothing}{facts}</div>', "", found.map_html
    best = max(hit.score for hit in retrieval.hits)
    cards = "".join(
        _card(rank, hit, clip, best) for rank, (hit, clip) in enumerate(zip(retrieval.hits, found.clips, strict=True))
    )
    return f'<div class="mm-searched">{notices}{facts}</div><ol class="mm-hits">{cards}</ol>', "", found.map_html


def _facts(retrieval: Retrieval) -> Iterator[tuple[str, str]]:
    if retrieval.heard:
        yield "heard", f"“{retrieval.heard}”"
    count = len(retrieval.hits)
    yield f"{count:,}", f"moment{'s' if count != 1 else ''} of {retrieval.searched:,} searched"


def _card(rank: int, hit: Hit, clip: Clip, best: float) -> str:
    share = min(1.0, max(0.0, hit.score / best)) if best > 0 else 0.0
    said = f'<p class="mm-quote" translate="no">{spoken(hit, clip.start)}</p>' if hit.text else ""
    kind = " mm-best" if rank == 0 else " mm-faint" if share < FAINT else ""
    return (
        f'<li class="mm-hit{kind}">{title(clip, hit.tags, f"{hit.score:.2f}")}'
        f'<span class="mm-track" title="score beside the best"><span style="width:{share:.2%}"></span></span>'
        f"{player(clip, play_from=hit.play_from)}{said}</li>"
    )


def title(clip: Clip, tags: Sequence[LabelScore], value: str = "") -> str:
    """One line: the file, where in it, what sounds there, and a number."""
    named = "".join(
        f'<span class="mm-tag">{escape(tag.label)} <b>{tag.score:.0%}</b></span>'
        for tag in tags[:MAX_TAGS]
        if tag.score >= LIKELY
    )
    number = f'<span class="mm-value">{value}</span>' if value else ""
    return (
        f'<div class="mm-hit-title"><span class="mm-label" translate="no" title="{escape(clip.name)}">{escape(clip.name)}</span>'
        f'<span class="mm-times-of">{clip.times}</span><span class="mm-tags">{named}</span>{number}</div>'
    )


def spoken(hit: Hit, clip_start: float) -> str:
    """What is said, the words asked for marked; every word knows where it is in the clip."""
    if not hit.words:
        return escape(hit.text)
    matched = set(hit.matched)
    parts: list[str] = []
    for place, word in enumerate(hit.words):
        before = hit.words[place - 1].text if place else ""
        if before and word.text and not (UNSPACED.match(before[-1]) and UNSPACED.match(word.text[0])):
            parts.append(" ")
        name = "mark" if place in matched else "span"
        at = max(0.0, word.start - clip_start)
        parts.append(f'<{name} data-word-at="{at:.2f}">{escape(word.text)}</{name}>')
    return "".join(parts)


def language_choices(codes: Sequence[str]) -> list[tuple[str, str]]:
    """Languages for a list to choose from, all of them first."""
    return [("Any language", ""), *sorted((LANGUAGES.get(code, code), code) for code in codes)]


def found_csv(found: Found) -> str:
    """A row for every moment."""
    header = ["rank", "file", "start", "end", "score", "text", "sounds", "language", "loudness_dbfs"]
    return csv_text(
        header,
        (
            (
                rank,
                Path(hit.file).name,
                hit.start,
                hit.end,
                hit.score,
                hit.text,
                "; ".join(f"{tag.label} {tag.score:.2f}" for tag in hit.tags if tag.score >= LIKELY),
                hit.language,
                round(hit.loudness_dbfs, 1),
            )
            for rank, hit in enumerate(found.retrieval.hits, start=1)
        ),
    )


def found_zip(found: Found) -> bytes:
    """The moments as MP3 files, best first, and the table."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo("moments.csv"), found_csv(found))
        for rank, clip in enumerate(found.clips, start=1):
            if clip.mp3:
                name = re.sub(r"[^\w.\- ()]", "_", Path(clip.file).stem)[-80:]
                archive.writestr(zipfile.ZipInfo(f"{rank:03d} {name} {clip.start:.1f}s.mp3"), clip.mp3)
    return stream.getvalue()


EXPORTS = (
    Export("CSV", "moments.csv", found_csv),
    Export("JSON", "moments.json", lambda found: json_text(found.retrieval)),
    Export("ZIP of clips", "moments.zip", found_zip),
)
