"""The landing page: a static Space that lists the tabs and shows the one that is chosen; free, and it never sleeps."""

from __future__ import annotations

import re
from html import escape
from pathlib import Path

from mm_demos.errors import InvalidInputError
from mm_demos.publish import front_matter
from mm_demos.tabs import TABS, TabSpec

NAME = "landing"
OWNER = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,94}[A-Za-z0-9])?")
EXAMPLE_OWNER = "your-name"  # until one is given: `space build --landing --owner NAME`
PARTS = Path(__file__).parent / "landing_page"


def build(destination: Path, *, owner: str = "") -> Path:
    """Write `destination/landing/` and return it.

    Raises:
        InvalidInputError: no account of the hub can have this name.
    """
    folder = destination / NAME
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts(owner).items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def texts(owner: str = "") -> dict[str, str]:
    """Its files, name → content.

    Raises:
        InvalidInputError: no account of the hub can have this name.
    """
    if owner and (not OWNER.fullmatch(owner) or "--" in owner):
        raise InvalidInputError(f"No account of the hub is called {owner[:96]!r}: give letters, digits and single hyphens.")
    values: dict[str, front_matter.Value] = {
        "title": "mm-demos",
        "emoji": "🗂️",
        "colorFrom": "green",
        "colorTo": "indigo",
        "sdk": "static",
        "app_file": "index.html",
        "fullWidth": True,
        "short_description": "Demos of speech, vision and language, on one page",
        "license": "apache-2.0",
        "tags": front_matter.TAGS,
    }
    readme = front_matter.block(values) + README
    return {
        "README.md": readme,
        "index.html": page(owner or EXAMPLE_OWNER),
        "style.css": _part("style.css"),
        "page.js": _part("page.js"),
    }


def page(owner: str) -> str:
    """The page as HTML; without scripts it is a list of links."""
    cards = "\n".join(_card(tab, owner) for tab in TABS)
    return _part("index.html").replace("{{cards}}", cards).replace("{{owner}}", escape(owner))


def address(owner: str, space: str) -> str:
    """Where the hub serves a Space's page: small letters, digits and hyphens are what a host name has."""
    return f"https://{re.sub(r'[^a-z0-9]+', '-', f'{owner}-{space}'.lower()).strip('-')}.hf.space"


def _card(tab: TabSpec, owner: str) -> str:
    icon = f'<svg viewBox="0 0 24 24" aria-hidden="true"><path d="{escape(tab.icon)}"/></svg>'
    return (
        f'<li><a class="card" href="https://huggingface.co/spaces/{escape(owner)}/{tab.name}" data-space="{tab.name}" '
        f'data-src="{address(owner, tab.name)}">{icon}<span><b>{escape(tab.title)} <i aria-hidden="true">{tab.emoji}</i></b>'
        f"<span>{escape(tab.summary)}</span></span></a></li>"
    )


def _part(name: str) -> str:
    return (PARTS / name).read_text(encoding="utf-8")


README = """
# mm-demos

A static page that lists the demos and shows the one that is chosen. Each demo is a Space of its own; this page needs no hardware.
Open it with `?owner=NAME` to show the Spaces of another account; `#speech` opens a demo at once.

Written by `python -m mm_demos space build --landing --owner NAME`. Licence: Apache-2.0.
"""
