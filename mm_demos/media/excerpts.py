"""Moments out of recordings: a stretch decoded without the rest, and written as MP3 for a browser."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from mm_demos.errors import InvalidInputError
from mm_demos.media.audio import SAMPLE_RATE, FloatArray, _Decoded, _info, _Mixer, _open
from mm_demos.media.files import existing_file, shown

LEAD_SECONDS = 0.5  # decoders need some packets before what they give is clean
BIT_RATE = 40_000  # MP3 of 16 kHz mono: 5 kB a second, and speech and noises sound like the original


def load_excerpt(source: str | Path, start: float, end: float) -> FloatArray:
    """What is heard between two times, in seconds, as a waveform (n_samples,) float32 in [-1, 1], mono, 16 kHz.

    Only what lies before `start` in the same packets is decoded besides, so that it takes as long in a film as in a short
    clip. The waveform is shorter where the file ends sooner; what is louder than full scale is scaled down as a whole.

    Raises:
        InvalidInputError: not a recording, or nothing there between these times.
    """
    path = existing_file(source, "recording")
    with path.open("rb") as stream, _open(stream, shown(path.name)) as container:
        _info(container, shown(path.name))
        began = _seek(container, max(0.0, start - LEAD_SECONDS))
        waveform, first = _decode(container, end, began)
    skipped = max(0, round((start - first) * SAMPLE_RATE))
    excerpt = waveform[skipped : skipped + max(0, round((end - max(start, first)) * SAMPLE_RATE))]
    if not excerpt.size:
        raise InvalidInputError(f"{shown(path.name)} is shorter than it was: index it again.")
    peak = float(np.abs(excerpt).max())
    return excerpt / np.float32(peak) if peak > 1.0 else excerpt


def _seek(container: Any, start: float) -> bool:
    """Go to the last place before `start` where decoding can begin; False where only the beginning can be had."""
    import av

    if start <= 0:
        return False
    try:
        container.seek(int(start * av.time_base), backward=True)
    except (av.error.FFmpegError, OSError):
        container.seek(0)
        return False
    return True


def _decode(container: Any, end: float, sought: bool) -> tuple[FloatArray, float]:
    """The waveform from where the container stands until `end`, and the time of its first sample in seconds."""
    mixer, parts, first, length = _Mixer(), [], None, 0
    track = container.streams.audio[0]
    zero = float(track.start_time * track.time_base) if track.start_time and track.time_base else 0.0
    for frame in _Decoded(container).frames():
        if first is None:
            first = max(0.0, (frame.time or 0.0) - zero) if sought else 0.0
        fresh = list(mixer.push(frame))
        parts += fresh
        length += sum(part.size for part in fresh)
        if first + length / SAMPLE_RATE > end + 0.1:
            break
    parts += mixer.finish()
    return (np.concatenate(parts) if parts else np.zeros(0, np.float32)), first or 0.0


def to_mp3(waveform: FloatArray) -> bytes:
    """`waveform` (n_samples,) in [-1, 1] at 16 kHz as an MP3 file, which every browser plays."""
    import av
    from av.audio.frame import AudioFrame

    stream = io.BytesIO()
    with av.open(stream, "w", format="mp3") as container:
        track = container.add_stream("libmp3lame", rate=SAMPLE_RATE)
        track.layout, track.bit_rate = "mono", BIT_RATE
        samples = np.rint(np.clip(waveform, -1.0, 1.0) * 32767.0).astype(np.int16)
        frame = AudioFrame.from_ndarray(samples[None], format="s16p", layout="mono")
        frame.sample_rate = SAMPLE_RATE
        for packet in (*track.encode(frame), *track.encode(None)):
            container.mux(packet)
    return stream.getvalue()
