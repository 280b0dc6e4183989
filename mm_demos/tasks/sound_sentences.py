"""Sentences ranked by how well they fit a recording: by what is said in it, and by how it sounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mm_demos.models import catalog
from mm_demos.models.protocols import FloatArray, SoundEmbedder, SoundListener, TextEmbedder
from mm_demos.models.sound_labels import sentence_probs
from mm_demos.progress import Progress
from mm_demos.results import LabelScore, Receipt
from mm_demos.retrieval.sounds import SoundEncoder
from mm_demos.tasks.picture_search import clean_sentences
from mm_demos.tasks.receipts import record
from mm_demos.tasks.retrieval_recipe import LISTENING, SENTENCES, SPEECH
from mm_demos.tasks.transcription import load_waveform, transcribe


@dataclass(frozen=True, slots=True)
class SoundSentence:
    """A sentence and how well it fits a recording.

    Args:
        score: the higher one of the two.
        said: cosine between the sentence and what is said, cut off at 0; 0 when nobody speaks.
        sounds: probability that a sound event which the sentence asks for is in the recording.
    """

    text: str
    score: float
    said: float
    sounds: float


@dataclass(frozen=True, slots=True)
class SoundSentences:
    """Sentences, best first; `heard` is what is said in the recording, `tags` the sound events in it, likeliest first."""

    sentences: tuple[SoundSentence, ...]
    heard: str
    tags: tuple[LabelScore, ...]
    receipt: Receipt | None = None


def rank_sentences(
    audio: str | Path | FloatArray,
    sentences: Sequence[str],
    *,
    hear_with: str | None = None,
    progress: Progress | None = None,
) -> SoundSentences:
    """Rank sentences by how well each fits a recording.

    Args:
        audio: a path, or a waveform (n_samples,) at 16 kHz.
        sentences: what it might be about.
        hear_with: what hears how it sounds; the profile's own model by default.

    Raises:
        InvalidInputError: not a recording, or no sentence.
    """
    cleaned = clean_sentences(sentences)
    progress = progress or Progress()
    waveform = load_waveform(audio)
    with record("rank_sentences", options={"sentences": len(cleaned)}, progress=progress) as run:
        embedder: TextEmbedder = run.lease(SENTENCES)
        listener: SoundListener = run.lease(catalog.chosen(hear_with, "sound-tagger"))
        encoder = SoundEncoder(listener)
        run.lease(SPEECH)
        progress.report("Listening to the recording")
        heard = transcribe(waveform, model=SPEECH, options=LISTENING, progress=progress.part()).text
        features = encoder.encode_query(waveform)
        tags = features.tags
        vectors = embedder.embed_texts([*cleaned, heard])
        said = (vectors[:-1] @ vectors[-1]).clip(0.0, 1.0) if heard else [0.0] * len(cleaned)
        present = {tag.label: tag.score for tag in tags}
        fitting = sentence_probs(listener, features.vector, cleaned) if isinstance(listener, SoundEmbedder) else None
        ranked = []
        for place, (text, similarity) in enumerate(zip(cleaned, said, strict=True)):
            progress.report("Comparing sentences", place, len(cleaned), "sentences")
            asked = encoder.query_tags(text, embedder)
            named = sum(tag.score * present.get(tag.label, 0.0) for tag in asked)
            sounds = named if fitting is None else float(fitting[place])
            ranked.append(SoundSentence(text, max(float(similarity), sounds), float(similarity), sounds))
        ranked.sort(key=lambda item: -item.score)
        return SoundSentences(tuple(ranked), heard, tags, run.receipt())
