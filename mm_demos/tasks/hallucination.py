"""Signs that Whisper invented a text: silence under it, a loop in it, or no confidence behind it."""

from __future__ import annotations

import re
from dataclasses import replace

from mm_demos.results import Segment

# Whisper's own thresholds for a failed segment (Radford et al., 2022, section 4.5).
NO_SPEECH_PROB = 0.6
LOW_LOGPROB = -1.0
HIGH_COMPRESSION_RATIO = 2.4
LOOP_REPEATS = 4  # the same one to eight words this often in a row


def flags(segment: Segment, *, voiced: bool = True) -> tuple[str, ...]:
    """Why `segment` may be invented, most telling first; empty when nothing speaks against it.

    Args:
        voiced: whether a voice detector heard a voice within the segment's times.
    """
    confident = segment.avg_logprob > LOW_LOGPROB
    found = {
        "silence": not voiced or (segment.no_speech_prob > NO_SPEECH_PROB and not confident),
        "repetition": segment.compression_ratio > HIGH_COMPRESSION_RATIO or is_loop(segment.text),
        "low confidence": not confident,
    }
    return tuple(name for name, present in found.items() if present)


def flagged(segment: Segment, *, voiced: bool = True) -> Segment:
    """`segment` with its flags filled in."""
    return replace(segment, flags=flags(segment, voiced=voiced))


def is_loop(text: str) -> bool:
    """Whether one to eight words, or in unspaced scripts characters, come four times in a row."""
    units = re.findall(r"\w+", text.casefold())
    if len(units) < LOOP_REPEATS:
        units = [char for char in text if char.isalnum()]
    return any(_repeats(units, size) for size in range(1, 9))


def _repeats(units: list[str], size: int) -> bool:
    """Whether a block of `size` units is followed by three copies of itself."""
    run = 0  # units that equal the one `size` places before them
    for before, unit in zip(units, units[size:], strict=False):
        run = run + 1 if before == unit else 0
        if run >= size * (LOOP_REPEATS - 1):
            return True
    return False
