"""What the events of the audio–text retrieval run, and what they refuse before they queue."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any, cast

import gradio as gr

from mm_demos import media
from mm_demos.errors import DemoError, InvalidInputError
from mm_demos.progress import Progress
from mm_demos.results import LabelScore
from mm_demos.retrieval.library import Library
from mm_demos.retrieval.types import QUIETEST_DBFS, Mode, Query, Retrieval
from mm_demos.tasks.picture_search import clean_sentences
from mm_demos.tasks.retrieval import checked, index_while_reading, search
from mm_demos.tasks.sentence_lists import sentences_in
from mm_demos.tasks.sound_sentences import SoundSentences, rank_sentences
from mm_demos.ui import render, sound_index, sound_library, sound_map
from mm_demos.ui.clips import clip_of, player
from mm_demos.ui.events import Export
from mm_demos.ui.files import csv_text, json_text
from mm_demos.ui.hits import FAINT, Found, title
from mm_demos.ui.sound_library import Place

MODES = [("Both", "both"), ("What is said", "said"), ("How it sounds", "sounds")]


def query_of(  # noqa: PLR0917 (the options of the page, in their order)
    mode: str | None,
    negative: str | None,
    top_k: float | None,
    language: str | None,
    tag: str | None,
    min_loudness: float | None,
    *,
    text: str | None = None,
    audio: str | None = None,
    image: str | None = None,
) -> Query:
    """What the page's components say."""
    return Query(
        text=text or "",
        audio=audio or None,
        image=image or None,
        negative=negative or "",
        mode=cast("Mode", mode or "both"),
        top_k=int(top_k or 10),
        language=language or "",
        tag=tag or "",
        min_loudness=QUIETEST_DBFS if min_loudness is None else float(min_loudness),
    )


def search_words(  # noqa: PLR0917 (an event receives its components' values by position)
    place: Place | None,
    library: str,
    text: str,
    mode: str,
    negative: str,
    top_k: float,
    language: str,
    tag: str,
    min_loudness: float,
    *,
    progress: Progress | None = None,
) -> Found:
    """The moments that fit words best."""
    return _search(place, library, query_of(mode, negative, top_k, language, tag, min_loudness, text=text), progress)


def search_recording(  # noqa: PLR0917 (an event receives its components' values by position)
    place: Place | None,
    library: str,
    audio: str,
    mode: str,
    negative: str,
    top_k: float,
    language: str,
    tag: str,
    min_loudness: float,
    *,
    progress: Progress | None = None,
) -> Found:
    """The moments that fit a recording best: what is said in it, how it sounds, or both."""
    return _search(place, library, query_of(mode, negative, top_k, language, tag, min_loudness, audio=audio), progress)


def search_picture(  # noqa: PLR0917 (an event receives its components' values by position)
    place: Place | None,
    library: str,
    image: str,
    mode: str,
    negative: str,
    top_k: float,
    language: str,
    tag: str,
    min_loudness: float,
    *,
    progress: Progress | None = None,
) -> Found:
    """The moments that fit a picture best."""
    return _search(place, library, query_of(mode, negative, top_k, language, tag, min_loudness, image=image), progress)


def _search(place: Place | None, name: str, query: Query, progress: Progress | None) -> Found:
    with sound_library.opened(place, name, progress) as library:
        retrieval = search(query, library=library, progress=progress)
        kind = sound_map.kind_for(library, query.mode)
        lit = [hit for hit in retrieval.hits if hit.score >= FAINT * retrieval.hits[0].score]
        drawn = sound_map.draw(sound_map.spots_of(library, kind, lit), kind)
    clips = [clip_of(hit.file, hit.start, hit.end, allowed=sound_library.may_hear(place, hit.file)) for hit in retrieval.hits]
    return Found(retrieval, tuple(clips), drawn)


def search_once(  # noqa: PLR0917
    recordings: Sequence[str] | None = None,
    words: str | None = None,
    audio: str | None = None,
    image: str | None = None,
    mode: str | None = None,
    negative: str | None = None,
    top_k: float | None = None,
    language: str | None = None,
    tag: str | None = None,
    min_loudness: float | None = None,
    library: str | None = None,
    *,
    progress: Progress | None = None,
) -> Retrieval:
    """Find the moments of recordings, or without any of the built-in sounds, that fit words, a recording or a picture best.

    Args:
        recordings: audio or video files to search in; they are read for this call alone.
        words: what to look for, e.g. "a dog barks". One of words, audio and image.
        audio: a spoken query, or a sound to find the like of.
        image: a picture of what to look for.
        mode: compare by what is said, by how it sounds, or by both.
        negative: words that count against a moment.
        top_k: how many moments, 1 to 50.
        language: only recordings in this language (ISO 639-1).
        tag: only where this sound event is the likeliest.
        min_loudness: only what is at least this loud, in dBFS.
        library: a library file that `index_sounds` made, in place of recordings.
        progress: told about loads, recordings and steps.
    """
    query = query_of(mode, negative, top_k, language, tag, min_loudness, text=words, audio=audio, image=image)
    where = sound_index.given(library) if library else sound_library.opened(None, None, progress)
    if not recordings:
        with where as opened:
            return search(query, library=opened, progress=progress)
    with tempfile.TemporaryDirectory(prefix="mm-demos-") as root, Library.open("once", root=Path(root), create=True) as once:
        for _ in index_while_reading(list(recordings), library=once, progress=progress):
            pass
        return search(query, library=once, progress=progress)


