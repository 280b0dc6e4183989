"""Pictures found and sentences ranked, as HTML and as files."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from mm_demos.media.thumbnails import jpeg_uri
from mm_demos.results import LabelScore, Receipt
from mm_demos.tasks.picture_index import IndexedPicture, PictureIndex
from mm_demos.tasks.picture_index_file import index_bytes
from mm_demos.tasks.picture_search import PictureHit, PictureHits, SentenceHits
from mm_demos.ui import render
from mm_demos.ui.events import Export
from mm_demos.ui.files import csv_text, json_text

MAX_FAULTS_SHOWN = 3
MAX_ZIP_BYTES = 60_000_000  # of originals; what is beyond is there as its small picture
JPEG = b"\xff\xd8\xff"


@dataclass(frozen=True, slots=True)
class Found:
    """What a search on the page gave.

    Args:
        hits: the best pictures.
        index: what was searched, for the thumbnails and the files.
        known: all that was read so far, so that no picture is embedded twice.
        of_samples: the visitor gave no pictures.
    """

    hits: PictureHits
    index: PictureIndex
    known: PictureIndex
    of_samples: bool = False

    @property
    def receipt(self) -> Receipt | None:
        """Of the search."""
        return self.hits.receipt


def show_found(found: Found) -> tuple[PictureIndex, str]:
    """What the page keeps, and the gallery."""
    faults = faults_of(found)
    notices = "".join(render.notice(text, "warn" if text in faults else "info") for text in notices_of(found))
    cards = "".join(_card(rank, hit, found.index.find(hit.digest)) for rank, hit in enumerate(found.hits.hits))
    gallery = f'<div class="mm-found">{cards}</div>' if cards else ""
    return found.known, f'<div class="mm-searched">{notices}{render.chips(_facts(found))}</div>{gallery}'


def notices_of(found: Found) -> tuple[str, ...]:
    """Sentences about the search and about files that could not be read."""
    return (*found.hits.notices, *faults_of(found))


def faults_of(found: Found) -> tuple[str, ...]:
    """Sentences about the first files that could not be read, and how many more there are."""
    faults = [fault.sentence for fault in found.index.faults[:MAX_FAULTS_SHOWN]]
    more = len(found.index.faults) - len(faults)
    return (*faults, *((f"{more:,} more file{'s' if more != 1 else ''} could not be read.",) if more else ()))


def _facts(found: Found) -> Iterator[tuple[str, str]]:
    n = found.hits.searched
    yield "searched", ("the samples" if found.of_samples else f"{n:,} picture{'s' if n != 1 else ''}")
    if found.index.duplicates:
        yield "left out", f"{found.index.duplicates:,} with the same content"
    yield "model", found.index.model


def _card(rank: int, hit: PictureHit, picture: IndexedPicture | None) -> str:
    share = min(1.0, max(0.0, hit.score))
    return (
        f'<figure class="{"mm-best" if rank == 0 else ""}">{_image(hit, picture)}'
        f'<figcaption><span class="mm-label" translate="no" title="{escape(hit.file)}">{escape(hit.file)}</span>'
        f'<span class="mm-value">{hit.score:.2f}</span>'
        f'<span class="mm-track"><span style="width:{share:.2%}"></span></span></figcaption></figure>'
    )


def _image(hit: PictureHit, picture: IndexedPicture | None) -> str:
    if picture is None or not picture.thumbnail.startswith(JPEG):
        return '<div class="mm-noimage">no small picture</div>'
    return f'<img src="{jpeg_uri(picture.thumbnail)}" alt="{escape(hit.file)}" translate="no" loading="lazy">'


def show_sentences(ranking: SentenceHits) -> list[str]:
    """The best sentence, and all of them with bars."""
    notices = "".join(render.notice(text, "warn") for text in ranking.notices)
    if not ranking.sentences:
        return [notices]
    best = ranking.sentences[0]
    scores = [LabelScore(item.text, item.score) for item in ranking.sentences]
    bars = render.bars(scores, title="How well each sentence fits (cosine)", percent=False, top=len(scores))
    lead = (
        f'<div class="mm-verdict"><p class="mm-lead" translate="no">{escape(best.text)}</p>'
        f'<span class="mm-value" title="share among the sentences given">{best.share:.0%}</span></div>'
    )
    return [f'{notices}<div class="mm-card">{lead}{bars}</div>']


def found_csv(found: Found) -> str:
    """Rank, file, score and digest of every hit."""
    rows = ((rank, hit.file, hit.score, hit.digest) for rank, hit in enumerate(found.hits.hits, start=1))
    return csv_text(["rank", "file", "score", "sha256"], rows)


def found_zip(found: Found) -> bytes:
    """The pictures found, best first, and the table; small pictures stand in for originals that are gone or too many."""
    stream = io.BytesIO()
    room = MAX_ZIP_BYTES
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo("matches.csv"), found_csv(found))
        for rank, hit in enumerate(found.hits.hits, start=1):
            picture = found.index.find(hit.digest)
            content = _original(picture, room)
            room -= len(content)
            name = re.sub(r"[^\w.\- ()]", "_", re.split(r"[\\/]", hit.file)[-1])[-100:]
            if content:
                archive.writestr(zipfile.ZipInfo(f"{rank:03d} {name}"), content)
            elif picture is not None and picture.thumbnail:
                archive.writestr(zipfile.ZipInfo(f"{rank:03d} {name}.small.jpg"), picture.thumbnail)
    return stream.getvalue()


def _original(picture: IndexedPicture | None, room: int) -> bytes:
    """The file itself, if it is still there and fits."""
    if picture is None or picture.path is None or not picture.path.is_file() or picture.path.stat().st_size > room:
        return b""
    return picture.path.read_bytes()


def _sentences_csv(ranking: SentenceHits) -> str:
    return csv_text(["sentence", "score", "share"], [(item.text, item.score, item.share) for item in ranking.sentences])


FOUND_EXPORTS = (
    Export("CSV", "matches.csv", found_csv),
    Export("JSON", "matches.json", lambda found: json_text(found.hits)),
    Export("ZIP", "matches.zip", found_zip),
    Export("Index", "pictures.safetensors", lambda found: index_bytes(found.index)),
)
SENTENCE_EXPORTS = (Export("CSV", "sentences.csv", _sentences_csv), Export("JSON", "sentences.json", json_text))
