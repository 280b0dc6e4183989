"""Results as HTML: every word that comes from a visitor or a model is escaped here."""

from __future__ import annotations

import math
import secrets
from collections.abc import Collection, Iterable, Sequence
from html import escape

from mm_demos.models.loader import Resident
from mm_demos.progress import Update
from mm_demos.results import Evidence, LabelScore, Receipt
from mm_demos.ui.handler import Fault, Step

KILO = 1000  # sizes are shown in decimal units, like a disk's


def size(n_bytes: float) -> str:
    """A size for people: "145 MB", "1.2 GB"."""
    if n_bytes < KILO:
        return f"{n_bytes:.0f} B"
    for unit in ("kB", "MB", "GB"):
        n_bytes /= KILO
        if n_bytes < KILO or unit == "GB":
            break
    return f"{n_bytes:.1f} {unit}" if n_bytes < 10 or unit == "GB" else f"{n_bytes:.0f} {unit}"


def seconds(value: float) -> str:
    """A duration for people: "0.8 s", "12 s", "2:05 min"."""
    if value < 10:
        return f"{value:.1f} s"
    if value < 60:
        return f"{value:.0f} s"
    return f"{int(value) // 60}:{int(value) % 60:02d} min"


def empty(title: str, text: str) -> str:
    """What a result area says before there is a result."""
    return f'<div class="mm-empty"><strong>{escape(title)}</strong><span>{escape(text)}</span></div>'


def notice(text: str, kind: str = "info") -> str:
    """One sentence set apart; `kind` is "info", "warn" or "error"."""
    return f'<div class="mm-notice mm-{kind}" role="{"alert" if kind == "error" else "status"}">{escape(text)}</div>'


def chips(items: Iterable[tuple[str, str]], *, given: Collection[str] = ()) -> str:
    """Small pairs of a name and a value in one line; the values of the names in `given` are a visitor's or a model's words."""
    inner = "".join(_chip(name, value, name in given) for name, value in items)
    return f'<div class="mm-chips">{inner}</div>'


def _chip(name: str, value: str, given: bool) -> str:
    told = f'<span translate="no">{escape(value)}</span>' if given else escape(value)
    return f'<span class="mm-chip"><b>{escape(name)}</b>{told}</span>'


def bars(
    scores: Sequence[LabelScore],
    *,
    title: str = "",
    top: int = 10,
    percent: bool = True,
    cutoff: float | None = None,
    ours: bool = False,
) -> str:
    """Labels with bars, best first; `cutoff` in [0, 1] draws the threshold. Scores in [0, 1] (or cosines: `percent=False`).

    Labels that are words of the page, not of a visitor or a model, are `ours`: they are there in every language of the page.
    """
    mark = "" if ours else ' translate="no"'
    rows = []
    for rank, item in enumerate(scores[:top]):
        share = min(1.0, max(0.0, item.score)) if math.isfinite(item.score) else 0.0
        value = f"{share:.1%}" if percent else f"{item.score:.2f}"
        mark = f'<i style="left:{cutoff:.1%}"></i>' if cutoff else ""
        rows.append(
            f'<li class="{"mm-best" if rank == 0 else ""}"><span class="mm-label"{mark}>{escape(item.label)}</span>'
            f'<span class="mm-value">{value}</span>'
            f'<span class="mm-track"><span style="width:{share:.2%}"></span>{mark}</span></li>'
        )
    head = f"<h3>{escape(title)}</h3>" if title else ""
    return f'{head}<ol class="mm-bars">{"".join(rows)}</ol>'


def evidence(value: Evidence) -> str:
    """What the models saw in the picture, and what the result is built on."""
    parts = []
    if value.labels:
        parts.append(f"<div>{bars(value.labels, title='Seen in the picture', top=5)}</div>")
    if value.text_lines:
        lines = "".join(
            f'<li><q translate="no">{escape(line.text)}</q>'
            f'<span class="mm-value">{min(1.0, max(0.0, line.score)):.0%}</span></li>'
            for line in value.text_lines[:12]
        )
        parts.append(f'<div><h3>Read in the picture</h3><ul class="mm-lines">{lines}</ul></div>')
    if value.basis:
        parts.append(f'<p class="mm-basis">{escape(value.basis)}</p>')
    return f'<div class="mm-evidence">{"".join(parts)}</div>' if parts else ""


