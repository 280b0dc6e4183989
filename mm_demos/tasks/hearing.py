"""A recording as evidence for labels: what is said in it, how it sounds, and why one of the two may not count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mm_demos import media
from mm_demos.models import catalog
from mm_demos.models.protocols import FloatArray, Heard, SoundEmbedder, SoundListener, SoundTagger, TextEmbedder
from mm_demos.models.sound import chunks, loudest
from mm_demos.models.sound_labels import PROMPT, sound_classes
from mm_demos.progress import Progress
from mm_demos.results import Receipt
from mm_demos.tasks.labels import LabelSet
from mm_demos.tasks.matching import FAINT, SoundMatch, match_sound, names_a_sound, sounds_named
from mm_demos.tasks.receipts import Run
from mm_demos.tasks.transcription import load_waveform, transcribe

# Probability of a sound from which a recording has no words: a voice over it, also a softer one, takes nearly all of it away, and
# where there is none Whisper may look for words for minutes.
SURELY_NO_SPEECH = 0.95
SILENT = "The recording is silent, so it was left out."
NO_SPEECH = "No speech was found in the recording, so what is said was left out."
NO_SOUND_NAMED = "No label names a sound that can be recognised ({sounds}), so how the recording sounds was left out."
NO_SOUND_HEARD = "None of the sounds that the labels name was heard in the recording, so how it sounds was left out."


@dataclass(slots=True)
class Hearing:
    """What a recording gives; `spoken` is None where no words can be trusted, `sound` where it says nothing of the labels."""

    transcript: str = ""
    spoken: str | None = None
    sound: SoundMatch | None = None
    notices: list[str] = field(default_factory=list)
    receipt: Receipt | None = None


def listen(
    audio: str | Path | FloatArray,
    *,
    labels: LabelSet,
    weights: Mapping[str, float],
    model: str | None,
    hear_with: str | None = None,
    run: Run,
    progress: Progress,
) -> Hearing:
    """Hear a recording; what has the weight 0 is not listened for.

    Args:
        audio: a file, or a waveform (n_samples,) at 16 kHz.
        weights: of "speech" and "sound".
        model: what transcribes; the profile's own speech model by default.
        hear_with: what hears how it sounds; the profile's own model by default.

    Raises:
        InvalidInputError: no recording, or no such model.
    """
    name, listener = catalog.chosen(model, "speech"), catalog.chosen(hear_with, "sound-tagger")
    progress.report("Reading the recording")
    waveform = load_waveform(audio)
    hearing = Hearing()
    if media.is_silent(waveform):
        hearing.notices.append(SILENT)
        return hearing
    wordless = weights["sound"] > 0 and _hear_sounds(hearing, waveform, labels, model=listener, run=run, progress=progress)
    if weights["speech"] > 0:
        if wordless:
            hearing.notices.append(NO_SPEECH)
        else:
            _hear_words(hearing, waveform, name, progress)
    return hearing


def _hear_sounds(hearing: Hearing, waveform: FloatArray, labels: LabelSet, *, model: str, run: Run, progress: Progress) -> bool:
    """Match the sounds with the labels; whether they are surely without speech."""
    listener: SoundListener = run.lease(model)
    heard = []
    parts = chunks(0, waveform.size)
    for number, (start, end) in enumerate(parts):
        progress.report("Listening to the sounds", number, len(parts), "pieces")
        heard.append(listener.hear(waveform[start:end]))
    if isinstance(listener, SoundEmbedder):
        match: SoundMatch | None = match_any(listener, labels, heard)
    else:
        assert isinstance(listener, SoundTagger)  # noqa: S101  # by the role of the model
        match = _match_known(hearing, listener, labels, heard, run=run, progress=progress)
    if match is not None and match.named >= FAINT:
        hearing.sound = match
    elif match is not None:
        hearing.notices.append(NO_SOUND_HEARD)
    calibrated = isinstance(listener, SoundTagger)  # a zero-shot model is as sure of a dog where somebody speaks over it
    return calibrated and all(float(each.probs[:-1].max()) >= SURELY_NO_SPEECH for each in heard)


def _match_known(
    hearing: Hearing, tagger: SoundTagger, labels: LabelSet, heard: Sequence[Heard], *, run: Run, progress: Progress
) -> SoundMatch | None:
    """Match the labels with the events that a model knows; None where no label names one."""
    encoder: TextEmbedder = run.lease(catalog.default("text-embedder"))
    asked = sounds_named(tagger, encoder, labels, progress)
    if names_a_sound(asked):
        return match_sound(asked, overall(loudest(heard)))
    hearing.notices.append(NO_SOUND_NAMED.format(sounds=", ".join(tagger.labels)))
    return None


def match_any(embedder: SoundEmbedder, labels: LabelSet, heard: Sequence[Heard]) -> SoundMatch:
    """Match any labels with pieces of a recording, in the space of a model that has both (zero-shot).

    What is no event, such as a voice, stands against the labels; its share goes to all of them alike.
    """
    asked = [f"{name}, {about}" if about else name for name, about in zip(labels.names, labels.descriptions, strict=True)]
    classes = sound_classes(embedder, asked, prompt=PROMPT)
    audible = [Heard(each.vector, classes.probs(each.vector)) for each in heard if each.vector.any()]
    if not audible:
        return SoundMatch(np.full(len(asked), 1 / len(asked), np.float32), 0.0)
    probs = overall(loudest(audible))
    return SoundMatch(np.asarray(probs[:-1] + probs[-1] / len(asked), np.float32), float(1 - probs[-1]))


def overall(events: FloatArray) -> FloatArray:
    """Which sound a recording is of (n_sounds + 1,), summing to 1, from how surely each (n_sounds,) is anywhere in it."""
    none = max(0.0, 1.0 - float(events.max()))
    probs = np.append(events, none)
    return np.asarray(probs / probs.sum(), np.float32)


def _hear_words(hearing: Hearing, waveform: FloatArray, model: str, progress: Progress) -> None:
    """Transcribe; a recording without trustworthy words becomes a notice instead."""
    transcription = transcribe(waveform, model=model, progress=progress)
    hearing.receipt = transcription.receipt
    hearing.transcript = transcription.text.strip()
    invented = bool(transcription.segments) and all("silence" in segment.flags for segment in transcription.segments)
    if hearing.transcript and not invented:
        hearing.spoken = hearing.transcript
    else:
        hearing.notices.append(NO_SPEECH)
