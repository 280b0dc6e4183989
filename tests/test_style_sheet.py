"""What the page's style sheet must not do."""

from __future__ import annotations

import re
from pathlib import Path

import mm_demos.ui

SHEET = Path(mm_demos.ui.__file__).with_name("style.css").read_text(encoding="utf-8")


def test_no_comma_inside_has() -> None:
    # Gradio puts its own container before every part between commas, which inside `:has()` then never matches.
    assert re.findall(r":has\([^()]*,[^()]*\)", SHEET) == []


def test_braces_are_closed() -> None:
    assert SHEET.count("{") == SHEET.count("}")
