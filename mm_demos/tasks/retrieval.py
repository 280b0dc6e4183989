"""Recordings made searchable, and moments found in them by words, voice, sound or picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mm_demos import media
from mm_demos.errors import InvalidInputError, StoppedError
from mm_demos.media.files import shown
from mm_demos.models import catalog
from mm_demos.models.catalog import revision_of
from mm_demos.models.protocols import FloatArray, JointEmbedder, TextEmbedder
from mm_demos.progress import Progress
from mm_demos.results import Option, Transcription
from mm_demos.retrieval import indexing
from mm_demos.retrieval.library import Library
from mm_demos.retrieval.pictures import any_picture, said_like, shown_sounds
from mm_demos.retrieval.recordings import recordings
from mm_demos.retrieval.search import Clues, depth_for, find
from mm_demos.retrieval.sounds import SoundEncoder
from mm_demos.retrieval.types import MODES, IndexProgress, IndexSummary, Query, Retrieval, SoundFeatures, Window
from mm_demos.retrieval.windows import Cut
from mm_demos.tasks.receipts import Run, record
from mm_demos.tasks.retrieval_progress import progress_line
from mm_demos.tasks.retrieval_recipe import LISTENING, SENTENCES, SOUNDS, SPEECH, cut_of, is_current, recipe, sounds_of
from mm_demos.tasks.transcription import load_waveform, transcribe

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_QUERY_CHARS, MAX_TOP_K = 1000, 1000
CLOSE_SAID = 0.3  # cosine of sentences below which, when sounds are searched too, what is said does not count
FAR_SAID = 0.25  # cosine below which a sentence has nothing to do with what is looked for
FAINT_SOUND = 0.1  # probability below which a query asks for none of the known sounds
SOUND_OF_A_VOICE = 0.25  # weight of how it sounds where words were heard in a recording asked with
NO_WORDS = "No speech was heard in the recording that you ask with, so what is said was not searched."
NO_SOUND = "No known sound is asked for ({labels}), so these are guesses: search what is said, or ask with a recording."
NOTHING_NEAR = "Nothing that is said here comes close to what you look for; these are the nearest."
NOTHING_LEFT = "No window passes the filters: loosen them."


def index_folder(
    folder: str | Path,
    *,
    library: str | Library,
    windows: Cut | None = None,
    hear_with: str | None = None,
    progress: Progress | None = None,
) -> IndexSummary:
    """Read every recording of a folder, and of the folders in it, into a library.

    Files whose content is known are skipped, those that are gone are dropped, and those that cannot be read are told in `faults`.

    Args:
        folder: recordings and videos in any format that can be decoded.
        library: its name in the user's data folder, where it is made if it is not there; or an open `Library`.
        windows: how recordings are cut; as the library's are when not given. A library cut otherwise is made anew.
        hear_with: what hears how they sound; the library's own model, or for a new one the profile's, when not given. A library
            made with another one is made anew.
        progress: told about every file; stopping it keeps what is done and gives a summary with `stopped`.

    Raises:
        InvalidInputError: no such folder, no recording in it, or a name that cannot be used.
        BusyError: another process writes to this library.
    """
    *_, last = index_while_reading(folder, library=library, windows=windows, hear_with=hear_with, progress=progress)
    assert isinstance(last, IndexSummary)  # noqa: S101  # by the contract of `index_while_reading`
    return last


def index_while_reading(
    source: str | Path | Sequence[str | Path],
    *,
    library: str | Library,
    windows: Cut | None = None,
    hear_with: str | None = None,
    progress: Progress | None = None,
    max_seconds: float = indexing.MAX_FILE_SECONDS,
) -> Iterator[IndexProgress | IndexSummary]:
    """Like `index_folder`, yielding an `IndexProgress` before and after every file and the `IndexSummary` last.

    Args:
        source: a folder, or a list of files; with a list nothing is dropped.
        windows: how recordings are cut; as the library's are when not given. A library cut otherwise is made anew.
        hear_with: as in `index_folder`.
        max_seconds: longer recordings are refused.
    """
    progress = progress or Progress()
    found = recordings(source)
    with _opened(library, create=True) as opened, ExitStack() as stack:
        how = windows or cut_of(opened)
        sounds = catalog.chosen(hear_with or sounds_of(opened), "sound-tagger")
        options: dict[str, Option] = {"files": len(found.files), "window_seconds": how.seconds, "overlap": how.overlap}
        run = stack.enter_context(record("index", options=options, progress=progress))
        run.lease(SPEECH)  # stays loaded from file to file
        reader = _Models(run.lease(SENTENCES), SoundEncoder(run.lease(sounds)))
        for step in indexing.index(
            opened, found, reader, recipe=recipe(how, sounds), progress=progress, windows=how, max_seconds=max_seconds
        ):
            if isinstance(step, IndexSummary):
                yield replace(step, receipt=run.receipt())
                return
            with suppress(StoppedError):  # the summary is still to come
                progress.report(progress_line(step), step.files_done, step.files_total, "files")
            yield step


def search(query: Query | str, *, library: str | Library, progress: Progress | None = None) -> Retrieval:
    """The moments of a library that fit a query best.

    Args:
        query: words, or a `Query` with a recording, a picture, filters and so on.
        library: the name of one in the user's data folder, or an open `Library`.
        progress: told what is being done.

    Raises:
        InvalidInputError: an empty query, a file that cannot be read, an option out of range, no such library, or one that was
            made with other models.
    """
    query = checked(Query(text=query) if isinstance(query, str) else query)
    progress = progress or Progress()
    options: dict[str, Option] = {"mode": query.mode, "text": query.text, "negative": query.negative, "top_k": query.top_k}
    with _opened(library) as opened, record("search", options=options, progress=progress) as run:
        if not is_current(opened):
            raise InvalidInputError(f"The library {opened.name} was made with other models: index its folder again.")
        left = opened.count(query)
        asked = _Asked(query, opened, run, progress)
        clues = asked.clues()
        progress.report("Searching")
        hits, words_alone = find(opened, query, clues), query.mode == "said"
        if not hits and clues.nothing is not None:  # nothing sounds like it, so that what is said counts however far it is
            hits, words_alone = find(opened, query, replace(clues, min_said=-1.0)), True
        far = words_alone and bool(hits) and hits[0].score < FAR_SAID and not any(hit.matched for hit in hits)
        notices = (*asked.notices, *((NOTHING_NEAR,) if far else ()), *(() if left else (NOTHING_LEFT,)))
        return Retrieval(hits, left, asked.heard, notices, run.receipt())


def checked(query: Query) -> Query:
    """The query with clean texts.

    Raises:
        InvalidInputError: nothing or too much to look for, or an option out of range.
    """
    text, negative = (" ".join(media.clean_text(each).split()) for each in (query.text, query.negative))
    if max(len(text), len(negative)) > MAX_QUERY_CHARS:
        raise InvalidInputError(f"The search text is too long: use at most {MAX_QUERY_CHARS:,} characters.")
    given = (bool(text), query.audio is not None, query.image is not None)
    if not any(given):
        raise InvalidInputError("Write what to look for, such as “a dog barks”, or give a recording or a picture.")
    if sum(given) > 1:
        raise InvalidInputError("A search asks with words, a recording or a picture: give one of them.")
    if query.mode not in MODES:
        raise InvalidInputError(f"There is no mode {shown(query.mode)}: choose {', '.join(MODES)}.")
    if not isinstance(query.top_k, int) or not 1 <= query.top_k <= MAX_TOP_K:
        raise InvalidInputError(f"Between 1 and {MAX_TOP_K:,} results can be given, not {query.top_k}.")
    return replace(query, text=text, negative=negative)


@contextmanager
def _opened(library: str | Library, *, create: bool = False) -> Iterator[Library]:
    """A library by name, closed afterwards; one that is open already stays open."""
    if isinstance(library, Library):
        yield library
        return
    with Library.open(library, create=create) as opened:
        yield opened


@dataclass(frozen=True, slots=True)
class _Models:
    """The models that read recordings, as an `indexing.Reader`."""

    embedder: TextEmbedder
    encoder: SoundEncoder

    def transcribe(self, waveform: FloatArray, progress: Progress) -> Transcription:
        return transcribe(waveform, model=SPEECH, options=LISTENING, progress=progress.part())

    def embed_texts(self, texts: Sequence[str]) -> FloatArray:
        return self.embedder.embed_texts(texts)

    def sounds(self, waveform: FloatArray, stretches: Sequence[Window]) -> list[SoundFeatures]:
        return self.encoder.encode(waveform, stretches)


class _Asked:
    """A query on its way to become clues; `heard` is what was understood of a spoken one."""

    def __init__(self, query: Query, library: Library, run: Run, progress: Progress) -> None:
        self._query, self._library, self._run, self._progress = query, library, run, progress
        self._said, self._sounds = query.mode != "sounds", query.mode != "said"
        self.heard = ""
        self.notices: tuple[str, ...] = ()

    def clues(self) -> Clues:
        """What to compare by."""
        if self._query.image is not None:
            return self._with_negative(self._from_picture(self._query.image))
        if self._query.audio is not None:
            return self._with_negative(self._from_recording(self._query.audio))
        return self._with_negative(self._from_text(self._query.text))

    def _from_text(self, text: str) -> Clues:
        embedder = self._embedder()
        directions = self._encoder().directions(text) if self._sounds else None
        if directions is not None:
            if not self._said:
                return Clues(sound=directions.wanted)
            said = embedder.embed_texts([text])[0]
            return Clues(words=text, said=said, min_said=CLOSE_SAID, sound=directions.wanted, nothing=directions.nothing)
        tags = self._named(text) if self._sounds else {}
        named = sum(tags.values())
        if self._sounds and not self._said and named < FAINT_SOUND:
            self._notice(NO_SOUND.format(labels=", ".join(self._library.labels()) or "none"))
        if not self._said:
            return Clues(tags=tags)
        vector = embedder.embed_texts([text])[0]
        if named < FAINT_SOUND:
            return Clues(words=text, said=vector)
        return Clues(words=text, said=vector, tags=tags, sound_weight=named, min_said=CLOSE_SAID)

    def _from_recording(self, audio: str | Path | FloatArray) -> Clues:
        waveform = load_waveform(audio)
        clues = Clues()
        if self._said:
            self._progress.report("Listening to the query")
            self.heard = transcribe(waveform, model=SPEECH, options=LISTENING, progress=self._progress.part()).text
            if self.heard:
                vector = self._embedder().embed_texts([self.heard])[0]
                clues = Clues(words=self.heard, said=vector)
            else:
                self._notice(NO_WORDS)
        if self._sounds:
            features = self._encoder().encode_query(waveform)
            weight = SOUND_OF_A_VOICE if self.heard else 1.0
            tags = {tag.label: tag.score for tag in features.tags}
            clues = replace(clues, sound=features.vector, tags=tags, sound_weight=weight)
        return clues

    def _from_picture(self, image: str | Path | Image) -> Clues:
        name = catalog.chosen(None, "joint-embedder")
        embedder: JointEmbedder = self._run.lease(name)
        picture = media.load_image(image)
        self._progress.report("Looking at the picture")
        vector = embedder.embed_images([picture])[0]
        clues = Clues()
        if self._said:
            pictured = said_like(
                self._library,
                self._query,
                vector,
                embedder,
                revision=revision_of(name),
                depth=depth_for(self._query),
                progress=self._progress,
            )
            clues = Clues(pictured=pictured, min_said=any_picture(vector, embedder) if self._sounds else -1.0)
        if self._sounds:
            tags = shown_sounds(self._library.labels(), vector, embedder)
            clues = replace(clues, tags=tags, sound_weight=max(sum(tags.values()), 1e-3))
        return clues

    def _with_negative(self, clues: Clues) -> Clues:
        """Words whose match counts against a window, in every ranking there is."""
        negative = self._query.negative
        if not negative:
            return clues
        vector = self._embedder().embed_texts([negative])[0]
        said = None if clues.said is None else np.asarray(clues.said - vector, np.float32)
        unwanted = self._named(negative) if clues.tags else {}
        tags = {label: score - unwanted.get(label, 0.0) for label, score in clues.tags.items()}
        clues = replace(clues, said=said, tags=tags, unwanted=negative, min_said=-1.0)
        away = self._encoder().directions(negative) if clues.sound is not None else None
        if clues.sound is None or away is None:
            return clues
        return replace(clues, sound=np.asarray(clues.sound - away.wanted, np.float32), nothing=None)

    def _named(self, text: str) -> dict[str, float]:
        """How probably the text asks for each sound."""
        return {tag.label: tag.score for tag in self._encoder().query_tags(text, self._embedder())}

    def _embedder(self) -> TextEmbedder:
        embedder: TextEmbedder = self._run.lease(SENTENCES)
        return embedder

    def _encoder(self) -> SoundEncoder:
        return SoundEncoder(self._run.lease(sounds_of(self._library) or SOUNDS))

    def _notice(self, sentence: str) -> None:
        self.notices = (*self.notices, sentence)
