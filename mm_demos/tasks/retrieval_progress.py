"""How far indexing is, in a line."""

from __future__ import annotations

from mm_demos.retrieval.types import IndexProgress


def progress_line(step: IndexProgress) -> str:
    """One line of progress: files, hours, clips a second, time left."""
    left = "" if step.seconds_left is None else f", about {_clock(step.seconds_left)} left"
    done = f"{step.files_done} of {step.files_total} files, {step.hours_done:.2f} h, {step.clips_per_second:.1f} clips a second"
    return f"Indexing: {done}{left}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02} h" if hours else f"{minutes}:{rest:02} min"