def check_words(_place: object, _library: object, text: str | None, *options: Any) -> None:
    """Refuse an empty search before it queues."""
    checked(query_of(*options, text=text))


def check_recording(_place: object, _library: object, audio: str | None, *_options: Any) -> None:
    """Refuse a search without a recording before it queues."""
    if not audio:
        raise InvalidInputError("Record something or choose a recording to search with first.")


def check_picture(_place: object, _library: object, image: str | None, *_options: Any) -> None:
    """Refuse a search without a picture before it queues."""
    if not image:
        raise InvalidInputError("Choose, paste or take the picture to search with first.")


def check_once(recordings: Sequence[str] | None, words: str | None, audio: str | None, image: str | None, *options: Any) -> None:
    """Refuse what an endpoint cannot search for."""
    *how, library = options
    checked(query_of(*how, text=words, audio=audio, image=image))
    if recordings and library:
        raise InvalidInputError("A search looks into recordings or into a library: give one of the two.")
    if recordings and len(recordings) > sound_library.MAX_FILES:
        raise InvalidInputError(f"{len(recordings):,} recordings are too many at once: take at most {sound_library.MAX_FILES:,}.")


def describe(
    audio: str, sentences: str | None = None, file: str | None = None, *, progress: Progress | None = None
) -> SoundSentences:
    """Rank sentences, one a line or from a CSV or TXT file, by how well they fit a recording.

    Args:
        audio: an audio or a video file.
        sentences: one a line.
        file: more of them, as a CSV, TSV or TXT file.
        progress: told about loads and steps.
    """
    return rank_sentences(audio, _sentences(sentences, file), progress=progress)


def check_describe(audio: str | None, sentences: str | None, file: str | None) -> None:
    """Refuse a ranking without a recording or without sentences before it queues."""
    if not audio:
        raise InvalidInputError("Record something or choose a recording first.")
    clean_sentences(_sentences(sentences, file))


def _sentences(typed: str | None, file: str | None) -> list[str]:
    return [*media.clean_text(typed or "").split("\n"), *(sentences_in(file) if file else ())]


def show_described(found: SoundSentences) -> list[str]:
    """What was heard, and all sentences with bars."""
    bars = render.bars(
        [LabelScore(item.text, item.score) for item in found.sentences],
        title="How well each sentence fits",
        percent=False,
        top=len(found.sentences),
    )
    tags = [(tag.label, f"{tag.score:.0%}") for tag in found.tags[:3] if tag.score >= 0.1]
    heard = f'<p class="mm-quote">“{escape(found.heard)}”</p>' if found.heard else ""
    facts = render.chips(tags) if tags else ""
    return [f'<div class="mm-card"><p class="mm-lead">{escape(found.sentences[0].text)}</p>{facts}{heard}{bars}</div>']


def hear(place: Place | None, name: str, event: gr.EventData) -> str:
    """The window of the map that was clicked, ready to be heard."""
    try:
        with sound_library.opened(place, name) as library:
            found = library.windows([int(event.spot)])
    except DemoError as error:
        return render.notice(str(error), "warn")
    if not found:
        return render.notice("This moment is not in the library any more: search again.", "warn")
    window = found[0].window
    clip = clip_of(window.file, window.start, window.end, allowed=sound_library.may_hear(place, window.file))
    said = f'<p class="mm-quote">{escape(found[0].text)}</p>' if found[0].text else ""
    return f'<div class="mm-card mm-spot">{title(clip, found[0].tags)}{player(clip, autoplay=True)}{said}</div>'


def _described_csv(found: SoundSentences) -> str:
    rows = ((item.text, item.score, item.said, item.sounds) for item in found.sentences)
    return csv_text(["sentence", "score", "said", "sounds"], rows)


DESCRIBED_EXPORTS = (Export("CSV", "sentences.csv", _described_csv), Export("JSON", "sentences.json", json_text))
