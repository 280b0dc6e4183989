"""The only place that decodes what a visitor brings: pictures, recordings, the sound of a video, text; the limits live here."""

from __future__ import annotations

from mm_demos.media.audio import (
    SAMPLE_RATE,
    AudioInfo,
    from_microphone,
    is_silent,
    load_audio,
    probe_audio,
    save_wav,
)
from mm_demos.media.image import guard_pillow, load_image
from mm_demos.media.text import clean_text

__all__ = [
    "SAMPLE_RATE",
    "AudioInfo",
    "clean_text",
    "from_microphone",
    "guard_pillow",
    "is_silent",
    "load_audio",
    "load_image",
    "probe_audio",
    "save_wav",
]
