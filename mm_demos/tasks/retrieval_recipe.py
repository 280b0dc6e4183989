"""What libraries of recordings are made with: models, how they listen, and the cut of the windows."""

from __future__ import annotations

import hashlib

from mm_demos.errors import InvalidInputError
from mm_demos.models import catalog
from mm_demos.models.catalog import revision_of
from mm_demos.models.protocols import TranscribeOptions
from mm_demos.retrieval.library import Library
from mm_demos.retrieval.windows import DEFAULT_CUT, Cut

# Fixed, not the profile's: what a library was made with must be there when it is searched, and one Whisper serves twice. How it
# sounds may be heard by another model of the catalog, which is then leased wherever the library is searched.
SPEECH, SENTENCES, SOUNDS = "whisper-base", "all-MiniLM-L6-v2", "whisper-sound-head"
FORMAT = 1  # of what is stored for a window; a new one has libraries made anew
# Greedy decoding without the text before: as right on short windows, faster, and a loop cannot spread.
LISTENING = TranscribeOptions(beam_size=1, word_timestamps=True, condition_on_previous_text=False)


def recipe(how: Cut = DEFAULT_CUT, hear_with: str = SOUNDS) -> str:
    """What a library is made with, as one word: a digest of models, their revisions and the usual cut, then any other cut."""
    parts = [str(FORMAT), *(revision_of(name) for name in (SPEECH, SENTENCES, hear_with))]
    parts += [repr(LISTENING), str(DEFAULT_CUT.seconds), str(DEFAULT_CUT.overlap)]
    digest = hashlib.sha256("|".join(parts).encode()).hexdigest()[:16]
    return digest if how == DEFAULT_CUT else f"{digest}@{float(how.seconds)}/{float(how.overlap)}"


def cut_of(library: Library) -> Cut:
    """How a library's recordings are cut; the usual way for one that is new or whose note cannot be read."""
    seconds, _, overlap = library.meta("recipe").partition("@")[2].partition("/")
    try:
        return Cut(float(seconds), float(overlap)) if seconds else DEFAULT_CUT
    except (ValueError, InvalidInputError):
        return DEFAULT_CUT


def sounds_of(library: Library) -> str:
    """The sound model that a library was made with; empty where it was made with none of the catalog, or is empty."""
    made, how = library.meta("recipe"), cut_of(library)
    names = [SOUNDS, *(row.name for row in catalog.rows(role="sound-tagger") if row.name != SOUNDS)]
    return next((name for name in names if made == recipe(how, name)), "")


def is_current(library: Library) -> bool:
    """Whether a library was made with models of the catalog as they are now; an empty one was."""
    return not library.meta("recipe") or bool(sounds_of(library))
