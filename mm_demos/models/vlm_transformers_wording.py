"""Captions in styles and languages that a family does not write: the language model words them anew."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mm_demos.models.caption_writer import CaptionWriter, distinct
from mm_demos.models.evidence import Sight

if TYPE_CHECKING:
    from mm_demos.models.protocols import CaptionOptions, ChatModel, TextEmbedder
    from mm_demos.progress import Progress

REWORDED = "The language model, which has not seen the picture, worded them from that."
TRANSLATED = "Translated by the language model, which has not seen the picture."


def reworded(
    captions: Sequence[str],
    options: CaptionOptions,
    progress: Progress,
    *,
    restyle: bool,
    chat: ChatModel,
    embedder: TextEmbedder,
) -> tuple[list[tuple[str, str]], str]:
    """Captions as they are shown, each with the English it was made from, and a sentence on how they came about.

    Args:
        captions: English ones, best first.
        options: the style and language wanted.
        progress: heard between the words.
        restyle: whether the style is not theirs yet.
        chat: the language model.
        embedder: tells whether a translation keeps its meaning.
    """
    progress.report("Wording the captions")
    sight = Sight(("",), np.zeros(1, np.float32), (), tuple(captions))  # nothing is known but what they say
    writer = CaptionWriter(chat, embedder)
    texts = distinct(writer.write(sight, options, progress) if restyle else captions)[: options.n]
    shown, basis = texts, REWORDED if restyle else ""
    if options.language != "en":
        shown = writer.translate(texts, sight, options, progress)
        basis = f"{basis} {TRANSLATED}".strip()
    return list(zip(shown, texts, strict=True)), basis
