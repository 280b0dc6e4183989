"""A library as a map: windows that sound alike, or say alike things, lie close together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mm_demos.models.protocols import FloatArray
from mm_demos.retrieval.library import Library
from mm_demos.retrieval.types import Hit, Mode, StoredWindow
from mm_demos.ui.transcript_view import clock

MAX_POINTS = 400  # more cannot be told apart on a screen
MIN_SAID = 8  # windows in which somebody speaks
ROUNDS = 60  # of stress majorisation; it has come to rest by then
WIDTH, HEIGHT, MARGIN = 640, 380, 22
SURE = 0.5  # probability from which a sound event names a window
SPEECH, OTHER = "speech", "other sounds"
COLOURS = 12  # classes in the style sheet; further names share the last one
PREVIEW = 70  # characters of what is said in the tooltip
HEADS = {"sound": "by how it sounds", "said": "by what is said"}

Kind = Literal["sound", "said"]


@dataclass(frozen=True, slots=True)
class Spot:
    """A window on the map: `x` and `y` in [0, 1], what it is called, and whether the search found it."""

    window: StoredWindow
    x: float
    y: float
    name: str
    found: bool


def layout(vectors: FloatArray) -> FloatArray:
    """Places (n, 2) in [0, 1] whose distances are like those of `vectors` (n, dim), L2-normalised.

    Principal components first, then stress majorisation (SMACOF; de Leeuw, 1977), which moves every point to where its distances
    to all others fit best.
    """
    if len(vectors) < 2:
        return np.full((len(vectors), 2), 0.5, np.float32)
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    places = centred @ np.vstack([axes, np.zeros_like(axes[:1])])[:2].T
    wanted = _distances(vectors.astype(np.float64))
    for _ in range(ROUNDS):
        there = _distances(places)
        ratio = np.divide(wanted, there, out=np.zeros_like(there), where=there > 1e-9)
        places = (ratio.sum(axis=1)[:, None] * places - ratio @ places) / len(places)
    low, high = places.min(axis=0), places.max(axis=0)
    return np.asarray((places - low) / np.maximum(high - low, 1e-9), np.float32)


def _distances(points: NDArray[np.float64]) -> NDArray[np.float64]:
    squares = np.square(points).sum(axis=1)
    return np.asarray(np.sqrt(np.maximum(squares[:, None] + squares[None] - 2 * points @ points.T, 0.0)))


def kind_for(library: Library, mode: Mode) -> Kind:
    """By what to lay out the map after a search: by what is said only where enough is."""
    return "said" if mode == "said" and len(library.matrix("said")) >= MIN_SAID else "sound"


def spots_of(library: Library, kind: Kind, hits: Sequence[Hit] = ()) -> tuple[Spot, ...]:
    """The map of a library, of at most `MAX_POINTS` windows evenly taken and those of `hits`."""
    matrix = library.matrix(kind)
    rows = np.unique(np.linspace(0, max(0, len(matrix) - 1), min(len(matrix), MAX_POINTS)).astype(np.int64))
    found = [window.id for hit in hits for window in library.neighbours(hit.file, hit.start, hit.end)]
    of_row = library.ids(kind, rows.tolist())
    row_of = {window: row for row, window in of_row.items()} | library.rows(kind, found)
    windows = library.windows(sorted(row_of))
    if not windows:
        return ()
    places = layout(np.asarray(matrix[[row_of[window.id] for window in windows]]))
    lit = set(found)
    return tuple(
        Spot(window, float(x), float(y), _name(window), window.id in lit) for window, (x, y) in zip(windows, places, strict=True)
    )


def _name(window: StoredWindow) -> str:
    if window.tags and window.tags[0].score >= SURE:
        return window.tags[0].label
    return SPEECH if window.text else OTHER


def draw(spots: Sequence[Spot], kind: Kind) -> str:
    """The map as a drawing whose points can be clicked, its legend, and the same as a list for keyboards and screen readers."""
    if len(spots) < 2:
        return ""
    names = [name for name, _ in Counter(spot.name for spot in spots).most_common()]
    colour = {name: min(place, COLOURS - 1) for place, name in enumerate(names)}
    points = "".join(_point(spot, colour[spot.name]) for spot in sorted(spots, key=lambda spot: spot.found))
    legend = "".join(f'<span><i class="mm-c{colour[name]}"></i>{escape(name)}</span>' for name in names)
    lit = any(spot.found for spot in spots)
    rings = '<span><i class="mm-ring"></i>found</span>' if lit else ""
    rows = "".join(f"<li>{_button(spot)}</li>" for spot in spots)
    return (
        f'<div class="mm-card mm-map"><h3>Map of the library, {HEADS[kind]}</h3>'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" class="{"mm-lit" if lit else ""}" aria-hidden="true">{points}</svg>'
        f'<div class="mm-map-legend">{legend}{rings}</div>'
        f'<details><summary>The same as a list</summary><ul class="mm-map-list">{rows}</ul></details></div>'
    )


def _point(spot: Spot, colour: int) -> str:
    x = MARGIN + spot.x * (WIDTH - 2 * MARGIN)
    y = MARGIN + (1 - spot.y) * (HEIGHT - 2 * MARGIN)
    ring = f'<circle class="mm-ring" cx="{x:.1f}" cy="{y:.1f}" r="11"/>' if spot.found else ""
    return (
        f'<g data-spot="{spot.window.id}" class="{"mm-found-spot" if spot.found else ""}">'
        f'<title>{escape(_told(spot))}</title><circle class="mm-reach" cx="{x:.1f}" cy="{y:.1f}" r="14"/>{ring}'
        f'<circle class="mm-c{colour}" cx="{x:.1f}" cy="{y:.1f}" r="6"/></g>'
    )


def _button(spot: Spot) -> str:
    return f'<button type="button" data-spot="{spot.window.id}">{escape(_told(spot))}</button>'


def _told(spot: Spot) -> str:
    window = spot.window.window
    said = f" · “{spot.window.text[:PREVIEW]}{'…' if len(spot.window.text) > PREVIEW else ''}”" if spot.window.text else ""
    return f"{Path(window.file).name} {clock(window.start)} – {clock(window.end)} · {spot.name}{said}"