def count(update: Update) -> str:
    """How far a task is, in its own unit; empty when it cannot be counted."""
    if update.done is None:
        return ""
    if update.unit == "bytes":
        return size(update.done) + (f" of {size(update.total)}" if update.total else "")
    total = f" of {update.total:.0f}" if update.total else ""
    return f"{update.done:.0f}{total} {update.unit}".rstrip()


def status(step: Step) -> str:
    """The line under the Run button: what happens, how far it is, how long it takes."""
    if step.fault is not None:
        return fault(step.fault, step.elapsed)
    if step.finished:
        return line("done", f"Done in {seconds(step.elapsed)}" if step.elapsed >= 0.5 else "Done")
    update = step.update or Update("Starting")
    facts = [count(update), seconds(step.elapsed)]
    if step.remaining is not None:
        facts.append(f"about {seconds(step.remaining)} left")
    return line("running", update.message, " · ".join(fact for fact in facts if fact), update.fraction)


def fault(value: Fault, elapsed: float = 0.0) -> str:
    """The line for a run that ended early."""
    if value.stopped:
        return line("stopped", f"Stopped after {seconds(elapsed)}")
    return line("failed", value.message)


def line(state: str, message: str, facts: str = "", fraction: float | None = None) -> str:
    """A status line; `state` is "idle", "running", "done", "stopped" or "failed".

    One that ends a run is like no other: where the same text stood before, Gradio would leave the page as it is, and neither a
    screen reader nor a program could tell that there was a run.
    """
    width = "" if fraction is None else f' style="width:{fraction:.1%}"'
    track = f'<div class="mm-progress{" mm-unknown" if fraction is None else ""}"><span{width}></span></div>'
    own = "" if state in {"idle", "running"} else f' data-run="{secrets.token_hex(4)}"'
    role = ' role="alert"' if state == "failed" else ""  # the rest is read aloud by the page's own line, see accessibility.js
    return (
        f'<div class="mm-status" data-state="{state}"{own}{role}><span class="mm-message">{escape(message)}</span>'
        f'<span class="mm-facts">{escape(facts)}</span>{track if state == "running" else ""}</div>'
    )


def receipt_line(receipt: Receipt | None) -> str:
    """A receipt in one line: models, device, load, run, peak memory."""
    if receipt is None:
        return "Receipt"
    models = " + ".join(use.name for use in receipt.models) or "no model"
    devices = ", ".join(dict.fromkeys(use.device for use in receipt.models)) or "cpu"
    load, run = seconds(receipt.load_seconds), seconds(receipt.run_seconds)
    return f"{models} · {devices} · load {load} · run {run} · peak {size(receipt.peak_memory_bytes)}"


def memory_bar(resident: Sequence[Resident], used_bytes: int, budget_bytes: int) -> str:
    """Resident models as pieces of the memory budget."""
    whole = max(budget_bytes, used_bytes, 1)
    pieces = "".join(_piece(item, whole) for item in resident if item.memory_bytes > 0)
    return (
        '<div class="mm-memory" role="meter" aria-label="Memory for models" aria-valuemin="0" '
        f'aria-valuemax="{budget_bytes}" aria-valuenow="{used_bytes}">'
        f'<span class="mm-memory-label">{size(used_bytes)} of {size(budget_bytes)} for models</span>'
        f'<div class="mm-memory-bar">{pieces}</div></div>'
    )


def _piece(item: Resident, whole: int) -> str:
    share = max(0.6, 100 * item.memory_bytes / whole)  # percent; a small model stays visible
    return f'<span title="{escape(item.name)}: {size(item.memory_bytes)}" style="width:{share:.2f}%"></span>'
