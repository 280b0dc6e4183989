"""What the page says about libraries: at a glance, while they are indexed, and afterwards."""

from __future__ import annotations

from html import escape

from mm_demos.retrieval.types import IndexProgress, IndexSummary, LibraryInfo
from mm_demos.ui import render

MAX_FAULTS_SHOWN = 3


def told(info: LibraryInfo) -> str:
    """A library in one line."""
    faults = f" · {info.faults:,} could not be read" if info.faults else ""
    length = f"{info.hours:.1f} h" if info.hours >= 1 else render.seconds(info.hours * 3600)
    return f"{info.files:,} recording{'s' if info.files != 1 else ''} · {length} · {info.windows:,} windows{faults}"


def summary(step: IndexProgress | IndexSummary) -> str:
    """What indexing did so far, as HTML."""
    if isinstance(step, IndexProgress):
        facts = [
            ("files", f"{step.files_done:,} of {step.files_total:,}"),
            ("hours", f"{step.hours_done:.2f}"),
            ("clips a second", f"{step.clips_per_second:.1f}"),
        ]
        if step.seconds_left is not None:
            facts.append(("left", render.seconds(step.seconds_left)))
        return render.chips(facts)
    counts = {
        "added": step.added,
        "known already": step.unchanged,
        "left out, same content": step.duplicates,
        "gone": step.removed,
    }
    facts = [(name, f"{count:,}") for name, count in counts.items() if count or name == "added"]
    if step.speed and step.added:
        facts.append(("speed", f"{step.speed:.0f} × real time"))
    faults = "".join(render.notice(fault.sentence, "warn") for fault in step.faults[:MAX_FAULTS_SHOWN])
    more = len(step.faults) - MAX_FAULTS_SHOWN
    others = render.notice(f"{more:,} more files could not be read.", "warn") if more > 0 else ""
    return f'<div class="mm-searched">{render.chips(facts)}{faults}{others}</div>'


def line(sentence: str, failed: bool = False) -> str:
    """A small line under the list of libraries."""
    return f'<p class="mm-small{" mm-wrong" if failed else ""}">{escape(sentence)}</p>'
