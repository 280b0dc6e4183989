"""The Models tab's table with its choice of profile, and the card of one model."""

from __future__ import annotations

import json
from html import escape
from typing import get_args

from mm_demos.models import added
from mm_demos.models.listing import UNPINNED
from mm_demos.settings import Profile, settings
from mm_demos.tasks.model_states import Catalog, ModelState
from mm_demos.ui import model_choices, render

HEADERS = ("Model", "Role", "Size", "Licence", "Disk", "Memory", "Quality")
ADDED, ALL = "added here", "all"
SHOWN = (*get_args(Profile), ADDED, ALL)


def select_js() -> str:
    """What the table does in the page: a click on a row chooses it, one on a profile shows its rows.

    The profile is kept on the element around the table, which stays when the table is drawn anew.
    """
    return f"""element.dataset.shown = {json.dumps(settings().profile)};
element.addEventListener("click", (event) => {{
  const filter = event.target.closest("[data-show]");
  if (filter) {{ element.dataset.shown = filter.dataset.show; return; }}
  const row = event.target.closest("[data-model]");
  if (row && !event.target.closest("a")) trigger("select", {{ model: row.dataset.model }});
}});"""


def table_html(states: Catalog) -> str:
    """Every model; the style sheet hides those of other profiles than the one shown."""
    own = set(added.names())
    counts = dict.fromkeys(SHOWN, 0)
    for item in states.models:
        for group in (*_groups(item, own), ALL):
            counts[group] += 1
    filters = "".join(
        f'<button type="button" data-show="{name}">{escape(_title(name))} <b>{counts[name]}</b></button>'
        for name in SHOWN
        if counts[name] or name != ADDED
    )
    head = "".join(f"<th>{name}</th>" for name in HEADERS)
    body = "".join(_row(item, own) for item in states.models)
    return (
        f'<div class="mm-shown" role="group" aria-label="Models shown">{filters}</div>'
        f'<div class="mm-shelf" tabindex="0" role="region" aria-label="Models">'
        f'<table class="mm-catalog"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def card_html(states: Catalog) -> str:
    """The chosen model, or the first one."""
    item = next((item for item in states.models if item.name == states.chosen), states.models[0])
    facts = [("engine", item.engine), *model_choices.costs(item)]
    parts = f"<p>Made of {escape(', '.join(item.components))}.</p>" if item.components else ""
    terms = " Its publisher wants the terms accepted on the hub first." if item.gated else ""
    published = f" · {_link(item.quality_source, 'source')}" if item.quality_source else ""
    where = _link(item.source, item.source) if item.source.startswith("https://") else escape(item.source)
    commit = f" at {escape(item.revision[:12])}" if item.revision else f" · {UNPINNED}" * item.source.startswith("https://hugg")
    return (
        f'<div class="mm-card"><p class="mm-lead" translate="no">{escape(item.name)}</p>'
        f"<p>{escape(item.summary)}.{terms}</p>{parts}"
        f'{render.chips(facts)}<p class="mm-basis">{escape(item.quality or "No figure of quality yet.")}{published}</p>'
        f'<p class="mm-small">{where}{commit}</p></div>'
    )


def _title(name: str) -> str:
    return name[0].upper() + name[1:]


def _groups(item: ModelState, own: set[str]) -> tuple[str, ...]:
    """What it is shown under, besides all."""
    mine = item.name in own or any(part in own for part in item.components)
    return (*item.profiles, ADDED) if mine else item.profiles


def _row(item: ModelState, own: set[str]) -> str:
    disk = '<span class="mm-dot mm-on"></span>on disk' if item.cached else f"{render.size(item.download_bytes)} to fetch"
    memory = f'<span class="mm-dot mm-on"></span>{render.size(item.memory_bytes)}' if item.resident else "–"
    size = render.size(item.size_bytes) if item.size_bytes else "in its library"
    cells = (item.role, size, _licence(item), disk, memory + (" · pinned" if item.pinned else ""), escape(item.quality))
    name = escape(item.name)
    mark = ' <span class="mm-default" translate="yes">default</span>' if item.default else ""
    first = f'<button type="button" data-model="{name}" translate="no">{name}{mark}</button><small>{escape(item.summary)}</small>'
    groups = " ".join((*_groups(item, own), *(SHOWN[:3] if item.resident else ()))).replace(ADDED, "added-here")
    return f'<tr data-model="{name}" data-in="{groups}">{"".join(f"<td>{cell}</td>" for cell in (first, *cells))}</tr>'


def _licence(item: ModelState) -> str:
    """Without the prefix that SPDX wants, which says nothing to people."""
    return escape(item.licence.removeprefix("LicenseRef-")) + (" · gated" if item.gated else "")


def _link(address: str, text: str) -> str:
    return f'<a href="{escape(address)}" target="_blank" rel="noopener noreferrer">{escape(text)}</a>'
