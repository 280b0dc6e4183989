"""The embedded models on photos that none of them was trained on, through the same code that serves visitors."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mm_demos.evaluation import captions, retrieval, vqa

if TYPE_CHECKING:
    from mm_demos.evaluation.questions import Question
    from mm_demos.models.answer_head import AnswerHead
    from mm_demos.models.caption_decoder import CaptionDecoder, Draft
    from mm_demos.models.mini_clip import Look, MiniClip
    from mm_demos.training.photos import Photo


@dataclass(frozen=True, slots=True)
class ClipReport:
    """Retrieval in both directions, zero-shot top-1 accuracy over 1,000 labels (None without labelled samples), and speed."""

    text_to_image: retrieval.RetrievalScores
    image_to_text: retrieval.RetrievalScores
    zero_shot: float | None
    images_per_second: float


@dataclass(frozen=True, slots=True)
class CaptionReport:
    """Scores of the best caption a photo, and the seconds one photo took, the look at it included."""

    scores: captions.CaptionScores
    median_seconds: float


@dataclass(frozen=True, slots=True)
class AnswerReport:
    """Accuracy by kind of question, expected calibration error over all, and the number of questions."""

    accuracy: dict[str, float]
    calibration_error: float
    questions: int


def class_embeddings(clip: MiniClip, names: Sequence[str]) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """One unit vector a class: the mean over two wordings."""
    total = sum(clip.embed_texts([wording.format(name) for name in names]) for wording in ("a photo of a {}.", "{}"))
    return np.asarray(total / np.linalg.norm(total, axis=1, keepdims=True), dtype=np.float32)


def evaluate_clip(
    clip: MiniClip, photos: Sequence[Photo], samples: Sequence[Photo] = (), class_names: Sequence[str] = ()
) -> ClipReport:
    """Every caption against every photo, and the samples against `class_names`."""
    images = [photo.image for photo in photos]
    start = time.perf_counter()
    pictures = clip.embed_images(images)
    seconds = time.perf_counter() - start
    texts = clip.embed_texts([text for photo in photos for text in photo.captions])
    owner = [i for i, photo in enumerate(photos) for _ in photo.captions]
    to_image, to_text = retrieval.both_directions(pictures, texts, owner)
    zero_shot = None
    if samples:
        best = (clip.embed_images([sample.image for sample in samples]) @ class_embeddings(clip, class_names).T).argmax(axis=1)
        zero_shot = float(np.mean(best == np.array([sample.class_index for sample in samples])))
    return ClipReport(to_image, to_text, zero_shot, len(images) / seconds)


def best_caption(clip: MiniClip, decoder: CaptionDecoder, look: Look, *, width: int = 4, similarity_weight: float = 0.0) -> Draft:
    """The beam's best caption by its log-probability per word plus `similarity_weight` times its similarity to the picture."""
    drafts = decoder.beam(look.features, width=width, n=width)
    similarity = (
        clip.embed_texts([draft.text for draft in drafts]) @ look.embedding if similarity_weight else np.zeros(len(drafts))
    )
    scores = [
        d.log_prob / (len(d.words) + 1) ** 0.7 + similarity_weight * float(s) for d, s in zip(drafts, similarity, strict=True)
    ]
    return drafts[int(np.argmax(scores))]


def evaluate_captioner(clip: MiniClip, decoder: CaptionDecoder, photos: Sequence[Photo], **choice: float) -> CaptionReport:
    """One caption a photo against all its references."""
    found, seconds = [], []
    for photo in photos:
        image = photo.image
        start = time.perf_counter()
        found.append(best_caption(clip, decoder, clip.look(image), similarity_weight=choice.get("similarity_weight", 0.0)).text)
        seconds.append(time.perf_counter() - start)
    return CaptionReport(captions.score(found, [photo.captions for photo in photos]), float(np.median(seconds)))


def evaluate_answerer(clip: MiniClip, head: AnswerHead, photos: Sequence[Photo], questions: Sequence[Question]) -> AnswerReport:
    """The likeliest answer of the whole vocabulary against the caption's; `question.photo` counts in `photos`."""
    looks = {number: clip.look(photos[number].image).features for number in sorted({question.photo for question in questions})}
    best = [head.answer(looks[q.photo], clip.question_states(q.text)).answers[0] for q in questions]
    right = [answer == q.answer for (answer, _), q in zip(best, questions, strict=True)]
    error = vqa.calibration_error(np.array([share for _, share in best], np.float32), np.array(right))
    return AnswerReport(vqa.accuracy_by_kind([q.kind for q in questions], right), error, len(questions))
