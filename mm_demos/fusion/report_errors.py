"""The gallery of worst errors, each with what the model had before it: a small picture, the words, a few seconds of sound."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from pathlib import Path

from mm_demos import media
from mm_demos.errors import InvalidInputError
from mm_demos.fusion.charts import attention_row
from mm_demos.fusion.charts_parts import percent
from mm_demos.fusion.types import Mistake
from mm_demos.media.excerpts import load_excerpt, to_mp3
from mm_demos.media.thumbnails import data_uri

SHOWN = 12
PICTURE_SIDE = 160  # pixels
SOUND_SECONDS = 5.0  # 25 kB of MP3
TEXT_CHARS = 280


def gallery(mistakes: Sequence[Mistake]) -> str:
    """The most confident errors as cards; media that are gone by now are named instead."""
    cards = "".join(_card(mistake) for mistake in mistakes[:SHOWN])
    return f'<div class="errors">{cards}</div>'


def _card(mistake: Mistake) -> str:
    row = mistake.row
    verdict = (
        f'<div class="verdict"><small>Taken for, {percent(mistake.confidence, 0)} sure</small>'
        f'<b class="said">{escape(mistake.predicted)}</b><small>It is</small><b>{escape(mistake.label)}</b>'
        f"<small>row {row.number:,}</small></div>"
    )
    looks = f'<div class="looks">{attention_row(mistake.attention)}{_shares(mistake)}</div>' if mistake.attention else ""
    return (
        f'<article class="error"><div class="what">{_picture(row.image)}{verdict}</div>'
        f"{_words(row.text)}{_sound(row.audio)}{looks}</article>"
    )


def _shares(mistake: Mistake) -> str:
    words = " · ".join(f"{name} {percent(share, 0)}" for name, share in mistake.attention.items())
    return f"<small>{escape(words)}</small>"


def _picture(path: Path | None) -> str:
    if path is None:
        return ""
    try:
        source = data_uri(media.load_image(path), PICTURE_SIDE)
    except (InvalidInputError, OSError):  # the file was there when the row was checked; the report must not fail for it
        return f"<small>{escape(path.name)}</small>"
    return f'<img src="{source}" alt="{escape(path.name)}">'


def _sound(path: Path | None) -> str:
    if path is None:
        return ""
    try:
        content = to_mp3(load_excerpt(path, 0.0, SOUND_SECONDS))
    except (InvalidInputError, OSError):  # as above
        return f"<small>{escape(path.name)}</small>"
    source = f"data:audio/mpeg;base64,{base64.b64encode(content).decode('ascii')}"
    return f'<audio controls preload="none" src="{source}" title="{escape(path.name)}"></audio>'


def _words(text: str | None) -> str:
    if not text:
        return ""
    short = text if len(text) <= TEXT_CHARS else text[: TEXT_CHARS - 1].rstrip() + "…"
    return f"<blockquote>{escape(short)}</blockquote>"
